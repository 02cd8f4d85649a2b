"""What raw lacks: batches of the streams, and tables that come once. What arrived belongs in `bronze/arrivals.py`."""

from datetime import datetime

from tpch_assets.calendar import batch_key, is_batch
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import BATCH
from tpch_assets.raw.files import deliveries
from tpch_assets.schema import Business, Table


def missing_batches(
    lake: Lake, business: Business, begun: datetime, start: datetime, until: datetime
) -> dict[str, list[str]]:
    """By stream what the source delivers of batches from `start` on that ended by `until` and lack a raw file of it.

    All streams of such a batch are made again, to the same bytes, so that few runs fill gaps.

    Args:
        begun: When the calendar's first batch begins, from which the source counts.
    """
    stretch, made = (batch_key(start), batch_key(until)), dict[str, list[str]]()
    numbers = range((start - begun) // BATCH, (until - begun) // BATCH)
    lacking = set[str]()
    for table in business.streams:
        there = {batch for batch, files in deliveries(lake, table.name, *stretch) if files}
        made[table.name] = [batch_key(begun + n * BATCH) for n in numbers if _delivers(business, table, n)]
        lacking.update(batch for batch in made[table.name] if batch not in there)
    return {name: [batch for batch in batches if batch in lacking] for name, batches in made.items()}


def delivered_batches(lake: Lake, business: Business, start: datetime, until: datetime) -> set[str]:
    """Batches from `start` on and before `until` of which any table has a raw file."""
    stretch = batch_key(start), batch_key(until)
    return {b for name in business.names for b, files in deliveries(lake, name, *stretch) if files and is_batch(b)}


def missing_once(lake: Lake, business: Business) -> list[Table]:
    """Tables that the source delivers once and that have not been delivered yet."""
    tables = [table for table in business.once if _delivers(business, table, 0)]
    return [table for table in tables if not any(files for _, files in deliveries(lake, table.name))]


def _delivers(business: Business, table: Table, number: int) -> bool:
    """Whether the source makes a batch of a table; of others, files land by themselves or not at all."""
    return business.source is not None and business.source.delivers(table, number)
