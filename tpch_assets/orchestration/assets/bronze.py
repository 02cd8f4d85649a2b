"""bronze: every line of every raw file, typed, in a Delta table; a bad line in `<table>_rejects`, with its reason."""

import dagster as dg

from tpch_assets.bronze.plan import plan_batches
from tpch_assets.calendar import batches
from tpch_assets.lake.delta import snapshot
from tpch_assets.lake.lake import Lake, RawFile
from tpch_assets.lake.stored import Partitions
from tpch_assets.orchestration.assets.common import RETRY, column_schema, place, stored_schema
from tpch_assets.schema import Table
from tpch_assets.settings import Settings
from tpch_assets.tpch.tables import TABLES

PROVENANCE = (
    ("_batch", "VARCHAR", "The batch that delivered the row."),
    ("_file", "VARCHAR", "The raw file that the row stood in."),
    ("_rescued", "VARCHAR", "Fields that the schema does not know, as JSON."),
)


def bronze_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """One asset per table."""
    return [_bronze(table, settings) for table in TABLES.values()]


def _bronze(table: Table, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=["bronze", table.name],
        ins={"raw": dg.AssetIn(["raw", table.name])},
        description=f"{table.description} Every row as delivered, with types and provenance; "
        f"lines that do not parse are in bronze/{table.name}_rejects.",
        group_name="bronze",
        kinds={"deltalake", "duckdb"},
        owners=settings.owners,
        partitions_def=batches(settings.start),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=f"bronze_{table.name}",
        retry_policy=RETRY,
        metadata={**column_schema(table, PROVENANCE), **place("bronze", table.name)},
    )
    def bronze(raw: dict[str, list[RawFile]], lake: dg.ResourceParam[Lake]) -> Partitions:
        build, keep = plan_batches(table.name, raw, snapshot(lake, lake.table("bronze", table.name)))
        return Partitions(build, keep=tuple(keep), schema=stored_schema(table, PROVENANCE))

    return bronze
