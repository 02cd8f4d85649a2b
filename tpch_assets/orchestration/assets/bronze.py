"""bronze: the typed rows of all raw files. Bad lines go to `<table>_rejects`, each with its reason."""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from tpch_assets.bronze.fingerprint import rejects_of
from tpch_assets.bronze.plan import PROVENANCE, plan_again, plan_batches
from tpch_assets.calendar import batch_key, is_batch
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import BRONZE
from tpch_assets.orchestration.assets.common import ACCEPT_LOSS, RETRY, column_schema, place, refusals, word_of
from tpch_assets.orchestration.freshness import policy
from tpch_assets.orchestration.jobs import range_of
from tpch_assets.orchestration.partitions import backfills, partitions_of
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.raw.files import behind, deliveries, files_of
from tpch_assets.schema import Business, Table
from tpch_assets.settings import Settings

REJECTS = (
    ("_batch", "VARCHAR", "The batch that delivered the line."),
    ("_file", "VARCHAR", "The raw file that it stands in."),
    ("_line", "BIGINT", "Its number in the file, from 1."),
    ("_text", "VARCHAR", "The line itself."),
    ("_reason", "VARCHAR", "Why it is no row."),
)
"""The columns of rejects, as (name, type, description)."""


def bronze_assets(settings: Settings, business: Business) -> list[dg.AssetsDefinition]:
    """One asset per table, and one for its rejects, which are stored together with it."""
    rejects = dg.AssetsDefinition(specs=[_rejects(table, settings) for table in business.tables])
    return [*(_bronze(table, settings) for table in business.tables), rejects]


def _rejects(table: Table, settings: Settings) -> dg.AssetSpec:
    columns = [dg.TableColumn(name, type_, text) for name, type_, text in REJECTS]
    return dg.AssetSpec(
        ["bronze", f"{table.name}_rejects"],
        deps=[["bronze", table.name]],
        description=f"Lines of raw/{table.name} that are no rows of bronze/{table.name}, each with its reason. Bronze "
        f"records them; deliver them again, or acknowledge them by `tpch-assets acknowledge {table.name}`.",
        group_name="bronze",
        kinds={"deltalake", "duckdb"},
        owners=settings.owners,
        metadata={"dagster/column_schema": dg.TableSchema(columns), **place("bronze", f"{table.name}_rejects")},
    )


def _bronze(table: Table, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=["bronze", table.name],
        # List the files here instead of loading them as an input, which would add Dagster events.
        deps=[["raw", table.name]],
        description=f"{table.description} Every row as delivered, with types and provenance. "
        f"Lines that do not parse are in bronze/{table.name}_rejects.",
        group_name="bronze",
        kinds={"deltalake", "duckdb"},
        owners=settings.owners,
        partitions_def=partitions_of(table, BRONZE, settings.start),
        backfill_policy=backfills() if table.arrives == "every batch" else None,
        pool=f"bronze_{table.name}",
        retry_policy=RETRY,
        freshness_policy=policy(BRONZE) if table.arrives == "every batch" else None,
        metadata={**column_schema(table, PROVENANCE), **place("bronze", table.name)},
    )
    def bronze(context: dg.AssetExecutionContext, lake: LakeResource) -> TableUpdate:
        opened = lake.open()
        keys = context.partition_keys if table.arrives == "every batch" else _delivered(context, opened)
        if not keys:
            raise dg.Failure(f"raw/{table.name} has no file that could be read.", allow_retries=False)
        present = snapshot(opened, opened.table("bronze", table.name))
        rejects = rejects_of(present)  # Before raw is listed.
        with refusals():
            if word := word_of(context):
                listed = deliveries(opened, table.name, batch_key(settings.start), behind(max(keys)))
                raw = {batch: files for batch, files in listed if is_batch(batch)}
                return plan_again(table, raw, present, accept_loss=word == ACCEPT_LOSS)
            update = plan_batches(table, files_of(opened, table.name, keys), present, rejects)
            return replace(update, nothing=f"raw/{table.name} has no file of")

    def _delivered(context: dg.AssetExecutionContext, lake: Lake) -> list[str]:
        """Return the batches that brought a table which comes once: those that the run is for, or all."""
        first, last = range_of(context.run.tags) or (batch_key(settings.start), batch_key(datetime.now(UTC)))
        listed = deliveries(lake, table.name, first, behind(last))
        return [batch for batch, files in listed if files and is_batch(batch)]

    return bronze
