"""Delta tables: one consistent view to read, and one idempotent commit to write. No Dagster.

Each data file lies at `<partition>/<name>.parquet`, so a partition is replaced by removing its files and adding new
ones in one commit. Every column is in the files themselves: any Parquet reader sees all of a row.
"""

import json
import os
import random
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from tpch_assets.compute.database import cursor, sql_list
from tpch_assets.lake.lake import Lake, LakeError, discard, fsync, sha256

REWRITE = "rewrite"  # The one application id under which every commit is made: a writer that lost a race is refused.
ATTEMPTS = 12


class CommitConflict(RuntimeError):
    """The table changed since the write was planned: plan again."""


@dataclass(frozen=True)
class DataFile:
    """One file of a table: path below the table, size in bytes, rows, and its columns' least and greatest values."""

    path: str
    size: int
    rows: int
    least: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)
    greatest: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)

    @property
    def partition(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Snapshot:
    """A table at one version. Small and picklable, so that workers read exactly what was planned.

    A table that does not exist yet is version -1 without files.
    """

    lake: Lake
    uri: str
    version: int
    files: tuple[DataFile, ...] = ()
    schema: pa.Schema | None = None

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def bare(self) -> "Snapshot":
        """The same without its list of files: what goes along with each of many tasks."""
        return replace(self, files=())

    def paths(self, files: Iterable[DataFile] | None = None) -> list[str]:
        """Where the files are, for a reader on any machine."""
        return [f"{self.uri}/{file.path}" for file in (self.files if files is None else files)]

    def of(self, partitions: Collection[str]) -> list[DataFile]:
        return [file for file in self.files if file.partition in partitions]

    def by_partition(self) -> dict[str, list[DataFile]]:
        found: dict[str, list[DataFile]] = {}
        for file in self.files:
            found.setdefault(file.partition, []).append(file)
        return found


def snapshot(lake: Lake, uri: str, version: int | None = None) -> Snapshot:
    """The table at `uri` now, or at `version`."""
    table = opened(lake, uri, version)
    return _snapshot(lake, uri, table) if table else Snapshot(lake, uri, -1)


def existing(lake: Lake, uri: str) -> Snapshot:
    """The table at `uri` now.

    Raises:
        LakeError: There is none.
    """
    found = snapshot(lake, uri)
    if found.version < 0:
        raise LakeError(f"{uri} does not exist yet: materialize it first.")
    return found


def _snapshot(lake: Lake, uri: str, table: DeltaTable) -> Snapshot:
    schema = pa.schema(table.schema().to_arrow())
    return Snapshot(lake, uri, table.version(), tuple(_files(table)), schema)


def _files(table: DeltaTable) -> Iterable[DataFile]:
    # pa.table would import pandas to ask whether this is a DataFrame.
    actions = pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()
    facts = [actions[name].to_pylist() for name in ("path", "size_bytes", "num_records")]
    for path, size, rows, least, greatest in zip(
        *facts, _by_file(actions, "min."), _by_file(actions, "max."), strict=True
    ):
        yield DataFile(path, size, rows, least, greatest)


def _by_file(actions: pa.Table, prefix: str) -> list[dict[str, Any]]:
    """One kind of statistic per file. By columns, as turning rows into dictionaries takes twice as long."""
    names = [name for name in actions.column_names if name.startswith(prefix)]
    short = [name.removeprefix(prefix) for name in names]
    if not names:
        return [{} for _ in range(actions.num_rows)]
    return [
        dict(zip(short, values, strict=True)) for values in zip(*(actions[n].to_pylist() for n in names), strict=True)
    ]


@dataclass(frozen=True)
class Written:
    """A data file on its place, not yet part of the table."""

    file: DataFile
    schema: pa.Schema
    stats: str


def write_file(lake: Lake, uri: str, partition: str, name: str, write: Callable[[str], object]) -> Written:
    """Write one data file to its place. Runs on workers.

    Args:
        name: File name; `{content}` in it becomes the hash of the file's bytes.
        write: Writes Parquet to the local path that it is given.
    """
    staged = lake.staging(f"{uri}/{partition}/x")
    try:
        write(staged)
        metadata = pq.read_metadata(staged)
        # Whether a column may be null is told from the rows by some writers, so it says nothing of the table.
        schema = pa.schema([(column.name, column.type) for column in metadata.schema.to_arrow_schema()])
        least, greatest, nulls = _statistics(metadata)
        stats = json.dumps(
            {"numRecords": metadata.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls},
            default=_json,
        )
        name = name.replace("{content}", sha256(staged)) if "{content}" in name else name
        path = f"{partition}/{name}"
        size = _size(staged)
        lake.publish(staged, f"{uri}/{path}")
    finally:
        discard(staged)
    return Written(DataFile(path, size, metadata.num_rows, least, greatest), schema, stats)


def _size(path: str) -> int:
    with open(path, "rb") as file:
        return file.seek(0, 2)


def _statistics(metadata: pq.FileMetaData) -> tuple[dict, dict, dict]:
    """Least and greatest values and null counts by column, from the footer; unsafe ones are left out."""
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for index in range(metadata.num_columns):
        parts = [metadata.row_group(group).column(index) for group in range(metadata.num_row_groups)]
        name = metadata.schema.column(index).path
        statistics = [part.statistics for part in parts]
        if not statistics or "." in name or any(s is None for s in statistics):
            continue
        if all(s.has_null_count for s in statistics):
            nulls[name] = sum(s.null_count for s in statistics)
        filled = [
            s for s, part in zip(statistics, parts, strict=True) if s.null_count != part.num_values or s.has_min_max
        ]
        bounds = [_bounds(s) for s in filled]
        if bounds and all(_exact(value) for pair in bounds for value in pair):
            least[name], greatest[name] = min(low for low, _ in bounds), max(high for _, high in bounds)
    return least, greatest, nulls


def _bounds(statistics: pq.Statistics) -> tuple[Any, Any]:
    try:
        return (statistics.min, statistics.max) if statistics.has_min_max else (None, None)
    except OverflowError:  # A date that Python cannot tell, such as the year 20000.
        return None, None


def _exact(value: object) -> bool:
    """Whether a value may stand in Delta's JSON statistics without being rounded or cut."""
    if isinstance(value, Decimal):
        return len(value.as_tuple().digits) <= 15
    if isinstance(value, str):
        return len(value) <= 32
    return isinstance(value, int | date) and not isinstance(value, bool)


def _json(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no statistic is made of {type(value).__name__}")


@dataclass(frozen=True)
class Committed:
    """What a commit did; `added` and `removed` are empty where the table held exactly these files already."""

    version: int
    added: tuple[DataFile, ...] = ()
    removed: tuple[DataFile, ...] = ()
    kept: tuple[DataFile, ...] = ()


def commit(
    lake: Lake,
    uri: str,
    written: Collection[Written],
    partitions: Collection[str],
    *,
    schema: pa.Schema | None = None,
    keep: Collection[str] = (),
    base: int | None = None,
    marks: dict[str, int] | None = None,
) -> Committed:
    """Replace `partitions` by the `written` files, in one commit, exactly once.

    Args:
        schema: The table's columns where no file says it (nothing was written).
        keep: Paths of files in `partitions` that stay.
        base: The version the write was planned on; another one now is refused.
        marks: Application versions to record in the same commit (read with `mark`).

    Raises:
        CommitConflict: The table is no longer at `base`, or other writers won every attempt.
        ValueError: A file is missing or damaged, or does not have the table's columns.
    """
    schema = _check(lake, uri, written, schema)
    failure: Exception | None = None
    tried: tuple[list[Written], list[DataFile]] = [], []
    for attempt in range(ATTEMPTS):
        table = _open(lake, uri, schema)
        current = {file.path: file for file in _files(table)}
        new = [item for item in written if item.file.path not in current]
        stay = {item.file.path for item in written} | set(keep)
        old = [file for file in current.values() if file.partition in partitions and file.path not in stay]
        if missing := [path for path in keep if path not in current]:
            raise CommitConflict(f"{uri}: {missing[0]} was to stay, but another writer has removed it")
        kept = tuple(current[path] for path in keep)
        if (
            not new
            and not old
            and all(table.transaction_version(app) == number for app, number in (marks or {}).items())
        ):
            if attempt and not lake.remote:  # An earlier attempt landed although its answer was lost.
                _fsync_log(uri, table.version())
            return Committed(table.version(), tuple(item.file for item in tried[0]), tuple(tried[1]), kept)
        if isinstance(failure, OSError):
            raise failure
        # A table created here is at version 0 with no files: nobody's plan is older than that.
        if base is not None and table.version() != max(base, 0):
            raise CommitConflict(f"{uri} is at version {table.version()}; the write was planned on {base}")
        _same_columns(uri, table, schema)
        tried = new, old
        try:
            _write(table, schema, new, old, marks)
        except (CommitFailedError, DeltaError, OSError) as error:
            # The commit may have landed although its answer was lost: the next look at the table tells.
            failure = error
            if "chema" in str(error) and not isinstance(error, CommitFailedError):
                raise
            time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))
            continue
        version = table.version() + 1  # Without retries the commit took the next version, or none.
        if not lake.remote:
            _fsync_log(uri, version)
        return Committed(version, tuple(item.file for item in new), tuple(old), kept)
    lost = f"{uri}: {ATTEMPTS} commits in a row lost against other writers; run it again later"
    raise CommitConflict(lost) from failure


