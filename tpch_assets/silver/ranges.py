"""Key ranges of data files: which files may hold which keys, and where to cut so that files get a set size."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from tpch_assets.compute.database import cursor, quote, sql_list
from tpch_assets.lake.delta import DataFile, Snapshot


def between(key: str, low: Any, high: Any) -> str:
    """`low <= key < high` as an SQL condition; None is no bound."""
    bounds = [
        f"{key} >= {literal(low)}" if low is not None else "",
        f"{key} < {literal(high)}" if high is not None else "",
    ]
    return " AND ".join(filter(None, bounds)) or "true"


def literal(value: Any) -> str:
    """A key as an SQL literal."""
    return quote(str(value)) if isinstance(value, str | date) else str(value)


def overlapping(
    files: Iterable[DataFile], key: str, low: Any, high: Any, *, closed: bool = False
) -> tuple[DataFile, ...]:
    """The files that may hold keys in [low, high), or [low, high] if `closed`.

    A file without statistics may hold any key, an empty one none.
    """
    return tuple(
        file
        for file in files
        if file.rows
        and (low is None or key not in file.greatest or file.greatest[key] is None or file.greatest[key] >= low)
        and (
            high is None
            or key not in file.least
            or file.least[key] is None
            or file.least[key] < high
            or (closed and file.least[key] == high)
        )
    )


def bounds(cuts: list[Any]) -> list[tuple[Any, Any]]:
    """The ranges between cuts, the first and last without an end."""
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def cut(source: Snapshot, files: Collection[DataFile], key: str, count: int) -> list[Any]:
    """Keys that cut the files' rows into `count` ranges of about equal size; fewer where keys repeat a lot."""
    if count <= 1:
        return []
    shares = ", ".join(f"{index / count}" for index in range(1, count))
    with cursor() as con:
        row = con.execute(f"SELECT quantile_disc({key}, [{shares}]) FROM {scan(source, files)}").fetchone()
    return sorted(set(row[0])) if row and row[0] else []


def scan(source: Snapshot, files: Collection[DataFile], options: str = "") -> str:
    """Files of a table as what stands after FROM; at least one file."""
    return f"read_parquet({sql_list([source.lake.local(path) for path in source.paths(files)])}{options})"
