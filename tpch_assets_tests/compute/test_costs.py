"""Costs by layer and day, and the budget: what has to wait, and what people read. A server here plays Coiled."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import dask
import pyarrow as pa
import pytest

from dashboards.pages import costs as panel
from dashboards.store.store import Store
from tpch_assets.alerts.channels import Webhook
from tpch_assets.compute import budget, coiled_api, costs
from tpch_assets.compute.coiled_cluster import cluster_name
from tpch_assets.compute.shapes import ClusterDetails
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.layers import MADE_BY
from tpch_assets.orchestration.alerts import spent as spent_budget
from tpch_assets.orchestration.assemble import assemble
from tpch_assets.orchestration.assets.costs import (
    CHECK,
    COSTS_JOB,
    KEY,
    cost_assets,
    cost_checks,
    cost_schedule,
    run_seconds,
)
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.settings import current_settings, load_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.alerts.servers import webhook
from tpch_assets_tests.alerts.watch import Watch
from tpch_assets_tests.coiled_control_plane import TOKEN, ControlPlane, Made

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")

NOW = datetime.now(UTC)
TODAY = NOW.date()
HOUR = timedelta(hours=1)
MIDNIGHT = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)


class Spent:
    """Coiled's control plane with clusters that have ended, and their costs."""

    def __init__(self, plane: ControlPlane, place: pytest.MonkeyPatch) -> None:
        self.plane, self.place = plane, place

    def add(self, work: Any, begin: datetime, end: datetime, dollars: float, credits_: float = 0, **tags: str) -> None:
        settings = load_settings()
        asked = {"name": cluster_name(settings, work), "workers": 1, "tags": {"deployment": "local", **tags}}
        number = len(self.plane.clusters) + 1
        made = Made(number, asked, Path(), self.plane, created=begin.isoformat(), ended=end.isoformat())
        self.plane.clusters.append(made)
        self.plane.costs[number] = (dollars, credits_)
        budget.forget()

    def use(self, **settings: object) -> None:
        for name, value in settings.items():
            self.place.setenv(f"TPCH_{name.upper()}", str(value))
        current_settings.cache_clear()


@pytest.fixture
def spent(environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spent]:
    plane = ControlPlane(tmp_path)
    found = Spent(plane, monkeypatch)
    found.use(compute="coiled", lake="s3://bucket/prefix", budget_dollars_per_day=10)
    budget.forget()
    with dask.config.set({"coiled.token": TOKEN, "coiled.server": plane.url}):
        yield found
    plane.close()
    budget.forget()


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr("httpx.request", refuse)
    monkeypatch.setattr("coiled.Cluster", refuse)


# What a day has cost


def test_a_clusters_cost_is_the_clouds_and_coileds() -> None:
    ended: ClusterDetails = {"id": 1, "created": "", "current_state": {"state": "stopped", "updated": ""}}
    assert coiled_api.dollars({**ended, "cloud_total_cost": 2.5, "total_cost": 10}) == pytest.approx(3.0)
    assert coiled_api.dollars({**ended, "cloud_total_cost": None, "total_cost": 10}) == pytest.approx(1.0)
    assert coiled_api.dollars(ended) == 0


def test_costs_are_of_the_deployments_clusters_and_of_the_day(spent: Spent) -> None:
    yesterday = MIDNIGHT - timedelta(days=1)
    spent.add("batches", MIDNIGHT, MIDNIGHT + timedelta(minutes=1), 0.25)
    spent.add("queries", yesterday, yesterday + HOUR, 7.0)
    spent.add("queries", MIDNIGHT - HOUR, MIDNIGHT + timedelta(minutes=20), 4.0)  # Three quarters are yesterday's.
    spent.add("queries", MIDNIGHT, MIDNIGHT + timedelta(minutes=1), 100.0, deployment="another")
    spent.place.setenv("TPCH_COILED_NAME", "elsewhere")
    spent.add("queries", MIDNIGHT, MIDNIGHT + timedelta(minutes=1), 100.0)
    spent.place.setenv("TPCH_COILED_NAME", "tpch-assets")
    billing = costs.billing(load_settings())
    assert billing.dollars(TODAY) == pytest.approx({"batches": 0.25, "queries": 1.0})
    assert billing.dollars(TODAY - timedelta(days=1)) == pytest.approx({"batches": 0.0, "queries": 10.0})


