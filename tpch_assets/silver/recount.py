"""Recounts of what must hold, straight from the files and independent of the code that wrote them. No Dagster."""

import gzip
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from tpch_assets.calendar import window_of
from tpch_assets.compute.database import cursor
from tpch_assets.lake.delta import DataFile, Snapshot, snapshot
from tpch_assets.lake.lake import Lake
from tpch_assets.silver.ranges import overlapping, scan
from tpch_assets.tpch.tables import TABLES, TableName


@dataclass
class LineCount:
    """Lines in raw files against rows and rejects in bronze, for some batches of one table."""

    lines: int = 0
    rows: int = 0
    rejects: int = 0
    reasons: list[str] = field(default_factory=list)


def lines_against_bronze(lake: Lake, table: TableName, batches: Collection[str]) -> LineCount:
    """Count again. Batches whose raw files are gone (their retention is over) are left out."""
    there = {batch: files for batch, files in lake.raw(table, batches).items() if files}
    paths = [lake.local(file.uri, file.stamp) for files in there.values() for file in files]
    count = LineCount(lines=sum(map(lines_in, paths)))
    count.rows = sum(file.rows for file in snapshot(lake, lake.table("bronze", table)).of(there))
    rejects = snapshot(lake, lake.table("bronze", f"{table}_rejects"))
    rejected = rejects.of(there)
    count.rejects = sum(file.rows for file in rejected)
    if rejected:
        with cursor() as con:
            found = con.execute(
                f"SELECT _file || ' line ' || _line || ': ' || _reason FROM {_scan(rejects, rejected)} LIMIT 10"
            ).fetchall()
        count.reasons = [reason for (reason,) in found]
    return count


def lines_in(path: str) -> int:
    """Lines in a file, plain or gzip, that are not blank; a gzip file that is cut off counts as one more."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    count = 0
    with gzip.open(path) if packed else open(path, "rb") as lines:
        try:
            for line in lines:
                count += bool(line.removeprefix(b"\xef\xbb\xbf").strip())
        except (EOFError, OSError):
            count += 1
    return count


@dataclass
class KeyCount:
    """Faults of a silver table: rows without a key, rows too many per key, keys lost from bronze, keys not in it."""

    rows: int = 0
    null: int = 0
    double: int = 0
    lost: int = 0
    invented: int = 0


def silver_keys(lake: Lake, table: TableName, windows: Collection[str] | None, bronze_version: int | None) -> KeyCount:
    """Compare silver's keys with bronze's distinct keys.

    Args:
        windows: Windows to look at, for tables cut into pairs; None for all of the table.
        bronze_version: The bronze version that silver claims to hold; None for the newest.
    """
    bronze = snapshot(lake, lake.table("bronze", table), bronze_version)
    silver = snapshot(lake, lake.table("silver", table))
    key = TABLES[table].key
    ours_bronze = [f for f in bronze.files if windows is None or window_of(f.partition) in windows]
    ours_silver = [f for f in silver.files if windows is None or f.partition in windows]
    near_silver = _near(silver.files, ours_silver + ours_bronze, key[0])
    near_bronze = _near(bronze.files, ours_silver, key[0])
    columns, nulls = ", ".join(key), " OR ".join(f"{column} IS NULL" for column in key)
    with cursor() as con:

        def one(sql: str) -> Any:
            return (con.execute(sql).fetchone() or (0,))[0]

        def missing(left: str, right: str) -> int:
            return one(
                f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {left}) ANTI JOIN {right} USING ({columns})"
            )

        near, ours = _scan(silver, near_silver, key), _scan(silver, ours_silver, key)
        return KeyCount(
            rows=sum(file.rows for file in ours_silver),
            null=one(f"SELECT count(*) FROM {ours} WHERE {nulls}"),
            double=one(f"SELECT count(*) - count(DISTINCT ({columns})) FROM {near}"),
            lost=missing(_scan(bronze, ours_bronze, key), near),
            invented=missing(ours, _scan(bronze, near_bronze, key)),
        )


def lines_without_order(lake: Lake, windows: Collection[str] | None) -> tuple[int, list[int]]:
    """How many order lines have no order, and up to ten of their order keys."""
    orders = snapshot(lake, lake.table("silver", "orders"))
    lines = snapshot(lake, lake.table("silver", "lineitem"))
    ours = [file for file in lines.files if windows is None or file.partition in windows]
    near = _near(orders.files, ours, "o_orderkey", "l_orderkey")
    orphans = (
        f"FROM {_scan(lines, ours, ('l_orderkey',))} AS l "
        f"ANTI JOIN {_scan(orders, near, ('o_orderkey',))} AS o ON l_orderkey = o_orderkey"
    )
    with cursor() as con:
        (count,) = con.execute(f"SELECT count(*) {orphans}").fetchone() or (0,)
        found = con.execute(f"SELECT DISTINCT l_orderkey {orphans} ORDER BY l_orderkey LIMIT 10").fetchall()
    return count, [key for (key,) in found]


def _near(
    files: Collection[DataFile], ours: Collection[DataFile], key: str, our_key: str | None = None
) -> tuple[DataFile, ...]:
    """Files that may hold a key of ours."""
    filled = [file for file in ours if file.rows]
    if not filled:
        return ()
    least = min(file.least[our_key or key] for file in filled)
    greatest = max(file.greatest[our_key or key] for file in filled)
    return overlapping(files, key, least, greatest, closed=True)


def _scan(source: Snapshot, files: Collection[DataFile], columns: tuple[str, ...] = ()) -> str:
    if not files:
        return "(SELECT " + ", ".join(f"NULL::BIGINT AS {column}" for column in columns) + " WHERE false)"
    return scan(source, files)
