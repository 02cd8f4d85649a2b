"""gold: one asset per business query, one result per day, over all of silver up to that day."""

from datetime import date
from typing import Any

import dagster as dg

from tpch_assets.calendar import days
from tpch_assets.gold import partials, shuffled
from tpch_assets.gold.queries import Query, load_queries
from tpch_assets.gold.staleness import made_from
from tpch_assets.lake.delta import existing
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.stored import Partitions
from tpch_assets.orchestration.assets.common import RETRY, place
from tpch_assets.settings import Settings
from tpch_assets.tpch.tables import PAIRED, TableName


def gold_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """One asset per .sql file in `queries/`.

    Raises:
        SettingsError: A query is to be answered by a shuffle join that is not written.
    """
    shuffled.check_names(settings.shuffle_queries or [])
    return [_gold(query, settings) for query in load_queries().values()]


def _gold(query: Query, settings: Settings) -> dg.AssetsDefinition:
    plan = shuffled.plan if query.name in (settings.shuffle_queries or ()) else partials.plan
    statements = {"partial": query.partial, "combine": query.combine}
    sql = "\n\n".join(f"-- {name}\n{text}" for name, text in statements.items() if text)

    @dg.asset(
        key=["gold", query.name],
        deps=[["silver", name] for name in query.tables],
        description=f"**{query.title}.** {query.question}\n\n```sql\n{sql}\n```",
        group_name="gold",
        kinds={"deltalake", "duckdb", "dask"},
        owners=settings.owners,
        partitions_def=days(settings.start),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=f"gold_{query.name}",
        retry_policy=RETRY,
        metadata={"parameters": query.param_expressions, **place("gold", query.name)},
    )
    def gold(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Partitions:
        # A pair is known by both its files, also where the query reads only one of them.
        tables: set[TableName] = {*query.tables, *(PAIRED if query.partial else ())}
        silver = {name: existing(lake, lake.table("silver", name)) for name in tables}
        files: dict[str, dict[str, Any]] = {}
        extra = {}
        for key in context.partition_keys:
            answer, counts = plan(query, silver, date.fromisoformat(key), settings.scale_factor)
            files[key] = {f"{made_from(query, silver, key)}-{{content}}.parquet": answer}
            extra[key] = counts
        return Partitions(files, extra=extra)

    return gold
