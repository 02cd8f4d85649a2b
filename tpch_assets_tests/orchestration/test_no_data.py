"""No partition is green without data: what nothing was delivered or built for fails at once, and says so."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, graph
from tpch_assets_tests.tpch.stream import KEYS_A_DAY

RETRIED = dg.DagsterEventType.STEP_UP_FOR_RETRY


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """One day with data, in a calendar of ten."""
    with graph(days.whole_day().copy(tmp_path_factory.mktemp("no-data")), generate=False) as found:
        yield found


def refused(loaded: Graph, layer: str, names: list[str], first: str, last: str = "") -> str:
    """Why a run failed; it made no second attempt."""
    (result,) = loaded.run([days.request(layer, names, first, last)], raise_on_error=False)
    assert not result.success
    assert not [event for event in result.all_events if event.event_type == RETRIED]
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error: Any = failure.step_failure_data.error
    return str(error.cause.message if error.cause else error.message)


def made(loaded: Graph, layer: str, name: str) -> set[str]:
    return set(loaded.instance.get_materialized_partitions(dg.AssetKey([layer, name])))


def test_a_batch_that_was_not_delivered_is_not_made(loaded: Graph) -> None:
    message = refused(loaded, "bronze", ["orders"], days.key(200))
    assert f"raw/orders has no file of {days.key(200)}" in message
    assert days.key(200) not in made(loaded, "bronze", "orders")


def test_of_a_range_those_with_data_are_made(loaded: Graph) -> None:
    before = loaded.table("bronze", "lineitem")
    message = refused(loaded, "bronze", ["lineitem"], days.key(94), days.key(98))
    assert f"2 of 5 partitions are stored. raw/lineitem has no file of {days.key(96)} to {days.key(98)}" in message
    assert made(loaded, "bronze", "lineitem") == {days.key(94), days.key(95)}
    (last,) = loaded.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(["bronze", "lineitem"]), asset_partitions=[days.key(95)]), limit=1
    ).records
    assert last.asset_materialization is not None
    rows = days.rows_of(loaded.lake, "bronze", "lineitem", days.key(95)).num_rows
    assert last.asset_materialization.metadata["dagster/partition_row_count"].value == rows
    days.assert_same_rows(loaded.table("bronze", "lineitem"), before)


def test_a_window_without_data_is_not_built(loaded: Graph) -> None:
    versions = {name: table.version for name, table in days.tables_of(loaded.lake).items()}
    message = refused(loaded, "silver", ["orders", "lineitem"], days.key(96))
    assert f"bronze has nothing of orders or lineitem in {days.key(96)}" in message
    assert not made(loaded, "silver", "orders") | made(loaded, "silver", "lineitem")
    assert {name: table.version for name, table in days.tables_of(loaded.lake).items()} == versions


def test_of_a_range_of_windows_those_with_data_are_built(loaded: Graph) -> None:
    refused(loaded, "silver", ["orders", "lineitem"], days.key(72), days.key(96))
    assert made(loaded, "silver", "orders") == made(loaded, "silver", "lineitem") == {days.key(72)}


def test_a_day_without_data_has_no_answer(loaded: Graph) -> None:
    message = refused(loaded, "gold", ["q01_pricing_summary"], days.day(1))
    assert f"silver has no rows of orders or lineitem in {days.day(1)}" in message
    assert not made(loaded, "gold", "q01_pricing_summary")


def test_of_a_range_of_days_those_with_data_are_answered(loaded: Graph) -> None:
    refused(loaded, "gold", ["q06_forecasting_revenue_change"], days.day(0), days.day(1))
    assert made(loaded, "gold", "q06_forecasting_revenue_change") == {days.day(0)}


def test_a_day_between_others_that_has_no_data_is_not_asked_for(loaded: Graph) -> None:
    order = days.raw_rows(loaded.lake, "orders", days.key(3))[0]
    loaded.place.deliver("orders", days.key(2 * 96 + 95), "a.json", [{**order, "o_orderkey": 3 * KEYS_A_DAY}])
    for sensor in ("bronze_sensor", "late_data_sensor"):
        loaded.run(loaded.sensor(sensor).run_requests)
    asked = loaded.schedule("gold_schedule", days.START + timedelta(days=3, minutes=45)).run_requests
    stretches = {days.stretch(request) for request in asked}
    assert (days.day(2), days.day(2)) in stretches
    assert not any(first <= days.day(1) <= last for first, last in stretches)


def test_a_day_that_brought_corrections_alone_has_an_answer(tmp_path: Path) -> None:
    """Their rows lie in the windows of the orders that they correct."""
    with graph(days.whole_day().copy(tmp_path), generate=False) as loaded:
        order = days.raw_rows(loaded.lake, "orders", days.key(3))[0]
        loaded.place.deliver("orders", days.key(96 + 95), "a.json", [{**order, "o_totalprice": 1.25}])
        for sensor in ("bronze_sensor", "late_data_sensor"):
            loaded.run(loaded.sensor(sensor).run_requests)
        assert not days.rows_of(loaded.lake, "silver", "orders", days.key(96 + 72)).num_rows
        asked = loaded.schedule("gold_schedule", days.START + timedelta(days=2, minutes=45)).run_requests
        loaded.run(asked)
        assert days.answer(loaded.lake, "q06_forecasting_revenue_change", days.day(1)).num_rows
        assert not loaded.schedule("gold_schedule", days.START + timedelta(days=2, minutes=45)).run_requests


def test_a_table_of_which_nothing_came_is_told_at_once(tmp_path: Any) -> None:
    with graph(days.Place(tmp_path), generate=False) as empty:
        assert "bronze/supplier does not exist yet" in refused(empty, "silver", ["supplier"], "")
        assert "silver/supplier does not exist yet" in refused(empty, "gold", ["q15_top_supplier"], days.day(0))
