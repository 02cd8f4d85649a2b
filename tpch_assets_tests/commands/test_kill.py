"""kill -9 in the middle of a replay: the next replay goes on, and what comes out is the same."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil
import pytest

from tpch_assets_tests import days
from tpch_assets_tests.conftest import left
from tpch_assets_tests.days import Place

pytestmark = pytest.mark.chaos
KILLS = 3
LAYERS = 4


def files_in(place: Place) -> int:
    """How many files are in the lake: how far a replay is. A whole day leaves about 900."""
    return sum(len(files) for _, _, files in os.walk(place.lake.uri))


def wait_for(what: str, condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def kill_at(place: Place, files: int) -> bool:
    """Start a replay and kill its parent process once so many files are there. Says whether it was still running."""
    with place.start("replay", "--start", days.day(0), "--batches", "96") as process:
        try:
            wait_for(f"{files} files", lambda: files_in(place) >= files or process.poll() is not None, 300)
            running = process.poll() is None
            children = psutil.Process(process.pid).children(recursive=True) if running else []
        finally:
            process.kill()
    orphans = left(children)
    for orphan in orphans:
        orphan.kill()
    assert not orphans, "processes of a layer outlive the replay"
    return running


def test_replay_after_kills_has_the_same_rows(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 (pytest shows it when a test fails)
    place = Place(tmp_path)
    moments = sorted(random.Random(seed).sample(range(5, 800), KILLS))
    killed = [kill_at(place, files) for files in moments]
    assert killed[0], place.output()
    print(f"killed at {moments} files: {killed}")  # noqa: T201
    place.replay("--start", days.day(0), "--batches", "96")

    days.assert_same_lake(place.lake, days.whole_day().lake)
    with place.instance() as instance:
        statuses = [run.status for run in instance.get_runs()]
        assert set(statuses) <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
        assert statuses.count(dg.DagsterRunStatus.FAILURE) <= LAYERS * KILLS
        storage = instance.event_log_storage
        pools = storage.get_concurrency_keys()
        assert pools
        for pool in pools:
            info = storage.get_concurrency_info(pool)
            assert (info.active_slot_count, info.pending_step_count) == (0, 0), pool
