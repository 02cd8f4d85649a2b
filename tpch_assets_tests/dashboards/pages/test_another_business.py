"""The general pages over tables and queries of another business, which no module of the dashboard names."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dashboards import app
from dashboards.own import own
from dashboards.pages.pipeline import Pipeline
from dashboards.pages.queries import Queries
from dashboards.pages.rows import Rows
from dashboards.pages.start import Start
from dashboards.store import business
from dashboards.store.store import Store
from dashboards.store.why import why_no_answer
from tpch_assets.lake.lake import Lake
from tpch_assets.settings import SettingsError
from tpch_assets_tests.dashboards.another import QUERIES, fill, use_business
from tpch_assets_tests.dashboards.lakes import gold, put
from tpch_assets_tests.dashboards.pages.opened import open_page, words

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


@pytest.fixture
def rooms(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """A lake of sensors' readings."""
    use_business(monkeypatch, tmp_path / "queries", QUERIES)
    fill(lake)
    store = app.open_store(lake)
    store.poll()
    return store


def test_its_pages_are_the_general_ones_under_its_name(rooms: Store) -> None:
    assert app.pages() == (Start, Queries, Rows, Pipeline)
    assert own().title == "Rooms"


def test_the_front_page_lists_every_question(rooms: Store) -> None:
    page = open_page(Start, rooms)
    read = words(page.list.html)
    for said in ("Warm rooms", "How warm is each room?", "Warmth, highest21.50 °Cattic", "as of 2024-01-02"):
        assert said in read
    assert "Celsius21.50 °C+1.50 °C on 2024-01-02" in read
    assert page.list.html.count("<polyline") == 2
    assert 'href="./queries?query=warmest"' in page.list.html
    assert "very late" in page.list.html
    assert "Nothing of sensor has arrived" in page.list.html
    assert "3 questions" in page.head.html


def test_a_header_is_drawn(rooms: Store) -> None:
    page = open_page(Queries, rooms, "?query=warm_rooms")
    assert list(page.query.options) == ["High ones", "Warm rooms", "The warmest"]
    assert page.chart.plot.title.text == "Warmth (°C) by room"
    assert page.history.lines() == {"attic": [20.0, 21.5], "cellar": [12.0, 12.0]}
    assert words(page.figures.html) == "Warmth, highest21.50 °CatticWarmth, lowest12 °Ccellar", "no total"
    assert page.table.titles == {"room": "Room", "celsius": "Warmth (°C)"}
    assert "2024-01-02" in page.head.html and "FROM reading" in words(page.sql.html)
    assert page.rows().column_names == ["room", "celsius"]


def test_an_answer_of_one_row_shows_its_values(rooms: Store) -> None:
    page = open_page(Queries, rooms, "?query=warmest")
    assert page.chart is None
    assert "Celsius21.50 °C+1.50 °C on 2024-01-02" in words(page.figures.html)
    assert "Roomattic" in words(page.figures.html) and "Readings2" in words(page.figures.html)
    assert page.history.lines() == {"Celsius": [20.0, 21.5]}


def test_an_answer_without_rows_says_so(rooms: Store) -> None:
    gold(rooms.lake, "high", "2024-01-02", {"room": pa.array([], pa.string())})
    rooms.poll()
    page = open_page(Queries, rooms, "?query=high")
    assert page.none.visible and "No row answers this question as of 2024-01-02." in page.none.html
    assert "no rows" in open_page(Start, rooms).list.html


def test_a_question_says_what_it_waits_for(rooms: Store) -> None:
    high, warm = business.queries()["high"], business.queries()["warm_rooms"]
    assert "Nothing of sensor has arrived, which it reads. Put JSON lines into raw/sensor" in why_no_answer(rooms, high)
    assert "Nothing of reading is in silver" in why_no_answer(rooms, warm)
    rows = pa.table({"room": ["attic"]})
    put(rooms.lake, "silver", "reading", "2024-01-01T0000", rows)
    rooms.poll()
    assert "silver holds 1 of 4 windows of reading for 2024-01-01" in why_no_answer(rooms, warm)
    for hour in ("06", "12", "18"):
        put(rooms.lake, "silver", "reading", f"2024-01-01T{hour}00", rows)
    rooms.poll()
    assert "materializing gold/warm_rooms in Dagster" in why_no_answer(rooms, warm)
    page = open_page(Queries, rooms, "?query=high")
    assert "No answer yet. Nothing of sensor has arrived" in page.none.html


def test_an_empty_lake_whose_files_land_says_where_to_put_them(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_business(monkeypatch, tmp_path / "queries", QUERIES)
    store = Store(lake)
    store.poll()
    assert "Put JSON lines into <code>raw/" in open_page(Start, store).head.html


def test_a_business_without_questions_says_where_to_put_them(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_business(monkeypatch, tmp_path / "queries", {})
    store = app.open_store(lake)
    store.poll()
    assert app.pages() == (Start, Rows, Pipeline)
    page = open_page(Start, store)
    assert f"Put one .sql file per question into {tmp_path / 'queries'}" in page.list.html and page.body.visible


def test_a_broken_file_is_told_beside_the_others(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_business(
        monkeypatch, tmp_path / "queries", {**QUERIES, "wrong": "-- Wrong\n-- What?\nSELECT rom FROM reading\n"}
    )
    fill(lake)
    store = app.open_store(lake)
    store.poll()
    for kind in (Start, Queries):
        page = open_page(kind, store)
        assert "wrong.sql:3" in page.body[-1].html and "rom" in page.body[-1].html
        assert str(tmp_path) not in page.body[-1].html
    assert "21.50 °C" in words(open_page(Start, store).list.html)


def test_pages_of_another_business_are_not_offered_without_their_queries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: Path
) -> None:
    use_business(monkeypatch, tmp_path / "queries", QUERIES, dashboard="dashboards.tpch")
    assert app.pages() == (Start, Queries, Rows, Pipeline)


@pytest.mark.parametrize(
    ("module", "words"), [("no.such", "No module named 'no'"), ("dashboards.app", "has no OWN = Own")]
)
def test_a_module_that_adds_nothing_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: Path, module: str, words: str
) -> None:
    use_business(monkeypatch, tmp_path / "queries", QUERIES, dashboard=module)
    with pytest.raises(SettingsError, match=words):
        own()


def test_the_pipeline_of_another_business_is_shown(rooms: Store) -> None:
    page: Any = open_page(Pipeline, rooms)
    assert page.table.options == ["sensor", "reading"] and page.table.value == "reading"
    assert "very late" in page.overview.html and "nothing yet" in page.overview.html
    assert list(page.charts["rows"].source.data["value"]) == [2.0]


def test_parameters_of_a_day_are_those_of_the_query() -> None:
    query = business.queries()["q06_forecasting_revenue_change"]
    values = business.parameters(query, date(2024, 1, 2))
    assert list(values) == [*query.param_expressions, "as_of"] and values["as_of"] == date(2024, 1, 2)