def test_clusters_that_ended_long_ago_are_asked_for_once(spent: Spent) -> None:
    long_ago, day = MIDNIGHT - timedelta(days=2), TODAY - timedelta(days=2)
    spent.add("queries", long_ago, long_ago + HOUR, 3)
    for _ in range(3):
        assert costs.billing(load_settings()).dollars(day)["queries"] == 3
    assert len([path for _, path in spent.plane.requests if "/id/" in path]) == 1


def test_cost_is_shared_by_the_seconds_of_runs() -> None:
    found = costs.split({"batches": 1.0, "queries": 8.0}, {"silver": 30.0, "gold": 10.0})
    assert found == {"raw": 0.5, "bronze": 0.5, "silver": 6.0, "gold": 2.0}
    assert sum(costs.split({"batches": 1.0}, {"raw": 1e-9, "bronze": 3600.0}).values()) == pytest.approx(1.0)


@pytest.mark.parametrize("compute", ["threads", "processes", "address"])
def test_elsewhere_nothing_costs_and_nobody_is_asked(environment: Path, unreachable: None, compute: str) -> None:
    settings = load_settings(compute=compute, address="tcp://127.0.0.1:1", budget_dollars_per_day=0.01)
    assert costs.billing(settings).dollars(TODAY) == {"batches": 0.0, "queries": 0.0}
    assert budget.spending(settings) is None
    assert budget.reason_to_wait(settings) is None


# The budget


def spend(spent: Spent, dollars: float) -> None:
    spent.add("queries", MIDNIGHT, MIDNIGHT + timedelta(seconds=1), dollars)


@pytest.mark.parametrize(("dollars", "state"), [(7.99, "ok"), (8.0, "alert"), (9.99, "alert"), (10.0, "over")])
def test_the_budget_alerts_from_80_percent_on_and_is_spent_at_100(spent: Spent, dollars: float, state: str) -> None:
    spend(spent, dollars)
    settings = load_settings()
    found = budget.spending(settings)
    assert found is not None
    assert found.state == state
    reason = budget.reason_to_wait(settings)
    assert (reason is not None) == (state == "over")
    if reason:
        assert reason.startswith("$10.00 of $10.00 (100%) are spent today")
        assert "TPCH_BUDGET_DOLLARS_PER_DAY" in reason


def test_80_and_100_percent_are_told_once_each_and_once_that_they_hold_no_longer(
    spent: Spent, lake: Lake, tmp_path: Path
) -> None:
    with webhook() as hook:
        watch = Watch(lake, Webhook(hook.url))

        def look(*, begun: int) -> list[str]:
            """What two looks tell beside what was told before."""
            for _ in range(2):
                budget.forget()
                watch.look(NOW, *spent_budget(load_settings(), NOW))
            return sorted(text.split(" since ")[0] for text in hook.texts[begun:])

        spend(spent, 7)
        assert look(begun=0) == []
        spend(spent, 1)
        assert look(begun=0) == ["80 % of the day's budget is spent"]
        spend(spent, 2)
        assert look(begun=1) == ["100 % of the day's budget is spent"]
        spent.use(budget_dollars_per_day=100)
        assert look(begun=2) == ["Over", "Over"]
        assert all("which holds no longer ($10.00 for" in text for text in hook.texts[2:])


def test_what_is_spent_is_read_once_a_minute(spent: Spent) -> None:
    settings = current_settings()
    budget.spending(settings)
    before = len(spent.plane.requests)
    for _ in range(5):
        budget.reason_to_wait(settings)
    assert len(spent.plane.requests) == before


