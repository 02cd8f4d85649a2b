"""What we use of Dask's private parts is still there, and still does what we use it for; by real workers."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Client, LocalCluster

from tpch_assets.compute import dask_config, dask_private, places
from tpch_assets.settings import load_settings


@pytest.fixture
def place(environment: object) -> Iterator[places.Local]:
    """A cluster in this process."""
    dask_config.configure()
    found = places.threads(load_settings(workers=1))
    yield found
    found.close()


def test_an_answer_is_waited_for_no_longer_than_its_limit(place: places.Local, tmp_path: Path) -> None:
    go = tmp_path / "go"

    def freeze(dask_worker: object) -> None:  # A frozen worker says nothing, either.
        end = time.monotonic() + 60
        while not go.exists() and time.monotonic() < end:
            time.sleep(0.02)

    client = place.client
    with pytest.raises(TimeoutError):
        dask_private.answer_within(client, 0.2, lambda: client.run(freeze))
    go.touch()
    assert list(dask_private.answer_within(client, 60, lambda: client.run(os.getpid)).values()) == [os.getpid()]
    with pytest.raises(ZeroDivisionError):
        dask_private.answer_within(client, 60, lambda: client.run(lambda: 1 // 0))


def test_a_server_that_says_nothing_is_no_scheduler(environment: object) -> None:
    with LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0") as cluster:
        dask_private.knock(cluster.scheduler_address, 10)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises((OSError, TimeoutError)):
            dask_private.knock(f"tcp://127.0.0.1:{silent.getsockname()[1]}", 0.5)


def test_the_scheduler_counts_the_tasks_that_are_not_done(place: places.Local, tmp_path: Path) -> None:
    def wait_for(file: Path) -> None:  # Not by Dask's Event: its client would stay, as the default of later tests.
        end = time.monotonic() + 30
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.02)

    client = place.client
    with dask.annotate(ours="yes"):
        futures = client.compute([dask.delayed(wait_for, pure=False)(tmp_path / "go") for _ in range(3)])
    others = client.compute([dask.delayed(abs, pure=False)(-1)])
    (name,) = {dask_private.name_of_tasks(future.key) for future in futures}  # type: ignore[attr-defined]
    end = time.monotonic() + 30
    while client.run_on_scheduler(dask_private.unfinished("ours", "yes")) != ({name: 3}, 1):
        assert time.monotonic() < end, "the scheduler does not count them"
    assert client.run_on_scheduler(dask_private.unfinished("ours", "no")) == ({}, 1)
    (tmp_path / "go").touch()
    client.gather(futures + others)
    assert client.run_on_scheduler(dask_private.unfinished("ours", "yes")) == ({}, 1)


def test_the_last_client_of_a_name_marks_the_scheduler(place: places.Local) -> None:
    client, mark = place.client, dask_private.mark_unless_used(place.client, places.CLIENT, "going")
    with Client(place.cluster, set_as_default=False, name=places.CLIENT):
        assert client.run_on_scheduler(mark) is False
    with Client(place.cluster, set_as_default=False, name="another"):
        assert client.get_metadata(["going"], False) is False
        assert client.run_on_scheduler(mark) is True
    assert client.get_metadata(["going"], False) is True


def test_a_task_knows_its_annotation_and_its_workers_threads(place: places.Local) -> None:
    def look() -> tuple[str, int | None]:
        found = dask_private.task_annotation("ours")
        return found[1] if found else "", dask_private.worker_threads()

    with dask.annotate(ours="yes"):
        futures = place.client.compute([dask.delayed(look, pure=False)()])
    assert place.client.gather(futures) == [("yes", 1)]
    assert place.client.gather(place.client.compute([dask.delayed(look, pure=False)()])) == [("", 1)]
    assert dask_private.task_annotation("ours") is None
    assert dask_private.worker_threads() is None


def profiles(client: Client) -> list[list[str]]:
    """The names of each worker's own periodic callbacks that profile."""

    def look(dask_worker: object) -> list[str]:
        return [name for name in dask_worker.periodic_callbacks if "profile" in name]  # type: ignore[attr-defined]

    return list(client.run(look).values())


def test_a_profiler_that_runs_is_seen_and_can_freeze_some_versions(environment: object) -> None:
    options = {"n_workers": 1, "processes": False, "dashboard_address": "127.0.0.1:0", "protocol": "inproc://"}
    # A Python that cannot freeze may run it in this test; on others the profiler's interval is longer than the test.
    slow = {"distributed.worker.profile.enabled": True, "distributed.worker.profile.interval": "1h"}
    with dask.config.set(slow), LocalCluster(**options) as cluster, Client(cluster, set_as_default=False) as client:
        assert profiles(client) == [["profile", "profile-cycle"]]
        assert list(dask_private.profiled_workers(client, 60).values()) == [sys.version_info[:3]]
    assert [dask_config.can_freeze((3, 11, patch)) for patch in (2, 3, 8, 9)] == [False, True, True, False]
    assert not dask_config.can_freeze((3, 12, 5))


def test_no_worker_profiles(environment: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """In threads and in processes, whatever Dask's configuration says at first."""
    with dask.config.set({"distributed.worker.profile.enabled": True}):
        dask_config.configure()
        for start in (places.threads, places.processes):
            place = start(load_settings(workers=1))
            try:
                client = place.client
                assert profiles(client) == [[]]  # type: ignore[arg-type]
                assert dask_private.profiled_workers(client, 60) == {}
                # Some work, of which a profile would hold samples.
                client.gather(client.compute([dask.delayed(time.sleep, pure=False)(0.3)]))
                assert client.profile()["count"] == 0  # type: ignore[attr-defined]
                said = client.run(lambda: (dask.config.get("distributed.worker.profile.enabled"), dict(os.environ)))
                for enabled, variables in said.values():
                    assert enabled is False
                    assert variables["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] == "False"
            finally:
                place.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "Profile"]


def test_a_frozen_worker_process_is_killed_when_its_cluster_closes(
    environment: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    dask_config.configure()
    place = places.processes(load_settings(workers=2))
    workers = dask_private.processes_of(place.cluster)
    assert sorted(workers) == sorted(place.client.run(os.getpid).values())
    for process in workers:
        os.kill(process, signal.SIGSTOP)
    monkeypatch.setattr(places, "CLOSE_SECONDS", 1)
    started = time.monotonic()
    place.close()
    assert time.monotonic() - started < 1 + 1 + places.KILL_SECONDS + 10  # The machine may be busy.
    _, alive = psutil.wait_procs([psutil.Process(one) for one in workers if psutil.pid_exists(one)], timeout=10)
    assert alive == []
