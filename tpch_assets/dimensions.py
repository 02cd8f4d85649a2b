"""Silver's dimension tables: the latest row per key, merged incrementally from what bronze got since. No Dagster."""

from dataclasses import dataclass
from typing import Any

from deltalake.exceptions import DeltaError

from tpch_assets.delta import DataFile, Snapshot, mark, snapshot
from tpch_assets.engine import Sql, cursor, sql_list
from tpch_assets.tables import TABLES, TableName

BRONZE_VERSION = "bronze"  # The mark in silver's log: the bronze version that silver holds.
PARTITION = "latest"


@dataclass(frozen=True)
class LatestRows:
    """The latest row per key of one key range: of the silver files that held it and the new bronze files."""

    table: TableName
    silver: Snapshot
    old: tuple[DataFile, ...]
    bronze: Snapshot
    new: tuple[DataFile, ...]
    condition: str

    def __call__(self) -> Sql:
        table = TABLES[self.table]
        columns, key = ", ".join((*table.column_names, "_batch")), ", ".join(table.key)
        sources = [
            f"SELECT {columns}, {age} AS age, {file} AS _file, {row} AS file_row_number FROM read_parquet("
            + sql_list([source.lake.local(path) for path in source.paths(files)])
            + f", file_row_number = true) WHERE {self.condition}"
            for source, files, age, file, row in (
                (self.silver, self.old, 0, "''", "0"),
                (self.bronze, self.new, 1, "_file", "file_row_number"),
            )
            if files
        ]
        order = "_batch DESC, age DESC, _file DESC, file_row_number DESC"
        rows = f"""SELECT * FROM ({" UNION ALL ".join(sources)})
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1"""
        return Sql(f"SELECT {columns} FROM ({rows}) ORDER BY {key}")


@dataclass(frozen=True)
class DimensionPlan:
    """What makes silver current: files to build by name, paths that stay, and the versions it is true for."""

    build: dict[str, LatestRows]
    keep: tuple[str, ...]
    base: int
    bronze_version: int


def plan_dimension(table: TableName, bronze: Snapshot, silver: Snapshot, file_rows: int) -> DimensionPlan:
    """Plan the merge of what bronze got since silver's mark; of all of bronze where it lost or replaced files."""
    covered = mark(silver.lake, silver.uri, BRONZE_VERSION)
    new = _added_since(bronze, covered) if silver.files else None
    key = TABLES[table].key[0]
    if new is None:
        filled = tuple(file for file in bronze.files if file.rows)
        cuts = _cuts(key, bronze, filled, file_rows)
        return _plan(table, bronze, filled, silver, dict.fromkeys(_ranges(cuts), ()), (), key)
    new = tuple(file for file in new if file.rows)
    ranges, keep = {}, []
    silver_files = sorted((file for file in silver.files if file.rows), key=lambda file: file.least[key])
    cuts = [file.least[key] for file in silver_files[1:]]
    if len(set(cuts)) < len(cuts):  # One leading key fills several files: rebuild them as one range.
        cuts = sorted(set(cuts))
    for low, high in _ranges(cuts):
        old = tuple(f for f in silver_files if _may_hold(f, key, low, high))
        if any(_may_hold(file, key, low, high) for file in new) or not old:
            ranges[low, high] = old
        else:
            keep += [file.path for file in old]
    return _plan(table, bronze, new, silver, ranges, tuple(keep), key)


def _plan(
    table: TableName,
    bronze: Snapshot,
    new: tuple[DataFile, ...],
    silver: Snapshot,
    ranges: dict[tuple[Any, Any], tuple[DataFile, ...]],
    keep: tuple[str, ...],
    key: str,
) -> DimensionPlan:
    build = {}
    for low, high in ranges:
        bounds = [f"{key} >= {low}" if low is not None else "", f"{key} < {high}" if high is not None else ""]
        condition = " AND ".join(filter(None, bounds)) or "true"
        ours = tuple(file for file in new if _may_hold(file, key, low, high))
        if ours or ranges[low, high]:
            start = "first" if low is None else f"{low}"
            build[f"{start}-{{content}}.parquet"] = LatestRows(
                table, silver, ranges[low, high], bronze, ours, condition
            )
    return DimensionPlan(build, keep, silver.version, bronze.version)


def _added_since(bronze: Snapshot, version: int | None) -> tuple[DataFile, ...] | None:
    """Bronze files added since `version`; None if some were removed or that version is no longer known."""
    if version is None:
        return None
    if version == bronze.version:
        return ()
    try:
        before = {file.path for file in snapshot(bronze.lake, bronze.uri, version).files}
    except DeltaError:  # The log of that version has been cleaned up: build from all files instead.
        return None
    now = {file.path: file for file in bronze.files}
    return None if before - now.keys() else tuple(file for path, file in now.items() if path not in before)


def _may_hold(file: DataFile, key: str, low: Any, high: Any) -> bool:
    return (low is None or file.greatest[key] >= low) and (high is None or file.least[key] < high)


def _ranges(cuts: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def _cuts(key: str, bronze: Snapshot, files: tuple[DataFile, ...], file_rows: int) -> list[Any]:
    count = -(-sum(file.rows for file in files) // file_rows)
    if count <= 1:
        return []
    shares = ", ".join(f"{index / count}" for index in range(1, count))
    paths = [bronze.lake.local(path) for path in bronze.paths(files)]
    with cursor() as con:
        row = con.execute(f"SELECT quantile_disc({key}, [{shares}]) FROM read_parquet({sql_list(paths)})").fetchone()
    return sorted(set(row[0])) if row and row[0] else []
