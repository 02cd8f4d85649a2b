"""Which days have data: a day without any has no answer, however many days around it have one."""

from collections.abc import Iterable, Sequence

from tpch_assets.calendar import day_of
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshots, snapshot
from tpch_assets.schema import Group


def with_data(groups: Iterable[Group], silver: Snapshots, days: Sequence[str]) -> list[str]:
    """Those of some days in whose windows any fact of some groups has a row."""
    names = [name for group in groups for name in group.names if name in silver]
    windows = {file.partition for name in names for file in silver[name].files if file.rows}
    there = {day_of(window) for window in windows}
    return [day for day in days if day in there]


def days_with_data(lake: Lake, groups: Iterable[Group], days: Sequence[str]) -> list[str]:
    """The same, by the facts that are in silver now."""
    found = list(groups)
    silver = {name: snapshot(lake, lake.table("silver", name)) for group in found for name in group.names}
    return with_data(found, silver, days)
