"""Clusters on Coiled: Coiled's real client asks our control plane for them, finds them again and stops them."""

import asyncio
import inspect
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import coiled
import dagster as dg
import dask
import pyarrow as pa
import pytest
from distributed import Client, LocalCluster

from tpch_assets.compute import cluster, dask_config
from tpch_assets.compute.coiled_cluster import GOING, options, region
from tpch_assets.compute.dask_private import profiled_workers
from tpch_assets.compute.places import CLIENT
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.update import MadeRows, TableUpdate
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets.settings import PROJECT, SettingsError, load_settings
from tpch_assets_tests.coiled_control_plane import TOKEN, ControlPlane, wait_until
from tpch_assets_tests.conftest import use

NAME = "tpch-assets-local"
IMAGE = "registry.example.org/tpch-assets:1"
# Coiled's client opens its connections in the background, and closes some only when it is collected.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    found = ControlPlane(tmp_path)
    yield found
    found.close()


@pytest.fixture
def place(environment: Path, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings that compute on the control plane's clusters, for this process and its children."""
    cluster.close()
    monkeypatch.setenv("HOME", str(environment))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr("webbrowser.open", refuse)
    monkeypatch.setenv("DASK_COILED__SERVER", plane.url)
    use(monkeypatch, compute="coiled", lake="s3://bucket/prefix", coiled_container=IMAGE)
    with dask.config.set({"coiled.token": TOKEN, "coiled.server": plane.url}):
        yield monkeypatch
        cluster.close()


def refuse(*arguments: object, **named: object) -> None:
    raise AssertionError("this must not be used")


def fail(words: str) -> None:
    raise RuntimeError(words)


def ask(count: int = 3) -> set[int]:
    """The processes in which some tasks ran."""
    return set(cluster.compute([dask.delayed(os.getpid, pure=False)() for _ in range(count)]))


# What is asked for


@pytest.mark.parametrize("work", ["batches", "queries"])
def test_the_options_are_those_of_the_real_cluster(place: pytest.MonkeyPatch, work: Any) -> None:
    found = options(load_settings(), work)
    bound = inspect.signature(coiled.Cluster).bind(cloud=None, **found).arguments
    assert bound["name"] == f"{NAME}-{work}"
    assert bound["tags"] == {"project": "tpch-assets", "deployment": "local", "work": work}
    assert (bound["spot_policy"], bound["idle_timeout"], bound["region"]) == (
        "spot_with_fallback",
        "10 minutes",
        "eu-west-1",
    )
    assert bound["n_workers"] == ([1, 2] if work == "batches" else [1, 20])
    assert bound["worker_vm_types"] == (["t3.large"] if work == "batches" else ["m6i.xlarge"])
    profiler_off = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
    assert bound["environ"] == {"TPCH_MEMORY": "4GiB", "AWS_REGION": "eu-west-1", **profiler_off}
    assert TOKEN not in repr(found)


def test_the_settings_are_used(place: pytest.MonkeyPatch) -> None:
    place.setenv("DAGSTER_CLOUD_DEPLOYMENT_NAME", "prod")
    settings = load_settings(
        coiled_workers_min=3,
        coiled_workers_max=7,
        coiled_vm_type="r7i.large",
        coiled_spot_policy="on-demand",
        coiled_region="us-east-2",
        coiled_batch_workers_max=4,
        coiled_name="shop",
    )
    found = options(settings, "queries")
    assert found["name"] == "shop-prod-queries"
    assert (found["n_workers"], found["worker_vm_types"]) == ([3, 7], ["r7i.large"])
    assert (found["spot_policy"], found["region"]) == ("on-demand", "us-east-2")
    assert options(settings, "batches")["n_workers"] == [1, 4]


def test_workers_find_s3_where_this_process_does(place: pytest.MonkeyPatch) -> None:
    place.delenv("AWS_REGION")
    ours = {"AWS_DEFAULT_REGION": "eu-west-3", "AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_S3": "http://b:2"}
    for name, value in ours.items():
        place.setenv(name, value)
    assert ours.items() <= options(load_settings(), "queries")["environ"].items()


def test_the_region_is_where_aws_is_configured_for(place: pytest.MonkeyPatch, environment: Path) -> None:
    settings = load_settings()
    place.delenv("AWS_REGION")
    place.delenv("AWS_DEFAULT_REGION", raising=False)
    (environment / "aws").write_text("[default]\nregion = eu-north-1\n")
    place.setenv("AWS_CONFIG_FILE", str(environment / "aws"))
    assert region(settings) == "eu-north-1"
    place.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert region(settings) == "eu-west-3"
    place.setenv("AWS_CONFIG_FILE", str(environment / "none"))
    place.delenv("AWS_DEFAULT_REGION")
    assert region(settings) is None


def test_limits_the_wrong_way_round_and_a_folder_are_refused(place: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="TPCH_COILED_WORKERS_MIN=9 is more than TPCH_COILED_WORKERS_MAX=3"):
        load_settings(coiled_workers_min=9, coiled_workers_max=3)
    with pytest.raises(SettingsError, match=r"TPCH_LAKE=/data/lake: .* use s3://bucket/prefix"):
        load_settings(lake="/data/lake")


# A token that is missing or refused


def refused(seconds: float = 4) -> str:
    """The one sentence with which a cluster is refused; the quickest of three times counts on a busy machine."""
    took = []
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(SettingsError) as error:
            cluster.client()
        took.append(time.monotonic() - started)
    assert min(took) < seconds
    assert "\n" not in str(error.value)
    return str(error.value)


def test_without_a_token_is_one_sentence_at_once(place: pytest.MonkeyPatch) -> None:
    with dask.config.set({"coiled.token": None}):
        place.setattr(socket.socket, "connect", refuse)
        assert "TPCH_COMPUTE=coiled needs a Coiled token: run `coiled login`" in refused()


def test_a_refused_token_is_one_sentence_and_opens_no_browser(place: pytest.MonkeyPatch, plane: ControlPlane) -> None:
    with dask.config.set({"coiled.token": "an-old-one"}):
        message = refused()
    assert "refuses the Coiled token" in message
    assert "an-old-one" not in message
    assert set(plane.requests) == {("GET", "/api/v2/user/me")}


def test_a_control_plane_that_does_not_answer_is_one_sentence(place: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{free.getsockname()[1]}"
    with dask.config.set({"coiled.server": server}):
        assert f"{server} does not answer" in refused(seconds=10)


# The real client


def test_a_cluster_is_made_used_shown_and_stopped(
    place: pytest.MonkeyPatch, plane: ControlPlane, lake: Lake, instance: dg.DagsterInstance
) -> None:
    def rows(number: int) -> pa.Table:
        return pa.table({"key": [number], "process": [os.getpid()]})

    @dg.asset(key=["silver", "things"])
    def things() -> TableUpdate:
        return TableUpdate({"all": {f"{n}-{{content}}.parquet": MadeRows(partial(rows, n)) for n in range(4)}})

    result = dg.materialize([things], instance=instance, resources={"io_manager": LakeIOManager(uri=lake.uri)})
    (made,) = plane.running
    assert {process.pid for process in made.workers.values()} >= ask()
    metadata = result.asset_materializations_for_node("silver__things")[0].metadata
    assert profiled_workers(cluster.client(), 60) == {}
    assert metadata["cluster id"].value == made.id
    assert metadata["cluster page"] == dg.MetadataValue.url(f"{plane.url}/clusters/{made.id}")
    cost: Any = metadata["cluster cost so far ($)"].value
    assert cost > 0
    log = repr([record.event_log_entry for record in instance.get_records_for_run(result.run_id).records])
    assert "things" in log
    assert TOKEN not in log
    assert "dashboard-secret" not in log
    assert made.asked["options"] == {
        "region_name": "eu-west-1",
        "multizone": True,
        "spot": True,
        "spot_on_demand_fallback": True,
    }
    assert made.asked["scheduler_options"] == {"idle_timeout": "10 minutes"}
    assert plane.software[0]["container"] == IMAGE
    cluster.close()
    assert not plane.running
    assert ask()
    assert [one.running for one in plane.clusters] == [False, True], "another is made where the last was stopped"
    # The client may fail while the interpreter ends; the cluster stops all the same.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coiled.Cluster, "shutdown", lambda self: fail("cannot schedule new futures after shutdown"))
        cluster.close()
    assert plane.clusters[1].reason == "the last run has ended"
    assert not plane.running


def test_without_an_image_workers_get_what_is_installed_here(
    place: pytest.MonkeyPatch, plane: ControlPlane, environment: Path
) -> None:
    use(place, coiled_container="")
    place.syspath_prepend(str(environment))  # Coiled packs the first folder of the path: better not the whole project.
    try:
        assert ask()
    finally:
        shutil.rmtree(PROJECT / "build", ignore_errors=True)  # Where Coiled builds the project's wheel.
    (software,) = plane.software
    packages = {one["name"]: one["specifier"] for one in software["packages"]}
    assert all(packages[name] == f"=={version(name)}" for name in ("dask", "distributed", "duckdb", "deltalake"))
    assert [name for name in plane.wheels if name.startswith("tpch_assets-")], plane.wheels


def test_a_cluster_that_cannot_start_is_deleted(place: pytest.MonkeyPatch, plane: ControlPlane) -> None:
    plane.broken = "no capacity for m6i.xlarge in eu-west-1"
    with pytest.raises(Exception, match=r"no capacity for m6i\.xlarge"):
        cluster.client()
    assert len(plane.clusters) == 1
    assert not plane.running


SCRIPT = """
import os, sys, time
from pathlib import Path
import dask
from tpch_assets.compute import cluster, coiled_cluster

def main():
    name, way = sys.argv[1:]
    coiled_cluster.NO_CLIENTS = 1
    cluster.compute([dask.delayed(os.getpid, pure=False)()])
    Path(name).touch()
    if way == "fails":
        raise ArithmeticError("something is bad")
    while not Path(f"{name}-go").exists():
        time.sleep(0.05)

main()
"""


def start(environment: Path, name: str, way: str, **settings: str) -> "subprocess.Popen[str]":
    """A process that computes on Coiled and then ends in the given way; its output goes to <name>.txt."""
    (environment / "run.py").write_text(SCRIPT)
    variables = {**os.environ, "DASK_COILED__TOKEN": TOKEN, "PYTHONPATH": str(PROJECT), **settings}
    with (environment / f"{name}.txt").open("w") as output:
        command = [sys.executable, "run.py", name, way]
        return subprocess.Popen(
            command, cwd=environment, env=variables, stdout=output, stderr=subprocess.STDOUT, text=True
        )


def test_a_cluster_is_stopped_on_the_other_ways_out(
    place: pytest.MonkeyPatch, plane: ControlPlane, environment: Path
) -> None:
    ways = ("fails", "terminated", "killed")
    runs = {way: start(environment, way, way, TPCH_COILED_NAME=way) for way in ways}
    for way in ways:
        wait_until(lambda way=way: (environment / way).exists() or runs[way].poll(), 90)
    runs["terminated"].send_signal(signal.SIGTERM)
    runs["killed"].kill()
    codes = {way: run.wait(timeout=60) for way, run in runs.items()}
    said = {way: (environment / f"{way}.txt").read_text() for way in ways}
    assert codes == {"fails": 1, "terminated": 128 + signal.SIGTERM, "killed": -signal.SIGKILL}, said
    assert sorted(one.asked["name"] for one in plane.clusters) == sorted(f"{way}-local-queries" for way in ways)
    # Nothing reports a killed process: its scheduler sees that its client has gone.
    wait_until(lambda: not plane.running)
    reasons = {one.asked["name"].split("-")[0]: one.reason for one in plane.clusters}
    assert reasons["killed"] == "no client"
    assert all(reasons[way] != "no client" for way in ways if way != "killed")


def test_runs_share_a_cluster_and_the_last_one_to_end_stops_it(
    place: pytest.MonkeyPatch, plane: ControlPlane, environment: Path
) -> None:
    run = start(environment, "other", "waits")
    wait_until(lambda: (environment / "other").exists() or run.poll(), 90)
    assert ask()
    cluster.close()
    assert [one.running for one in plane.clusters] == [True], "the other run still uses it"
    (environment / "other-go").touch()
    assert run.wait(timeout=60) == 0
    assert [one.running for one in plane.clusters] == [False]


# The life of a cluster, with a fake instead of Coiled's class


class Fake:
    """It has the interface of `coiled.Cluster`; what it finds or makes by a name is a real `LocalCluster`."""

    real = coiled.Cluster
    running: dict[str, LocalCluster] = {}
    calls: list[tuple[str, Any]] = []

    def __init__(self, **given: Any) -> None:
        bound = inspect.signature(self.real).bind(**given).arguments
        self.name = bound["name"]
        if found := self.running.get(self.name):
            self.calls.append(("found", self.name))
        else:
            self.calls.append(("made", self.name))
            found = LocalCluster(n_workers=1, processes=False, threads_per_worker=1, dashboard_address="127.0.0.1:0")
            self.running[self.name] = found
        self.local, self.cluster_id, self.shutdown_on_close = found, 1, None
        self.details_url = "https://cloud.example.org/clusters/1"
        self.scheduler_address, self.status = found.scheduler_address, found.status
        self.security, self.loop = found.security, found.loop

    def sync(self, function: Callable[[], Awaitable[Any]], *, callback_timeout: float) -> Any:
        return asyncio.run(asyncio.wait_for(function(), callback_timeout))

    def adapt(self, *, minimum: int, maximum: int) -> None:
        self.calls.append(("adapt", (minimum, maximum)))

    def set_keepalive(self, keepalive: str) -> None:
        self.calls.append(("keepalive", keepalive))

    def close(self) -> None:
        assert self.shutdown_on_close is False
        self.calls.append(("closed", self.name))

    def shutdown(self) -> None:
        self.calls.append(("stopped", self.name))
        if self.running.pop(self.name, None):
            self.local.close()


@pytest.fixture
def fake(place: pytest.MonkeyPatch) -> Iterator[type[Fake]]:
    assert all(hasattr(coiled.Cluster, name) for name in ("adapt", "set_keepalive", "close", "shutdown", "details_url"))
    dask_config.configure()
    place.setattr(Fake, "running", {})
    place.setattr(Fake, "calls", [])
    place.setattr(coiled, "Cluster", Fake)
    yield Fake
    cluster.close()
    for one in Fake.running.values():
        one.close()


def test_each_kind_of_work_has_a_cluster_that_is_made_scaled_and_stopped(
    fake: type[Fake], caplog: pytest.LogCaptureFixture
) -> None:
    for work in ("batches", "queries", "batches"):
        assert cluster.compute([dask.delayed(abs, pure=False)(-1)], work=work) == [1]
    names = [f"{NAME}-batches", f"{NAME}-queries"]
    assert [value for call, value in fake.calls if call == "made"] == names
    assert [value for call, value in fake.calls if call == "adapt"] == [(1, 2), (1, 20)]
    assert [value for call, value in fake.calls if call == "keepalive"] == ["120s", "120s"]
    # The control plane knows nothing of the fake: what it cost is left out, and said.
    assert cluster.facts("batches") == {"cluster id": 1, "cluster page": "https://cloud.example.org/clusters/1"}
    assert "The cluster's cost cannot be read" in caplog.text
    cluster.close()
    assert [value for call, value in fake.calls if call == "stopped"] == names


def test_what_needs_no_cluster_gets_none(fake: type[Fake]) -> None:
    assert cluster.compute([dask.delayed(os.getpid, pure=False)()], work=None) == [os.getpid()]
    assert fake.calls == []


def test_a_cluster_that_others_use_is_left_running(fake: type[Fake]) -> None:
    ask()
    with Client(fake.running[f"{NAME}-queries"], set_as_default=False, name=CLIENT):
        cluster.close()
        assert fake.calls[-1] == ("closed", f"{NAME}-queries")
    ask()
    assert [call for call, _ in fake.calls if call in ("made", "found")] == ["made", "found"]
    cluster.close()
    assert fake.calls[-1] == ("stopped", f"{NAME}-queries")


def test_a_cluster_may_be_kept_for_the_next_run(fake: type[Fake], place: pytest.MonkeyPatch) -> None:
    use(place, coiled_keep_seconds="900")
    ask()
    cluster.close()
    assert ("keepalive", "900s") in fake.calls
    assert [call for call, _ in fake.calls if call == "stopped"] == []
    ask()
    assert ("found", f"{NAME}-queries") in fake.calls


def test_a_cluster_that_is_about_to_be_stopped_is_not_joined(fake: type[Fake], place: pytest.MonkeyPatch) -> None:
    name = f"{NAME}-queries"
    with LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as going:
        with Client(going, set_as_default=False) as last:
            last.set_metadata([GOING], True)
        fake.running[name] = going
        # It is gone from the names when the one who looked has left it again.
        left = Fake.close
        place.setattr(Fake, "close", lambda self: (left(self), self.running.pop(self.name, None)))
        ask()
        assert [call for call, _ in fake.calls if call in ("found", "made")] == ["found", "made"]
        assert fake.running[name] is not going
        assert ("stopped", name) not in fake.calls


def test_the_message_of_a_failed_join_is_kept_and_the_cluster_is_left(
    fake: type[Fake], place: pytest.MonkeyPatch
) -> None:
    place.setattr("tpch_assets.compute.coiled_cluster.check_workers", lambda client, where: refuse())
    with pytest.raises(AssertionError, match="must not be used"):
        cluster.client()
    assert fake.calls[-1] == ("stopped", f"{NAME}-queries")
