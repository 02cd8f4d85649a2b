"""Which answers are missing, or made by another query or from other data than silver's, read from the lake alone."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal

from tpch_assets.calendar import day_key, last_window
from tpch_assets.gold.blocked import blocked_dimensions, blocked_windows
from tpch_assets.gold.days import with_data
from tpch_assets.gold.history import MARK, FormerDigests, shards_digests
from tpch_assets.gold.identity import NO_SHARDS, code_digest, dimension_digest, together
from tpch_assets.gold.loss import lost_history
from tpch_assets.gold.queries import Query
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listed
from tpch_assets.lake.snapshot import DataFile, Snapshots, apart
from tpch_assets.layers import DAY
from tpch_assets.schema import Business, Group
from tpch_assets.silver.built import not_built

Reason = Literal["missing", "query changed", "data arrived", "dimension changed"]
"""Why an answer is to be made: there is none, or it is of another query, other shards or other dimension rows."""


def stale_days(
    lake: Lake,
    business: Business,
    queries: Iterable[Query],
    start: datetime,
    until: datetime,
    scale_factor: float,
    *,
    accept_loss: bool = False,
    faults: list[str] | None = None,
) -> dict[str, list[str]]:
    """Per query the days that ended by `until` whose answer is missing, or was made from another query or other data.

    A day without a row has no answer. A day counts from when its last window, or a later one, is in silver, and none of
    its windows is stale, nor in any a blocking check found something wrong. A correction
    of facts concerns all days since, and so does an edit of the query. A correction of dimensions, which have no
    history, concerns the latest day alone. A table that silver does not have yet keeps the queries waiting that read
    it, and no others.

    Args:
        accept_loss: Answer again also from a history that has become shorter.
        faults: Gets a sentence for each table that cannot be opened, which keeps waiting what needs it; without it, the
            first one raises.

    Raises:
        TableError: A table cannot be opened.
    """
    reasons = stale_answers(lake, business, queries, start, until, scale_factor, accept_loss=accept_loss, faults=faults)
    return {name: list(days) for name, days in reasons.items()}


def stale_answers(
    lake: Lake,
    business: Business,
    queries: Iterable[Query],
    start: datetime,
    until: datetime,
    scale_factor: float,
    *,
    accept_loss: bool = False,
    faults: list[str] | None = None,
) -> dict[str, dict[str, Reason]]:
    """The same days, each with the reason."""

    def tolerant() -> AbstractContextManager[None]:
        return nullcontext() if faults is None else apart(faults)

    silver: Snapshots = {}
    for name in business.names:
        with tolerant():
            silver[name] = listed(lake, lake.table("silver", name))
    there = {name for name, source in silver.items() if source.version >= 0}
    blocked: set[str] = set()
    with tolerant():
        blocked = {*blocked_dimensions(lake, business)}
    days = [day_key(start + i * DAY) for i in range((until - start) // DAY)]
    ready: dict[str, dict[str, str]] = {}
    data: dict[tuple[Group, ...], set[str]] = {}
    former = {group.name: FormerDigests(group, silver) for group in business.groups}
    for group in business.groups:
        with tolerant():
            if there.issuperset(group.names):
                ready[group.name] = ready_days(lake, group, silver, days)
    found: dict[str, dict[str, Reason]] = {}
    for query in queries:
        # An answer from dimensions alone is due when all facts of the day are there.
        groups = [group.name for group in query.groups]
        of_groups = [ready.get(name, {}) for name in groups or ready]
        wanted = [day for day in days if of_groups and all(day in of_group for of_group in of_groups)]
        of = query.groups or business.groups
        if of not in data:
            data[of] = set(with_data(of, silver, days))
        with_rows = data[of]
        wanted = [day for day in wanted if day in with_rows]
        if not wanted or not there.issuperset(query.tables) or blocked.intersection(query.tables):
            continue
        with tolerant():
            present = listed(lake, lake.table("gold", query.name))
            if not accept_loss and lost_history(query, silver, present):
                continue
            code = code_digest(query, business, scale_factor)
            latest = dimension_digest(query, business, silver)
            gold = present.by_partition()
            for day in wanted:
                want = _Wanted(
                    code,
                    together(ready[name][day] for name in groups),
                    partial(_former, [former[name] for name in groups], day),
                    latest if day == wanted[-1] else None,
                )
                if reason := want.difference(gold.get(day, [])):
                    found.setdefault(query.name, {})[day] = reason
    return found


@dataclass(frozen=True)
class _Wanted:
    """What an answer has to be made of.

    Attributes:
        former: The name that former versions gave to the shards.
        latest: The dimension rows; None for an earlier day, of which they do not count.
    """

    code: str
    shards: str
    former: Callable[[], str]
    latest: str | None

    def difference(self, files: list[DataFile]) -> Reason | None:
        """Why a day's files are not the wanted answer."""
        reason: Reason = "missing"
        for file in files:
            code, shards, rows, *_ = [*file.name.split("-", 1)[0].split("."), "", ""]
            is_new = shards.startswith(MARK) or self.shards == NO_SHARDS
            if code != self.code:
                reason = "query changed"
            elif shards != (self.shards if is_new else self.former()):
                reason = "data arrived"
            elif self.latest not in (None, rows):
                reason = "dimension changed"
            else:
                return None
        return reason


def _former(groups: list[FormerDigests], day: str) -> str:
    return together(group.of(day) for group in groups)


def ready_days(lake: Lake, group: Group, silver: Snapshots, days: list[str]) -> dict[str, str]:
    """The days that a group's shards are complete for, each with what an answer has to be made of."""
    stale = not_built(lake, group)
    there = set.intersection(*(set(silver[name].by_partition()) for name in group.names))
    if not there:
        return {}
    last, first_stale = max(there), min([*stale, *blocked_windows(lake, group)], default="9")
    ready = [day for day in days if last_window(day) <= last and last_window(day) < first_stale]
    return shards_digests(group, silver, ready)
