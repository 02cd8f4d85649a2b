"""Which days have data: a day without any has no answer, however many days around it have one."""

from collections.abc import Iterable, Sequence

from tpch_assets.calendar import batch_key, day_of, parse
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listed
from tpch_assets.lake.snapshot import Snapshots, snapshot
from tpch_assets.layers import BATCH, DAY
from tpch_assets.schema import Group


def with_data(groups: Iterable[Group], silver: Snapshots, days: Sequence[str]) -> list[str]:
    """Those of some days on which any fact of some groups got a row.

    It is in a window of the day, unless all that came belongs to keys that had come before, whose windows hold it.
    """
    found = list(groups)
    names = [name for group in found for name in group.names if name in silver]
    there = {*with_rows(found, silver, days)}
    empty = {day_of(file.partition) for name in names for file in silver[name].files} - there
    return [day for day in days if day in there or (day in empty and _came(silver, names, day))]


def with_rows(groups: Iterable[Group], silver: Snapshots, days: Sequence[str]) -> list[str]:
    """Those of some days in whose windows any fact of some groups has a row."""
    names = [name for group in groups for name in group.names if name in silver]
    windows = {file.partition for name in names for file in silver[name].files if file.rows}
    there = {day_of(window) for window in windows}
    return [day for day in days if day in there]


def _came(silver: Snapshots, names: Sequence[str], day: str) -> bool:
    """Whether bronze has rows of a day."""
    begin = parse(day)
    batches = [batch_key(begin + i * BATCH) for i in range(DAY // BATCH)]
    bronze = (listed(silver[name].lake, silver[name].lake.table("bronze", name)) for name in names)
    return any(file.rows for source in bronze for file in source.of(batches))


def days_with_data(lake: Lake, groups: Iterable[Group], days: Sequence[str]) -> list[str]:
    """Those of some days with data, by the facts that are in silver now."""
    found = list(groups)
    return with_data(found, _now(lake, found), days)


def days_with_rows(lake: Lake, groups: Iterable[Group], days: Sequence[str]) -> list[str]:
    """Those of some days with rows of their own, by the facts that are in silver now."""
    found = list(groups)
    return with_rows(found, _now(lake, found), days)


def _now(lake: Lake, groups: Iterable[Group]) -> Snapshots:
    return {name: snapshot(lake, lake.table("silver", name)) for group in groups for name in group.names}
