"""Dagster partitions of the layers: batches, windows and days since the start of the calendar."""

from datetime import datetime

import dagster as dg

from tpch_assets.calendar import key_format
from tpch_assets.layers import Layer, cron


def partitions(layer: Layer, start: datetime, *, with_current: bool = False) -> dg.TimeWindowPartitionsDefinition:
    """Return the partitions of a layer since `start`, a midnight.

    Args:
        with_current: Include the partition in progress.
    """
    return dg.TimeWindowPartitionsDefinition(
        start=start,
        cron_schedule=cron(layer.step),
        fmt=key_format(layer.step),
        timezone="UTC",
        end_offset=1 if with_current else 0,
    )
