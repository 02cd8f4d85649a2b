"""Dollars and run time per day and layer, from operations/costs.

How a page shows them does not belong here.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TypedDict, cast

from dashboards.store.store import Store

DAYS = 14


class Cost(TypedDict):
    """What one layer cost on one day."""

    day: date
    layer: str
    dollars: Decimal
    runs: int
    run_seconds: float


Costs = dict[date, dict[str, Cost]]
"""Costs by day and layer."""


def costs_by_day(store: Store) -> Costs | None:
    """The costs of the newest days, or None if nothing is recorded yet."""
    found = store.table("operations", "costs")
    if found is None or not found.files:
        return None
    keys = sorted(found.by_partition(), reverse=True)[:DAYS]
    days: Costs = defaultdict(dict)
    for row in cast(list[Cost], store.rows(found, found.of(keys)).to_pylist()):
        days[row["day"]][row["layer"]] = row
    return days
