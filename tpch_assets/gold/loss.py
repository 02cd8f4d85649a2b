"""Guards answers against what is missing upstream: history that silver has lost is not answered away.

An answer of a day stands on all windows up to it. Where silver begins later than the answers that were made of its
windows, it has lost some, and every answer since would be too small.
"""

from tpch_assets.calendar import end_of_day
from tpch_assets.gold.history import FormerDigests, shards_digest
from tpch_assets.gold.identity import together
from tpch_assets.gold.queries import Query
from tpch_assets.lake.lake import Refused
from tpch_assets.lake.snapshot import Snapshot, Snapshots
from tpch_assets.schema import Group


def lost_history(query: Query, silver: Snapshots, gold: Snapshot) -> str | None:
    """What silver lacks of the windows that a query's answers were made of, in one sentence; None if nothing."""
    return next(filter(None, (_lost(query, group, silver, gold) for group in query.groups)), None)


def _lost(query: Query, group: Group, silver: Snapshots, gold: Snapshot) -> str | None:
    """What silver lacks of one group's windows."""
    if not gold.files:
        return None
    names = group.names
    first = min(filter(None, (silver[name].first for name in names)), default="")
    if first and first < end_of_day(gold.first):  # Then it is before the end of all later days, too.
        return None
    empty = {name: Snapshot(gold.lake, "", -1) for one in query.groups for name in one.names}
    day = gold.files[0].partition
    nothing = {
        together(shards_digest(one, empty, day) for one in query.groups),
        together(FormerDigests(one, empty).of(day) for one in query.groups),
    }
    before = {
        file.partition
        for file in gold.files
        if not (first and first < end_of_day(file.partition))
        and nothing.isdisjoint(file.name.split("-", 1)[0].split("."))
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
