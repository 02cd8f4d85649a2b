"""What is to be done in each layer, and why, read from the lake alone: what the schedules would ask for, and more.

What follows from what is counted too: a batch that has arrived makes its window stale, and the window all days since.
How long it takes belongs in `plan.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tpch_assets.bronze import arrivals
from tpch_assets.bronze.stored import declared
from tpch_assets.calendar import batch_key, day_key, day_of, last_window, parse, window_of
from tpch_assets.gold.queries import Query, broken_queries, load_queries
from tpch_assets.gold.stale import stale_answers
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.layers import DAY, WINDOW
from tpch_assets.models import registry
from tpch_assets.models.declared import broken_models, load_models
from tpch_assets.models.stale import due_models
from tpch_assets.schema import Business, Table
from tpch_assets.schema.changes import added
from tpch_assets.settings import Settings
from tpch_assets.silver.stale import due_dimensions, due_windows


@dataclass(frozen=True)
class Work:
    """What is to be done for one table or query.

    Attributes:
        partitions: The partitions to be made, sorted; none for a dimension of silver, and for what waits.
        reason: Why, in a few words.
    """

    layer: str
    name: str
    reason: str
    partitions: tuple[str, ...] = ()


def work(lake: Lake, business: Business, settings: Settings, now: datetime) -> Iterator[Work]:
    """What is to be done by `now` (UTC), layer by layer."""
    start = settings.start
    pending = {
        table.name: arrivals.pending(lake, table, since=batch_key(start), until=batch_key(now))
        for table in business.tables
    }
    for table in business.tables:
        if batches := pending[table.name]:
            yield Work("bronze", table.name, _why(lake, table), tuple(batches))
    windows: dict[str, set[str]] = {}
    for group in business.groups:
        due = due_windows(lake, group, now)
        arrived = {window_of(batch) for name in group.names for batch in pending[name]}
        ended = {window for window in arrived if _has_ended(window, now)}
        windows[group.name] = ended.union(due.ready, due.held)
        if windows[group.name]:
            for name in group.names:
                yield Work("silver", name, "data arrived", tuple(sorted(windows[group.name])))
    dimensions = {table.name for table in due_dimensions(lake, business)[0]}
    dimensions |= {table.name for table in business.dimensions if pending[table.name]}
    for name in business.names:
        if name in dimensions:
            yield Work("silver", name, "data arrived")
    yield from _gold(lake, business, settings, now, windows, dimensions)


def _why(lake: Lake, table: Table) -> str:
    bronze = snapshot(lake, lake.table("bronze", table.name))
    if bronze.files and (new := added(table, declared(table, bronze))):
        return f"column {', '.join(column.name for column in new)} added"
    return "data arrived"


def _has_ended(window: str, now: datetime) -> bool:
    return parse(window) + WINDOW <= now


def _gold(
    lake: Lake,
    business: Business,
    settings: Settings,
    now: datetime,
    windows: Mapping[str, set[str]],
    dimensions: set[str],
) -> Iterator[Work]:
    queries = load_queries(business)
    stale = stale_answers(lake, business, queries.values(), settings.start, now, settings.scale_factor)
    for query in queries.values():
        reasons: dict[str, str] = dict(stale.get(query.name, {}))
        for day in _days_after(lake, business, query, settings.start, now, windows):
            reasons.setdefault(day, "data arrived")
        latest = max((f.partition for f in snapshot(lake, lake.table("gold", query.name)).files), default=None)
        if latest and dimensions.intersection(query.tables):
            reasons.setdefault(latest, "dimension changed")
        yield from _by_reason(query.name, reasons)
    for broken in (*broken_queries(business).values(), *broken_models(business).values()):
        yield Work("gold", broken.name, f"broken: {broken.error}")
    models = load_models(business)
    due = due_models(lake, business, models.values(), settings.start, now)
    for bound in models.values():
        causes: dict[str, str] = dict(due.get(bound.name, {}))
        # What arrives concerns the latest day, and days that are new.
        later = list(_days_after(lake, business, bound.query, settings.start, now, windows))
        have = {one.day for one in registry.versions(lake, bound.name)}
        for day in [*(day for day in later if day not in have), *later[-1:]]:
            causes.setdefault(day, "data arrived")
        yield from _by_reason(bound.name, causes)


def _by_reason(name: str, reasons: Mapping[str, str]) -> Iterator[Work]:
    for reason in dict.fromkeys(reasons.values()):
        yield Work("gold", name, reason, tuple(sorted(day for day, why in reasons.items() if why == reason)))


def _days_after(
    lake: Lake, business: Business, query: Query, start: datetime, now: datetime, windows: Mapping[str, set[str]]
) -> Iterable[str]:
    """The days that windows to be built concern: those with data since the first, as far as silver then reaches."""
    groups = query.groups or business.groups
    due = [window for group in groups for window in windows[group.name]]
    if not due:
        return []
    reach, filled = [], {day_of(window) for window in due}
    for group in groups:
        files = [file for name in group.names for file in snapshot(lake, lake.table("silver", name)).files]
        reach.append(max({file.partition for file in files} | windows[group.name], default=""))
        filled |= {day_of(file.partition) for file in files if file.rows}
    days: Sequence[str] = [day_key(start + i * DAY) for i in range((now - start) // DAY)]
    first = min(due)
    return [day for day in days if day in filled and first <= last_window(day) <= min(reach)]
