"""From a row of silver to what belongs to it and to the raw lines that delivered it."""

import json
from pathlib import Path

import pytest

from dashboards.store import business
from dashboards.store.rows_behind import Behind, NoSuchRow, behind, key_of, key_text
from dashboards.store.store import Store
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import BEHIND


@pytest.fixture
def opened(behind_lake: Lake, environment: Path) -> Store:
    store = Store(behind_lake)
    store.poll()
    return store


def find(store: Store, table: str, key: str) -> Behind:
    return behind(table, key, store.table, lambda stop: None)


def test_an_order_leads_to_its_lines_its_customer_and_the_raw_lines(opened: Store) -> None:
    found = find(opened, "orders", "1")
    assert found.row is not None and found.row["o_comment"] == "again"
    lines, every = found.facts["lineitem"]
    assert [(line["l_orderkey"], line["l_linenumber"]) for line in lines] == [(1, 1), (1, 2)] and every
    assert found.pointed["customer"] is not None and found.pointed["customer"]["c_custkey"] == 7
    newest, older = found.deliveries
    assert (newest.batch, newest.file, newest.kept) == (f"{BEHIND[1]}T0015", "rows.json.gz", True)
    assert (older.batch, older.kept, older.line.number) == (f"{BEHIND[0]}T0000", False, 1)
    assert json.loads(newest.line.text)["o_comment"] == "again"


def test_a_line_leads_to_its_order_and_the_other_lines(opened: Store) -> None:
    found = find(opened, "lineitem", "2,2")
    assert found.row is not None and len(found.facts["lineitem"][0]) == 2
    assert [order["o_orderkey"] for order in found.facts["orders"][0]] == [2]
    assert found.pointed == {"part": None, "supplier": None, "partsupp": None}, "nothing of these came"
    assert found.deliveries[0].line.number == 4


def test_a_raw_file_that_is_gone_is_said(opened: Store) -> None:
    (delivery,) = find(opened, "orders", "3").deliveries
    assert delivery.line.number == 0 and "retention" in delivery.line.why


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ("orders", "x", "'x' is no BIGINT, which o_orderkey is"),
        ("orders", "99", "Neither silver nor bronze has a row of orders with o_orderkey = 99"),
        ("lineitem", "1", "A key of lineitem has 2 values"),
        ("orders", "1; DROP TABLE orders", "is no BIGINT"),
    ],
)
def test_a_key_that_leads_nowhere_is_one_sentence(opened: Store, table: str, key: str, words: str) -> None:
    with pytest.raises(NoSuchRow, match=words):
        find(opened, table, key)


@pytest.mark.parametrize("values", [["a,b", 'say "x"', ""], ["plain"]])
def test_a_key_is_read_as_it_is_written(environment: Path, values: list[str]) -> None:
    from tpch_assets.schema import Column, Table

    columns = tuple(Column(f"k{number}", "VARCHAR", "") for number in range(len(values)))
    table = Table("t", "", columns, key=tuple(column.name for column in columns))
    assert list(key_of(table, key_text(values)).values()) == values


def test_an_answer_names_rows_by_what_its_columns_come_from(environment: Path) -> None:
    queries = business.queries()
    assert business.rows_in(queries["unshipped_orders"]) == {"orderkey": ("orders", ("orderkey",))}
    assert business.rows_in(queries["q03_shipping_priority"]) == {"l_orderkey": ("orders", ("l_orderkey",))}
    assert business.rows_in(queries["q04_order_priority_checking"]) == {}
