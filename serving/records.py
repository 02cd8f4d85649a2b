"""Reads a request's body as records of a model's features, or says what is wrong with it and what to send instead.

Plain Python: a pydantic model made per champion would cost a request more, and hide which record of a list is wrong.
Reading bytes from the network does not belong here, but in `body`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from itertools import islice
from typing import Any

from tpch_assets.models.features import Feature

RECORDS = 1000
"""The most records of one request."""
LARGEST = 3.4e38
"""The largest number, by size: models hold 32 bits of each."""
TOLD = 10  # Problems named in one answer.
SHOWN = 40  # Characters shown of what was sent.

Record = Mapping[str, object]
Check = Callable[[object], str | None]
"""Says what is wrong with a value; None if nothing is."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with one record, or with one field of it."""

    record: int
    field: str | None
    message: str


class NoJson(ValueError):
    """The body is not JSON that can be read; the message says why and what to send."""


class Unfit(ValueError):
    """The body is JSON, but not records of the model's features."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = problems[:TOLD]
        count = f"{len(problems)} problems" if len(problems) != 1 else "1 problem"
        more = f"; the first {TOLD} are named" if len(problems) > TOLD else ""
        super().__init__(f"The records do not fit the model's features: {count}{more}. GET /model lists the features.")


def parse(body: bytes) -> object:
    """The JSON of a body.

    Raises:
        NoJson: It is none, or holds what JSON leaves open: NaN, a key that stands twice, hundreds of nested lists.
    """
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise NoJson(f"The body is not UTF-8 (byte {error.start}): send JSON in UTF-8.") from None
    except json.JSONDecodeError as error:
        why = f"{error.msg}, line {error.lineno}, column {error.colno}"
        raise NoJson(f"The body is not JSON ({why}): send one record, or a list of them.") from None
    except RecursionError:
        raise NoJson("The body is nested too deeply: send one record, or a list of them.") from None
    except NoJson:
        raise
    except ValueError:  # A whole number of thousands of digits.
        raise NoJson("A number of the body has too many digits: send a smaller one.") from None


class Checker:
    """Checks records against a model's features."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self._names = [feature.name for feature in features]
        self._checks: list[tuple[str, Check, str]] = [
            (feature.name, _check(feature), "" if feature.nullable else hint(feature)) for feature in features
        ]

    def records(self, payload: object) -> list[Record]:
        """The records of a payload: one, or a list of them.

        Raises:
            Unfit: They do not fit.
        """
        records: list[Any] = payload if isinstance(payload, list) else [payload]
        if not records:
            raise Unfit([Problem(0, None, "the list is empty: send at least one record")])
        if len(records) > RECORDS:
            many = f"the list holds {len(records):,} records: send at most {RECORDS:,} at a time"
            raise Unfit([Problem(RECORDS, None, many)])
        problems: list[Problem] = []
        for number, record in enumerate(records):
            self._look(number, record, problems)
            if len(problems) > TOLD:
                break
        if problems:
            raise Unfit(problems)
        return records

    def _look(self, number: int, record: object, problems: list[Problem]) -> None:
        if not isinstance(record, dict):
            problems.append(Problem(number, None, f"{_shown(record)} is no record: send an object of features"))
            return
        known = 0
        for name, check, needed in self._checks:
            value = record.get(name)
            if value is not None:
                known += 1
                if wrong := check(value):
                    problems.append(Problem(number, name, wrong))
            else:
                known += name in record
                if needed:
                    what = "is null" if name in record else "is missing"
                    problems.append(Problem(number, name, f"{what}: {needed}"))
        if known != len(record):
            unknown = (key for key in record if key not in self._names)
            problems += [Problem(number, key[:SHOWN], self._unknown(key)) for key in islice(unknown, TOLD + 1)]

    def _unknown(self, name: str) -> str:
        close = get_close_matches(name, self._names, n=1) if len(name) <= 100 else []
        return f"is no feature of this model: {f'did you mean {close[0]}?' if close else 'leave it out'}"


def hint(feature: Feature) -> str:
    """What to send for a feature."""
    if feature.kind == "category":
        known = feature.categories
        some = ", ".join(f'"{name}"' for name in known[:5])
        return f"send one of {some}" + (f" (and {len(known) - 5} more)" if len(known) > 5 else "")
    return 'send a date such as "2026-01-31"' if feature.kind == "date" else "send a number"


def example(feature: Feature) -> object:
    """A value that fits a feature: a usual one, if that is known."""
    if feature.typical is not None:
        return feature.typical
    if feature.kind == "category":
        return next(iter(feature.categories), None)
    return "2026-01-31" if feature.kind == "date" else 1


def _check(feature: Feature) -> Check:
    send = hint(feature)
    if feature.kind == "category":
        known = frozenset(feature.categories)
        return lambda value: _wrong_category(value, known, send)
    if feature.kind == "date":
        return lambda value: _wrong_date(value, send)
    return lambda value: _wrong_number(value, send)


def _wrong_category(value: object, known: frozenset[str], send: str) -> str | None:
    return None if isinstance(value, str) and value in known else f"{_shown(value)} is unknown to the model: {send}"


def _wrong_number(value: object, send: str) -> str | None:
    kind = type(value)
    if kind is not float and kind is not int:
        return f"{_shown(value)} is no number: {send}"
    return None if -LARGEST <= value <= LARGEST else f"the number is too large: send one within ±{LARGEST:g}"  # type: ignore[operator]


def _wrong_date(value: object, send: str) -> str | None:
    if not isinstance(value, str):
        return f"{_shown(value)} is no date: {send}"
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"{_shown(value)} is no date: {send}"
    # The standard has other spellings: 20260131, 2026-W05-6.
    return None if len(value) == 10 and value[7] == "-" else f"{_shown(value)} is no date: {send}"


def _shown(value: object) -> str:
    """A value as it was sent, cut short."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1e18:
        return "a large number"
    text = json.dumps(value[: SHOWN + 1] if isinstance(value, str) else value, ensure_ascii=True)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1) if len(names) < 1000 else names[0]
        raise NoJson(f"The key {_shown(double)} stands twice in one object: send it once.")
    return found


def _no_constant(name: str) -> object:
    raise NoJson(f"The body holds {name}, which JSON does not have: send a number, or null.")