def ticks(instance: dg.DagsterInstance, lake: Lake) -> Iterator[Any]:
    """A tick of each schedule and sensor that makes layers run."""
    defs, resources = assemble(load_settings(), BUSINESS), {"lake": LakeResource(uri=lake.uri)}
    for layer in ("raw", "silver", "gold"):
        with dg.build_schedule_context(instance, scheduled_execution_time=NOW, resources=resources) as schedule:
            yield defs.resolve_schedule_def(f"{layer}_schedule").evaluate_tick(schedule)
    for sensor in defs.sensors or []:
        if sensor.name in ("freshness_sensor", "alerts_sensor"):
            continue  # They start no runs, and tell of the budget.
        with dg.build_sensor_context(instance, resources=resources) as context:
            yield defs.resolve_sensor_def(sensor.name).evaluate_tick(context)


def test_schedules_and_sensors_wait_with_the_reason(spent: Spent, lake: Lake) -> None:
    spend(spent, 11)
    with dg.DagsterInstance.get() as instance:
        found = [*ticks(instance, lake)]
    assert len(found) == 6
    for tick in found:
        assert tick.run_requests == []
        assert tick.skip_message is not None
        assert tick.skip_message.startswith("$11.00 of $10.00 (110%) are spent today")


def things(made: list[int]) -> dg.AssetsDefinition:
    @dg.asset(key=["gold", "things"])
    def asset() -> pa.Table:
        made.append(1)
        return pa.table({"key": [1]})

    return asset


def test_a_run_by_hand_fails_before_anything_is_computed(
    spent: Spent, lake: Lake, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*arguments: object) -> None:
        raise AssertionError("it was computed")

    monkeypatch.setattr("tpch_assets.compute.cluster.compute", compute)
    spend(spent, 12)
    result = dg.materialize(
        [things([])],
        instance=instance,
        resources={"io_manager": LakeIOManager(uri=lake.uri)},
        raise_on_error=False,
    )
    (failed,) = result.get_step_failure_events()
    error = failed.step_failure_data.error
    assert error and "Nothing was computed. $12.00 of $10.00 (120%) are spent today" in error.message
    assert snapshot(lake, lake.table("gold", "things")).version == -1


