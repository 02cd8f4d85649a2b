"""The queries page."""

import pyarrow as pa
import pytest

from dashboards import app
from dashboards.pages.queries import Queries
from dashboards.store import business
from dashboards.store.store import Store
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import DAYS, gold, money
from tpch_assets_tests.dashboards.pages.opened import open_page, words

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


@pytest.mark.parametrize("query", ["q05_local_supplier_volume", "q09_product_type_profit", "q13_customer_distribution"])
def test_a_query_is_described_drawn_and_followed(store: Store, query: str) -> None:
    page = open_page(Queries, store, f"?query={query}")
    assert business.queries()[query].question in page.heading.html.replace("&#x27;", "'")
    assert page.chart is not None and all(len(line) == len(DAYS) for line in page.history.lines().values())
    assert (business.queries()[query].plain or "no plain statement") in words(page.sql.html)
    assert "2024-01-03" in page.head.html and page.ask.parameters.view.visible == bool(page.ask.parameters.fields)


def test_a_single_figure_needs_no_chart(store: Store) -> None:
    page = open_page(Queries, store, "?query=q06_forecasting_revenue_change")
    assert page.chart is None and "4.50 M USD" in words(page.figures.html)
    assert page.history.lines() == {"Revenue forgone": [1.5e6, 3e6, 4.5e6]}


def test_a_query_without_an_answer_says_so(store: Store) -> None:
    page = open_page(Queries, store, "?query=q01_pricing_summary")
    assert page.none.visible and not page.answer.visible
    page.query.value = "q05_local_supplier_volume"
    assert not page.none.visible and page.answer.visible


def test_every_query_can_be_chosen_in_turn(store: Store) -> None:
    page = open_page(Queries, store)
    for query in business.queries():
        page.query.value = query
    assert set(page.query.options.values()) == set(business.queries())


def test_an_answer_without_rows_is_followed_too(lake: Lake) -> None:
    none = {"ps_partkey": pa.array([], pa.int64()), "value": money()}
    gold(lake, "q11_important_stock", DAYS[0], none)
    store = app.open_store(lake)
    store.poll()
    page = open_page(Queries, store, "?query=q11_important_stock")
    assert page.chart is None and page.history.lines() == {"Stock value, total": [0.0]}
    assert page.none.visible and not page.table_place.visible and not page.history_place.visible
