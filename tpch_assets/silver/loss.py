"""Guards silver against what is missing upstream: rows that bronze has lost are not deleted here, and no window is
built before bronze holds all of its raw files.

A correction may take rows back: then raw still has the batch, and bronze holds what raw says. Everything else that
lacks in bronze is an accident until an operator says otherwise.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from tpch_assets.bronze.arrivals import incomplete
from tpch_assets.calendar import parse, stretches, window_key, window_of
from tpch_assets.compute.database import cursor
from tpch_assets.lake.lake import Lake, Refused
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots
from tpch_assets.layers import WINDOW
from tpch_assets.raw.files import behind, files_of
from tpch_assets.schema import Group, Table
from tpch_assets.silver.ranges import scan

REMEMBERED = 1 << 16  # Silver files of which this process knows the batches.


def check_loss(
    tables: Iterable[Table], bronze: Snapshots, silver: Snapshots, partitions: Collection[str] | None = None
) -> None:
    """Refuse to build partitions of silver (by default all) again whose rows bronze has lost.

    Raises:
        Refused: It has; the message says what, where, and what to do.
    """
    for table in tables:
        source = silver[table.name]
        files = source.files if partitions is None else source.of(partitions)
        if reason := loss(table, bronze[table.name], source, files):
            raise Refused(reason)


def loss(table: Table, bronze: Snapshot, silver: Snapshot, files: Collection[DataFile]) -> str | None:
    """What bronze lacks of the rows in some silver files, in one sentence; None if nothing, or if it was taken back."""
    gone = _lost(table, bronze, silver, files)
    if not gone:
        return None
    batches, more = sorted(gone), f" and {len(gone) - 1} more" if len(gone) > 1 else ""
    return (
        f"bronze/{table.name} lacks {sum(gone.values()):,} rows of batch {batches[0]}{more} that silver/{table.name} "
        "holds, and raw does not show that they were taken back: put bronze's files back, or give the rows up by "
        f"`tpch-assets rebuild silver/{table.name} --accept-loss`"
    )


def waiting(lake: Lake, group: Group, bronze: Snapshots, windows: Iterable[str]) -> dict[str, str]:
    """Those of some windows of which raw has files that bronze does not hold, each with a sentence that says so."""
    found: dict[str, str] = {}
    for first, last in stretches(windows, WINDOW):
        until = window_key(parse(last) + WINDOW)
        for table in group.facts:
            for batch in incomplete(lake, table, bronze[table.name], first, until):
                what = f"raw/{table.name}/{batch} is not in bronze yet"
                found.setdefault(window_of(batch), f"silver's window {window_of(batch)} waits: {what}")
    return found


def check_complete(lake: Lake, group: Group, bronze: Snapshots, windows: Iterable[str]) -> None:
    """Refuse to build windows before bronze holds all of their raw files.

    Raises:
        Refused: One has to wait.
    """
    if found := waiting(lake, group, bronze, windows):
        raise Refused(f"{min(found.values())}; run this again when it is")


def _lost(table: Table, bronze: Snapshot, silver: Snapshot, files: Collection[DataFile]) -> dict[str, int]:
    """By batch, the rows of silver's that bronze has lost. Silver has each row once, so never more than bronze."""
    ours: Counter[str] = Counter()
    for file in files:
        if file.rows:
            ours.update(_rows_by_batch(silver.lake, f"{silver.uri}/{file.path}"))
    theirs: Counter[str] = Counter()
    for file in bronze.of(ours):
        theirs[file.partition] += file.rows
    fewer = {batch: count - theirs[batch] for batch, count in ours.items() if count > theirs[batch]}
    if not fewer:
        return {}
    # What was built from a table that was made again since tells nothing of corrections.
    former = any(file.modified < bronze.made for file in files)
    return fewer if former or bronze.version < 0 else _not_taken_back(table, bronze, fewer)


def _not_taken_back(table: Table, bronze: Snapshot, fewer: Mapping[str, int]) -> dict[str, int]:
    """Batches of which raw does not say the same as bronze."""
    there = files_of(bronze.lake, table.name, fewer)
    odd = {batch for batch, files in there.items() if not files}
    odd.update(incomplete(bronze.lake, table, bronze, min(fewer), behind(max(fewer))))
    return {batch: count for batch, count in fewer.items() if batch in odd}


@lru_cache(REMEMBERED)
def _rows_by_batch(lake: Lake, uri: str) -> Mapping[str, int]:
    file = DataFile(uri.rsplit("/", 1)[-1], 0, 1)
    source = Snapshot(lake, uri.rsplit("/", 1)[0], 0)
    with cursor() as con:
        return dict(con.execute(f"SELECT _batch, count(*) FROM {scan(source, [file])} GROUP BY ALL").fetchall())
