"""A replay waits for no process that has ended, and passes over batches that nothing came for."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from tpch_assets.commands.stages import News, ReplayError, Stage, _follow
from tpch_assets_tests import days
from tpch_assets_tests.days import Place


def _stage(name: str) -> Stage:
    return Stage(name, "raw", lambda lake, stretch: [])


def _finish(name: str, news: News) -> None:
    news.put(("done", name, 24, ""))
    news.put(("finished", name, 0, ""))


@pytest.mark.parametrize(("code", "why"), [(0, "ended before its work was done"), (9, r"died \(out of memory\?\)")])
def test_a_stage_that_ends_unfinished_ends_the_replay(code: int, why: str) -> None:
    context = multiprocessing.get_context("spawn")
    news = context.Queue()
    processes = [
        context.Process(target=_finish, args=("good", news), name="good"),
        context.Process(target=os._exit, args=(code,), name="bad"),
    ]
    for process in processes:
        process.start()
    told: list[tuple[str, int]] = []
    with pytest.raises(ReplayError, match=f"the process of bad {why}; run the replay again"):
        _follow([_stage("good"), _stage("bad")], processes, news, lambda *done: told.append(done))
    for process in processes:
        process.join()


def test_a_stage_that_finishes_and_ends_at_once_is_not_taken_for_a_dead_one() -> None:
    context = multiprocessing.get_context("spawn")
    news = context.Queue()
    process = context.Process(target=_finish, args=("good", news), name="good")
    process.start()
    process.join()
    told: list[tuple[str, int]] = []
    _follow([_stage("good")], [process], news, lambda *done: told.append(done))
    assert told == [("raw", 24)]


def test_a_replay_of_files_that_landed_passes_over_a_hole(tmp_path: Path) -> None:
    place, name = Place(tmp_path), "tpch_assets_tests.businesses.meters"
    for number in (0, 1, 5, 6):
        row = {"meter": "a", "at": f"{days.START:%Y-%m-%d} 00:0{number}:00Z", "value": number, "by": None}
        place.deliver("readings", days.key(number), "a.json", json.dumps(row).encode())
    command = ("replay", "--start", days.day(0), "--batches", "24")
    assert place.start(*command, business=name, generate=False).wait(timeout=200) == 0, place.output()
    assert "gold: 4 of 4 batches" in place.output(), "the bar counts what was delivered"
    assert days.rows_of(place.lake, "silver", "readings").num_rows == 4
