"""The orders page."""

import time
from pathlib import Path

import pytest

from dashboards import app
from dashboards.store.store import Store
from dashboards.tpch.orders import Orders
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import DAYS, MONEY, gold, orders_of, totals_of
from tpch_assets_tests.dashboards.pages.opened import open_page, words

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


def test_orders_answers_for_its_segment_and_day(store: Store) -> None:
    page = open_page(Orders, store, "?segment=BUILDING&day=2024-01-02")
    assert (page.segment.value, page.day.value) == ("BUILDING", "2024-01-02")
    assert "2024-01-02" in page.head.html
    assert len(page.table.value) == 20
    assert "version 3 of gold/unshipped_totals" in words(page.head.html)
    assert "http://127.0.0.1:3000/assets/gold/unshipped_totals" in page.head.html
    assert "60nothing new on 2024-01-02" in words(page.figures.html)
    assert "42.00 M USD+21.00 M USD (+100.0 %) on 2024-01-02" in words(page.figures.html)
    assert "1 d 15 h" in page.figures.html and "as old as the day before" in page.figures.html
    rows = page.rows()
    assert set(rows["segment"].to_pylist()) == {"BUILDING"}
    assert rows.schema.field("revenue").type == MONEY
    assert list(page.chart.source.data["value"]) == [2e6 * hour for hour in range(1, 7)]


def test_orders_without_totals_say_so(lake: Lake) -> None:
    for day in DAYS:
        gold(lake, "unshipped_orders", day, orders_of(day))
    gold(lake, "unshipped_totals", DAYS[2], totals_of(DAYS[2]))
    store = app.open_store(lake)
    store.poll()
    page = open_page(Orders, store)
    assert "no day before to compare with" in page.figures.html and page.chart is not None
    page.day.value = DAYS[1]
    assert f"There are no totals of {DAYS[1]} yet" in page.figures.html
    assert len(page.table.value) == 20 and not page.ships.visible
    page.day.value = DAYS[2]
    assert page.ships.visible


def test_a_new_commit_keeps_table_chart_and_choice(store: Store) -> None:
    page = open_page(Orders, store, "?segment=BUILDING")
    table, plot = page.table, page.chart.plot
    page.table.param.update(page=2, sorters=[{"field": "lines", "dir": "asc"}])
    gold(store.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04", count=30))
    store.poll()
    page.refresh()
    assert page.table is table and page.chart.plot is plot and page.segment.value == "BUILDING"
    assert (page.table.page, page.table.sorters) == (2, [{"field": "lines", "dir": "asc"}])
    assert len(page.table.value) == 30 and "2024-01-04" in page.head.html


def test_a_chosen_day_stays_when_a_newer_one_comes(store: Store) -> None:
    page = open_page(Orders, store, "?day=2024-01-02")
    gold(store.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04"))
    store.poll()
    page.refresh()
    assert page.day.value == "2024-01-02" and "2024-01-04" in page.day.options.values()


def test_the_oldest_orders_are_computed_on_the_spot(behind_lake: Lake, environment: Path) -> None:
    store = app.open_store(behind_lake)
    store.poll()
    page = open_page(Orders, store, "?first=oldest")
    deadline = time.monotonic() + 20
    while page.said.visible:
        assert "Computing" in page.said.html and time.monotonic() < deadline
        time.sleep(0.01)
        page.refresh()
    assert "first=oldest" in page.url.location.search and page.table is not None
    assert page.rows().column_names[:3] == ["segment", "rank", "orderkey"]
