"""gold: one asset per business query, with one answer per day over all of silver up to that day."""

from collections.abc import Mapping

import dagster as dg

from tpch_assets.gold.identity import code_digest
from tpch_assets.gold.plan import RUNS_WHOLE, WARNING, plan_answers
from tpch_assets.gold.queries import BrokenQuery, Query, broken_queries, load_queries
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import GOLD
from tpch_assets.orchestration.assets.common import RETRY, place
from tpch_assets.orchestration.assets.lineage import answer_columns
from tpch_assets.orchestration.partitions import partitions
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business
from tpch_assets.settings import Settings, SettingsError


def gold_assets(settings: Settings, business: Business) -> list[dg.AssetsDefinition]:
    """Return one asset per .sql file of the business. That of a broken file fails with what is wrong with it.

    Raises:
        SettingsError: TPCH_SHUFFLE_QUERIES names a query that has no shuffle join.
    """
    names = settings.shuffle_queries or []
    if unknown := [name for name in names if name not in business.shuffled]:
        raise SettingsError(
            f"TPCH_SHUFFLE_QUERIES={','.join(names)}: no shuffle join exists for {unknown[0]}, "
            f"only for {', '.join(business.shuffled) or 'no query'}"
        )
    sound = [_gold(query, settings, business) for query in load_queries(business).values()]
    return [*sound, *(_broken(query, settings) for query in broken_queries(business).values())]


def _gold(query: Query, settings: Settings, business: Business) -> dg.AssetsDefinition:
    shuffle = query.name in (settings.shuffle_queries or ())
    sql = "\n\n".join(text if name == "statement" else f"-- {name}\n{text}" for name, text in query.statements.items())

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
        code_version=code_digest(query, business, settings.scale_factor),
        metadata={
            "parameters": query.param_expressions,
            **answer_columns(query, business),
            **place("gold", query.name),
        },
    )
    def gold(context: dg.AssetExecutionContext, lake: LakeResource) -> TableUpdate:
        days = list(context.partition_keys)
        update = plan_answers(query, business, lake.open(), days, settings.scale_factor, shuffle=shuffle)
        _tell(context, update.extra)
        return update

    return gold


def _tell(context: dg.AssetExecutionContext, facts: Mapping[str, Mapping[str, int | float | str]]) -> None:
    """Log once why the query runs whole, if it does."""
    one = next(iter(facts.values()), {})
    if WARNING in one:
        context.log.warning(str(one[WARNING]))
    elif RUNS_WHOLE in one:
        context.log.info(f"The plain statement runs over all files: {one[RUNS_WHOLE]}")


def _broken(query: BrokenQuery, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=["gold", query.name],
        description=f"**This query is broken.** {query.error}",
        group_name="gold",
        owners=settings.owners,
        partitions_def=partitions(GOLD, settings.start),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def gold() -> None:
        raise dg.Failure(query.error, allow_retries=False)

    return gold
