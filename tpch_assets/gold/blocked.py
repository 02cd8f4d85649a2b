"""What gold does not read: windows and dimensions in which a blocking check found something wrong.

Answers that would stand on them wait, and go on by themselves once the window is mended: then its files are others.
"""

from collections.abc import Iterable

from tpch_assets.calendar import end_of_day, window_of
from tpch_assets.gold.queries import Query
from tpch_assets.lake.faults import Fault, faults, is_open
from tpch_assets.lake.lake import Lake, Refused
from tpch_assets.lake.listing import listed
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.schema import Business, Group


def open_faults(lake: Lake) -> list[Fault]:
    """What is wrong in bronze and silver now, and not to be read."""
    found: Snapshots = {}
    tables = [(fault, lake.table(fault.layer, fault.name)) for fault in faults(lake) if fault.blocks]
    for _, uri in tables:
        found.setdefault(uri, listed(lake, uri))
    return [fault for fault, uri in tables if is_open(fault, found[uri])]


def blocked_windows(lake: Lake, group: Group) -> dict[str, Fault]:
    """The windows of a group that are not to be read, each with what is wrong."""
    found: dict[str, Fault] = {}
    for fault in open_faults(lake):
        if fault.name in group.names:
            window = fault.partition if fault.layer == "silver" else window_of(fault.partition)
            found.setdefault(window, fault)
    return found


def blocked_dimensions(lake: Lake, business: Business) -> dict[str, Fault]:
    """The dimensions that are not to be read, each with what is wrong."""
    names = {table.name for table in business.dimensions}
    return {fault.name: fault for fault in open_faults(lake) if fault.name in names}


def waits_for(lake: Lake, query: Query, business: Business, day: str) -> Fault | None:
    """What keeps an answer as of a day from being made; None if nothing."""
    dimensions = blocked_dimensions(lake, business)
    for name in query.tables:
        if name in dimensions:
            return dimensions[name]
    for group in query.groups or business.groups:
        windows = blocked_windows(lake, group)
        if windows and min(windows) < end_of_day(day):
            return windows[min(windows)]
    return None


def check_blocked(lake: Lake, query: Query, business: Business, days: Iterable[str]) -> None:
    """Refuse to answer from windows that are not to be read.

    Raises:
        Refused: One is not; the message says which, and why.
    """
    for day in sorted(days):
        if fault := waits_for(lake, query, business, day):
            raise Refused(
                f"gold/{query.name} as of {day} waits, since {fault.sentence}. It goes on by itself once that is mended"
            )
