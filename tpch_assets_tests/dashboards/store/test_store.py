"""The store reads what changed, once, and calls its listeners."""

import os

import pyarrow.parquet as pq
import pytest

from dashboards.store.answers import days
from dashboards.store.store import Store
from dashboards.tpch.orders import Orders
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import gold, money, orders_of
from tpch_assets_tests.dashboards.pages.opened import open_page

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


def test_rows_are_read_only_when_a_version_changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = pq.ParquetFile

    def count(path: str) -> pq.ParquetFile:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(pq, "ParquetFile", count)
    opened = store.tables
    store.poll()
    open_page(Orders, store)
    assert not reads and store.tables is opened
    gold(store.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04"))
    store.poll()
    assert len(reads) == 1
    assert store.tables["gold", "unshipped_orders"].version > opened["gold", "unshipped_orders"].version
    assert store.tables["gold", "q05_local_supplier_volume"] is opened["gold", "q05_local_supplier_volume"]


def test_the_store_notices_a_lake_made_anew_at_the_same_version(lake: Lake) -> None:
    gold(lake, "q06_forecasting_revenue_change", "2024-01-01", {"revenue": money(1)})
    store = Store(lake)
    store.poll()
    os.rename(lake.uri, f"{lake.uri}.old")
    gold(lake, "q06_forecasting_revenue_change", "2024-01-02", {"revenue": money(2)})
    store.poll()
    assert days(store.tables["gold", "q06_forecasting_revenue_change"]) == ["2024-01-02"]


def test_sessions_subscribe_and_unsubscribe(store: Store) -> None:
    called: list[int] = []
    unsubscribe = store.subscribe(lambda: called.append(1))
    store.poll()
    unsubscribe()
    store.poll()
    assert called == [1]


def test_a_session_that_fails_does_not_stop_the_others(store: Store) -> None:
    called: list[int] = []
    store.subscribe(lambda: 1 / 0)
    store.subscribe(lambda: called.append(1))
    store.poll()
    store.poll()
    assert called == [1, 1]
