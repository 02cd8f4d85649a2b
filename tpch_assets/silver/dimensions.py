"""Silver's dimensions: one row per key, merged incrementally from what bronze got since."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from deltalake.exceptions import DeltaError

from tpch_assets.compute.database import arrow_schema, cursor, identifiers
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import commit_content
from tpch_assets.lake.snapshot import DataFile, Snapshot, TableError, bounds, opened, snapshot
from tpch_assets.lake.update import Content, Report, TableUpdate, copy_query
from tpch_assets.layers import SILVER
from tpch_assets.schema import Table
from tpch_assets.schema.changes import Declared
from tpch_assets.silver.ranges import Key, between, cut, overlapping, ranges, scan, scan_as
from tpch_assets.silver.rows import ORDER, VERSION, Columns, arrival_order, declaration, file_order, silver_columns

BRONZE_VERSION = "bronze"  # The mark in silver's log: the bronze version that silver holds.
BRONZE_TABLE = "bronze table"  # And a number for that table itself, and for the code that made silver of it.
BRONZE_COMMIT = "bronze commit"  # And one for the commit: after a power loss, another one may have taken its version.
PARTITION = "latest"


@dataclass(frozen=True)
class DimensionRows:
    """One row per key of a key range: of the silver files that held it and of the new bronze files."""

    table: Table
    columns: Columns
    silver: Snapshot
    old: tuple[DataFile, ...]
    bronze: Snapshot
    new: tuple[DataFile, ...]
    condition: str

    def write(self, path: str) -> Report:
        return Report(copy_query(self.query(), path, SILVER.parquet.options))

    def query(self) -> str:
        columns, key = identifiers(name for name, _ in self.columns), identifiers(self.table.key)
        sources = [
            f"SELECT {columns}, {age} AS _age, {file} AS _file, {row} AS _row "
            f"FROM {scan_as(source, files, self.columns, options, more)} WHERE {self.condition}"
            for source, files, options, more, age, file, row in (
                (self.silver, self.old, "", (), 0, "''", "0"),
                (self.bronze, self.new, ", file_row_number = true", ORDER, 1, *ORDER),
            )
            if files
        ]
        # With a new file come all of its batch, so bronze has the say on it: silver's row of the batch is among them.
        with cursor() as con:
            names = (
                con.execute(f"SELECT DISTINCT _file FROM {scan(self.bronze, self.new)}").fetchall() if self.new else []
            )
        files = file_order(name for (name,) in names)
        order = f"{arrival_order('_batch')}, _age DESC, {arrival_order(*files, '_row')}"
        rows = f"""SELECT * FROM ({" UNION ALL ".join(sources)})
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1"""
        return f"SELECT {columns} FROM ({rows}) ORDER BY {key}"


def plan_dimension(
    table: Table, bronze: Snapshot, silver: Snapshot, file_rows: int, *, again: bool = False
) -> TableUpdate:
    """Plan the merge of what bronze got since silver's mark; of all of bronze where it lost or replaced files.

    Args:
        file_rows: Rows per silver file, about; a file that would get over twice as many is cut.
        again: Replace the table as a whole, by what bronze has and as it is declared now.

    Raises:
        Refused: The declaration changed so that the table has to be made again.
    """
    properties = Declared.of(table).properties if again else declaration(table, silver)
    added = added_since(bronze, silver) if silver.files and not again else None
    present = Snapshot(silver.lake, silver.uri, -1) if again else silver
    columns = silver_columns(table, bronze, present)
    files, keep = _merge(table, columns, bronze, silver, added, file_rows)
    return TableUpdate(
        {PARTITION: files},
        keep=tuple(keep),
        base=silver.version,
        marks=_marks(bronze),
        schema=arrow_schema(columns),
        properties=properties,
        replace=again,
        after=bronze.made,
    )


def _merge(
    table: Table,
    columns: Columns,
    bronze: Snapshot,
    silver: Snapshot,
    added: tuple[DataFile, ...] | None,
    file_rows: int,
) -> tuple[dict[str, Content], list[str]]:
    """The files to write, and the paths of those that stay."""
    key = table.key[0]
    old, new = (replace(silver, files=()), bronze.files) if added is None else (silver, added)
    build: list[DimensionRows] = []
    keep: list[str] = []
    for low, high in ranges(_present_cuts(old, key)):
        ours, theirs = overlapping(old.files, key, low, high), overlapping(new, key, low, high)
        if not theirs:
            keep += [file.path for file in ours]
            continue
        parts = ((silver, ours), (bronze, theirs))
        for condition, inside in _cut_up(parts, key, low, high, file_rows):
            build.append(DimensionRows(table, columns, silver.bare, inside[0], bronze.bare, inside[1], condition))
    return {f"{index}-{{content}}.parquet": rows for index, rows in enumerate(build)}, keep


def _present_cuts(silver: Snapshot, key: str) -> list[Key]:
    """Where silver is cut now; files that share a leading key count as one."""
    found = [bounds(silver, file, key) for file in silver.files]
    cuts: set[Key] = {extent[0] for extent in found if extent is not None}
    return sorted(cuts)[1:]


def _cut_up(
    parts: tuple[tuple[Snapshot, tuple[DataFile, ...]], ...],
    key: str,
    low: Key | None,
    high: Key | None,
    file_rows: int,
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


def is_held(bronze: Snapshot, silver: Snapshot) -> bool:
    """Whether silver is made of a bronze table as it is now, by the code as it is now."""
    return covered(bronze, silver) == bronze.version


def covered(bronze: Snapshot, silver: Snapshot) -> int | None:
    """The version of a bronze table that silver is made of; None if it is made of none, or by other code."""
    table = opened(silver.lake, silver.uri)
    if table is None:
        return None
    version = table.transaction_version(BRONZE_VERSION)
    if version is None:
        return None
    # Lakes of former versions lack some of the marks; they go on without a rebuild.
    held = {name: table.transaction_version(name) for name in (BRONZE_TABLE, BRONZE_COMMIT)}
    wanted = _marks(bronze, version)
    return version if all(number in (None, wanted[name]) for name, number in held.items()) else None


def _marks(bronze: Snapshot, version: int | None = None) -> dict[str, int]:
    """What silver records of the bronze that it is made of; each fits Delta's 64 bits.

    Args:
        version: Of bronze, if not the snapshot's.
    """
    version = bronze.version if version is None else version
    how = "" if VERSION == 1 else f" {VERSION}"  # Names the code.
    return {
        BRONZE_VERSION: version,
        BRONZE_TABLE: _number(f"{bronze.id}{how}".encode()),
        BRONZE_COMMIT: _number(commit_content(bronze.lake, bronze.uri, version)),
    }


def _number(content: bytes) -> int:
    return int(hashlib.sha256(content).hexdigest()[:15], 16)


def added_since(bronze: Snapshot, silver: Snapshot) -> tuple[DataFile, ...] | None:
    """The files of all batches that got some since silver was made; None if some were removed, or that is not known."""
    version = covered(bronze, silver)
    return None if version is None else added(bronze, version)


def held_before(lake: Lake, uri: str) -> int | None:
    """The bronze version that a dimension was made of before its newest commit; None if it is not known."""
    table = opened(lake, uri)
    try:
        before = opened(lake, uri, table.version() - 1) if table and table.version() else None
    except TableError:  # The log of that version has been cleaned up.
        return None
    return before.transaction_version(BRONZE_VERSION) if before else None


def added(bronze: Snapshot, version: int) -> tuple[DataFile, ...] | None:
    """The files of all batches that got some since a version of bronze; None if some were removed, or not known."""
    if version == bronze.version:
        return ()
    try:
        before = {file.path for file in snapshot(bronze.lake, bronze.uri, version).files}
    except DeltaError:  # The log of that version has been cleaned up: build from all files instead.
        return None
    now = {file.path for file in bronze.files}
    # With a new file come all of its batch: the names of all its files say which row arrived last.
    batches = {file.partition for file in bronze.files if file.path not in before}
    return None if before - now else tuple(bronze.of(batches))
