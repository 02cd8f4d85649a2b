"""One day through the whole graph: TPC-H's answers come out of gold, and Dagster knows of every row and check."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import duckdb
import pytest

from tpch_assets.orchestration.checks import data_checks
from tpch_assets.raw.files import files_of
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph, tpch
from tpch_assets_tests.gold.plain import assert_same, plain_answer
from tpch_assets_tests.tpch_tables import FACTS, TABLE_NAMES, TABLES

DAY, NEXT_DAY = days.day(0), days.day(1)
ROWS = {
    "region": 5,
    "nation": 25,
    "supplier": 100,
    "customer": 1_500,
    "part": 2_000,
    "partsupp": 8_000,
    "orders": 15_000,
    "lineitem": 60_175,
}
"""The published row counts at scale factor 0.01."""
DELIVERED = {**ROWS, "supplier": 199}
"""The whole of supplier, then from each batch but the first its part of it again."""


@pytest.fixture(scope="module")
def day() -> Place:
    return days.whole_day()


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with tpch() as con:
        yield con


@pytest.mark.parametrize("query", days.QUERIES)
def test_gold_is_the_answer_of_plain_sql(day: Place, plain: duckdb.DuckDBPyConnection, query: str) -> None:
    assert_same(days.answer(day.lake, query, DAY), plain_answer(plain, query, date.fromisoformat(DAY)))


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_every_row_of_tpch_is_in_silver_and_bronze(day: Place, plain: duckdb.DuckDBPyConnection, table: str) -> None:
    silver, bronze = days.rows_of(day.lake, "silver", table), days.rows_of(day.lake, "bronze", table)
    assert (bronze.num_rows, silver.num_rows) == (DELIVERED[table], ROWS[table])
    expected = days.columns(plain, table)
    days.assert_same_rows(silver.drop_columns(["_batch"]), expected)
    once = bronze.drop_columns(["_batch", "_file", "_rescued"])
    days.assert_same_rows(once.group_by(once.column_names).aggregate([]), expected)
    assert bronze["_rescued"].null_count == bronze.num_rows
    assert f"bronze/{table}_rejects" not in days.tables_of(day.lake)


def test_silver_is_compact_and_sorted(day: Place) -> None:
    tables = days.tables_of(day.lake)
    for table in TABLE_NAMES:
        assert len(tables[f"silver/{table}"].files) == (4 if table in FACTS else 1)
    orders, lines = (
        [
            [f.name.rsplit("-", 1)[0] for f in files]
            for _, files in sorted(tables[f"silver/{name}"].by_partition().items())
        ]
        for name in FACTS
    )
    assert orders == lines
    for window in days.keys(0, 96)[::24]:
        for table in FACTS:
            key = days.rows_of(day.lake, "silver", table, window)[TABLES[table].shard_key].to_pylist()
            assert key == sorted(key)


def test_dagster_knows_every_materialization(day: Place) -> None:
    stream, windows = set(days.keys(0, 96)), set(days.keys(0, 96)[::24])
    with graph(day) as loaded:
        known = loaded.defs.resolve_asset_graph().get_all_asset_keys()
        # A sound day has no rejects.
        assets = {
            "/".join(asset.path): asset
            for asset in known
            if asset.path[0] != "operations" and not asset.path[-1].endswith("_rejects")
        }
        assert len(assets) == 3 * 8 + len(days.QUERIES) + len(BUSINESS.models)
        for name, asset in assets.items():
            layer, table = name.split("/")
            found = loaded.instance.fetch_materializations(asset, limit=500).records
            partitions = {record.partition_key for record in found}
            if layer == "gold":
                assert partitions == {DAY}, name
            elif layer == "silver":
                assert partitions == (windows if table in FACTS else {None}), name
            else:
                assert partitions == (stream if TABLES[table].arrives == "every batch" else {None}), name
            if layer != "silver" or table in FACTS:
                assert len(found) == len(partitions), f"{name}: something was materialized twice"


def latest(instance: dg.DagsterInstance, *asset: str) -> dict[str | None, dict]:
    """The metadata of the latest materialization of each partition."""
    found = instance.fetch_materializations(dg.AssetKey(asset), limit=500, ascending=True).records
    return {
        record.partition_key: {name: value.value for name, value in record.asset_materialization.metadata.items()}  # type: ignore[union-attr]
        for record in found
    }


def test_metadata_counts_all_rows(day: Place) -> None:
    tables = days.tables_of(day.lake)
    with day.instance() as instance:
        for table in TABLE_NAMES:
            for layer, rows in (("raw", DELIVERED), ("bronze", DELIVERED), ("silver", ROWS)):
                found = latest(instance, layer, table)
                name = f"{layer}/{table}"
                whole = "dagster/row_count" if None in found else "dagster/partition_row_count"
                assert sum(one[whole] for one in found.values()) == rows[table], name
                if layer == "raw":
                    batches = [batch or days.key(0) for batch in found]
                    raw = [file for files in files_of(day.lake, table, batches).values() for file in files]
                    files, size = len(raw), sum(file.size for file in raw)
                else:
                    files, size = len(tables[name].files), tables[name].size
                assert sum(one["files"] for one in found.values()) == files, name
                assert sum(one["bytes"] for one in found.values()) == size, name
                of = " of the run" if len(found) > 1 else ""
                assert all(one.get(f"seconds{of}", one.get("seconds", 0)) > 0 for one in found.values()), name
            bronze = latest(instance, "bronze", table)
            assert sum(one["lines"] for one in bronze.values()) == DELIVERED[table]
            assert sum(one["rejects"] for one in bronze.values()) == 0
        for query in days.QUERIES:
            (one,) = latest(instance, "gold", query).values()
            assert one["dagster/partition_row_count"] == one["dagster/row_count"] == tables[f"gold/{query}"].rows
            if not days.QUERIES[query].function:
                assert one["shards"] == (4 if days.QUERIES[query].groups else 0)
            names = [name for name, _ in days.QUERIES[query].columns]
            assert [*names, "as_of"] == tables[f"gold/{query}"].schema.names  # type: ignore[union-attr]


def test_every_data_check_ran_and_passed(day: Place) -> None:
    keys = [key for check in data_checks(BUSINESS) for key in check.check_keys]
    assert len(keys) == 2 * 8 + 2 * 8 + 2
    with day.instance() as instance:
        for key in keys:
            record = instance.get_latest_asset_check_evaluation_record(key)
            assert record is not None, key
            evaluation: Any = record.event and record.event.asset_check_evaluation
            assert evaluation.passed, (key, record.event)


def test_every_run_has_finished(day: Place) -> None:
    with day.instance() as instance:
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
        assert len(instance.get_runs()) <= 40, "a day is few runs, not one for each batch"


@pytest.fixture(scope="module")
def second_day(day: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Six hours of the next day by a replay, the rest by the raw schedule, and all of it by the two sensors."""
    place = day.copy(tmp_path_factory.mktemp("second"))
    place.replay("--start", NEXT_DAY, "--batches", "24")
    with graph(place) as loaded:
        tick = loaded.schedule("raw_schedule", days.START + timedelta(days=2))
        assert [days.stretch(request) for request in tick.run_requests] == [(days.key(120), days.key(191))]
        loaded.run(tick.run_requests)
        loaded.settle()
    return place


