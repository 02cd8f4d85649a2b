"""raw: JSON lines as delivered, `raw/<table>/<batch>/*`. With `TPCH_GENERATE` this makes them; else they just land."""

from functools import partial

import dagster as dg

from tpch_assets.calendar import BATCH, batches, parse
from tpch_assets.lake.stored import Partitions
from tpch_assets.orchestration.assets.common import RETRY, column_schema, place
from tpch_assets.schema import Table
from tpch_assets.settings import Settings
from tpch_assets.tpch import generator as source
from tpch_assets.tpch.tables import TABLES

MANY = 4  # From so many batches on, one call of the generator for the whole day is cheaper than one for each.


def raw_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """One asset per table: generated, or external where real files land by themselves."""
    return [
        _generated(table, settings) if settings.generate else _external(table, settings) for table in TABLES.values()
    ]


def _external(table: Table, settings: Settings) -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        ["raw", table.name],
        description=f"{table.description} JSON lines, as they land in raw/{table.name}/<batch>/.",
        group_name="raw",
        kinds={"json"},
        owners=settings.owners,
        partitions_def=batches(settings.start),
        metadata={**column_schema(table), **place("raw", table.name)},
    )
    return dg.AssetsDefinition(specs=[spec])


def _generated(table: Table, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=["raw", table.name],
        description=f"{table.description} JSON lines, a batch every 15 minutes."
        if table.arrives == "every batch"
        else f"{table.description} JSON lines, once, with the first batch.",
        group_name="raw",
        kinds={"json"},
        owners=settings.owners,
        partitions_def=batches(settings.start),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=f"raw_{table.name}",
        retry_policy=RETRY,
        metadata={**column_schema(table), **place("raw", table.name)},
    )
    def raw(context: dg.AssetExecutionContext) -> Partitions:
        keys = [(key, (parse(key) - settings.start) // BATCH) for key in context.partition_keys]
        make = partial(source.rows, table.name, scale_factor=settings.scale_factor, many=len(keys) >= MANY)
        return Partitions(
            {
                key: {f"{table.name}.json": partial(make, number=number, time=parse(key))}
                for key, number in keys
                if source.delivers(table.name, number)
            }
        )

    return raw
