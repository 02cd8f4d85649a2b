"""How every schedule and sensor is made: on or off by the setting, within the budget, and one run of a layer at a time.

A tick returns run requests, or a sentence that says why there is nothing to do. What each layer asks for belongs in
`schedules.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from tpch_assets.compute.budget import reason_to_wait
from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration.jobs import Job, job_name
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.settings import Settings

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Found:
    """What a tick found: runs to request, or a reason why there are none; warnings; and where the next tick goes on."""

    requests: Sequence[dg.RunRequest] = ()
    reason: str = ""
    cursor: str | None = None
    warnings: Sequence[str] = ()


ScheduleTick = Callable[[Lake, datetime], Found]
"""Finds what there is to do, given the lake and the scheduled time (UTC)."""
SensorTick = Callable[[Lake, str | None], Found]
"""Finds what there is to do, given the lake and the last tick's cursor."""


def schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    """Whether schedules start switched on."""
    return dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED


def busy_layer(instance: dg.DagsterInstance, layers: Sequence[str]) -> str | None:
    """A sentence that names the first of some layers of which a run is under way, if there is one."""
    for layer in layers:
        if instance.get_runs(dg.RunsFilter(job_name=job_name(layer), statuses=UNDER_WAY), limit=1):
            return f"A {layer} run is under way."
    return None


def layer_schedule(
    settings: Settings, job: Job, cron: str, description: str, waits_for: Sequence[str], tick: ScheduleTick
) -> dg.ScheduleDefinition:
    """A schedule that runs what `tick` finds, unless a run of some layers is under way."""

    @dg.schedule(
        name=job.name.removesuffix("_job") + "_schedule",
        job=job,
        cron_schedule=cron,
        default_status=schedule_status(settings),
        description=description,
    )
    def schedule(context: dg.ScheduleEvaluationContext, lake: LakeResource) -> dg.SkipReason | list[dg.RunRequest]:
        if reason := reason_to_wait(settings) or busy_layer(context.instance, waits_for):
            return dg.SkipReason(reason)
        moment = context.scheduled_execution_time.astimezone(UTC)
        found = tick(lake.open(), moment)
        if not found.requests:
            return dg.SkipReason(found.reason)
        # Dagster refuses several requests of one tick without keys. The tick's time in them never suppresses a retry.
        return [
            request.with_replaced_attrs(run_key=f"{moment.isoformat()} {index}")
            for index, request in enumerate(found.requests)
        ]

    return schedule


def layer_sensor(
    settings: Settings,
    name: str,
    jobs: Sequence[Job],
    seconds: int,
    description: str,
    waits_for: Sequence[str],
    tick: SensorTick,
) -> dg.SensorDefinition:
    """A sensor that runs what `tick` finds, unless a run of some layers is under way."""

    @dg.sensor(
        name=name,
        jobs=jobs,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED,
        description=description,
    )
    def sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SkipReason | dg.SensorResult:
        if reason := reason_to_wait(settings) or busy_layer(context.instance, waits_for):
            return dg.SkipReason(reason)
        found = tick(lake.open(), context.cursor)
        for warning in found.warnings:
            context.log.warning(warning)
        if not found.requests:
            return dg.SensorResult(skip_reason=found.reason, cursor=found.cursor)
        return dg.SensorResult(run_requests=list(found.requests), cursor=found.cursor)

    return sensor
