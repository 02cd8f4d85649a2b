"""Guards answers against what is missing upstream: history that silver has lost is not answered away.

An answer of a day stands on all windows up to it. Where silver begins later than the answers that were made of its
windows, it has lost some, and every answer since would be too small.
"""

from tpch_assets.calendar import end_of_day
from tpch_assets.gold.identity import shards_digest
from tpch_assets.gold.queries import Query
from tpch_assets.lake.lake import Refused
from tpch_assets.lake.snapshot import Snapshot, Snapshots


def lost_history(query: Query, silver: Snapshots, gold: Snapshot) -> str | None:
    """What silver lacks of the windows that a query's answers were made of, in one sentence; None if nothing."""
    if query.group is None or not gold.files:
        return None
    names = query.group.names
    first = min((file.partition for name in names for file in silver[name].files), default="")
    nothing = shards_digest(query.group, {n: Snapshot(gold.lake, "", -1) for n in names}, gold.files[0].partition)
    before = {
        file.partition
        for file in gold.files
        if not (first and first < end_of_day(file.partition)) and not file.name.startswith(nothing)
    }
    if not before:
        return None
    tables = " and ".join(f"silver/{name}" for name in names)
    return (
        f"gold/{query.name} was answered from {min(before)} on, but {tables} now begin with {first or 'no window'}: "
        f"put the older windows back, or give them up by `tpch-assets rebuild silver/{names[0]} --accept-loss`"
    )


def check_history(query: Query, silver: Snapshots, gold: Snapshot) -> None:
    """Refuse to answer again from a shorter history.

    Raises:
        Refused: Silver has lost windows; the message says which, and what to do.
    """
    if reason := lost_history(query, silver, gold):
        raise Refused(reason)
