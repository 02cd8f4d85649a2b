"""Key ranges of data files: which files may hold which keys, and where to cut so that files get a set size.

A statistic may be missing (long texts, long numbers). Then a file may hold any key, and its bounds are read from it.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from tpch_assets.compute.database import cursor, identifier, quote, rows_as, scan_of
from tpch_assets.lake.snapshot import DataFile, Snapshot

Other = Any  # Python has no type for a value of the same column.


class Key(Protocol):
    """A value of a key column: a number, a text, a date or a time. Values of one column compare with each other."""

    def __lt__(self, other: Other, /) -> bool: ...
    def __le__(self, other: Other, /) -> bool: ...
    def __gt__(self, other: Other, /) -> bool: ...
    def __ge__(self, other: Other, /) -> bool: ...


Range = tuple[Key | None, Key | None]
"""From the first key up to before the second one; None is no bound."""


def between(key: str, low: Key | None, high: Key | None) -> str:
    """`low <= key < high` as an SQL condition; None is no bound."""
    bounds = [
        f"{identifier(key)} >= {literal(low)}" if low is not None else "",
        f"{identifier(key)} < {literal(high)}" if high is not None else "",
    ]
    return " AND ".join(filter(None, bounds)) or "true"


def literal(value: Key) -> str:
    """A key as an SQL literal, of which DuckDB makes the column's type."""
    if isinstance(value, Decimal):
        return quote(f"{value:f}")  # As a bare number it might be taken for a DOUBLE.
    return quote(str(value)) if isinstance(value, str | date) else str(value)


def overlapping(
    files: Iterable[DataFile], key: str, low: Key | None, high: Key | None, *, closed: bool = False
) -> tuple[DataFile, ...]:
    """The files that may hold keys in [low, high), or [low, high] if `closed`.

    A file without statistics may hold any key, an empty one none.
    """
    found = []
    for file in files:
        least, greatest = file.least.get(key), file.greatest.get(key)
        above = low is None or greatest is None or greatest >= low
        below = high is None or least is None or least < high or (closed and least == high)
        if file.rows and above and below:
            found.append(file)
    return tuple(found)


def ranges(cuts: list[Key]) -> list[Range]:
    """The ranges between cuts, the first and last without an end."""
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def cut(source: Snapshot, files: Collection[DataFile], key: str, count: int) -> list[Key]:
    """Keys that cut the files' rows into `count` ranges of about equal size; fewer where keys repeat a lot."""
    if count <= 1:
        return []
    shares = ", ".join(f"{index / count}" for index in range(1, count))
    with cursor() as con:
        row = con.execute(f"SELECT quantile_disc({identifier(key)}, [{shares}]) FROM {scan(source, files)}").fetchone()
    return sorted(set(row[0])) if row and row[0] else []


def scan(source: Snapshot, files: Collection[DataFile], options: str = "") -> str:
    """Files of a table as what stands after FROM; at least one file."""
    return scan_of(_local(source, files), options)


def scan_as(
    source: Snapshot,
    files: Collection[DataFile],
    columns: Iterable[tuple[str, str]],
    options: str = "",
    more: Sequence[str] = (),
) -> str:
    """Files with some columns, given as (name, SQL type), as what stands after FROM; see `rows_as`."""
    return rows_as(_local(source, files), columns, options, more)


def _local(source: Snapshot, files: Collection[DataFile]) -> list[str]:
    return [source.lake.store.local(path) for path in source.paths(files)]
