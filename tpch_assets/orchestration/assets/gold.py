"""gold: one asset per business query, with one answer per day over all of silver up to that day."""

from collections.abc import Mapping
from dataclasses import replace

import dagster as dg

from tpch_assets.gold.blocked import check_blocked
from tpch_assets.gold.days import days_with_data
from tpch_assets.gold.identity import code_digest
from tpch_assets.gold.loss import check_history
from tpch_assets.gold.plan import RUNS_WHOLE, WARNING, plan_answers, snapshots_for
from tpch_assets.gold.queries import Query, broken_queries, load_queries
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import GOLD
from tpch_assets.orchestration.assets.broken import broken_asset
from tpch_assets.orchestration.assets.common import ACCEPT_LOSS, RETRY, on_dashboard, place, refusals, word_of
from tpch_assets.orchestration.assets.lineage import answer_columns
from tpch_assets.orchestration.freshness import policy
from tpch_assets.orchestration.partitions import backfills, partitions
from tpch_assets.orchestration.report import nothing
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.schema import Business
from tpch_assets.settings import Settings


def gold_assets(settings: Settings, business: Business) -> list[dg.AssetsDefinition]:
    """Return one asset per .sql file and Python answer. That of a broken one fails with what is wrong with it."""
    sound = [_gold(query, settings, business) for query in load_queries(business).values()]
    return [*sound, *(broken_asset(query, "query", settings) for query in broken_queries(business).values())]


def _gold(query: Query, settings: Settings, business: Business) -> dg.AssetsDefinition:
    @dg.asset(
        key=["gold", query.name],
        deps=[["silver", name] for name in query.tables],
        description=f"{query.title}. {query.question}\n\n{_code(query)}",
        group_name="gold",
        kinds={"deltalake", "dask", "python" if query.function else "duckdb"},
        owners=settings.owners,
        partitions_def=partitions(GOLD, settings.start),
        backfill_policy=backfills(),
        pool=f"gold_{query.name}",
        retry_policy=RETRY,
        freshness_policy=policy(GOLD),
        code_version=code_digest(query, business, settings.scale_factor),
        metadata={
            **({"parameters": query.param_expressions} if query.param_expressions else {}),
            **answer_columns(query, business),
            **place("gold", query.name),
            **on_dashboard(settings, "queries", query=query.name),
        },
    )
    def gold(context: dg.AssetExecutionContext, lake: LakeResource) -> TableUpdate:
        days, opened = list(context.partition_keys), lake.open()
        with refusals():
            silver = snapshots_for(query, business, opened)
            if word_of(context) != ACCEPT_LOSS:
                check_history(query, silver, snapshot(opened, opened.table("gold", query.name)))
            groups = query.groups or business.groups
            there = days_with_data(opened, groups, days)
            check_blocked(opened, query, business, there)
        missing = f"silver has no rows of {' or '.join(name for group in groups for name in group.names)} in"
        if not there:
            raise dg.Failure(nothing("gold", missing, days), allow_retries=False)
        update = plan_answers(query, business, opened, there, settings.scale_factor)
        _tell(context, update.extra)
        return replace(update, nothing=missing)

    return gold


def _code(query: Query) -> str:
    if query.function:
        return f"```python\n{query.function.text}\n```"
    sql = "\n\n".join(text if name == "statement" else f"-- {name}\n{text}" for name, text in query.statements.items())
    return f"```sql\n{sql}\n```"


def _tell(context: dg.AssetExecutionContext, facts: Mapping[str, Mapping[str, int | float | str]]) -> None:
    """Log once why the query runs whole, if it does."""
    one = next(iter(facts.values()), {})
    if WARNING in one:
        context.log.warning(str(one[WARNING]))
    elif RUNS_WHOLE in one:
        context.log.info(f"The plain statement runs over all files: {one[RUNS_WHOLE]}")
