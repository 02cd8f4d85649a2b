"""Silver's dimension tables: the latest row per key, merged incrementally from what bronze got since. No Dagster."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from deltalake.exceptions import DeltaError

from tpch_assets.compute.database import Sql
from tpch_assets.lake.delta import DataFile, Snapshot, mark, snapshot
from tpch_assets.silver.ranges import between, bounds, cut, overlapping, scan
from tpch_assets.tpch.tables import TABLES, TableName

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
            f"SELECT {columns}, {age} AS age, {file} AS _file, {row} AS file_row_number "
            f"FROM {scan(source, files, ', file_row_number = true')} WHERE {self.condition}"
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
    """Plan the merge of what bronze got since silver's mark; of all of bronze where it lost or replaced files.

    Args:
        file_rows: Rows per silver file, about; a file that would get over twice as many is cut.
    """
    covered = mark(silver.lake, silver.uri, BRONZE_VERSION)
    added = _added_since(bronze, covered) if silver.files else None
    key = TABLES[table].key[0]
    old, new = ((), bronze.files) if added is None else (silver.files, added)
    build: list[LatestRows] = []
    keep: list[str] = []
    for low, high in bounds(_present_cuts(old, key)):
        ours, theirs = overlapping(old, key, low, high), overlapping(new, key, low, high)
        if not theirs:
            keep += [file.path for file in ours]
            continue
        parts = ((silver, ours), (bronze, theirs))
        for condition, inside in _cut_up(parts, key, low, high, file_rows):
            build.append(LatestRows(table, silver.bare, inside[0], bronze.bare, inside[1], condition))
    files = {f"{index}-{{content}}.parquet": rows for index, rows in enumerate(build)}
    return DimensionPlan(files, tuple(keep), silver.version, bronze.version)


def _present_cuts(files: Iterable[DataFile], key: str) -> list[Any]:
    """Where silver is cut now; files that share a leading key count as one."""
    return sorted({file.least[key] for file in files if file.rows})[1:]


def _cut_up(
    parts: tuple[tuple[Snapshot, tuple[DataFile, ...]], ...], key: str, low: Any, high: Any, file_rows: int
) -> Iterator[tuple[str, list[tuple[DataFile, ...]]]]:
    """A range in pieces of about `file_rows` rows: each one's condition, and its files of either part."""
    total = sum(file.rows for _, files in parts for file in files)
    largest, files = max(parts, key=lambda part: sum(file.rows for file in part[1]))
    inner = cut(largest, files, key, -(-total // file_rows)) if total > 2 * file_rows else []
    inner = [k for k in inner if (low is None or k > low) and (high is None or k < high)]
    edges = [low, *inner, high]
    for begin, end in pairwise(edges):
        inside = [overlapping(files, key, begin, end) for _, files in parts]
        if any(inside):  # A cut at the least key of all leaves nothing before it.
            yield between(key, begin, end), inside


def _added_since(bronze: Snapshot, version: int | None) -> tuple[DataFile, ...] | None:
    """The files of all batches that got some since `version`; None if some were removed or that version is gone."""
    if version is None:
        return None
    if version == bronze.version:
        return ()
    try:
        before = {file.path for file in snapshot(bronze.lake, bronze.uri, version).files}
    except DeltaError:  # The log of that version has been cleaned up: build from all files instead.
        return None
    now = {file.path for file in bronze.files}
    # With a new file come all of its batch: which of their rows is the last arrival is told by the files' names.
    batches = {file.partition for file in bronze.files if file.path not in before}
    return None if before - now else tuple(bronze.of(batches))
