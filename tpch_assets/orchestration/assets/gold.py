"""gold: one asset per business query, with one answer per day over all of silver up to that day."""

import dagster as dg

from tpch_assets.gold.loss import check_history
from tpch_assets.gold.plan import plan_answers, snapshots_for
from tpch_assets.gold.queries import Query, load_queries
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import GOLD
from tpch_assets.orchestration.assets.common import ACCEPT_LOSS, RETRY, place, refusals, word_of
from tpch_assets.orchestration.partitions import partitions
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business
from tpch_assets.settings import Settings, SettingsError


def gold_assets(settings: Settings, business: Business) -> list[dg.AssetsDefinition]:
    """Return one asset per .sql file of the business.

    Raises:
        SettingsError: TPCH_SHUFFLE_QUERIES names a query that has no shuffle join.
    """
    names = settings.shuffle_queries or []
    if unknown := [name for name in names if name not in business.shuffled]:
        raise SettingsError(
            f"TPCH_SHUFFLE_QUERIES={','.join(names)}: no shuffle join exists for {unknown[0]}, "
            f"only for {', '.join(business.shuffled) or 'no query'}"
        )
    return [_gold(query, settings, business) for query in load_queries(business).values()]


def _gold(query: Query, settings: Settings, business: Business) -> dg.AssetsDefinition:
    shuffle = query.name in (settings.shuffle_queries or ())
    statements = {"partial": query.partial, "combine": query.combine}
    sql = "\n\n".join(f"-- {name}\n{text}" for name, text in statements.items() if text)
    columns = [dg.TableColumn(name, type_) for name, type_ in (*query.columns, ("as_of", "DATE"))]

    @dg.asset(
        key=["gold", query.name],
        deps=[["silver", name] for name in query.tables],
        description=f"**{query.title}.** {query.question}\n\n```sql\n{sql}\n```",
        group_name="gold",
        kinds={"deltalake", "duckdb", "dask"},
        owners=settings.owners,
        partitions_def=partitions(GOLD, settings.start),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=f"gold_{query.name}",
        retry_policy=RETRY,
        metadata={
            "parameters": query.param_expressions,
            "dagster/column_schema": dg.TableSchema(columns),
            **place("gold", query.name),
        },
    )
    def gold(context: dg.AssetExecutionContext, lake: LakeResource) -> TableUpdate:
        days, opened = list(context.partition_keys), lake.open()
        if word_of(context) != ACCEPT_LOSS:
            with refusals():
                silver = snapshots_for(query, business, opened)
                check_history(query, silver, snapshot(opened, opened.table("gold", query.name)))
        return plan_answers(query, business, opened, days, settings.scale_factor, shuffle=shuffle)

    return gold
