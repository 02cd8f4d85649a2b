"""The one way to change a table: a commit replaces the files of some partitions, exactly once.

It does so whoever else writes at the same time, and whichever answer is lost. Writing the files themselves belongs in
`data_files.py`, reading a table in `snapshot.py`.
"""

import random
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from tpch_assets.lake.data_files import Written
from tpch_assets.lake.evolve import columns_to_set, delta_schema, names, set_columns
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, files_in, opened

CLAIM = "claim"  # The mark of what runs plan their writes by; see `claim.py`.
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
    """What a commit did; `added` and `removed` are empty if the table already held exactly these files.

    Attributes:
        rows: How many rows the whole table has now.
    """

    version: int
    rows: int
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
    over: Collection[str] | None = None,
    base: int | None = None,
    marks: Mapping[str, int] | None = None,
    properties: Mapping[str, str] | None = None,
    replace: bool = False,
    after: int = 0,
    claim: int | None = None,
) -> Committed:
    """Replace the files of `partitions` by the `written` ones, in one commit, exactly once.

    Columns that the table does not have yet are added before it, and wider types set, in a commit of its own; other
    properties than the table's are recorded behind it. Each of these commits leaves a table that readers can use, and
    whoever is cut off between them goes on from there.

    Args:
        schema: The table's columns; without it they are those of the files. Files may lack some of them.
        keep: Paths of files in `partitions` that stay.
        over: Paths of the files that may give way. Where another one would, the write is refused.
        base: The version that the write was planned on. On any other one it is refused.
        marks: Application versions to record in the same commit (read with `mark`).
        properties: The table's properties to set.
        replace: Replace the whole table, whatever its columns were.
        after: The files' time in the table is no earlier, in milliseconds since 1970, even if the clock was set back.
        claim: A number for what the write was planned by; see `claim.py`.

    Raises:
        CommitConflict: The table is no longer at `base`, or claimed for another plan, a file that is not among `over`
            would give way, or other writers won every attempt.
        ValueError: A file is missing or damaged, or the columns cannot become those of the table in place.
    """
    schema = _check(lake, uri, written, schema)
    marks, properties = marks or {}, properties or {}
    failure: Exception | None = None
    tried: tuple[list[Written], list[DataFile]] = [], []
    for attempt in range(ATTEMPTS):
        table = opened_or_made(lake, uri, schema, properties)
        told = properties.items() <= table.metadata().configuration.items()
        held = table.transaction_version(CLAIM)
        if claim is not None and held != claim and not (held is None and told):
            raise CommitConflict(f"{uri}: a run that writes other columns has begun since this one was planned")
        current = {file.path: file for file in files_in(table)}
        new = [item for item in written if item.file.path not in current]
        stay = {item.file.path for item in written} | set(keep)
        old = [file for file in current.values() if (replace or file.partition in partitions) and file.path not in stay]
        if missing := [path for path in keep if path not in current]:
            raise CommitConflict(f"{uri}: {missing[0]} was to stay, but another writer has removed it")
        if foreign := [file.path for file in old if over is not None and file.path not in over]:
            raise CommitConflict(f"{uri}: another writer has put {foreign[0]} where this one was to replace others")
        kept = tuple(current[path] for path in keep)
        columns = columns_to_set(uri, table, schema, replace, staying=bool(stay & current.keys()))
        data = bool(new or old) or any(table.transaction_version(app) != number for app, number in marks.items())
        if not data and told and columns is None:
            # It may not be on the disk yet, if an answer was lost or another writer died; who calls builds on it.
            lake.store.flush_commit(uri, table.version())
            rows = sum(file.rows for file in current.values())
            return Committed(table.version(), rows, tuple(item.file for item in tried[0]), tuple(tried[1]), kept)
        if isinstance(failure, OSError):
            raise failure
        # A table that this made is at version 0 without files: nobody can have planned on an older one.
        if base is not None and table.version() != max(base, 0):
            raise CommitConflict(f"{uri} is at version {table.version()}; the write was planned on {base}")
        if data and (new or old):
            tried = new, old
        version = table.version() + 1  # Without retries the commit takes the next version, or none.
        # Whoever made the last commit may have died before flushing it, and a repair mends the newest one alone.
        lake.store.flush_commit(uri, table.version())
        try:
            if columns is not None and (columns.when == "before" or (columns.when == "behind" and not data)):
                set_columns(table, columns.schema, once(table))
            elif data:
                now = max(int(time.time() * 1000), after)
                _write(table, schema, new, old, marks, now, afresh=columns is not None and columns.when == "with")
            else:
                table.alter.set_table_properties(
                    dict(properties), raise_if_not_exists=False, commit_properties=once(table)
                )
        except (CommitFailedError, DeltaError, OSError) as error:
            # The commit may have landed although its answer was lost; the next attempt finds out.
            failure = error
            if "chema" in str(error) and not isinstance(error, CommitFailedError):
                raise
            time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))
            continue
        failure = None
        lake.store.flush_commit(uri, version)
        if data and told and (columns is None or columns.when == "with"):
            rows = sum(file.rows for file in (*current.values(), *(item.file for item in new)))
            rows -= sum(file.rows for file in old)
            return Committed(version, rows, tuple(item.file for item in new), tuple(old), kept)
        base = version if base is not None else None
    lost = f"{uri}: {ATTEMPTS} commits in a row lost against other writers; run it again later"
    raise CommitConflict(lost) from failure


