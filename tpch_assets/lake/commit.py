"""The one way to change a table: a commit replaces the files of some partitions, exactly once.

It does so whoever else writes at the same time, and whichever answer is lost. Writing the files themselves belongs in
`data_files.py`, reading a table in `snapshot.py`.
"""

import random
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from tpch_assets.lake.data_files import Written
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, files_in, opened

REWRITE = "rewrite"  # All commits have this one application id, so that Delta refuses a writer that lost a race.
ATTEMPTS = 12
PROPERTIES = {
    # Opening a table reads the log since the last checkpoint; the default of 100 commits makes that 30 ms.
    "delta.checkpointInterval": "20",
    # Statistics of all columns; the default is the first 32.
    "delta.dataSkippingNumIndexedCols": "-1",
}
"""The properties of new tables."""


class CommitConflict(RuntimeError):
    """The table changed since the write was planned: plan again."""


@dataclass(frozen=True)
class Committed:
    """What a commit did; `added` and `removed` are empty if the table already held exactly these files."""

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
    """Replace the files of `partitions` by the `written` ones, in one commit, exactly once.

    Args:
        schema: The table's columns, in case nothing is written.
        keep: Paths of files in `partitions` that stay.
        base: The version that the write was planned on. On any other one it is refused.
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
        current = {file.path: file for file in files_in(table)}
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
            if attempt:  # An earlier attempt landed although its answer was lost.
                lake.store.flush_commit(uri, table.version())
            return Committed(table.version(), tuple(item.file for item in tried[0]), tuple(tried[1]), kept)
        if isinstance(failure, OSError):
            raise failure
        # A table that this made is at version 0 without files: nobody can have planned on an older one.
        if base is not None and table.version() != max(base, 0):
            raise CommitConflict(f"{uri} is at version {table.version()}; the write was planned on {base}")
        _same_columns(uri, table, schema)
        tried = new, old
        try:
            _write(table, schema, new, old, marks)
        except (CommitFailedError, DeltaError, OSError) as error:
            # The commit may have landed although its answer was lost; the next attempt finds out.
            failure = error
            if "chema" in str(error) and not isinstance(error, CommitFailedError):
                raise
            time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))
            continue
        version = table.version() + 1  # Without retries the commit took the next version, or none.
        lake.store.flush_commit(uri, version)
        return Committed(version, tuple(item.file for item in new), tuple(old), kept)
    lost = f"{uri}: {ATTEMPTS} commits in a row lost against other writers; run it again later"
    raise CommitConflict(lost) from failure


def _open(lake: Lake, uri: str, schema: pa.Schema) -> DeltaTable:
    if table := opened(lake, uri):
        return table
    lake.store.prepare(uri)
    # With retries, of two creators both would commit, the second over the first one's table.
    once = CommitProperties(max_commit_retries=0)
    failure: Exception | None = None
    try:
        DeltaTable.create(
            uri,
            schema=Schema.from_arrow(schema),
            mode="ignore",
            configuration=PROPERTIES,
            storage_options=lake.store.options,
            commit_properties=once,
        )
    except (CommitFailedError, DeltaError, OSError) as error:
        failure = error  # If another writer made it, or only the answer was lost, it exists and all is well.
    if table := opened(lake, uri):
        lake.store.flush_commit(uri, 0)
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
        sizes = list(pool.map(lake.store.size, [f"{uri}/{item.file.path}" for item in written]))
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
