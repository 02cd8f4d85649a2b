"""Recounts of silver: its keys against bronze's, and facts against their parents, straight from the files."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from tpch_assets.calendar import window_of
from tpch_assets.compute.database import cursor, identifier, identifiers, nulls, sql_list
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, bounds, snapshot
from tpch_assets.schema import Table
from tpch_assets.silver.dimensions import added
from tpch_assets.silver.ranges import Key, overlapping, scan


@dataclass
class KeyCount:
    """Faults of a silver table: rows without a key, rows too many per key, keys lost from bronze, keys not in it."""

    rows: int = 0
    null: int = 0
    double: int = 0
    lost: int = 0
    invented: int = 0


def count_keys(
    lake: Lake,
    table: Table,
    windows: Collection[str] | None,
    bronze_version: int | None,
    since: int | None = None,
) -> KeyCount:
    """Compare silver's keys with bronze's distinct keys.

    Args:
        windows: Windows to look at, for facts; None for all of the table.
        bronze_version: The bronze version that silver claims to hold; None for the newest.
        since: The bronze version that silver held before, for dimensions: only the batches that bronze got since are
            compared, unless there are none, or it lost or replaced files. None for all of bronze.
    """
    bronze = snapshot(lake, lake.table("bronze", table.name), bronze_version)
    news = added(bronze, since) if since is not None and since != bronze.version else None
    if news is not None:
        bronze = replace(bronze, files=news)
    silver = snapshot(lake, lake.table("silver", table.name))
    key = table.key
    ours_bronze = [f for f in bronze.files if windows is None or window_of(f.partition) in windows]
    ours_silver = [f for f in silver.files if windows is None or f.partition in windows]
    silver_keys, bronze_keys = _extents(silver, ours_silver, key[0]), _extents(bronze, ours_bronze, key[0])
    near_silver = _near(silver, key[0], silver_keys + bronze_keys)
    near_bronze = _near(bronze, key[0], silver_keys)
    columns, without = identifiers(key), " OR ".join(f"{identifier(column)} IS NULL" for column in key)
    with cursor() as con:

        def one(sql: str) -> int:
            return int((con.execute(sql).fetchone() or (0,))[0])

        def missing(left: str, right: str) -> int:
            return one(
                f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {left}) ANTI JOIN {right} USING ({columns})"
            )

        near, ours = _scan(table, silver, near_silver, key), _scan(table, silver, ours_silver, key)
        claimed = ours
        if news is not None:  # The rows that silver says it has of these batches.
            batches = sql_list(sorted({file.partition for file in news}))
            claimed = (
                f"(SELECT * FROM {ours} WHERE list_contains({batches}::VARCHAR[], _batch))" if ours_silver else ours
            )
        return KeyCount(
            rows=sum(file.rows for file in ours_silver),
            null=one(f"SELECT count(*) FROM {ours} WHERE {without}"),
            double=one(f"SELECT count(*) - count(DISTINCT ({columns})) FROM {near}"),
            lost=missing(_scan(table, bronze, ours_bronze, key), near),
            invented=missing(claimed, _scan(table, bronze, near_bronze, key)),
        )


def rows_without_parent(
    lake: Lake, child: Table, parent: Table, windows: Collection[str] | None
) -> tuple[int, list[object]]:
    """How many rows of a fact have no row in another of its group, and up to ten of their keys.

    With the two exchanged it counts the parents that have no row.
    """
    key, parents_key = child.shard_key, parent.shard_key
    rows = snapshot(lake, lake.table("silver", child.name))
    parents = snapshot(lake, lake.table("silver", parent.name))
    ours = [file for file in rows.files if windows is None or file.partition in windows]
    near = _near(parents, parents_key, _extents(rows, ours, key))
    orphans = (
        f"FROM {_scan(child, rows, ours, (key,))} AS child "
        f"ANTI JOIN {_scan(parent, parents, near, (parents_key,))} AS parent "
        f"ON child.{identifier(key)} = parent.{identifier(parents_key)}"
    )
    with cursor() as con:
        (count,) = con.execute(f"SELECT count(*) {orphans}").fetchone() or (0,)
        found = con.execute(f"SELECT DISTINCT child.{identifier(key)} {orphans} ORDER BY 1 LIMIT 10").fetchall()
    return count, [value for (value,) in found]


Extent = tuple[Key, Key]
"""The least and the greatest key of a file."""


def _extents(source: Snapshot, files: Collection[DataFile], key: str) -> list[Extent]:
    found = [bounds(source, file, key) for file in files]
    return [extent for extent in found if extent is not None]


def _near(source: Snapshot, key: str, extents: list[Extent]) -> tuple[DataFile, ...]:
    """Files that may hold a key within some extents."""
    if not extents:
        return ()
    least, greatest = min(low for low, _ in extents), max(high for _, high in extents)
    return overlapping(source.files, key, least, greatest, closed=True)


def _scan(table: Table, source: Snapshot, files: Collection[DataFile], columns: tuple[str, ...] = ()) -> str:
    if not files:
        return f"(SELECT {nulls((name, table.column(name).stored) for name in columns)} WHERE false)"
    return scan(source, files)