@pytest.fixture(scope="module")
def plain_second(second_day: Place) -> Iterator[duckdb.DuckDBPyConnection]:
    """The first day is TPC-H; the second what its raw files tell."""
    with tpch() as con:
        days.add_raw(con, second_day.lake, days.keys(96, 96))
        yield con


def test_the_second_day_brings_other_orders(second_day: Place, plain_second: duckdb.DuckDBPyConnection) -> None:
    for table in TABLE_NAMES:
        silver = days.rows_of(second_day.lake, "silver", table)
        days.assert_same_rows(silver.drop_columns(["_batch"]), days.columns(plain_second, table), table)
        if table in FACTS:
            assert 1.5 * ROWS[table] < silver.num_rows < 2.1 * ROWS[table], table
        else:
            assert silver.num_rows == ROWS[table]
    orders = days.columns(plain_second, "orders").select(["o_orderdate", "o_comment"])
    assert orders.group_by(orders.column_names).aggregate([]).num_rows == orders.num_rows


@pytest.mark.parametrize("query", days.QUERIES)
def test_answers_of_both_days_are_those_of_plain_sql(
    day: Place, second_day: Place, plain_second: duckdb.DuckDBPyConnection, query: str
) -> None:
    first, second = (days.answer(second_day.lake, query, key) for key in (DAY, NEXT_DAY))
    assert first.equals(days.answer(day.lake, query, DAY))
    assert_same(second, plain_answer(plain_second, query, date.fromisoformat(NEXT_DAY)))


def test_the_second_day_computes_its_own_pairs_only(day: Place, second_day: Place) -> None:
    before, after = days.partial_files(day.lake), days.partial_files(second_day.lake)
    assert before < after
    new = [name.split("/")[0] for name in after - before]
    for query in days.QUERIES.values():
        if query.live:
            assert 4 <= new.count(query.name) <= 8  # Its text depends on the day, and old pairs may still be live.
        else:
            assert new.count(query.name) == (4 if query.groups and not query.function else 0), query.name
