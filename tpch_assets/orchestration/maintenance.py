"""Daily maintenance: deletes files that left their table long ago, unneeded partials, and old Dagster runs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from tpch_assets.gold.sweep import sweep
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import printable
from tpch_assets.lake.snapshot import opened
from tpch_assets.models import housekeeping
from tpch_assets.models.housekeeping import needs_of_models
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.orchestration.ticks import schedule_status
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

if TYPE_CHECKING:
    from dagster_deltalake import DeltaTableResource

# Slow readers and writers in progress may still use younger files.
KEEP_FILES = timedelta(hours=168)
KEEP_PARTIALS = timedelta(hours=20)
"""How long a partial stays that no answer needs: longer than any run, and shorter than from night to night."""
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
RUNS_AT_ONCE = 500


def vacuum(resource: "DeltaTableResource") -> list[str]:
    """Delete files that left the table a week ago or never entered it. Returns their paths.

    Raises:
        RuntimeError: The table's newest commit is in the future on this machine's clock, so live files may look old.
    """
    table = resource.load()
    newest = datetime.fromtimestamp(table.history(1)[0]["timestamp"] / 1000, UTC)
    if newest > datetime.now(UTC) + timedelta(hours=1):
        raise RuntimeError(
            f"{resource.url}: the newest commit is from {newest:%Y-%m-%d %H:%M}, which is in the future on this clock"
        )
    hours = int(KEEP_FILES.total_seconds() // 3600)
    return table.vacuum(retention_hours=hours, full=True, dry_run=False)


def vacuum_all(lake: Lake, say: Callable[[str], None]) -> list[str]:
    """Vacuum every Delta table of the lake. Returns a sentence for each that could not be.

    Args:
        say: Takes a line for each table that was.
    """
    from tpch_assets.orchestration.delta_table import delta_table

    faults = []
    for uri in lake.tables():
        try:
            if table := opened(lake, uri):
                # Whoever made the last commit may have died before flushing it, and a vacuum commits on top of it.
                lake.store.flush_commit(uri, table.version())
                say(f"{uri}: {len(vacuum(delta_table(uri)))} files deleted")
                _flush(lake, uri, table.version())
        except Exception as error:  # noqa: BLE001 - the job fails with it, when the other tables are done
            faults.append(f"{printable(uri)}: {error}")
    return faults


def sweep_models(lake: Lake) -> int:
    """Delete files of models that left the registry a week ago or never entered it. Returns their number."""
    return len(housekeeping.sweep(lake, datetime.now(UTC), KEEP_FILES))


def _flush(lake: Lake, uri: str, since: int) -> None:
    """Make all commits after a version survive a power loss: a vacuum makes some, and flushes none."""
    now = opened(lake, uri)
    for version in range(since + 1, now.version() + 1 if now else 0):
        lake.store.flush_commit(uri, version)


def delete_old_runs(instance: dg.DagsterInstance, days: int) -> int:
    """Delete finished runs older than `days`, with their events; at most `RUNS_AT_ONCE`. Returns their number."""
    before = datetime.now(UTC) - timedelta(days=days)
    old = instance.get_run_records(dg.RunsFilter(statuses=FINISHED, created_before=before), limit=RUNS_AT_ONCE)
    for record in old:
        instance.delete_run(record.dagster_run.run_id)
    return len(old)


def maintenance(settings: Settings, business: Business) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Return the daily job and its schedule."""

    @dg.op(description="Delete files that left their table a week ago or never entered it.")
    def vacuum_tables(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        if faults := vacuum_all(lake.open(), context.log.info):
            raise dg.Failure(f"{len(faults)} tables were not vacuumed, the others were. {' '.join(faults)}")

    @dg.op(description="Delete partials that no answer has needed for most of a day.")
    def sweep_partials(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        opened = lake.open()
        deleted = sweep(
            business, opened, settings.scale_factor, datetime.now(UTC), KEEP_PARTIALS, needs_of_models(business, opened)
        )
        context.log.info(f"{len(deleted)} partials deleted")

    @dg.op(description="Delete files of models that left the registry a week ago or never entered it.")
    def delete_models(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        context.log.info(f"{sweep_models(lake.open())} files of models deleted")

    @dg.op(description="Delete finished runs older than TPCH_KEEP_RUNS_DAYS.")
    def delete_runs(context: dg.OpExecutionContext) -> None:
        context.log.info(f"{delete_old_runs(context.instance, settings.keep_runs_days)} runs deleted")

    @dg.job(description="Delete files that tables no longer need, partials that no answer needs, and old runs.")
    def maintenance_job() -> None:
        vacuum_tables()
        sweep_partials()
        delete_models()
        delete_runs()

    schedule = dg.ScheduleDefinition(
        name="maintenance_schedule",
        job=maintenance_job,
        cron_schedule="30 3 * * *",
        default_status=schedule_status(settings),
        description="Every night: delete old files and runs.",
    )
    return maintenance_job, schedule
