"""What each layer still has to do, read from the lake alone: whatever was late, cut off or redelivered shows here."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from tpch_assets.bronze import arrivals
from tpch_assets.calendar import BATCH, DAY, WINDOW, batch_key, day_key, parse, window_key
from tpch_assets.gold.partials import dimension_digest
from tpch_assets.gold.queries import Query
from tpch_assets.lake.delta import DataFile, Snapshot, mark, snapshot
from tpch_assets.lake.lake import Lake
from tpch_assets.raw.files import behind
from tpch_assets.silver import shards as pairs
from tpch_assets.silver.dimensions import BRONZE_VERSION
from tpch_assets.tpch.tables import DIMENSIONS, PAIRED, TABLES, TableName

NO_PAIRS = "dimensions"  # What an answer is made of that reads no pairs.


def missing_raw(lake: Lake, start: datetime, until: datetime) -> list[str]:
    """Batches from `start` on that ended by `until` and of which some stream has no raw file yet."""
    streams = [name for name, table in TABLES.items() if table.arrives == "every batch"]
    stretch = batch_key(start), batch_key(until)
    there = set.intersection(*({b for b, files in lake.deliveries(n, *stretch) if files} for n in streams))
    count = (until - start) // BATCH
    return [key for key in (batch_key(start + i * BATCH) for i in range(count)) if key not in there]


def missing_once(lake: Lake) -> list[TableName]:
    """Tables that are delivered once and have not been yet."""
    once = [name for name, table in TABLES.items() if table.arrives == "once"]
    return [name for name in once if not any(files for _, files in lake.deliveries(name))]


def pending_batches(lake: Lake, tables: Iterable[TableName], batches: list[str]) -> dict[TableName, list[str]]:
    """Per table those of some neighbouring batches whose raw files bronze does not hold."""
    until = behind(max(batches))
    return {name: arrivals.pending(lake, name, since=min(batches), until=until) for name in tables}


def stale_windows(lake: Lake, until: datetime) -> list[str]:
    """Windows that ended by `until` whose silver is not built from what bronze holds."""
    bronze, silver = _both(lake, "bronze"), _both(lake, "silver")
    return [window for window in pairs.stale_windows(bronze, silver) if parse(window) + WINDOW <= until]


def stale_dimensions(lake: Lake) -> list[TableName]:
    """Dimension tables of which bronze has a version that silver does not hold."""
    found: list[TableName] = []
    for name in DIMENSIONS:
        bronze = snapshot(lake, lake.table("bronze", name))
        if bronze.version >= 0 and mark(lake, lake.table("silver", name), BRONZE_VERSION) != bronze.version:
            found.append(name)
    return found


def stale_days(lake: Lake, queries: Iterable[Query], start: datetime, until: datetime) -> dict[str, list[str]]:
    """Per query the days that ended by `until` whose answer is missing, or was made from other data than today's.

    A day counts from when its last window, or a later one, is in silver, and none of its windows is stale. A correction
    of order data concerns all days since; one of dimension tables, which have no history, the latest day alone.
    """
    silver: dict[TableName, Snapshot] = {name: snapshot(lake, lake.table("silver", name)) for name in TABLES}
    stale = pairs.stale_windows(_both(lake, "bronze"), silver)
    there = set(silver["orders"].by_partition()) & set(silver["lineitem"].by_partition())
    if not there or any(silver[name].version < 0 for name in TABLES):
        return {}
    last, first_stale = max(there), min(stale, default="9")
    days = [day_key(start + i * DAY) for i in range((until - start) // DAY)]
    ready = [day for day in days if last_window(day) <= last and last_window(day) < first_stale]
    digests = {day: pairs_digest(silver["orders"], silver["lineitem"], day) for day in ready}
    found = {}
    for query in queries:
        gold = snapshot(lake, lake.table("gold", query.name)).by_partition()
        want = {day: digests[day] if query.partial else NO_PAIRS for day in ready}
        if ready:
            want[ready[-1]] += f".{dimension_digest(query, silver)}"
        found[query.name] = [day for day in ready if not _made_from(gold.get(day, []), want[day])]
    return {name: days for name, days in found.items() if days}


def made_from(query: Query, silver: dict[TableName, Snapshot], day: str) -> str:
    """Names the data that a query's answer as of `day` is made of; the answer's file carries it."""
    of_pairs = pairs_digest(silver["orders"], silver["lineitem"], day) if query.partial else NO_PAIRS
    return f"{of_pairs}.{dimension_digest(query, silver)}"


def last_window(day: str) -> str:
    """The key of a day's last window."""
    return window_key(parse(day) + DAY - WINDOW)


def pairs_digest(orders: Snapshot, lineitem: Snapshot, day: str) -> str:
    """Names the pairs of all windows up to a day."""
    end = window_key(parse(day) + DAY)
    names = sorted(
        f"{name}/{file.partition}/{file.name.rsplit('-', 1)[1]}"
        for name, source in (("orders", orders), ("lineitem", lineitem))
        for file in source.files
        if file.partition < end
    )
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def _made_from(files: list[DataFile], digest: str) -> bool:
    return any(file.name.startswith((f"{digest}-", f"{digest}.")) for file in files)


def _both(lake: Lake, layer: str) -> dict[TableName, Snapshot]:
    return {name: snapshot(lake, lake.table(layer, name)) for name in PAIRED}
