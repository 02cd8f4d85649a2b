"""Assembles the Dagster definitions of a business from the parts in the other modules."""

import dagster as dg

from tpch_assets.gold.queries import load_queries
from tpch_assets.orchestration.alerts import alerts_sensor
from tpch_assets.orchestration.assets.bronze import bronze_assets
from tpch_assets.orchestration.assets.costs import COSTS_JOB, cost_assets, cost_checks, cost_schedule
from tpch_assets.orchestration.assets.gold import gold_assets
from tpch_assets.orchestration.assets.models import model_assets, model_checks
from tpch_assets.orchestration.assets.raw import raw_assets
from tpch_assets.orchestration.assets.silver import silver_assets
from tpch_assets.orchestration.checks import data_checks
from tpch_assets.orchestration.code_links import with_code_links
from tpch_assets.orchestration.feed_checks import feed_checks
from tpch_assets.orchestration.freshness import freshness_checks
from tpch_assets.orchestration.gold_checks import gold_checks
from tpch_assets.orchestration.jobs import Requests, freshness_job, layer_jobs
from tpch_assets.orchestration.maintenance import maintenance
from tpch_assets.orchestration.resources import resources
from tpch_assets.orchestration.schedules import Planner, layer_schedules, layer_sensors
from tpch_assets.orchestration.servers import servers
from tpch_assets.orchestration.watch import watch
from tpch_assets.schema import Business
from tpch_assets.settings import Settings


def planner_of(settings: Settings, business: Business) -> Planner:
    """Return the planner that finds out which runs are due."""
    return Planner(settings, business, Requests(_data_checks(settings, business)))


def _data_checks(settings: Settings, business: Business) -> list[dg.AssetChecksDefinition]:
    """Return the checks that run together with their assets."""
    return [*data_checks(business), gold_checks(settings, business), *model_checks(business)]


def assemble(settings: Settings, business: Business) -> dg.Definitions:
    """Return the definitions of a business for the given settings."""
    checks, freshness = (
        _data_checks(settings, business),
        [*freshness_checks(settings, business), *feed_checks(settings, business)],
    )
    jobs = {job.name.removesuffix("_job"): job for job in (*layer_jobs(freshness), freshness_job(freshness))}
    planner = Planner(settings, business, Requests(checks))
    maintenance_job, maintenance_schedule = maintenance(settings, business)
    kept_up = servers(settings, business)
    assets = [
        *raw_assets(settings, business),
        *bronze_assets(settings, business),
        *silver_assets(settings, business),
        *gold_assets(settings, business),
        *model_assets(settings, business),
        *cost_assets(settings, load_queries(business)),
    ]
    return dg.Definitions(
        assets=with_code_links(assets, settings, business),
        asset_checks=[*checks, *freshness, *cost_checks()],
        jobs=[*jobs.values(), maintenance_job, *(job for job, _ in kept_up), COSTS_JOB],
        schedules=[
            *layer_schedules(planner, jobs),
            maintenance_schedule,
            *(schedule for _, schedule in kept_up),
            cost_schedule(settings),
        ],
        sensors=[
            *layer_sensors(planner, jobs),
            watch(settings, business),
            alerts_sensor(settings, business, checks),
        ],
        resources=resources(settings, business),
        # Dask does the parallel work. A process per step would cost more than most steps themselves.
        executor=dg.in_process_executor,
    )
