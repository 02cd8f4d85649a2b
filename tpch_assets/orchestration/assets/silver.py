"""silver: unique by key and compact: orders and lines as co-partitioned pairs, dimensions as their latest rows."""

from collections.abc import Iterator

import dagster as dg

from tpch_assets.calendar import windows
from tpch_assets.lake.delta import Snapshot, snapshot
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.stored import Partitions
from tpch_assets.orchestration.assets.bronze import PROVENANCE
from tpch_assets.orchestration.assets.common import RETRY, column_schema, place, stored_schema
from tpch_assets.schema import Table
from tpch_assets.settings import Settings
from tpch_assets.silver.dimensions import BRONZE_VERSION, PARTITION, plan_dimension
from tpch_assets.silver.shards import plan_pairs
from tpch_assets.tpch.tables import DIMENSIONS, PAIRED, TABLES, TableName


def silver_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The pairs, made together, and one asset per dimension table."""
    return [_pairs(settings), *(_dimension(TABLES[name], settings) for name in DIMENSIONS)]


def _pairs(settings: Settings) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="silver_pairs",
        ins={name: dg.AssetIn(["bronze", name]) for name in PAIRED},
        outs={
            name: dg.AssetOut(
                key=["silver", name],
                description=f"{TABLES[name].description} Unique by {', '.join(TABLES[name].key)}, sorted, and cut into "
                "pairs of files that hold whole orders.",
                kinds={"deltalake", "duckdb", "dask"},
                owners=settings.owners,
                metadata={**column_schema(TABLES[name], PROVENANCE[:1]), **place("silver", name)},
            )
            for name in PAIRED
        },
        group_name="silver",
        partitions_def=windows(settings.start),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="silver_pairs",
        retry_policy=RETRY,
    )
    def silver_pairs(
        context: dg.AssetExecutionContext, orders: Snapshot, lineitem: Snapshot, lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.Output[Partitions]]:
        bronze: dict[TableName, Snapshot] = {"orders": orders, "lineitem": lineitem}
        silver = {name: snapshot(lake, lake.table("silver", name)) for name in PAIRED}
        plan = plan_pairs(bronze, silver, context.partition_keys, settings.pair_rows)
        for name in PAIRED:
            yield dg.Output(Partitions(plan[name], base=silver[name].version), output_name=name)

    return silver_pairs


def _dimension(table: Table, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=["silver", table.name],
        # All of bronze is read; to name the last partition spares Dagster from listing every one of the calendar.
        ins={"bronze": dg.AssetIn(["bronze", table.name], partition_mapping=dg.LastPartitionMapping())},
        description=f"{table.description} The latest row per {', '.join(table.key)}.",
        group_name="silver",
        kinds={"deltalake", "duckdb"},
        owners=settings.owners,
        pool=f"silver_{table.name}",
        retry_policy=RETRY,
        metadata={**column_schema(table, PROVENANCE[:1]), **place("silver", table.name)},
    )
    def silver(bronze: Snapshot, lake: dg.ResourceParam[Lake]) -> Partitions:
        present = snapshot(lake, lake.table("silver", table.name))
        plan = plan_dimension(table.name, bronze, present, settings.pair_rows)
        marks = {BRONZE_VERSION: plan.bronze_version}
        schema = stored_schema(table, PROVENANCE[:1])
        return Partitions({PARTITION: plan.build}, keep=plan.keep, base=plan.base, marks=marks, schema=schema)

    return silver
