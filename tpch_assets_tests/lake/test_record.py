"""A lake records what it was begun with, and refuses other settings in one sentence."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.record import FILE, agree, check, recorded
from tpch_assets.settings import Settings, load_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests import days
from tpch_assets_tests.conftest import START, Bronze
from tpch_assets_tests.days import Place, graph
from tpch_assets_tests.lake.test_store import anywhere, put, remote
from tpch_assets_tests.s3_server import one_server, server

__all__ = ["anywhere", "one_server", "remote", "server"]
LATER = START + timedelta(days=1)
ALONE = dataclasses.replace(BUSINESS, source=None)


@pytest.fixture
def settings(environment: Path) -> Iterator[Settings]:
    yield load_settings(scale_factor=0.5)


def _with(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update=values)


def test_a_new_lake_records_its_settings_and_takes_them_again(anywhere: Lake, settings: Settings) -> None:
    check(anywhere, settings, BUSINESS)
    assert recorded(anywhere) is None, "a look leaves nothing behind"
    agree(anywhere, settings, BUSINESS)
    content = anywhere.store.content(anywhere.path(FILE))
    assert content is not None
    found = json.loads(content)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(found.pop("begun"))) < timedelta(minutes=1)
    assert found == {
        "business": "tpch_assets.tpch",
        "start": "2024-01-01",
        "scale_factor": 0.5,
        "steps": [15, 360, 1440],
    }
    agree(anywhere, settings, BUSINESS)
    check(anywhere, _with(settings, workers=1, generate=False), BUSINESS)
    assert anywhere.store.content(anywhere.path(FILE)) == content


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scale_factor": 1.0}, "began with TPCH_SCALE_FACTOR=0.5, not 1: set it to 0.5, or set TPCH_LAKE"),
        ({"start": LATER}, "began with TPCH_START=2024-01-01, not 2024-01-02: set it to 2024-01-01"),
        ({"business": "mine"}, "holds TPCH_BUSINESS=tpch_assets.tpch, not mine: set it to tpch_assets.tpch"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_settings_are_refused(lake: Lake, settings: Settings, changed: dict[str, object], words: str) -> None:
    agree(lake, settings, BUSINESS)
    for refuses in (agree, check):
        with pytest.raises(LakeError) as error:
            refuses(lake, _with(settings, **changed), BUSINESS)
        assert words in str(error.value) and str(error.value).startswith(f"The lake {lake.uri} ")


def test_made_up_rows_are_not_put_among_files_of_ones_own(lake: Lake, settings: Settings) -> None:
    agree(lake, _with(settings, generate=False), BUSINESS)
    agree(lake, settings, ALONE)
    with pytest.raises(LakeError, match=r"holds files of your own, .*: set TPCH_GENERATE=false"):
        agree(lake, settings, BUSINESS)


@pytest.mark.parametrize("layer", ["raw", "bronze"])
def test_a_former_lake_began_with_the_first_day_that_it_holds(anywhere: Lake, settings: Settings, layer: str) -> None:
    put(anywhere, anywhere.path("raw/orders/2023-12-31T0015/from elsewhere.json"))
    if layer == "raw":
        put(anywhere, anywhere.path("raw/orders/2024-01-02T0015/orders.json"))
    else:
        Bronze(anywhere).deliver("orders", "2024-01-02T0015", {"a.json": []})
    with pytest.raises(LakeError, match="began with TPCH_START=2024-01-02, not 2024-01-01"):
        agree(anywhere, settings, BUSINESS)
    agree(anywhere, _with(settings, start=LATER), BUSINESS)


def test_files_of_ones_own_may_come_whenever_but_bronze_holds_none_from_before(lake: Lake, settings: Settings) -> None:
    put(lake, lake.path("raw/orders/2023-12-31T0015/a.json"))
    Bronze(lake).deliver("orders", "2024-01-02T0015", {"a.json": []})
    agree(lake, settings, ALONE)
    Path(lake.path(FILE)).unlink()
    with pytest.raises(LakeError, match="began with TPCH_START=2024-01-02, not 2024-01-04"):
        agree(lake, _with(settings, start=LATER + timedelta(days=2)), ALONE)


def test_of_many_that_begin_a_lake_at_once_one_wins(lake: Lake, settings: Settings) -> None:
    barrier, refused = threading.Barrier(8), list[str]()

    def begin(day: int) -> None:
        barrier.wait()
        try:
            agree(lake, _with(settings, start=START + timedelta(days=day)), BUSINESS)
        except LakeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=begin, args=(day,)) for day in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    begun = recorded(lake)
    assert begun is not None and all(f"TPCH_START={begun.start}, not" in text for text in refused)
    assert [path.name for path in Path(lake.uri).iterdir()] == [FILE], "nothing staged is left"


def test_a_record_that_cannot_be_read_is_said_to_be_so(lake: Lake, settings: Settings) -> None:
    agree(lake, settings, BUSINESS)
    for content in ("", "{", "[]", "{}"):
        Path(lake.path(FILE)).write_text(content)
        with pytest.raises(LakeError, match=r"lake.json cannot be read .*: restore it, or delete it"):
            agree(lake, settings, BUSINESS)


def test_runs_ticks_and_the_command_line_refuse_another_scale_factor(tmp_path: Path) -> None:
    place = Place(tmp_path)
    region = days.request("raw", ["region"], days.key(0))
    with graph(place) as loaded:
        loaded.run([region, days.request("raw", ["orders"], days.key(0))])
    file = Path(place.lake.uri, "raw/region", days.key(0), "region.json")
    before = file.stat().st_mtime_ns
    words = "began with TPCH_SCALE_FACTOR=0.01, not 0.02: set it to 0.01"
    with graph(place, scale_factor=0.02) as loaded:
        (result,) = loaded.run([region], raise_on_error=False)
        (failure,) = loaded.instance.all_logs(result.run_id, dg.DagsterEventType.STEP_FAILURE)
        assert words in str(failure.dagster_event)
        with pytest.raises(LakeError, match=words):
            loaded.sensor("bronze_sensor")
        with pytest.raises(dg.DagsterError) as error:
            loaded.schedule("raw_schedule", days.START + timedelta(days=1))
        assert words in str(error.value.__cause__)
    assert file.stat().st_mtime_ns == before
    process = place.start("replay", "--start", days.day(0), "--batches", "1", "--scale-factor", "0.02")
    assert process.wait(timeout=200) == 2
    assert place.output() == f"tpch-assets: The lake {place.lake.uri} {words}, or set TPCH_LAKE to another lake.\n"
    Path(place.lake.path(FILE)).unlink()
    with graph(place, scale_factor=0.02) as loaded:
        (result,) = loaded.run([region], raise_on_error=False)
        (failure,) = loaded.instance.all_logs(result.run_id, dg.DagsterEventType.STEP_FAILURE)
        held = "holds 156 rows in orders's first batch, where TPCH_SCALE_FACTOR=0.02 makes 312: set it to the lake's"
        assert held in str(failure.dagster_event) and "about 0.01, or" in str(failure.dagster_event)
    with graph(place) as loaded:
        assert all(result.success for result in loaded.run([region]))
