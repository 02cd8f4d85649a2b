"""Who writes two tables, such as rows and their rejects, claims the first before it commits to the second.

Two tables cannot commit together. A run that parses by another declaration could replace the rejects of a run that has
not committed its rows yet, and these rows would then stand beside the wrong rejects. So the claim for a declaration is
recorded with the rows: from then on rows that were planned by another one are refused.
"""

import random
import time
from collections.abc import Collection

import pyarrow as pa
from deltalake.exceptions import CommitFailedError, DeltaError

from tpch_assets.lake.commit import ATTEMPTS, CLAIM, CommitConflict, once, opened_or_made
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import files_in
from tpch_assets.lake.update import TableUpdate


def claim(
    lake: Lake, uri: str, update: TableUpdate, schema: pa.Schema, number: int, written: Collection[str]
) -> int | None:
    """Claim a table for what an update was planned by, where it was written by something else last.

    Args:
        number: What the update was planned by.
        written: Paths of the files that the update brings.

    Returns:
        The table's version with the claim; None if none was needed.

    Raises:
        CommitConflict: Another writer has put files where the update is to replace others.
    """
    failure: Exception | None = None
    tried: int | None = None
    for attempt in range(ATTEMPTS):
        table = opened_or_made(lake, uri, schema, update.properties)
        held, version = table.transaction_version(CLAIM), table.version()
        if held is None and update.properties.items() <= table.metadata().configuration.items():
            return None
        # Rows of another plan that came after this one was made. Once the claim stands there will be no more of them.
        there = {file.path for file in files_in(table) if update.replace or file.partition in update.files}
        if update.over is not None and (foreign := sorted(there.difference(update.over, written))):
            raise CommitConflict(f"{uri}: another writer has put {foreign[0]} where this one was to replace others")
        if held == number:
            return tried
        if update.base is not None and version != max(update.base, 0):
            raise CommitConflict(f"{uri} is at version {version}; the write was planned on {update.base}")
        tried = version + 1
        try:
            table.create_write_transaction([], "append", table.schema(), commit_properties=once(table, {CLAIM: number}))
        except (CommitFailedError, DeltaError, OSError) as error:
            failure = error  # It may have landed although its answer was lost; the next attempt finds out.
            time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))
            continue
        lake.store.flush_commit(uri, tried)
        return tried
    raise CommitConflict(f"{uri}: {ATTEMPTS} claims in a row lost against other writers; run it again") from failure
