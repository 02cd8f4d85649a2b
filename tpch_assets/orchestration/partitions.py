"""Dagster partitions of the layers: batches, windows and days since the start of the calendar."""

from datetime import datetime

import dagster as dg

from tpch_assets.calendar import key_format
from tpch_assets.layers import Layer, cron
from tpch_assets.orchestration.jobs import PARTITIONS_PER_RUN
from tpch_assets.schema import Table


def backfills() -> dg.BackfillPolicy:
    """Return how backfills by hand are cut into runs: like those of the schedules."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=PARTITIONS_PER_RUN)


def partitions_of(table: Table, layer: Layer, start: datetime) -> dg.TimeWindowPartitionsDefinition | None:
    """Return a table's partitions in raw or bronze; none if it comes once: then all of it is one thing."""
    return partitions(layer, start) if table.arrives == "every batch" else None


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
