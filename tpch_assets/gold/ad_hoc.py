"""Runs a query at once, in this process, on what silver holds. It keeps nothing and commits nothing."""

from datetime import UTC, date, datetime
from typing import Any, cast

import pyarrow as pa

from tpch_assets.calendar import parse
from tpch_assets.gold.plan import plan, plan_whole, snapshots_for
from tpch_assets.gold.queries import Query
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.schema import Business


def run(query: Query, business: Business, lake: Lake, day: date, scale_factor: float) -> pa.Table:
    """The answer as of a day, with the day as column `as_of`.

    A query with an override alone runs by it, and its partials are kept.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
        LakeError: A table that the query reads does not exist yet.
    """
    silver = snapshots_for(query, business, lake)
    how = plan if query.plain is None else plan_whole
    answer: Any = how(query, business, silver, day, scale_factor)[0]
    return cast(pa.Table, answer.compute(scheduler="synchronous"))


def latest_day(query: Query, business: Business, lake: Lake) -> date:
    """The day of the latest window that silver has of the query's facts, or of any facts; today if there is none."""
    groups = query.groups or business.groups
    names = [name for group in groups for name in group.names]
    windows = [file.partition for name in names for file in snapshot(lake, lake.table("silver", name)).files]
    return parse(max(windows)).date() if windows else datetime.now(UTC).date()
