"""The four places to compute: the same writes in each, and one clear sentence where a place cannot be had."""

import os
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg
import dask
import psutil
import pyarrow as pa
import pytest
from distributed import LocalCluster

from tpch_assets import cluster
from tpch_assets.delta import read, snapshot
from tpch_assets.engine import Sql
from tpch_assets.io_manager import LakeIOManager
from tpch_assets.lake import Lake
from tpch_assets.partitions import Partitions
from tpch_assets.settings import SettingsError, current_settings

PIECES = 6


@pytest.fixture
def place(environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A cluster of this test's own; its settings are put into the environment before it is first used."""
    cluster.close()
    yield monkeypatch
    cluster.close()


def use(place: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        place.setenv(f"TPCH_{name.upper()}", value)
    current_settings.cache_clear()


def where(count: int = 20) -> set[int]:
    """The processes that tasks run in; the results come back in order."""

    # Functions within functions travel by value, so that workers need not import this module and Dagster with it.
    def process_id(number: int) -> tuple[int, int]:
        time.sleep(0.05)  # Long enough for the other worker to take a task, too.
        return number, os.getpid()

    found = cluster.compute([dask.delayed(process_id, pure=False)(number) for number in range(count)])
    assert [number for number, _ in found] == list(range(count))
    return {process for _, process in found}


def check_write(lake: Lake, instance: dg.DagsterInstance) -> None:
    """A table is written through the IO manager, by workers, and read back."""

    def total(piece: pa.Table) -> pa.Table:
        return pa.table({"piece": piece.column("piece").slice(0, 1), "sum": [sum(piece.column("key").to_pylist())]})

    @dg.asset(key=["silver", "things"])
    def things() -> Partitions:
        rows = [partial(Sql, f"SELECT {number} AS piece, range AS key FROM range(1000)") for number in range(PIECES)]
        return Partitions({"all": {f"{number}-{{content}}.parquet": piece for number, piece in enumerate(rows)}})

    @dg.asset(key=["silver", "sums"], ins={"rows": dg.AssetIn(["silver", "things"])})
    def sums(rows: list) -> list:
        return [dask.delayed(total)(piece) for piece in rows]

    resources = {"io_manager": LakeIOManager(lake_uri=lake.uri)}
    assert dg.materialize([things, sums], instance=instance, resources=resources).success
    assert read(snapshot(lake, lake.table("silver", "things"))).num_rows == PIECES * 1000
    found = read(snapshot(lake, lake.table("silver", "sums"))).to_pylist()
    assert sorted((row["piece"], row["sum"]) for row in found) == [(n, 499_500) for n in range(PIECES)]


def test_threads_compute_in_this_process(place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance) -> None:
    assert where() == {os.getpid()}
    check_write(lake, instance)


def test_processes_compute_in_workers_of_their_own(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance
) -> None:
    use(place, compute="processes", workers="2")
    found = where()
    assert len(found) == 2
    assert os.getpid() not in found
    assert cluster.client().scheduler.address.startswith("tls://127.0.0.1:")
    check_write(lake, instance)


def test_an_address_computes_on_any_dask_cluster(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance
) -> None:
    with LocalCluster(
        processes=True, n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as running:
        use(place, compute="address", address=running.scheduler_address)
        found = where()
        assert len(found) == 2
        assert os.getpid() not in found
        check_write(lake, instance)
        cluster.close()
        assert len(running.workers) == 2, "a cluster that we did not start is left running"


def test_other_machines_cannot_reach_what_is_started_here(place: pytest.MonkeyPatch) -> None:
    assert cluster.client().scheduler.address.startswith("inproc://")
    open_ports = [c for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert {connection.laddr.ip for connection in open_ports} == {"127.0.0.1"}


def test_a_cluster_is_started_once_and_again_after_it_was_closed(place: pytest.MonkeyPatch) -> None:
    first = cluster.client()
    assert cluster.client() is first
    cluster.close()
    cluster.close()
    assert cluster.client() is not first


def test_a_scheduler_that_is_not_there_is_one_sentence(place: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    use(place, compute="address", address=address)
    started = time.monotonic()
    with pytest.raises(SettingsError, match=f"^TPCH_ADDRESS={address}: no Dask scheduler answers there") as error:
        cluster.client()
    assert time.monotonic() - started < 10
    assert "\n" not in str(error.value)


def test_coiled_without_a_token_is_one_sentence_at_once(place: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place.setenv("HOME", str(tmp_path))
    use(place, compute="coiled")

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("the network was used")

    place.setattr(socket.socket, "connect", refuse)
    place.setattr("webbrowser.open", refuse)
    with dask.config.set({"coiled.token": None}):
        cluster.close()
        with pytest.raises(SettingsError, match=r"TPCH_COMPUTE=coiled needs a Coiled token.*coiled login"):
            cluster.client()


def test_the_first_error_is_raised_and_progress_is_told(place: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ArithmeticError("a task is bad")

    seen: list[tuple[int, int]] = []
    tasks = [dask.delayed(abs, pure=False)(number) for number in (-1, 2, -3)]
    assert cluster.compute(tasks, lambda done, total: seen.append((done, total))) == [1, 2, 3]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(ArithmeticError, match="a task is bad"):
        cluster.compute([*tasks, dask.delayed(fail)()])
    assert cluster.compute([]) == []