def mark(lake: Lake, uri: str, name: str) -> int | None:
    """The application version that a commit recorded under `name`, if any."""
    table = opened(lake, uri)
    return table.transaction_version(name) if table else None


def opened(lake: Lake, uri: str, version: int | None = None) -> DeltaTable | None:
    """The table at `uri` now, or at `version`; None where there is no table."""
    try:
        return DeltaTable(uri, version=version, storage_options=lake.options)
    except TableNotFoundError:
        return None


def _open(lake: Lake, uri: str, schema: pa.Schema) -> DeltaTable:
    if table := opened(lake, uri):
        return table
    if not lake.remote:
        os.makedirs(uri, exist_ok=True)
    # With retries, two creators at once both commit, the second of them over the first one's table.
    once = CommitProperties(max_commit_retries=0)
    failure: Exception | None = None
    try:
        DeltaTable.create(
            uri,
            schema=Schema.from_arrow(schema),
            mode="ignore",
            # Opening a table reads the log since the last checkpoint; the default of 100 commits makes that 30 ms.
            configuration={"delta.checkpointInterval": "20"},
            storage_options=lake.options,
            commit_properties=once,
        )
    except (CommitFailedError, DeltaError, OSError) as error:
        failure = error  # Another writer made it, or it is there although the answer was lost: if so, all is well.
    if table := opened(lake, uri):
        if not lake.remote:
            _fsync_log(uri, 0)
        return table
    raise failure or CommitConflict(f"{uri}: the table that was made here is gone; run it again")


