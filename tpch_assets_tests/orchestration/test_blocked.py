"""What a blocking check finds wrong is kept from gold, until it is mended; rejects stay visible until dealt with."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from tpch_assets.commands.main import main
from tpch_assets.lake.faults import faults
from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, graph
from tpch_assets_tests.orchestration.test_checks import check, figures, replace

QUERY, UNIQUE, CLEAN = "q04_order_priority_checking", "key_is_unique_and_not_null", "no_rejects"
LATER = days.START + timedelta(days=1, minutes=45)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """A day whose answer to one question is to be made."""
    place = days.whole_day().copy(tmp_path_factory.mktemp("blocked"))
    shutil.rmtree(Path(place.lake.uri, "gold", QUERY))
    with graph(place, generate=False) as found:
        yield found


def asked(loaded: Graph) -> set[str]:
    """What gold's schedule asks for."""
    return days.asset_names(loaded.schedule("gold_schedule", LATER).run_requests or [])


def test_gold_waits_for_a_window_that_is_wrong_and_goes_on_once_it_is_mended(loaded: Graph) -> None:
    assert f"gold/{QUERY}" in asked(loaded)
    window = days.key(24)
    sound = days.rows_of(loaded.lake, "silver", "orders", window)
    replace(loaded.lake, "silver", "orders", window, pa.concat_tables([sound, sound.slice(3, 1)]))
    assert not check(loaded, "silver", "orders", UNIQUE, window=window)[UNIQUE].passed
    # A run over another window does not make it sound.
    again = check(loaded, "silver", "orders", UNIQUE, window=days.key(48))[UNIQUE]
    assert not again.passed and window in str(again.description)
    loaded.run([days.request("silver", ["orders", "lineitem"], days.key(48))])  # Silver goes on.

    assert asked(loaded) == set()
    assert f"silver/orders in {window} fails {UNIQUE}" in str(loaded.schedule("gold_schedule", LATER).skip_message)
    (result,) = loaded.run([days.request("gold", [QUERY], days.day(0))], raise_on_error=False)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error: Any = failure.step_failure_data.error
    told = error.cause.message if error.cause else error.message
    assert f"waits, since silver/orders in {window} fails" in told

    replace(loaded.lake, "silver", "orders", window, sound)
    assert f"gold/{QUERY}" in asked(loaded)
    assert check(loaded, "silver", "orders", UNIQUE, window=window)[UNIQUE].passed
    assert faults(loaded.lake) == []


def test_a_wrong_dimension_keeps_waiting_what_reads_it(loaded: Graph) -> None:
    rows = days.rows_of(loaded.lake, "silver", "nation")
    replace(loaded.lake, "silver", "nation", "latest", pa.concat_tables([rows, rows.slice(0, 1)]))
    assert not check(loaded, "silver", "nation", UNIQUE)[UNIQUE].passed
    waiting = {f"gold/{name}" for name, query in days.QUERIES.items() if "nation" in query.tables}
    assert waiting and not waiting & asked(loaded)
    assert f"gold/{QUERY}" in asked(loaded), "it reads no nation"
    replace(loaded.lake, "silver", "nation", "latest", rows)
    assert check(loaded, "silver", "nation", UNIQUE)[UNIQUE].passed


def test_rejects_are_seen_until_they_are_acknowledged(
    loaded: Graph, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = days.key(30), days.key(60)
    for batch in (first, second):
        loaded.place.deliver("orders", batch, "bad.json", b"no line of JSON\n")
        loaded.run([days.request("bronze", ["orders"], batch)])
    found = check(loaded, "bronze", "orders", CLEAN, window=days.key(3))[CLEAN]
    assert not found.passed
    assert figures(found)["rejects"] == 2 and sum(figures(found)["rows by reason"].values()) == 2

    (told,) = loaded.instance.fetch_materializations(dg.AssetKey(["bronze", "orders_rejects"]), limit=1).records
    assert told.asset_materialization is not None
    shown = told.asset_materialization.metadata
    assert shown["dagster/row_count"].value == 2
    assert sum(record.data["rows"] for record in shown["rows by reason"].records) == 2  # type: ignore[attr-defined]

    def acknowledge(*options: str) -> str:
        monkeypatch.setattr("sys.argv", ["tpch-assets", "acknowledge", "orders", *options, "--lake", loaded.lake.uri])
        main()
        return capsys.readouterr().out

    assert "acknowledged 1 reject in 1 batch." in acknowledge("--batch", first, "--note", "a test of the shop's")
    assert figures(check(loaded, "bronze", "orders", CLEAN)[CLEAN])["batches"] == [second]
    loaded.place.deliver("orders", second, "bad.json", b"")
    loaded.run([days.request("bronze", ["orders"], second)])
    after = check(loaded, "bronze", "orders", CLEAN, window=days.key(3))[CLEAN]
    assert after.passed and figures(after)["acknowledged"] == 1
    with pytest.raises(SystemExit):
        acknowledge("--batch", second)
    assert "orders has no open rejects" in capsys.readouterr().err
