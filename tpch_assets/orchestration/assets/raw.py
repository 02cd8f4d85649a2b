"""raw: JSON lines in `raw/<table>/<batch>/*`. The source generates them if `TPCH_GENERATE` is set; else they land."""

from functools import partial

import dagster as dg

from tpch_assets.calendar import batch_key, parse
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import BATCH, RAW
from tpch_assets.orchestration.assets.common import RETRY, column_schema, place
from tpch_assets.orchestration.freshness import policy
from tpch_assets.orchestration.partitions import backfills, partitions_of
from tpch_assets.raw.generated import GeneratedFile
from tpch_assets.schema import Business, Source, Table
from tpch_assets.settings import Settings

MANY = 4  # From this number of batches on, one generator call for the whole day is cheaper than one per batch.


def raw_assets(settings: Settings, business: Business) -> list[dg.AssetsDefinition]:
    """Return one asset per table: generated, or external if files land there."""
    source = business.source if settings.generate else None
    return [_generated(table, settings, source) if source else _external(table, settings) for table in business.tables]


def _external(table: Table, settings: Settings) -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        ["raw", table.name],
        description=f"{table.description} JSON lines, as they land in raw/{table.name}/<batch>/.",
        group_name="raw",
        kinds={"json"},
        owners=settings.owners,
        partitions_def=partitions_of(table, RAW, settings.start),
        metadata={**column_schema(table), **place("raw", table.name)},
    )
    return dg.AssetsDefinition(specs=[spec])


def _generated(table: Table, settings: Settings, source: Source) -> dg.AssetsDefinition:
    @dg.asset(
        key=["raw", table.name],
        description=f"{table.description} JSON lines, a batch every {RAW.every}."
        if table.arrives == "every batch"
        else f"{table.description} JSON lines, once, with the first batch.",
        group_name="raw",
        kinds={"json"},
        owners=settings.owners,
        partitions_def=partitions_of(table, RAW, settings.start),
        backfill_policy=backfills() if table.arrives == "every batch" else None,
        pool=f"raw_{table.name}",
        retry_policy=RETRY,
        freshness_policy=policy(RAW) if table.arrives == "every batch" else None,
        metadata={**column_schema(table), **place("raw", table.name)},
    )
    def raw(context: dg.AssetExecutionContext) -> TableUpdate:
        # A table that comes once comes with the first batch.
        asked = context.partition_keys if table.arrives == "every batch" else [batch_key(settings.start)]
        keys = [(key, (parse(key) - settings.start) // BATCH) for key in asked]
        rows = partial(source.rows, table, scale_factor=settings.scale_factor, many=len(keys) >= MANY)
        return TableUpdate(
            {
                key: {f"{table.name}.json": GeneratedFile(partial(rows, number=number, time=parse(key)))}
                for key, number in keys
                if source.delivers(table, number)
            },
            nothing=f"The source delivers nothing of {table.name} in",
        )

    return raw
