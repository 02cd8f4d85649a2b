"""One odd entry in the lake is told by its name, and everything else goes on."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tpch_assets.lake import recovery
from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph
from tpch_assets_tests.orchestration.messages import Messages

REGION = {"r_regionkey": 1, "r_name": "EUROPE", "r_comment": ""}
NATION = {"n_nationkey": 1, "n_name": "FRANCE", "n_regionkey": 1, "n_comment": ""}
FIRST = days.key(0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A lake with a line of each of two tables in bronze and silver. Each test has a copy."""
    place = Place(tmp_path_factory.mktemp("made"))
    place.deliver("region", FIRST, "a.json", [REGION])
    place.deliver("nation", FIRST, "a.json", [NATION])
    with graph(place, generate=False) as loaded:
        loaded.settle()
        loaded.run(loaded.schedule("silver_schedule", days.START + days.BATCH).run_requests)
    return place


@pytest.fixture
def loaded(made: Place, tmp_path: Path) -> Iterator[Graph]:
    with graph(made.copy(tmp_path), generate=False) as found:
        found.sensor("bronze_sensor")  # The first tick would repair what a test damages.
        yield found


def _not_utf8(folder: bytes) -> str:
    Path(os.fsdecode(folder + b"/b\xff.json")).write_text("{}\n")
    return r"b\xff.json is not read: its name is not UTF-8"


def _not_utf8_folder(folder: bytes) -> str:
    Path(os.fsdecode(folder + b"\xff")).mkdir()
    return rf"{FIRST}\xff is not a batch"


def _dangling(folder: bytes) -> str:
    Path(os.fsdecode(folder), "b.json").symlink_to("nowhere")
    return "b.json is not read: a link to a file that does not exist"


def _loop(folder: bytes) -> str:
    Path(os.fsdecode(folder), "b.json").symlink_to("b.json")
    return "b.json is not read: Too many levels of symbolic links"


def _linked_folder(folder: bytes) -> str:
    Path(os.fsdecode(folder), "more").symlink_to("/tmp")
    return "more is not read: a link to a folder"


def _pipe(folder: bytes) -> str:
    os.mkfifo(os.fsdecode(folder) + "/pipe.json")
    return "pipe.json is not read: not a regular file"


ODD = [_pipe, _not_utf8, _not_utf8_folder, _dangling, _loop, _linked_folder]


@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__)
def test_an_odd_entry_in_raw_is_warned_of_and_nothing_else_waits(loaded: Graph, make: Callable[[bytes], str]) -> None:
    sentence = make(os.fsencode(f"{loaded.lake.uri}/raw/region/{FIRST}"))
    messages = Messages()
    tick = loaded.sensor("bronze_sensor", log=messages)
    assert tick.skip_message.startswith("raw/region/") and sentence in tick.skip_message
    assert [sentence in text for text in messages.texts] == [True]
    for table, row in (("region", REGION), ("nation", NATION)):
        loaded.place.deliver(table, FIRST, "c.json", [row])
    (request,) = loaded.sensor("bronze_sensor").run_requests
    assert days.asset_names([request]) == {"bronze/region", "bronze/nation"}
    (result,) = loaded.run([request])
    assert result.success


def _damage(loaded: Graph, layer: str, table: str) -> None:
    """Cut a commit in two that is not the newest: no repair can mend that."""
    log = Path(loaded.lake.table(layer, table), "_delta_log")
    first = min(log.glob("*.json"))
    first.write_bytes(first.read_bytes()[:100])
    (log / "00000000000000000001.json").write_bytes(b'{"commitInfo":{}}')


def _evaluate(loaded: Graph, name: str) -> Any:
    if name.endswith("sensor"):
        return loaded.sensor(name)
    return loaded.schedule(name, days.START + 24 * 4 * days.BATCH)


def test_a_damaged_log_in_bronze_stops_that_table_alone(loaded: Graph) -> None:
    for table in ("region", "nation"):
        loaded.place.deliver(table, days.key(1), "b.json", [REGION if table == "region" else NATION])
    _damage(loaded, "bronze", "region")
    messages = Messages()
    requests = loaded.sensor("bronze_sensor", log=messages).run_requests
    assert days.asset_names(requests) == {"bronze/nation"}
    assert all(result.success for result in loaded.run(requests))
    (text,) = messages.texts
    assert "bronze/region cannot be opened" in text and "restore its _delta_log" in text
    requests = _evaluate(loaded, "silver_schedule").run_requests
    assert days.asset_names(requests) == {"silver/nation"}


@pytest.mark.parametrize(
    ("layer", "tick"),
    [
        ("silver", "silver_schedule"),
        ("silver", "gold_schedule"),
        ("silver", "late_data_sensor"),
        ("bronze", "silver_schedule"),
    ],
)
def test_a_damaged_log_is_named_by_the_ticks_behind_it(loaded: Graph, layer: str, tick: str) -> None:
    _damage(loaded, layer, "region")
    assert f"{layer}/region cannot be opened" in _evaluate(loaded, tick).skip_message


def test_vacuum_goes_on_behind_a_damaged_log_and_then_fails(loaded: Graph) -> None:
    _damage(loaded, "bronze", "nation")
    Path(os.fsdecode(os.fsencode(loaded.lake.path("bronze")) + b"/\xff")).mkdir()
    job = loaded.defs.resolve_job_def("maintenance_job")
    result = job.execute_in_process(instance=loaded.instance, raise_on_error=False)
    assert not result.success
    said = " ".join(str(entry.user_message) for entry in loaded.instance.all_logs(result.run_id))
    assert "bronze/region: 0 files deleted" in said and "silver/region: 0 files deleted" in said
    (failure,) = loaded.instance.all_logs(result.run_id, dg.DagsterEventType.STEP_FAILURE)
    event: Any = failure.dagster_event
    assert "2 tables were not vacuumed, the others were" in event.step_failure_data.error.message
    assert "bronze/nation" in event.step_failure_data.error.message
    assert event.step_key == "vacuum_tables" and "delete_runs" in {e.step_key for e in result.all_events}


def test_the_first_tick_of_a_service_repairs_what_a_power_loss_damaged(loaded: Graph) -> None:
    for number in (1, 2):
        loaded.place.deliver("region", days.key(number), "a.json", [REGION])
        loaded.settle()
    newest = max(Path(loaded.lake.table("bronze", "region"), "_delta_log").glob("*.json"))
    newest.write_bytes(b"")
    recovery._repaired.discard(loaded.lake.uri)  # As in a new process.
    messages = Messages()
    (request,) = loaded.sensor("bronze_sensor", log=messages).run_requests
    assert days.stretch(request) == (days.key(2), days.key(2))
    assert any("damaged by a power loss" in text and newest.name in text for text in messages.texts)
    assert all(result.success for result in loaded.run([request]))
    assert days.rows_of(loaded.lake, "bronze", "region").num_rows == 3
