"""Which answers are missing, or made from other data than silver's, read from the lake alone."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from tpch_assets.calendar import day_key, last_window
from tpch_assets.gold.identity import NO_SHARDS, dimension_digest, shards_digest
from tpch_assets.gold.loss import lost_history
from tpch_assets.gold.queries import Query
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshots, apart, snapshot
from tpch_assets.layers import DAY
from tpch_assets.schema import Business, Group
from tpch_assets.silver.stale import layer_snapshots, stale_windows_of


def stale_days(
    lake: Lake,
    business: Business,
    queries: Iterable[Query],
    start: datetime,
    until: datetime,
    faults: list[str] | None = None,
    *,
    accept_loss: bool = False,
) -> dict[str, list[str]]:
    """Per query the days that ended by `until` whose answer is missing, or was made from other data than today's.

    A day counts from when its last window, or a later one, is in silver, and none of its windows is stale. A correction
    of facts concerns all days since. One of dimensions, which have no history, concerns the latest day alone. A table
    that silver does not have yet keeps the queries waiting that read it, and no others.

    Args:
        faults: Gets a sentence for each table that cannot be opened, which keeps waiting what needs it; without it, the
            first one raises.
        accept_loss: Answer again also from a history that has become shorter.

    Raises:
        TableError: A table cannot be opened.
    """

    def tolerant() -> AbstractContextManager[None]:
        return nullcontext() if faults is None else apart(faults)

    silver: Snapshots = {}
    for name in business.names:
        with tolerant():
            silver[name] = snapshot(lake, lake.table("silver", name))
    there = {name for name, source in silver.items() if source.version >= 0}
    days = [day_key(start + i * DAY) for i in range((until - start) // DAY)]
    ready: dict[str, dict[str, str]] = {}
    for group in business.groups:
        with tolerant():
            if there.issuperset(group.names):
                ready[group.name] = _ready(lake, group, silver, days)
    everywhere = [day for day in days if ready and all(day in found for found in ready.values())]
    found = {}
    for query in queries:
        wanted = ready.get(query.group.name, {}) if query.group else dict.fromkeys(everywhere, NO_SHARDS)
        if not wanted or not there.issuperset(query.tables):
            continue
        want = dict(wanted)
        want[max(want)] += f".{dimension_digest(query, business, silver)}"
        with tolerant():
            present = snapshot(lake, lake.table("gold", query.name))
            if not accept_loss and lost_history(query, silver, present):
                continue
            gold = present.by_partition()
            found[query.name] = [day for day, digest in want.items() if not _is_made_from(gold.get(day, []), digest)]
    return {name: days for name, days in found.items() if days}


def _ready(lake: Lake, group: Group, silver: Snapshots, days: list[str]) -> dict[str, str]:
    """The days that a group's shards are complete for, each with what an answer has to be made of."""
    stale = stale_windows_of(group, layer_snapshots(lake, "bronze", group), silver)
    there = set.intersection(*(set(silver[name].by_partition()) for name in group.names))
    if not there:
        return {}
    last, first_stale = max(there), min(stale, default="9")
    ready = [day for day in days if last_window(day) <= last and last_window(day) < first_stale]
    return {day: shards_digest(group, silver, day) for day in ready}


def _is_made_from(files: list[DataFile], digest: str) -> bool:
    return any(file.name.startswith((f"{digest}-", f"{digest}.")) for file in files)
