"""Dask's parts die in the middle of a step, or memory is short: no row is lost and none is there twice."""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.lake.update import MadeRows, TableUpdate
from tpch_assets.orchestration.assets.common import RETRY
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets_tests.compute.test_cluster import Dask, await_, elsewhere, place
from tpch_assets_tests.conftest import use

__all__ = ["elsewhere", "place"]
pytestmark = pytest.mark.chaos
PIECES, ROWS = 6, 1000
GREEDY = 900 << 20


def store(lake: Lake, instance: dg.DagsterInstance, work: Callable[[int], None]) -> int:
    """Store pieces by tasks that do some work first; gives how often the step was tried."""

    def rows(number: int) -> pa.Table:
        work(number)
        return pa.table({"piece": [number] * ROWS, "key": range(ROWS)})

    @dg.asset(key=["silver", "things"], retry_policy=RETRY)
    def things() -> TableUpdate:
        made = {f"{number}-{{content}}.parquet": MadeRows(partial(rows, number)) for number in range(PIECES)}
        return TableUpdate({"all": made})

    result = dg.materialize([things], instance=instance, resources={"io_manager": LakeIOManager(uri=lake.uri)})
    assert result.success
    found = read(snapshot(lake, lake.table("silver", "things"))).to_pylist()
    wanted = [{"piece": number, "key": key} for number in range(PIECES) for key in range(ROWS)]
    assert sorted(found, key=lambda row: (row["piece"], row["key"])) == wanted
    tries = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_RESTARTED]
    return len(tries) + 1


def gate(folder: Path) -> Callable[[int], None]:
    """Work that tells who does it, and goes on when it may."""

    def work(number: int) -> None:
        (folder / f"begun-{number}-{os.getpid()}").touch()
        while not (folder / "go").exists():
            time.sleep(0.02)

    return work


def strike(folder: Path, blow: Callable[[int], None]) -> threading.Thread:
    """Wait in another thread for a task that has begun, strike its process, and let all go on."""

    def wait() -> None:
        await_(lambda: list(folder.glob("begun-*")))
        blow(int(min(folder.glob("begun-*")).name.split("-")[2]))
        (folder / "go").touch()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_worker_that_is_killed_in_a_step_takes_no_row_with_it(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    use(place, compute="processes", workers="2")
    thread = strike(tmp_path, lambda process: os.kill(process, signal.SIGKILL))
    tries = store(lake, instance, gate(tmp_path))
    thread.join()
    assert tries == 1
    assert len(list(tmp_path.glob("begun-*"))) > PIECES, "what the killed worker had begun was made by another"


def test_a_scheduler_that_is_killed_in_a_step_has_the_step_tried_again(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance, elsewhere: Dask, tmp_path: Path
) -> None:
    address = elsewhere.scheduler()
    elsewhere.workers(address, 2)
    elsewhere.wait(2)
    use(place, compute="address", address=address)

    def another(process: int) -> None:
        elsewhere.stop()
        elsewhere.start("scheduler", "--port", address.rpartition(":")[2])
        elsewhere.workers(address, 2)

    thread = strike(tmp_path, another)
    tries = store(lake, instance, gate(tmp_path))
    thread.join()
    assert tries > 1


def test_a_worker_that_reaches_its_memory_limit_starts_again(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance, elsewhere: Dask, tmp_path: Path
) -> None:
    address = elsewhere.scheduler()
    elsewhere.start("worker", address, "--nthreads", "1", "--memory-limit", f"{GREEDY}")
    elsewhere.wait(1)
    use(place, compute="address", address=address)

    def greedy(number: int) -> None:
        mark = tmp_path / f"begun-{number}-{os.getpid()}"
        first = number == 0 and not list(tmp_path.glob("begun-0-*"))
        mark.touch()
        if first:
            held = b"x" * GREEDY  # More than the limit with what the process needs itself.
            time.sleep(120)  # Its nanny ends it.
            raise AssertionError(f"{len(held)} bytes were too few")

    assert store(lake, instance, greedy) == 1
    workers = {path.name.split("-")[2] for path in tmp_path.glob("begun-*")}
    assert len(workers) == 2 and len(list(tmp_path.glob("begun-0-*"))) == 2
