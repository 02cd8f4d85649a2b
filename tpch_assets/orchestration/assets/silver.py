"""silver: compact tables with unique keys. Facts of a group are cut into shards at the same keys."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import dagster as dg

from tpch_assets.calendar import window_of
from tpch_assets.lake.snapshot import Snapshots, existing, snapshot
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import KEEP, SILVER
from tpch_assets.orchestration.assets.common import ACCEPT_LOSS, RETRY, column_schema, place, refusals, word_of
from tpch_assets.orchestration.assets.lineage import same_columns
from tpch_assets.orchestration.freshness import policy
from tpch_assets.orchestration.partitions import backfills, partitions
from tpch_assets.orchestration.report import nothing
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business, Group, Table
from tpch_assets.settings import Settings
from tpch_assets.silver.dimensions import added_since, plan_dimension
from tpch_assets.silver.loss import check_complete, check_loss
from tpch_assets.silver.rows import PROVENANCE
from tpch_assets.silver.shards import plan_again, plan_shards
from tpch_assets.silver.stale import layer_snapshots


def silver_assets(settings: Settings, business: Business) -> list[dg.AssetsDefinition]:
    """Return one multi-asset per group of facts, and one asset per dimension."""
    facts = [_facts(group, settings) for group in business.groups]
    return [*facts, *(_dimension(table, settings) for table in business.dimensions)]


def _facts(group: Group, settings: Settings) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"silver_{group.name}_shards",
        deps=[["bronze", name] for name in group.names],
        outs={
            _output(table.name): dg.AssetOut(
                key=["silver", table.name],
                description=f"{table.description} Unique by {', '.join(table.key)} (keeps the {KEEP} arrival), sorted, "
                f"and cut into shards by {table.shard_key}.",
                kinds={"deltalake", "duckdb", "dask"},
                owners=settings.owners,
                freshness_policy=policy(SILVER),
                metadata={**column_schema(table, PROVENANCE), **_lineage(table), **place("silver", table.name)},
            )
            for table in group.facts
        },
        group_name="silver",
        partitions_def=partitions(SILVER, settings.start),
        backfill_policy=backfills(),
        pool=f"silver_{group.name}_shards",
        retry_policy=RETRY,
    )
    def silver_shards(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[dg.Output[TableUpdate]]:
        opened = lake.open()
        bronze = layer_snapshots(opened, "bronze", group)  # A fact of which nothing has come yet is empty.
        silver = layer_snapshots(opened, "silver", group)
        there = _with_data(group, bronze, silver, context.partition_keys)
        missing = f"bronze has nothing of {' or '.join(group.names)} in"
        if not there:
            raise dg.Failure(nothing("silver", missing, context.partition_keys), allow_retries=False)
        with refusals():
            updates = _updates(group, bronze, silver, context, there, settings.shard_rows)
        first, *others = group.names
        if len(there) < len(context.partition_keys):  # The run fails for the others, once all tables have these.
            beside = {name: updates[name] for name in others}
            yield dg.Output(replace(updates[first], beside=beside, nothing=missing), output_name=_output(first))
        for name, update in updates.items():
            yield dg.Output(update, output_name=_output(name))

    return silver_shards


def _lineage(table: Table) -> dict[str, dg.TableColumnLineage]:
    return same_columns("bronze", table, [name for name, _, _ in PROVENANCE])


def _with_data(group: Group, bronze: Snapshots, silver: Snapshots, asked: Sequence[str]) -> list[str]:
    """Return those of some windows of which bronze has files, or silver still has what bronze had."""
    there = {window_of(file.partition) for source in bronze.values() for file in source.files}
    there |= {file.partition for source in silver.values() for file in source.files}
    return [window for window in asked if window in there]


def _updates(
    group: Group,
    bronze: Snapshots,
    silver: Snapshots,
    context: dg.AssetExecutionContext,
    asked: Sequence[str],
    shard_rows: int,
) -> dict[str, TableUpdate]:
    """Return the updates of a group's tables, if they lose nothing and bronze is complete."""
    word = word_of(context)
    if word is None:
        updates = plan_shards(group, bronze, silver, asked, shard_rows)
    else:
        updates = plan_again(group, bronze, silver, max(asked), shard_rows)
    windows = {window for update in updates.values() for window in update.files}
    check_complete(bronze[group.names[0]].lake, group, bronze, windows)
    if word != ACCEPT_LOSS:
        check_loss(group.facts, bronze, silver, windows if word is None else None)
    return updates


def _output(table: str) -> str:
    """Return the output name of a fact. The prefix avoids names that Dagster reserves, such as `output` or `type`."""
    return f"silver_{table}"


def _dimension(table: Table, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=["silver", table.name],
        deps=[["bronze", table.name]],  # All of its partitions, so that a backfill by hand waits for those it makes.
        description=f"{table.description} The {KEEP} row per {', '.join(table.key)}.",
        group_name="silver",
        kinds={"deltalake", "duckdb"},
        owners=settings.owners,
        pool=f"silver_{table.name}",
        retry_policy=RETRY,
        metadata={**column_schema(table, PROVENANCE), **_lineage(table), **place("silver", table.name)},
    )
    def silver(context: dg.AssetExecutionContext, lake: LakeResource) -> TableUpdate:
        opened, word = lake.open(), word_of(context)
        present = snapshot(opened, opened.table("silver", table.name))
        with refusals():
            bronze = existing(opened, opened.table("bronze", table.name))
            if word != ACCEPT_LOSS and added_since(bronze, present) is None:
                check_loss([table], {table.name: bronze}, {table.name: present})
            return plan_dimension(table, bronze, present, settings.shard_rows, again=word is not None)

    return silver
