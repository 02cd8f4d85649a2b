"""Which days of a model are to be trained, and why, read from the lake alone.

A version that is missing is due for each of the last days. What changed since concerns the latest day alone: versions
of days before serve nobody any more.
"""

from collections.abc import Iterable
from contextlib import nullcontext
from datetime import datetime
from typing import Literal

from tpch_assets.calendar import day_key
from tpch_assets.gold.blocked import blocked_dimensions
from tpch_assets.gold.days import with_rows
from tpch_assets.gold.stale import ready_days
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listed
from tpch_assets.lake.snapshot import apart
from tpch_assets.layers import DAY
from tpch_assets.models import registry
from tpch_assets.models.declared import BoundModel
from tpch_assets.models.identity import Made, made_from
from tpch_assets.models.registry import ModelVersion
from tpch_assets.schema import Business

Reason = Literal["missing", "model changed", "data arrived", "dimension changed"]


def due_models(
    lake: Lake,
    business: Business,
    models: Iterable[BoundModel],
    start: datetime,
    until: datetime,
    faults: list[str] | None = None,
) -> dict[str, dict[str, Reason]]:
    """Per model the days that ended by `until` and are to be trained, each with the reason.

    Args:
        faults: Gets a sentence for each table that cannot be opened; without it, the first one raises.
    """
    days = [day_key(start + i * DAY) for i in range((until - start) // DAY)]
    found: dict[str, dict[str, Reason]] = {}
    for bound in models:
        with nullcontext() if faults is None else apart(faults):
            if due := _due(lake, business, bound, days):
                found[bound.name] = due
    return found


def _due(lake: Lake, business: Business, bound: BoundModel, days: list[str]) -> dict[str, Reason]:
    needed = {*bound.query.tables, *bound.group.names}
    silver = {name: listed(lake, lake.table("silver", name)) for name in business.names if name in needed}
    if any(source.version < 0 for source in silver.values()):
        return {}
    reached = max((file.partition for name in bound.group.names for file in silver[name].files), default="")
    days = [day for day in days if day <= reached][-registry.KEPT_DAYS :]
    ready = with_rows([bound.group], silver, sorted(ready_days(lake, bound.group, silver, days)))
    if not ready or needed.intersection(blocked_dimensions(lake, business)):
        return {}
    have = {one.day: one for one in registry.versions(lake, bound.name)}
    due: dict[str, Reason] = {day: "missing" for day in ready if day not in have}
    latest = ready[-1]
    if latest in have and (reason := _difference(have[latest], made_from(bound, business, silver, latest))):
        due[latest] = reason
    return due


def _difference(have: ModelVersion, want: Made) -> Reason | None:
    """Why a day's latest version is not the wanted one."""
    if have.inputs["code"] != want.code:
        return "model changed"
    if have.inputs["shards"] != want.shards:
        return "data arrived"
    return "dimension changed" if have.inputs["dimensions"] != want.dimensions else None
