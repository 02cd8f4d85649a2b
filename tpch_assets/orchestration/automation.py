"""When things run. Raw, silver and gold by schedules, bronze by the files it finds, and what was late by a sensor.

Every tick asks the lake what is missing or stale and requests exactly that, so a gap (a night off, a failed run, a late
file) is caught up by itself, many partitions in few runs. A tick does nothing while a run of its job is under way.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from tpch_assets.bronze import arrivals
from tpch_assets.calendar import BATCH, batch_key, floor
from tpch_assets.gold import staleness
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration.jobs import FRESHNESS_JOB, JOBS, range_requests, request
from tpch_assets.orchestration.waiting import within_budget
from tpch_assets.settings import Settings
from tpch_assets.tpch.tables import PAIRED, TABLES

LATE = timedelta(hours=1)
WHOLE_LOOK = 0  # In this hour the raw schedule looks at all of the history.
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def _busy(instance: dg.DagsterInstance, layer: str) -> bool:
    filters = dg.RunsFilter(job_name=JOBS[layer].name, statuses=UNDER_WAY)
    return bool(instance.get_runs(filters, limit=1))


def window_requests(lake: Lake, until: datetime) -> list[dg.RunRequest]:
    """Silver runs for stale windows that ended by `until`."""
    return range_requests("silver", dict.fromkeys(PAIRED, staleness.stale_windows(lake, until)))


def dimension_requests(lake: Lake) -> list[dg.RunRequest]:
    """One silver run for the stale dimension tables, if there are any."""
    dimensions = staleness.stale_dimensions(lake)
    return [request("silver", dimensions)] if dimensions else []


def gold_requests(lake: Lake, start: datetime, until: datetime) -> list[dg.RunRequest]:
    """Runs for the days whose answers are missing or made from other pairs than silver's."""
    return range_requests("gold", dict(staleness.stale_days(lake, load_queries().values(), start, until)))


def automation(settings: Settings) -> tuple[list[dg.ScheduleDefinition], list[dg.SensorDefinition]]:
    """All schedules and sensors; switched on from the start if `TPCH_AUTOMATION` says so."""
    on = settings.automation
    schedule_status = dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
    sensor_status = dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED

    @dg.schedule(
        job=JOBS["raw"],
        cron_schedule="*/15 * * * *",
        default_status=schedule_status,
        description="Every 15 minutes: make the batches that have ended and are not in raw.",
    )
    @within_budget(settings)
    def raw_schedule(context: dg.ScheduleEvaluationContext, lake: dg.ResourceParam[Lake]):
        if not settings.generate:
            return dg.SkipReason("TPCH_GENERATE=false: files land in raw by themselves.")
        if _busy(context.instance, "raw"):
            return dg.SkipReason("A raw run is under way.")
        moment = _moment(context)
        recent = max(settings.start, floor(moment, BATCH) - arrivals.RECENT)
        missing = staleness.missing_raw(lake, recent, moment)
        # Batches are made in order: a gap goes on before the recent ones only if it holds the first of them.
        if recent > settings.start and (moment.hour == WHOLE_LOOK or batch_key(recent) in missing):
            missing = staleness.missing_raw(lake, settings.start, moment)
        requests = range_requests("raw", {name: missing for name, t in TABLES.items() if t.arrives == "every batch"})
        if missing and (once := staleness.missing_once(lake)):
            requests += range_requests("raw", {name: [batch_key(settings.start)] for name in once})
        return _keyed(requests, context) or dg.SkipReason("Every batch that has ended is in raw.")

    @dg.sensor(
        job=JOBS["bronze"],
        minimum_interval_seconds=60,
        default_status=sensor_status,
        description="Every minute: ingest raw files that bronze does not hold, whoever wrote them and however late.",
    )
    @within_budget(settings)
    def bronze_sensor(context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake]):
        if _busy(context.instance, "bronze"):
            return dg.SkipReason("A bronze run is under way.")
        now = datetime.now(UTC)
        found = arrivals.look(lake, context.cursor, now, settings.settle_seconds)
        start = batch_key(settings.start)
        for name in TABLES:
            if odd := [batch for batch in found.pending[name] if batch < start] + found.strays[name]:
                context.log.warning(
                    f"raw/{name}/{odd[0]} is no batch since TPCH_START={start}: {len(odd)} such folders are not read"
                )
        requests = range_requests(
            "bronze", {name: [b for b in new if start <= b < batch_key(now)] for name, new in found.pending.items()}
        )
        if not requests:
            return dg.SensorResult(skip_reason="Bronze holds every raw file.", cursor=found.cursor)
        return dg.SensorResult(run_requests=requests, cursor=found.cursor)

    @dg.schedule(
        job=JOBS["silver"],
        cron_schedule="20 */6 * * *",
        default_status=schedule_status,
        description="Every 6 hours: compact the windows that have ended, and merge the dimension tables.",
    )
    @within_budget(settings)
    def silver_schedule(context: dg.ScheduleEvaluationContext, lake: dg.ResourceParam[Lake]):
        if _busy(context.instance, "silver"):
            return dg.SkipReason("A silver run is under way.")
        requests = window_requests(lake, _moment(context)) + dimension_requests(lake)
        return _keyed(requests, context) or dg.SkipReason("Silver holds all that bronze holds.")

    @dg.schedule(
        job=JOBS["gold"],
        cron_schedule="45 0 * * *",
        default_status=schedule_status,
        description="Every day, when its last window is in silver: answer every query as of that day.",
    )
    @within_budget(settings)
    def gold_schedule(context: dg.ScheduleEvaluationContext, lake: dg.ResourceParam[Lake]):
        if _busy(context.instance, "gold") or _busy(context.instance, "silver"):
            return dg.SkipReason("A silver or gold run is under way; the late data sensor follows it.")
        requests = gold_requests(lake, settings.start, _moment(context))
        return _keyed(requests, context) or dg.SkipReason("Every day in silver is answered.")

    @dg.sensor(
        jobs=[JOBS["silver"], JOBS["gold"]],
        minimum_interval_seconds=300,
        default_status=sensor_status,
        description="Every 5 minutes: bring late, redelivered or missed data on to silver, and from there to gold.",
    )
    @within_budget(settings)
    def late_data_sensor(context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake]):
        if any(_busy(context.instance, layer) for layer in ("bronze", "silver", "gold")):
            return dg.SkipReason("A bronze, silver or gold run is under way.")
        until = datetime.now(UTC) - LATE  # Younger windows and days are the schedules' own work.
        if staleness.stale_windows(lake, until):
            return window_requests(lake, until) + dimension_requests(lake)
        return gold_requests(lake, settings.start, until) or dg.SkipReason("Nothing is late.")

    freshness_schedule = dg.ScheduleDefinition(
        name="freshness_schedule",
        job=FRESHNESS_JOB,
        cron_schedule="5,20,35,50 * * * *",
        default_status=schedule_status,
        description="Every 15 minutes: check how old each layer's data is.",
    )
    return [raw_schedule, silver_schedule, gold_schedule, freshness_schedule], [bronze_sensor, late_data_sensor]


def _keyed(requests: list[dg.RunRequest], context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """Dagster refuses several requests of one tick without keys; keys with the tick's time never suppress a retry."""
    moment = _moment(context)
    return [request.with_replaced_attrs(run_key=f"{moment.isoformat()} {i}") for i, request in enumerate(requests)]


def _moment(context: dg.ScheduleEvaluationContext) -> datetime:
    return context.scheduled_execution_time.astimezone(UTC)
