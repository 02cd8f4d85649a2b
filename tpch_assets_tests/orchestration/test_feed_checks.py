"""What does not arrive or is not read shows in a check, by its name."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tpch_assets.calendar import batch_key
from tpch_assets.lake import listing
from tpch_assets.orchestration.setbacks import Failure
from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph

ROW = {"r_regionkey": 1, "r_name": "EUROPE", "r_comment": ""}
READ, WHOLE, ARRIVED = "every_raw_file_is_read", "feed_has_no_hole", "has_arrived"
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Graph]:
    with graph(Place(tmp_path), generate=False) as found:
        yield found


def check(loaded: Graph, layer: str, table: str, name: str) -> tuple[dg.AssetCheckEvaluation, dict[str, Any]]:
    key = dg.AssetCheckKey(dg.AssetKey([layer, table]), name)
    (result,) = loaded.run([dg.RunRequest(job_name="freshness_job", asset_check_keys=[key])])
    (found,) = result.get_asset_check_evaluations()
    return found, {title: value.value for title, value in found.metadata.items()}


def _old(path: Path, minutes: float) -> None:
    then = (datetime.now(UTC) - timedelta(minutes=minutes)).timestamp()
    os.utime(path, (then, then))


def test_files_that_wait_too_long_are_seen(loaded: Graph) -> None:
    young = batch_key(datetime.now(UTC) - timedelta(minutes=50))
    file = loaded.place.deliver("region", young, "a.json", [ROW])
    assert check(loaded, "bronze", "region", READ)[0].passed, "there is time yet"
    _old(file, 40)
    found, figures = check(loaded, "bronze", "region", READ)
    assert (found.passed, found.severity, figures["some that wait"]) == (False, WARN, [young])
    _old(loaded.place.deliver("region", days.key(3), "a.json", [ROW]), 40)
    found, figures = check(loaded, "bronze", "region", READ)
    assert (found.severity, figures["some that wait"]) == (ERROR, [days.key(3), young])
    loaded.settle()
    found, figures = check(loaded, "bronze", "region", READ)
    assert found.passed and figures["batches that wait"] == 0


def test_a_batch_that_is_set_aside_is_named(loaded: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    file = loaded.place.deliver("region", days.key(3), "a.json", [ROW])
    _old(file, 40)
    failed = Failure("run", datetime.now(UTC), days.key(3), days.key(3), frozenset({"region"}))
    monkeypatch.setattr("tpch_assets.orchestration.setbacks.failures_of", lambda *_: [failed])
    figures = check(loaded, "bronze", "region", READ)[1]
    assert figures["set aside, since bronze failed on them alone"] == [days.key(3)]


@pytest.mark.parametrize("odd", ["2026-01-01T001500", "backup", "2020-01-01T0000"])
def test_folders_that_are_no_batch_are_named(loaded: Graph, odd: str) -> None:
    loaded.place.deliver("region", odd, "a.json", [ROW])
    found, figures = check(loaded, "bronze", "region", READ)
    assert (found.passed, found.severity) == (False, WARN)
    assert figures["folders that are no batch since the calendar's start"] == [odd]


def test_entries_that_cannot_be_read_and_damaged_tables_are_named(loaded: Graph) -> None:
    file = loaded.place.deliver("region", days.key(3), "a.json", [ROW])
    loaded.settle()
    (file.parent / "b.json").symlink_to("nowhere")
    found, figures = check(loaded, "bronze", "region", READ)
    assert (found.passed, found.severity) == (False, WARN)
    assert figures["entries that cannot be read"] == [
        f"raw/region/{days.key(3)}/b.json is not read: a link to a file that does not exist"
    ]
    log = Path(loaded.lake.table("bronze", "region"), "_delta_log")
    min(log.glob("*.json")).write_text('{"commitInfo":')
    listing._known.clear()  # The next process knows no table yet.
    found, figures = check(loaded, "bronze", "region", READ)
    assert (found.passed, found.severity) == (False, ERROR)
    assert "bronze/region cannot be opened" in figures["table"][0]
    keys = [dg.AssetCheckKey(dg.AssetKey(["bronze", name]), READ) for name in ("region", "nation")]
    (result,) = loaded.run([dg.RunRequest(job_name="freshness_job", asset_check_keys=keys)])
    passed = {one.asset_key.path[-1]: one.passed for one in result.get_asset_check_evaluations()}
    assert passed == {"region": False, "nation": True}


def test_a_hole_in_a_feed_is_seen(loaded: Graph) -> None:
    for number in (2, 3, 6, 7):
        loaded.place.deliver("orders", days.key(number), "a.json", b"")
    found, figures = check(loaded, "raw", "orders", WHOLE)
    assert (found.passed, found.severity) == (False, WARN)
    assert figures == {"batches without files": 2, "some of them": [days.key(4), days.key(5)]}
    for number in (4, 5):
        loaded.place.deliver("orders", days.key(number), "a.json", b"")
    assert check(loaded, "raw", "orders", WHOLE)[0].passed
    assert check(loaded, "raw", "lineitem", WHOLE)[0].passed, "that nothing came at all is told by its age"


def test_a_table_that_never_came_is_seen_and_what_waits_for_it(loaded: Graph) -> None:
    found, figures = check(loaded, "raw", "region", ARRIVED)
    assert (found.passed, found.severity, figures["first batch"]) == (False, WARN, "nothing yet")
    said = loaded.schedule("gold_schedule", days.START + timedelta(days=1)).skip_message
    assert "3 queries wait for region, of which nothing is in silver." in said
    loaded.place.deliver("region", days.key(0), "a.json", [ROW])
    loaded.settle()
    loaded.run(loaded.schedule("silver_schedule", days.START + timedelta(days=1)).run_requests)
    assert check(loaded, "raw", "region", ARRIVED)[1]["first batch"] == days.key(0)
    shutil.rmtree(f"{loaded.lake.uri}/raw/region")
    assert check(loaded, "raw", "region", ARRIVED)[0].passed, "raw has been cleared, bronze has the rows"
    said = loaded.schedule("gold_schedule", days.START + timedelta(days=1)).skip_message
    assert "region" not in said and "wait for nation" in said
