"""What has arrived in raw and is not in bronze, found at a cost that does not grow with the history. No Dagster.

Recent folders are listed by every look. All older ones are swept in rounds: a look lists as many of them as one request
to S3 gives, and its cursor says where the next one goes on. However late a file comes, a round finds it.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tpch_assets.calendar import BATCH, batch_key, is_batch
from tpch_assets.lake.delta import snapshot
from tpch_assets.lake.lake import Lake
from tpch_assets.raw.files import Delivery, behind
from tpch_assets.tpch.tables import TABLES, TableName

RECENT = timedelta(days=1)
ROUND = timedelta(minutes=10)  # A round begins no sooner after the last one began.
SWEPT_FILES = 900  # Files that a look sweeps of a table; up to the end of a folder this is one page of 1,000, mostly.
LOOK_BACK = (timedelta(days=1), timedelta(days=30))


@dataclass
class Arrivals:
    """By table: batches to ingest, and folders that are no batch (each round tells them once); the next cursor."""

    pending: dict[TableName, list[str]] = field(default_factory=dict)
    strays: dict[TableName, list[str]] = field(default_factory=dict)
    cursor: str = ""


def look(lake: Lake, cursor: str | None, now: datetime, settle: float = 0) -> Arrivals:
    """Look at the recent folders of every table, and at some of the older ones.

    Args:
        cursor: The last look's; None for the first.
        settle: Seconds for which a file must not have changed; a younger one is left for the next look.
    """
    state = json.loads(cursor) if cursor else {}
    begun, positions = state.get("swept"), dict(state.get("at", {}))
    begins = not positions and (begun is None or now - datetime.fromisoformat(begun) >= ROUND)
    if begins:
        begun, positions = now.isoformat(), dict.fromkeys(TABLES, "")
    recent = batch_key(now - RECENT)
    found = Arrivals()
    for name in TABLES:
        deliveries = list(lake.deliveries(name, recent))
        strays = _strays(deliveries) if begins else []
        if name in positions:
            older, position = _swept(lake.deliveries(name, positions.pop(name), until=recent))
            if position:
                positions[name] = position
            deliveries, strays = older + deliveries, _strays(older) + strays
        found.pending[name] = _pending(lake, name, deliveries, settle)
        found.strays[name] = strays
    found.cursor = json.dumps({"swept": begun, "at": positions})
    return found


def pending(lake: Lake, table: TableName, *, since: str = "", until: str = "", settle: float = 0) -> list[str]:
    """Batches from `since` on and before `until` whose raw files are not the ones that bronze holds."""
    return _pending(lake, table, lake.deliveries(table, since, until), settle)


def latest(lake: Lake, table: TableName, now: datetime) -> str | None:
    """The newest batch that has arrived; it costs a listing of what came since, or of all if that is long ago."""
    for since in (*(batch_key(now - span) for span in LOOK_BACK), ""):
        there = [name for name, files in lake.deliveries(table, since, batch_key(now + BATCH)) if files]
        if batches := [name for name in there if is_batch(name)]:
            return batches[-1]
    return None


def _swept(deliveries: Iterator[Delivery]) -> tuple[list[Delivery], str]:
    """The first deliveries with about `SWEPT_FILES` files, and where the rest begins (empty if there is none)."""
    found, count = [], 0
    for delivery in deliveries:
        found.append(delivery)
        count += max(len(delivery[1]), 1)
        if count >= SWEPT_FILES:
            return found, behind(delivery[0])
    return found, ""


def _pending(lake: Lake, table: TableName, deliveries: Iterable[Delivery], settle: float) -> list[str]:
    there = [(batch, files) for batch, files in deliveries if files and is_batch(batch)]
    if not there:
        return []
    newest = time.time() - settle
    bronze = snapshot(lake, lake.table("bronze", table)).by_partition()
    have = {batch: {file.name for file in files} for batch, files in bronze.items()}
    return [
        batch
        for batch, files in there
        if all(file.modified <= newest for file in files)
        and {f"{file.fingerprint(table)}.parquet" for file in files} != have.get(batch)
    ]


def _strays(deliveries: Iterable[Delivery]) -> list[str]:
    """Folders whose name is no batch: nothing in them is ever read."""
    return [name for name, _ in deliveries if not is_batch(name)]
