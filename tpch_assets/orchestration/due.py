"""What is to be done in silver, looked up once per tick, and what waits there and in gold with the reason.

Which runs are asked for belongs in `schedules.py`.
"""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from tpch_assets.gold.loss import lost_history
from tpch_assets.gold.queries import Query
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listed
from tpch_assets.lake.snapshot import Snapshots, apart
from tpch_assets.schema import Business
from tpch_assets.silver.built import remember
from tpch_assets.silver.stale import due_dimensions, due_windows


@dataclass(frozen=True)
class Due:
    """What is to be built in silver: windows by table, and dimensions; and a sentence for each that waits."""

    windows: dict[str, list[str]]
    dimensions: list[str]
    held: list[str]


def due_in_silver(lake: Lake, business: Business, until: datetime, faults: list[str] | None = None) -> Due:
    """What is stale in silver of what ended by `until`.

    Args:
        faults: Gets a sentence for each table that cannot be opened; without it, the first one raises.
    """
    windows, held = due_in_groups(lake, business, until, faults)
    for group in business.groups:  # The next process's first tick need not look at all of history.
        with apart([]):  # A damaged table is named already.
            remember(lake, group)
    stale, waiting = due_dimensions(lake, business, faults)
    return Due(windows, [t.name for t in stale if t.name not in waiting], [*held, *waiting.values()])


def due_in_groups(
    lake: Lake, business: Business, until: datetime, faults: list[str] | None
) -> tuple[dict[str, list[str]], list[str]]:
    """The windows of facts to be built, by table, and a sentence for each that waits."""
    wanted: dict[str, list[str]] = {}
    held: list[str] = []
    for group in business.groups:
        with nullcontext() if faults is None else apart(faults):
            due = due_windows(lake, group, until)
            wanted |= dict.fromkeys(group.names, due.ready)
            held += due.held.values()
    return wanted, held


def lost_in_gold(lake: Lake, business: Business, queries: Iterable[Query]) -> list[str]:
    """A sentence for each query whose answers wait, since silver has lost windows that they were made of."""
    found: list[str] = []
    damaged: list[str] = []  # Named already by what asks for runs.
    silver: Snapshots = {}
    for name in business.names:
        with apart(damaged):
            silver[name] = listed(lake, lake.table("silver", name))
    for query in queries:
        with apart(damaged):
            if silver.keys() >= {name for group in query.groups for name in group.names} and (
                reason := lost_history(query, silver, listed(lake, lake.table("gold", query.name)))
            ):
                found.append(reason)
    return found
