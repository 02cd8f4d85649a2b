"""Builds schedules and sensors that follow the automation setting, wait for running layers, and respect the budget.

A tick returns run requests, or a sentence that says why there are none. `schedules.py` decides what each layer
requests.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from tpch_assets.compute.budget import reason_to_wait
from tpch_assets.lake import record
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.recovery import REPAIRED, repair_once
from tpch_assets.orchestration.instance import end_lost
from tpch_assets.orchestration.jobs import Job, job_name
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.settings import Settings, current_business

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


SHOWN = 3  # Warnings in a skipped tick's message; the tick's log has all.


@dataclass(frozen=True)
class Found:
    """The result of a tick: run requests or a reason why there are none, warnings, and the next tick's cursor."""

    requests: Sequence[dg.RunRequest] = ()
    reason: str = ""
    cursor: str | None = None
    warnings: Sequence[str] = ()

    @property
    def skip_message(self) -> str:
        """Why there are no requests, as the tick shows it: the first warnings stand before the reason."""
        more = len(self.warnings) - SHOWN
        return " ".join([*self.warnings[:SHOWN], f"And {more} more." if more > 0 else "", self.reason]).strip()


ScheduleTick = Callable[[Lake, datetime], Found]
"""Finds what is due, given the lake and the scheduled time (UTC)."""
SensorTick = Callable[[Lake, str | None, dg.DagsterInstance], Found]
"""Finds what is due, given the lake, the last tick's cursor, and the instance with the runs so far."""


def schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    """Return whether schedules are on by default."""
    return dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED


def busy_layer(instance: dg.DagsterInstance, layers: Sequence[str]) -> str | None:
    """Return a sentence that names the first of the layers with a run in progress; None if there is none."""
    for layer in layers:
        if instance.get_runs(dg.RunsFilter(job_name=job_name(layer), statuses=UNDER_WAY), limit=1):
            return f"A {layer} run is under way."
    return None


def _sound(lake: LakeResource, settings: Settings, log: logging.Logger) -> Lake:
    """Open the lake, after this process has repaired once what a power loss may have damaged.

    Raises:
        LakeError: The lake was begun with other settings.
    """
    opened = lake.open()
    record.check(opened, settings, current_business())
    for damaged in repair_once(opened):
        log.warning(f"{REPAIRED} {damaged}")
    return opened


def layer_schedule(
    settings: Settings, job: Job, cron: str, description: str, waits_for: Sequence[str], tick: ScheduleTick
) -> dg.ScheduleDefinition:
    """Return a schedule that requests what `tick` finds, unless a layer in `waits_for` has a run in progress."""

    @dg.schedule(
        name=job.name.removesuffix("_job") + "_schedule",
        job=job,
        cron_schedule=cron,
        default_status=schedule_status(settings),
        description=description,
    )
    def schedule(context: dg.ScheduleEvaluationContext, lake: LakeResource) -> dg.SkipReason | list[dg.RunRequest]:
        for ended in end_lost(context.instance, datetime.now(UTC)):
            context.log.warning(ended)
        if reason := reason_to_wait(settings) or busy_layer(context.instance, waits_for):
            return dg.SkipReason(reason)
        moment = context.scheduled_execution_time.astimezone(UTC)
        found = tick(_sound(lake, settings, context.log), moment)
        for warning in found.warnings:
            context.log.warning(warning)
        if not found.requests:
            return dg.SkipReason(found.skip_message)
        # Several requests of one tick need run keys. The tick's time in them ensures that they never suppress a retry.
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
    """Return a sensor that requests what `tick` finds, unless a layer in `waits_for` has a run in progress."""

    @dg.sensor(
        name=name,
        jobs=jobs,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED,
        description=description,
    )
    def sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SkipReason | dg.SensorResult:
        # Imported lazily, so that definitions load faster. From the next tick on an instance opens in 4 ms, not in 24.
        from tpch_assets.orchestration.alembic_private import read_migrations_once

        read_migrations_once()
        for ended in end_lost(context.instance, datetime.now(UTC)):
            context.log.warning(ended)
        if reason := reason_to_wait(settings) or busy_layer(context.instance, waits_for):
            return dg.SkipReason(reason)
        found = tick(_sound(lake, settings, context.log), context.cursor, context.instance)
        for warning in found.warnings:
            context.log.warning(warning)
        if not found.requests:
            return dg.SensorResult(skip_reason=found.skip_message, cursor=found.cursor)
        return dg.SensorResult(run_requests=list(found.requests), cursor=found.cursor)

    return sensor
