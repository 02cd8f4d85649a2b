"""operations/costs: the cost and run time of each layer on each day, and the budget check.

`compute.costs` provides Coiled's figures; this module makes a table, a check and a schedule of them.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import dagster as dg
import pyarrow as pa

from tpch_assets.calendar import parse
from tpch_assets.compute import budget, costs
from tpch_assets.lake.update import TableRows, TableUpdate
from tpch_assets.layers import DAY, MADE_BY, Parquet
from tpch_assets.orchestration.assets.common import RETRY, place
from tpch_assets.settings import Settings, current_settings

KEY = dg.AssetKey(["operations", "costs"])
CHECK = "within_budget"
PLACES = Decimal("0.0001")
SCHEMA = pa.schema(
    [
        ("day", pa.date32()),
        ("layer", pa.string()),
        ("dollars", pa.decimal128(18, 4)),
        ("run_seconds", pa.float64()),
        ("runs", pa.int64()),
    ]
)
# Said here: to ask DuckDB would start its threads before a replay forks its processes.
TYPES = {"day": "DATE", "layer": "VARCHAR", "dollars": "DECIMAL(18,4)", "run_seconds": "DOUBLE", "runs": "BIGINT"}
DESCRIPTIONS = {
    "day": "The day (UTC).",
    "layer": "raw, bronze, silver or gold.",
    "dollars": "The layer's share of the clusters' cost, by the seconds of its runs; zero without Coiled.",
    "run_seconds": "Total seconds of the layer's runs on that day.",
    "runs": "Number of the layer's runs on that day.",
}

COSTS_JOB = dg.define_asset_job(
    "costs_job",
    selection=dg.AssetSelection.assets(KEY),
    description="Update the costs by layer and day, and check the day's budget.",
)


def cost_assets(settings: Settings, answers: Iterable[str] = ()) -> list[dg.AssetsDefinition]:
    """Return the asset. Today's partition holds what has been spent so far.

    Args:
        answers: The assets of gold, whose runs end a day. Below them the asset leaves raw alone at the graph's root, so
            that Dagster lets an operator materialize one day of all assets.
    """

    @dg.asset(
        key=KEY,
        deps=[dg.AssetDep(["gold", name], partition_mapping=dg.LastPartitionMapping()) for name in answers],
        description="The cost of each layer per day, from Coiled's own figures, and the time of its runs.",
        group_name="operations",
        kinds={"deltalake"},
        owners=settings.owners,
        partitions_def=dg.TimeWindowPartitionsDefinition(
            start=settings.start, cron_schedule="0 0 * * *", fmt="%Y-%m-%d", timezone="UTC", end_offset=1
        ),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="operations_costs",
        retry_policy=RETRY,
        metadata={
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn(field.name, TYPES[field.name], DESCRIPTIONS[field.name]) for field in SCHEMA]
            ),
            **place("operations", "costs"),
        },
    )
    def operations_costs(context: dg.AssetExecutionContext) -> TableUpdate:
        billing = costs.billing(current_settings())
        made = {}
        for key in context.partition_keys:
            day = date.fromisoformat(key)
            seconds, runs = run_seconds(context.instance, day)
            table = rows(day, costs.split(billing.dollars(day), seconds), seconds, runs)
            made[key] = {"{content}.parquet": TableRows(table, Parquet().options)}
        return TableUpdate(made, schema=SCHEMA)

    return [operations_costs]


def rows(day: date, dollars: dict[str, float], seconds: dict[str, float], runs: dict[str, int]) -> pa.Table:
    """The rows of a day, one per layer."""
    found = [
        {
            "day": day,
            "layer": layer,
            "dollars": Decimal(cost).quantize(PLACES),
            "run_seconds": seconds.get(layer, 0.0),
            "runs": runs.get(layer, 0),
        }
        for layer, cost in dollars.items()
    ]
    return pa.Table.from_pylist(found, SCHEMA)


def run_seconds(instance: dg.DagsterInstance, day: date) -> tuple[dict[str, float], dict[str, int]]:
    """Return the seconds and number of each layer's runs within a day (UTC), without runs that have not started.

    The seconds of a run over several layers are split evenly between them.
    """
    begin = parse(day.isoformat())
    end, now = begin + DAY, datetime.now(UTC)
    # Runs created before the day may still be in progress. No run takes two days.
    filters = dg.RunsFilter(created_after=begin - 2 * DAY, created_before=end)
    seconds: dict[str, float] = {}
    runs: dict[str, int] = {}
    for record in instance.get_run_records(filters):
        layers = {key.path[0] for key in record.dagster_run.asset_selection or ()} & _layers()
        layers = layers or {record.dagster_run.job_name.removesuffix("_job")} & _layers()
        if not layers or record.start_time is None:
            continue
        started = datetime.fromtimestamp(record.start_time, UTC)
        ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else now
        inside = min(ended, end) - max(started, begin)
        for layer in layers if inside > timedelta(0) else ():
            seconds[layer] = seconds.get(layer, 0.0) + inside.total_seconds() / len(layers)
            runs[layer] = runs.get(layer, 0) + 1
    return seconds, runs


def _layers() -> set[str]:
    return {layer for layers in MADE_BY.values() for layer in layers}


def cost_checks() -> list[dg.AssetChecksDefinition]:
    """Return the budget check. It warns from 80 % on, and fails when the budget is spent."""

    @dg.multi_asset_check(
        name="budget",
        specs=[dg.AssetCheckSpec(CHECK, asset=KEY, description="Less than 80 % of the day's budget is spent.")],
    )
    def within_budget() -> Iterator[dg.AssetCheckResult]:
        found = budget.spending(current_settings())
        yield dg.AssetCheckResult(
            passed=found is None or found.state == "ok",
            severity=dg.AssetCheckSeverity.ERROR if found and found.state == "over" else dg.AssetCheckSeverity.WARN,
            asset_key=KEY,
            check_name=CHECK,
            metadata={"spent ($)": found.spent, "budget ($)": found.budget} if found else {"budget ($)": "none"},
            description=str(found) if found else "There is no budget, or compute is free.",
        )

    return [within_budget]


def cost_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule that updates the costs."""
    status = dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="costs_schedule",
        job=COSTS_JOB,
        cron_schedule="50 * * * *",
        default_status=status,
        description="Every hour: update the costs of yesterday and today.",
    )
    def costs_schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        moment = context.scheduled_execution_time.astimezone(UTC)
        days = [day for day in (moment - DAY, moment) if day >= settings.start]
        return [
            dg.RunRequest(run_key=f"{moment.isoformat()} {day:%Y-%m-%d}", partition_key=f"{day:%Y-%m-%d}")
            for day in days
        ]

    return costs_schedule
