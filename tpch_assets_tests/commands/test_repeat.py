"""Doing it again, in another order or by two processes at once changes nothing: the rows are those of one replay."""

import itertools
import json
import os
import random
import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tpch_assets.lake.commit import REWRITE
from tpch_assets.lake.lake import Lake
from tpch_assets.raw import files as raw_files
from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph
from tpch_assets_tests.tpch_tables import FACTS, TABLE_NAMES, TABLES

pytestmark = pytest.mark.long
DAY = days.day(0)
BATCHES, WINDOWS = days.keys(0, 96), days.keys(0, 96)[::24]
STREAMS = [name for name, table in TABLES.items() if table.arrives == "every batch"]
DIMENSIONS = [name for name in TABLE_NAMES if name not in FACTS]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return days.whole_day().copy(tmp_path)


def assert_only_our_commits(lake: Lake) -> None:
    """Each commit is ours and took its turn: nobody else wrote, and no two writers wrote on one version."""
    for name in days.tables_of(lake):
        history = DeltaTable(lake.path(*name.split("/"))).history()
        assert {entry["operation"] for entry in history} <= {"CREATE TABLE", "WRITE"}, name
        turns = []
        for path in sorted(Path(lake.path(*name.split("/")), "_delta_log").glob("*.json")):
            actions = [json.loads(line) for line in path.read_text().splitlines()]
            turns += [a["txn"]["version"] for a in actions if a.get("txn", {}).get("appId") == REWRITE]
        assert turns == [*range(1, len(turns) + 1)], name
        assert len(history) - len(turns) == 1, f"{name}: only creating the table takes no turn"


def versions(lake: Lake) -> dict[str, int]:
    return {name: table.version for name, table in days.tables_of(lake).items()}


def test_a_day_made_again_changes_nothing(place: Place) -> None:
    before = versions(place.lake)
    silver_and_gold = [
        *(days.request("silver", FACTS, window) for window in WINDOWS),
        days.request("silver", DIMENSIONS),
        days.request("gold", list(days.QUERIES), DAY),
    ]
    with graph(place) as loaded:
        loaded.run(
            [
                days.request("raw", STREAMS, BATCHES[20], BATCHES[30]),
                days.request("bronze", STREAMS, BATCHES[15], BATCHES[35]),
                *silver_and_gold,
            ]
        )
        assert versions(place.lake) == before, "no table is written where it holds the rows already"
        # The same files delivered again: bronze reads them anew, once, and finds the same.
        for table in STREAMS:
            for batch in BATCHES[20:31]:
                for file in raw_files.files_of(place.lake, table, [batch])[batch]:
                    os.utime(file.uri)
        loaded.run([days.request("bronze", STREAMS, BATCHES[15], BATCHES[35])] * 2)
        loaded.run(silver_and_gold)
    after = versions(place.lake)
    assert {name: after[name] - before[name] for name in after if name.startswith("bronze/")} == {
        f"bronze/{name}": int(name in STREAMS) for name in TABLE_NAMES
    }
    assert not [name for name in after if name.startswith("gold/") and after[name] != before[name]]
    days.assert_same_lake(place.lake, days.whole_day().lake)
    assert days.partial_files(place.lake) == days.partial_files(days.whole_day().lake)
    assert_only_our_commits(place.lake)


def test_batches_and_windows_out_of_order_are_the_same(place: Place) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 (pytest shows it when a test fails)
    rng = random.Random(seed)
    for layer in ("bronze", "silver", "gold", "partials"):
        shutil.rmtree(f"{place.lake.uri}/{layer}")
    cuts = [0, *sorted(rng.sample(range(1, 96), 3)), 96]
    stretches = [(BATCHES[low], BATCHES[high - 1]) for low, high in itertools.pairwise(cuts)]
    rng.shuffle(stretches)
    windows = rng.sample(WINDOWS, 4)
    once = [name for name in TABLE_NAMES if name not in STREAMS]
    with graph(place) as loaded:
        loaded.run([days.request("bronze", once, BATCHES[0])])
        for number, (first, last) in enumerate(stretches):
            loaded.run([days.request("bronze", STREAMS, first, last)])
            loaded.run([days.request("silver", DIMENSIONS)] if number in (0, 3) else [])
        loaded.run([days.request("silver", FACTS, window) for window in (*windows, windows[0])])
        loaded.run([days.request("gold", list(days.QUERIES), DAY)])
    days.assert_same_lake(place.lake, days.whole_day().lake)
    assert_only_our_commits(place.lake)


@pytest.mark.chaos
def test_two_replays_at_once_are_the_same_as_one(tmp_path: Path) -> None:
    one, two = Place(tmp_path / "one"), Place(tmp_path / "two")
    options = ("replay", "--start", DAY, "--batches", "96")
    with one.start(*options) as first, two.start(*options, lake=one.lake.uri) as second:
        try:
            codes = [process.wait(timeout=400) for process in (first, second)]
        finally:
            first.kill()
            second.kill()
    assert codes == [0, 0], one.output() + two.output()
    days.assert_same_lake(one.lake, days.whole_day().lake)
    assert_only_our_commits(one.lake)
    assert not (two.folder / "lake").exists()
