"""Finds the lines of a raw file that hold a key. A line is shown as it was delivered, by its number.

Where a row was delivered does not belong here, but in `rows_behind`.
"""

import gzip
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from tpch_assets.lake.lake import Lake
from tpch_assets.schema import Table

LONGEST = 10_000  # Letters of a line that are shown.


@dataclass(frozen=True)
class Line:
    """A line of a raw file, or why there is none to show.

    Attributes:
        number: From 1; 0 if there is none.
    """

    number: int
    text: str
    why: str = ""

    @staticmethod
    def unknown() -> "Line":
        """A line that is not in the file any more."""
        return Line(0, "", "The file was delivered again since, without this line.")


def lines_of(
    lake: Lake, table: Table, batch: str, file: str, key: Mapping[str, object], until: float
) -> list[Line] | Line:
    """The lines of a raw file with this key, in their order; or one that says why they cannot be shown.

    Args:
        until: The moment (`time.monotonic`) at which the search ends.
    """
    uri = lake.path("raw", table.name, batch, file)
    try:
        path = lake.store.local(uri)
        with _opened(path) as lines:
            return list(_matching(lines, key, until))
    except FileNotFoundError:
        return Line(0, "", "The raw file is gone: raw keeps its files as long as its own retention says.")
    except TimeoutError:
        return Line(0, "", "The file is large, and the search for the line took too long.")
    except (OSError, EOFError) as error:
        return Line(0, "", f"The raw file cannot be read: {error}")


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    with Path(path).open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.open(file) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield file


def _matching(lines: BinaryIO, key: Mapping[str, object], until: float) -> Iterator[Line]:
    # A whole number stands in its line as it is; other values may be spelled in several ways.
    whole = {name: value for name, value in key.items() if type(value) is int}
    needles = [re.compile(rf'"{re.escape(name)}"\s*:\s*{value}(?!\d)'.encode()) for name, value in whole.items()]
    for number, line in enumerate(lines, 1):
        if number % 1024 == 0 and time.monotonic() > until:
            raise TimeoutError
        if all(needle.search(line) for needle in needles) and _holds(line, key):
            yield Line(number, line.decode("utf-8", "replace").strip()[:LONGEST])


def _holds(line: bytes, key: Mapping[str, object]) -> bool:
    try:
        found = json.loads(line.removeprefix(b"\xef\xbb\xbf"), parse_float=Decimal)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and all(name in found and _same(found[name], value) for name, value in key.items())


def _same(raw: object, value: object) -> bool:
    """Whether a value of a line is that of a key."""
    if isinstance(value, datetime) and isinstance(raw, str):
        try:
            moment = datetime.fromisoformat(raw)
        except ValueError:
            return False
        return _utc(moment) == _utc(value)
    if isinstance(value, date) and isinstance(raw, str):
        return raw[:10] == value.isoformat()
    if isinstance(value, bool) or isinstance(raw, bool):
        return raw is value
    if isinstance(value, int | float | Decimal) and isinstance(raw, int | float | Decimal):
        return raw == value
    return str(raw) == str(value)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
