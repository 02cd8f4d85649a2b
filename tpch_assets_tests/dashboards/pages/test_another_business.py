"""The generic pages over tables and queries of another business, which no module of the dashboard names."""

from datetime import date
from types import SimpleNamespace

import pyarrow as pa
import pytest

from dashboards.charts.looks import Look
from dashboards.pages.pipeline import Pipeline
from dashboards.pages.queries import Queries, warm_up
from dashboards.settings import DashboardSettings
from dashboards.store import business
from dashboards.store.store import Store
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import gold, put
from tpch_assets_tests.dashboards.pages.opened import Location

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


@pytest.fixture
def readings(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A lake of sensors' readings, with one question: how warm is each room?"""
    query = SimpleNamespace(name="warm_rooms", title="Warm rooms", question="How warm?", source=None)
    stand_ins = {
        "queries": lambda: {"warm_rooms": query},
        "table_names": lambda: ("sensor", "reading"),
        "facts": lambda: ("reading",),
        "arrives_with_every_batch": lambda table: table == "reading",
        "parameters": lambda query, day: {"as_of": day},
        "statements": lambda query: {"SQL of the answer": "SELECT room"},
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(business, name, stand_in)
    put(lake, "bronze", "reading", "2024-01-01T0000", pa.table({"celsius": [20.5, 21.0]}))
    for day, celsius in (("2024-01-01", 20.0), ("2024-01-02", 21.5)):
        gold(lake, "warm_rooms", day, {"room": pa.array(["attic", "cellar"]), "celsius": pa.array([celsius, 12.0])})
    store = Store(lake, warm_up=warm_up(Look()))
    store.poll()
    return store


def test_a_query_of_another_business_is_drawn_and_followed(readings: Store) -> None:
    page = Queries(readings, DashboardSettings(), Location())
    page.view()
    assert list(page.query.options) == ["Warm rooms"] and "How warm?" in page.heading.html
    assert page.chart is not None and page.history.lines()["attic"] == [20.0, 21.5]
    assert page.parameters.html.count("2024-01-02") == 1 and "SELECT room" in page.sql.html
    assert page.table is not None and page.table.titles == {"room": "Room", "celsius": "Celsius"}
    assert page.rows().column_names == ["room", "celsius"]


def test_the_pipeline_of_another_business_is_shown(readings: Store) -> None:
    page = Pipeline(readings, DashboardSettings(), Location())
    page.view()
    assert page.table.options == ["sensor", "reading"] and page.table.value == "reading"
    assert "very late" in page.overview.html and "nothing yet" in page.overview.html
    assert list(page.charts["rows"].source.data["value"]) == [2.0]


def test_parameters_of_a_day_are_those_of_the_query() -> None:
    query = business.queries()["q06_forecasting_revenue_change"]
    values = business.parameters(query, date(2024, 1, 2))
    assert list(values) == [*query.param_expressions, "as_of"] and values["as_of"] == date(2024, 1, 2)