def test_a_run_from_80_percent_on_is_warned(
    spent: Spent, lake: Lake, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tpch_assets.compute import cluster

    compute = cluster.compute  # In this process: what is tested is the budget alone.
    monkeypatch.setattr(
        "tpch_assets.compute.cluster.compute", lambda tasks, progress, work: compute(tasks, progress, None)
    )
    spend(spent, 9)
    result = dg.materialize([things([])], instance=instance, resources={"io_manager": LakeIOManager(uri=lake.uri)})
    assert result.success
    said = [record.event_log_entry.user_message for record in instance.get_records_for_run(result.run_id).records]
    assert [text for text in said if text.startswith("$9.00 of $10.00 (90%) are spent today")]


def test_a_budget_that_cannot_be_read_is_an_error_that_says_so(spent: Spent) -> None:
    with dask.config.set({"coiled.token": "another"}), pytest.raises(Exception, match="refuses the Coiled token"):
        budget.reason_to_wait(current_settings())


# The asset


def materialize(instance: dg.DagsterInstance, lake: Lake, key: str) -> dg.ExecuteInProcessResult:
    settings = load_settings()
    return dg.materialize(
        [*cost_assets(settings), *cost_checks()],
        instance=instance,
        partition_key=key,
        resources={"io_manager": LakeIOManager(uri=lake.uri)},
    )


def ran(instance: dg.DagsterInstance, layer: str) -> None:
    """A finished run of a layer's job, now."""

    @dg.asset(key=[layer, "things"], io_manager_key="none")
    def made() -> None:
        pass

    job = dg.Definitions(
        assets=[made], jobs=[dg.define_asset_job(f"{layer}_job", [made])], resources={"none": dg.mem_io_manager}
    ).resolve_job_def(f"{layer}_job")
    assert job.execute_in_process(instance=instance).success


def test_costs_of_a_day_are_stored_by_layer(spent: Spent, lake: Lake, instance: dg.DagsterInstance) -> None:
    spend(spent, 3)
    ran(instance, "silver")
    assert materialize(instance, lake, TODAY.isoformat()).success
    rows = read(snapshot(lake, lake.table("operations", "costs"))).to_pylist()
    assert {row["layer"]: row["dollars"] for row in rows} == {
        "raw": Decimal("0.0000"),
        "bronze": Decimal("0.0000"),
        "silver": Decimal("3.0000"),
        "gold": Decimal("0.0000"),
    }
    assert {row["day"] for row in rows} == {TODAY}
    assert {row["layer"]: row["runs"] for row in rows} == {"raw": 0, "bronze": 0, "silver": 1, "gold": 0}
    # Brought up to date, a day is replaced, and another day is added.
    spend(spent, 2)
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    assert materialize(instance, lake, TODAY.isoformat()).success
    assert materialize(instance, lake, yesterday).success
    table = snapshot(lake, lake.table("operations", "costs"))
    assert table.rows == 2 * 4
    assert sum(row["dollars"] for row in read(table).to_pylist()) == 5
    assert [one.asked["name"] for one in spent.plane.running] == [], "no cluster is started for it"


def test_run_time_is_counted_within_the_day(environment: Path, instance: dg.DagsterInstance) -> None:
    for layer in ("raw", "gold", "gold"):
        ran(instance, layer)
    seconds, runs = run_seconds(instance, datetime.now(UTC).date())
    assert runs == {"raw": 1, "gold": 2}
    assert set(seconds) == {"raw", "gold"}
    assert all(0 < value < 60 for value in seconds.values())
    assert run_seconds(instance, TODAY - timedelta(days=3)) == ({}, {})


@pytest.mark.parametrize(
    ("dollars", "passed", "severity"), [(1, True, "WARN"), (9, False, "WARN"), (20, False, "ERROR")]
)
def test_the_budgets_check_warns_and_then_fails(
    spent: Spent, lake: Lake, instance: dg.DagsterInstance, dollars: float, passed: bool, severity: str
) -> None:
    spend(spent, dollars)
    (found,) = materialize(instance, lake, TODAY.isoformat()).get_asset_check_evaluations()
    assert (found.asset_key, found.check_name) == (KEY, CHECK)
    assert (found.passed, found.severity.value) == (passed, severity)
    assert found.metadata["spent ($)"].value == dollars


def test_without_coiled_costs_are_zero(
    environment: Path, lake: Lake, instance: dg.DagsterInstance, unreachable: None
) -> None:
    result = materialize(instance, lake, TODAY.isoformat())
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    rows = read(snapshot(lake, lake.table("operations", "costs"))).to_pylist()
    assert [row["layer"] for row in rows] == [layer for layers in MADE_BY.values() for layer in layers]
    assert {row["dollars"] for row in rows} == {Decimal(0)}


def test_the_schedule_asks_for_yesterday_and_today(environment: Path, instance: dg.DagsterInstance) -> None:
    schedule = cost_schedule(load_settings())
    defs = dg.Definitions(assets=cost_assets(load_settings()), jobs=[COSTS_JOB], schedules=[schedule])

    def days(moment: datetime) -> list[str | None]:
        repository = defs.get_repository_def()
        with dg.build_schedule_context(instance, scheduled_execution_time=moment, repository_def=repository) as context:
            return [request.partition_key for request in schedule.evaluate_tick(context).run_requests or []]

    moment = datetime(2024, 3, 5, 7, 50, tzinfo=UTC)
    assert days(moment) == ["2024-03-04", "2024-03-05"]
    assert days(load_settings().start + HOUR) == ["2024-01-01"]


# The dashboard


def polled(lake: Lake) -> Store:
    store = Store(lake)
    store.poll()
    return store


def test_the_dashboards_panel_shows_today_the_week_and_each_day(
    spent: Spent, lake: Lake, instance: dg.DagsterInstance
) -> None:
    assert "No costs are recorded yet" in panel.panel(polled(lake))
    spend(spent, 9)
    spent.add("batches", MIDNIGHT - 2 * HOUR, MIDNIGHT - HOUR, 5)
    for day in (TODAY - timedelta(days=1), TODAY):
        materialize(instance, lake, day.isoformat())
    found = panel.panel(polled(lake), TODAY)
    assert "$9.00" in found
    assert "90% of the budget, $10.00 a day; at 100 % runs wait" in found
    assert "$14.00" in found
    assert found.index(TODAY.isoformat()) < found.index((TODAY - timedelta(days=1)).isoformat())
    assert "<td>$2.50</td>" in found
