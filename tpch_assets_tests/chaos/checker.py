"""What a lake must hold, told from the delivered lines alone. It imports nothing of the engine and trusts no reader.

A line that is JSON and fits its table's columns is a row, any other a reject. Of rows with one key the one that arrived
last counts: by batch, then by file, then by line.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Rules:
    """A table as its lines have to be.

    Attributes:
        columns: By column a function that says whether a value, which is not null, fits.
        key: What rows are known by.
        nullable: Columns that may be null or missing.
    """

    columns: Mapping[str, Check]
    key: tuple[str, ...]
    nullable: frozenset[str] = frozenset()

    def row(self, line: bytes) -> Row | None:
        """The row that a line is; None for a reject."""
        try:
            found = json.loads(line, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        row: Row = {}
        for name, fits in self.columns.items():
            value = found.get(name)
            if value is None and name not in self.nullable:
                return None
            if value is not None and not fits(value):
                return None
            row[name] = value
        return row


def integer(bits: int) -> Check:
    """A whole number in any spelling, such as 2.0 or 20e-1."""
    whole = decimal(20, 0)
    return lambda value: whole(value) and -(1 << bits - 1) <= int(value) < 1 << bits - 1


def decimal(digits: int, scale: int) -> Check:
    def fits(value: Any) -> bool:
        if type(value) not in (int, Decimal):
            return False
        number = Decimal(value)
        if not number.is_finite() or abs(number) >= 10 ** (digits - scale):
            return False
        return number == 0 or (number.adjusted() >= -scale and number == round(number, scale))

    return fits


def text(value: Any) -> bool:
    return isinstance(value, str)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _once(pairs: list[tuple[str, Any]]) -> Row:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field twice")
    return found


@dataclass
class Delivered:
    """The lines of one table, by batch and file; a file that is delivered again gives way."""

    rules: Rules
    files: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)

    def deliver(self, batch: str, file: str, content: bytes) -> None:
        self.files[batch, file] = [line for line in content.split(b"\n") if line.strip()]

    @property
    def lines(self) -> int:
        return sum(map(len, self.files.values()))

    def rows(self, until: str = "9") -> list[Row]:
        """The rows of batches before `until`, in the order of their arrival."""
        places = sorted(place for place in self.files if place[0] < until)
        found = (self.rules.row(line) for place in places for line in self.files[place])
        return [row for row in found if row is not None]

    def latest(self, until: str = "9") -> dict[tuple[Any, ...], Row]:
        """By key, in its order, the row that arrived last."""
        found = {tuple(row[name] for name in self.rules.key): row for row in self.rows(until)}
        return {key: found[key] for key in sorted(found)}


@dataclass(frozen=True)
class Held:
    """What a lake holds of one table."""

    bronze: int
    rejects: int
    silver: Sequence[Row]


def differences(delivered: Mapping[str, Delivered], held: Mapping[str, Held]) -> list[str]:
    """What is lost, doubled or wrong in bronze and silver, a sentence each."""
    found = []
    for name, lines in delivered.items():
        have, rows = held[name], len(lines.rows())
        if have.bronze + have.rejects != lines.lines:
            found.append(f"{name}: {lines.lines} lines, but {have.bronze} rows and {have.rejects} rejects")
        if have.bronze != rows:
            found.append(f"{name}: bronze has {have.bronze} rows, not {rows}")
        want = lines.latest()
        ours = [{column: row[column] for column in lines.rules.columns} for row in have.silver]
        found += _compared(f"silver/{name}", ours, list(want.values()), lines.rules.key)
    return found


def _compared(name: str, ours: list[Row], wanted: list[Row], key: Iterable[str]) -> list[str]:
    def order(row: Row) -> tuple[Any, ...]:
        return tuple(row[column] for column in key)

    ours = sorted(ours, key=order)
    if ours == wanted:
        return []
    have, want = list(map(order, ours)), list(map(order, wanted))
    found = [f"{name}: key {key} twice" for key in {one for one in have if have.count(one) > 1}]
    found += [f"{name}: key {key} is lost" for key in want if key not in have]
    found += [f"{name}: key {key} was never delivered" for key in have if key not in want]
    return found or [f"{name}: {a} instead of {b}" for a, b in zip(ours, wanted, strict=True) if a != b]
