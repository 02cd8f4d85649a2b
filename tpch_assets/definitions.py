"""The code location: assembles assets, checks, jobs, schedules, sensors and resources, and nothing else."""

import dagster as dg

from tpch_assets.orchestration.assets.bronze import bronze_assets
from tpch_assets.orchestration.assets.costs import COSTS_JOB, cost_assets, cost_checks, cost_schedule
from tpch_assets.orchestration.assets.gold import gold_assets
from tpch_assets.orchestration.assets.raw import raw_assets
from tpch_assets.orchestration.assets.silver import silver_assets
from tpch_assets.orchestration.automation import automation
from tpch_assets.orchestration.checks import asset_checks
from tpch_assets.orchestration.dashboard_job import dashboard
from tpch_assets.orchestration.jobs import FRESHNESS_JOB, JOBS
from tpch_assets.orchestration.maintenance import maintenance
from tpch_assets.orchestration.resources import lake_resources
from tpch_assets.settings import current_settings

settings = current_settings()
schedules, sensors = automation(settings)
maintenance_job, maintenance_schedule = maintenance(settings)
dashboard_job, dashboard_schedule = dashboard(settings)

defs = dg.Definitions(
    assets=[
        *raw_assets(settings),
        *bronze_assets(settings),
        *silver_assets(settings),
        *gold_assets(settings),
        *cost_assets(settings),
    ],
    asset_checks=[*asset_checks(), *cost_checks()],
    jobs=[*JOBS.values(), FRESHNESS_JOB, maintenance_job, dashboard_job, COSTS_JOB],
    schedules=[*schedules, maintenance_schedule, dashboard_schedule, cost_schedule(settings)],
    sensors=sensors,
    resources=lake_resources(settings.lake),
    # Dask does the parallel work; a process per step would cost more than most steps do.
    executor=dg.in_process_executor,
)