def _write(
    table: DeltaTable, schema: pa.Schema, new: list[Written], old: list[DataFile], marks: dict[str, int] | None
) -> None:
    now = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [
        AddAction(item.file.path, item.file.size, {}, now, True, item.stats) for item in new
    ]
    actions += [RemoveAction(file.path, True, now, file.size, {}) for file in old]
    turn = (table.transaction_version(REWRITE) or 0) + 1
    transactions = [Transaction(REWRITE, turn)]
    transactions += [Transaction(name, number) for name, number in (marks or {}).items()]
    table.create_write_transaction(
        actions,
        "append",
        Schema.from_arrow(schema),
        commit_properties=CommitProperties(max_commit_retries=0, app_transactions=transactions),
    )


def _check(lake: Lake, uri: str, written: Collection[Written], schema: pa.Schema | None) -> pa.Schema:
    schemas = {item.schema for item in written}
    if len(schemas) > 1:
        raise ValueError(f"{uri}: the pieces to store differ in their columns: {', '.join(map(_names, schemas))}")
    if not schemas and schema is None:
        raise ValueError(f"{uri}: nothing was written and no columns are known")
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lake.size, [f"{uri}/{item.file.path}" for item in written]))
    for item, size in zip(written, sizes, strict=True):
        if size is None:
            raise ValueError(f"{uri}: {item.file.path} was written by a worker but is not there")
        if size != item.file.size:
            raise ValueError(f"{uri}: {item.file.path} has {size} bytes, {item.file.size} were written")
    found = schemas.pop() if schemas else schema
    assert found is not None
    return pa.schema([pa.field(column.name, column.type) for column in found])


def _same_columns(uri: str, table: DeltaTable, schema: pa.Schema) -> None:
    have = Schema.from_arrow(pa.schema([f.with_nullable(True) for f in pa.schema(table.schema().to_arrow())]))
    want = Schema.from_arrow(pa.schema([f.with_nullable(True) for f in schema]))
    if have != want:
        raise ValueError(
            f"{uri} has the columns {_names(pa.schema(have.to_arrow()))}, not {_names(schema)}. "
            "Move the old table away (its rows can be made again from the layer before) and run this again."
        )


def _names(schema: pa.Schema) -> str:
    return "(" + ", ".join(f"{column.name} {column.type}" for column in schema) + ")"


def _fsync_log(uri: str, version: int) -> None:
    fsync(f"{uri}/_delta_log/{version:020}.json")
    fsync(f"{uri}/_delta_log")


def read(source: Snapshot, files: Collection[DataFile] | None = None) -> pa.Table:
    """The rows of a snapshot (or of some of its files) as an Arrow table."""
    chosen = list(source.files if files is None else files)
    if not chosen:
        return (source.schema or pa.schema([])).empty_table()
    paths = [source.lake.local(path) for path in source.paths(chosen)]
    with cursor() as con:
        return con.sql(f"SELECT * FROM read_parquet({sql_list(paths)})").to_arrow_table()


def bounds(source: Snapshot, file: DataFile, column: str) -> tuple[Any, Any] | None:
    if not file.rows:
        return None
    if file.least.get(column) is not None and file.greatest.get(column) is not None:
        return file.least[column], file.greatest[column]
    with cursor() as con:
        path = source.lake.local(f"{source.uri}/{file.path}")
        row = con.execute(f"SELECT min({column}), max({column}) FROM read_parquet({sql_list([path])})").fetchone()
    return (row[0], row[1]) if row and row[0] is not None else None
