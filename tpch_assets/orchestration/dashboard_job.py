"""Keeps the dashboard up: every 5 minutes a tick asks whether it answers, and only where it does not, a run starts it.

The tick itself asks, since a run for every look would fill the list of runs, and cost a credit each in Dagster Cloud.
"""

from typing import TYPE_CHECKING

import dagster as dg

from tpch_assets.orchestration.ticks import UNDER_WAY
from tpch_assets.settings import Settings, SettingsError

if TYPE_CHECKING:
    from dashboards.keeper import Starter

NAME = "dashboard_job"
OFF = "TPCH_DASHBOARD_MODE=off: nobody looks after the dashboard here; `local` and `coiled` do."


def starter(settings: Settings) -> "Starter":
    """What starts the dashboard, by `TPCH_DASHBOARD_MODE`; not `off`.

    Raises:
        SettingsError: One of the dashboard's own settings is not valid.
    """
    # Only here, so that loading the definitions does not wait for it.
    from dashboards.cloud import CoiledStarter
    from dashboards.keeper import local_url
    from dashboards.local import LocalStarter
    from dashboards.settings import load_dashboard_settings
    from tpch_assets.orchestration.instance import prepare_home

    own = load_dashboard_settings()
    if settings.dashboard_mode == "coiled":
        return CoiledStarter(settings, own)
    return LocalStarter(local_url(own), prepare_home())


def dashboard(settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """The job and its schedule."""
    off = settings.dashboard_mode == "off"

    @dg.op(pool="dashboard", description="Start the dashboard where it does not answer.")
    def keep_dashboard(context: dg.OpExecutionContext) -> None:
        if off:
            raise dg.Failure(OFF, allow_retries=False)
        from dashboards.keeper import DashboardError, trouble

        try:
            found = starter(settings)
            if why := trouble(found.url):
                context.log.warning(f"The dashboard is down: {why}")
                done = found.start()
            else:
                done = f"The dashboard answers at {found.url}."
        except (DashboardError, SettingsError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        context.log.info(done)
        context.add_output_metadata({"url": dg.MetadataValue.url(found.url), "done": done})

    @dg.job(name=NAME, description="Ask whether the dashboard answers, and start it where it does not.")
    def dashboard_job():
        keep_dashboard()

    running = settings.automation and not off

    @dg.schedule(
        job=dashboard_job,
        cron_schedule="*/5 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description="Every 5 minutes: start the dashboard where it does not answer.",
    )
    def dashboard_schedule(context: dg.ScheduleEvaluationContext):
        if off:
            return dg.SkipReason(OFF)
        from dashboards.keeper import trouble

        found = starter(settings)
        if not (why := trouble(found.url)):
            return dg.SkipReason(f"The dashboard answers at {found.url}.")
        if context.instance.get_runs(dg.RunsFilter(job_name=NAME, statuses=UNDER_WAY), limit=1):
            return dg.SkipReason(f"It is being started. {why}")
        context.log.warning(f"The dashboard is down: {why}")
        return dg.RunRequest()

    return dashboard_job, dashboard_schedule
