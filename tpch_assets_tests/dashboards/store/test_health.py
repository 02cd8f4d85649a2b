"""The state of tables."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from dashboards.store import health
from dashboards.store.store import Store
from tpch_assets.calendar import batch_key
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import put


@pytest.mark.parametrize(("age", "state"), [(20, "green"), (60, "amber"), (120, "red")])
def test_states_follow_the_rules_of_the_asset_checks(lake: Lake, age: int, state: str) -> None:
    now = datetime(2024, 1, 2, 12, tzinfo=UTC)
    rows = pa.table({"o_orderkey": pa.array([1])})
    put(lake, "bronze", "orders", batch_key(now - timedelta(minutes=age)), rows)
    store = Store(lake)
    store.poll()
    assert health.health(store, "bronze", "orders", now).state == state
    assert health.health(store, "bronze", "nation", now).state == "none"
    assert health.health(store, "bronze", "lineitem", now).state == "red"
    assert health.worst(["green", "red", "amber"]) == "red"
