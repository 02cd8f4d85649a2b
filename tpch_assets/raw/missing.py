"""What raw lacks: batches of the streams, and tables that come once. What arrived belongs in `bronze/arrivals.py`."""

from datetime import datetime

from tpch_assets.calendar import batch_key, is_batch
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import BATCH
from tpch_assets.raw.files import deliveries
from tpch_assets.schema import Business, Table


def missing_batches(lake: Lake, business: Business, start: datetime, until: datetime) -> list[str]:
    """Batches from `start` on that ended by `until` and of which some stream has no raw file yet."""
    stretch = batch_key(start), batch_key(until)
    delivered = [{b for b, files in deliveries(lake, t.name, *stretch) if files} for t in business.streams]
    there = set.intersection(*delivered)
    count = (until - start) // BATCH
    return [key for key in (batch_key(start + i * BATCH) for i in range(count)) if key not in there]


def delivered_batches(lake: Lake, business: Business, start: datetime, until: datetime) -> set[str]:
    """Batches from `start` on and before `until` of which any table has a raw file."""
    stretch = batch_key(start), batch_key(until)
    return {b for name in business.names for b, files in deliveries(lake, name, *stretch) if files and is_batch(b)}


def missing_once(lake: Lake, business: Business) -> list[Table]:
    """Tables that are delivered once and have not been delivered yet."""
    return [table for table in business.once if not any(files for _, files in deliveries(lake, table.name))]
