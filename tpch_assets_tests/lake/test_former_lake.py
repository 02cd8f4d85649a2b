"""A lake that version 0.1.0 wrote is read as it is, and goes on: only its answers are made anew, once.

Their names did not tell by which query they were made.

`former_lake.tar.xz` holds a day of TPC-H at scale factor 0.001 from 2026-11-01 on, with the times of its raw files,
which are part of the names of bronze files.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tpch_assets.bronze.arrivals import pending
from tpch_assets.bronze.plan import plan_batches
from tpch_assets.lake.commit import commit
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.raw.files import files_of
from tpch_assets.schema import Column
from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph
from tpch_assets_tests.gold.plain import assert_same
from tpch_assets_tests.lake.former import former_lake
from tpch_assets_tests.tpch_tables import TABLES

DAY, FIRST, LAST = "2026-11-01", "2026-11-01T0000", "2026-11-01T2345"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    former_lake(tmp_path)
    return Place(tmp_path)


@pytest.fixture
def loaded(place: Place) -> Iterator[Graph]:
    with graph(place, start=DAY, scale_factor=0.001, generate=False) as found:
        yield found


def files(place: Place) -> dict[str, set[str]]:
    return {name: {file.path for file in table.files} for name, table in days.tables_of(place.lake).items()}


def test_only_answers_of_a_former_lake_are_made_again_and_only_once(place: Place, loaded: Graph) -> None:
    before, rows = files(place), answers(place)
    assert len(before) == 8 + 8 + 24
    made = {f"gold/{name}" for name in (*days.QUERIES, "late_delivery_model")}
    assert days.asset_names(loaded.settle()) == made, "and those it did not know"
    after = files(place)
    assert {name for name in before if after[name] != before[name]} == {n for n in before if n.startswith("gold/")}
    for name, answer in answers(place).items():
        assert_same(answer, rows[name])
    assert loaded.settle() == []
    assert files(place) == after


def answers(place: Place) -> dict[str, pa.Table]:
    names = [name for name, query in days.QUERIES.items() if not query.function]  # It had no functions.
    return {name: days.rows_of(place.lake, "gold", name) for name in names}


def test_a_former_lake_goes_on(place: Place, loaded: Graph) -> None:
    loaded.settle()
    before, partials = files(place), days.partial_files(place.lake)
    (order,) = days.raw_rows(place.lake, "orders", LAST)[:1]
    place.deliver("orders", LAST, "z-late.json", [{**order, "o_totalprice": 1.25}])
    asked = days.asset_names(loaded.settle())
    assert asked == {
        "bronze/orders",
        "silver/orders",
        "silver/lineitem",
        "gold/late_delivery_model",
        *(n for n in before if n.startswith("gold/")),
    } - {
        "gold/q02_minimum_cost_supplier",
        "gold/q11_important_stock",
        "gold/q16_parts_supplier_relationship",
    }
    after = files(place)
    assert after["bronze/orders"] > before["bronze/orders"], "no bronze file is parsed again"
    kept = {path for path in before["silver/orders"] if not path.startswith("2026-11-01T1800")}
    assert after["silver/orders"] > kept, "the other windows stay"
    assert days.partial_files(place.lake) > partials, "their partials are used again"
    prices = days.rows_of(place.lake, "silver", "orders").to_pylist()
    assert [str(row["o_totalprice"]) for row in prices if row["o_orderkey"] == order["o_orderkey"]] == ["1.25"]


def test_a_former_table_gets_columns_without_being_parsed_again(place: Place) -> None:
    lake, table = place.lake, TABLES["orders"]
    uri = lake.table("bronze", table.name)
    before = snapshot(lake, uri)
    for number in range(2):  # The second edit finds what the first one recorded.
        table = replace(table, columns=(*table.columns, Column(f"o_new{number}", "BIGINT", "New.", nullable=True)))
        assert pending(lake, table) == [LAST], "the next commit adds the column"
        update = plan_batches(table, {LAST: files_of(lake, "orders", [LAST])[LAST]}, snapshot(lake, uri))
        assert update.files == {LAST: {}}
        commit(lake, uri, [], {LAST}, schema=update.schema, keep=update.keep, properties=update.properties)
        assert pending(lake, table) == []
    after = snapshot(lake, uri)
    assert set(after.files) == set(before.files)
    assert read(after).column("o_new1").null_count == after.rows