def opened_or_made(lake: Lake, uri: str, schema: pa.Schema, properties: Mapping[str, str]) -> DeltaTable:
    """deltalake's table at `uri`, which is made with these columns and properties if it does not exist."""
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
            configuration={**PROPERTIES, **properties},
            raise_if_key_not_exists=False,
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
    table: DeltaTable,
    schema: pa.Schema,
    new: list[Written],
    old: list[DataFile],
    marks: Mapping[str, int],
    now: int,
    *,
    afresh: bool,
) -> None:
    """Commit files. If `afresh`, all that the table has gives way, its columns too."""
    actions: list[AddAction | RemoveAction] = [
        AddAction(item.file.path, item.file.size, {}, now, True, item.stats) for item in new
    ]
    if not afresh:  # An overwrite removes all files by itself.
        actions += [RemoveAction(file.path, True, now, file.size, {}) for file in old]
    table.create_write_transaction(
        actions,
        "overwrite" if afresh else "append",
        Schema.from_arrow(schema),
        commit_properties=once(table, marks),
    )


def once(table: DeltaTable, marks: Mapping[str, int] | None = None) -> CommitProperties:
    """What has a commit take the next version or none, and refuses a writer that lost a race."""
    turn = (table.transaction_version(REWRITE) or 0) + 1
    transactions = [Transaction(REWRITE, turn)]
    transactions += [Transaction(name, number) for name, number in (marks or {}).items()]
    return CommitProperties(max_commit_retries=0, app_transactions=transactions)


def _check(lake: Lake, uri: str, written: Collection[Written], schema: pa.Schema | None) -> pa.Schema:
    """Check the files, and return the columns that the table is to have."""
    schemas = {item.schema for item in written}
    if len(schemas) > 1 and schema is None:
        raise ValueError(f"{uri}: the pieces to store differ in their columns: {', '.join(map(names, schemas))}")
    if not schemas and schema is None:
        raise ValueError(f"{uri}: nothing was written and no columns are known")
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lake.store.size, [f"{uri}/{item.file.path}" for item in written]))
    for item, size in zip(written, sizes, strict=True):
        if size is None:
            raise ValueError(f"{uri}: {item.file.path} was written by a worker but is not there")
        if size != item.file.size:
            raise ValueError(f"{uri}: {item.file.path} has {size} bytes, {item.file.size} were written")
    found = schema if schema is not None else schemas.pop()
    types = {column.name: column.type for column in delta_schema(found).fields}
    for piece in schemas:
        if any(types.get(column.name) != column.type for column in delta_schema(piece).fields):
            raise ValueError(f"{uri}: a piece to store has the columns {names(piece)}, not {names(found)}")
    return pa.schema([pa.field(column.name, column.type) for column in found])
