"""Days after the first: other orders, which obey every rule of TPC-H's own."""

import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tpch_assets.compute.database import cursor
from tpch_assets.layers import BATCHES_PER_DAY
from tpch_assets.tpch import later_days
from tpch_assets.tpch.volumes import orders_between, orders_on
from tpch_assets_tests.conftest import SCALE_FACTOR, START
from tpch_assets_tests.tpch.stream import KEYS_A_DAY, one, rows, source
from tpch_assets_tests.tpch_tables import TABLES

SMALL = 0.001
MONTH = range(1, 31)

# What no day may have, as queries that count it. dbgen cuts the price of a line to cents after the discount, and again
# after the tax.
RULES = {
    "an order without a customer": "SELECT count(*) FROM orders ANTI JOIN customer ON c_custkey = o_custkey",
    "a customer who never orders": "SELECT count(*) FROM orders WHERE o_custkey % 3 = 0",
    "an unknown clerk": "SELECT count(*) FROM orders WHERE o_clerk NOT BETWEEN 'Clerk#000000001' AND 'Clerk#000001000'",
    "a line without its order": "SELECT count(*) FROM lineitem ANTI JOIN orders ON o_orderkey = l_orderkey",
    "an order without lines": "SELECT count(*) FROM orders ANTI JOIN lineitem ON o_orderkey = l_orderkey",
    "a key twice": "SELECT count(*) - count(DISTINCT (l_orderkey, l_linenumber)) FROM lineitem",
    "a supplier who does not offer the part": """
        SELECT count(*) FROM lineitem ANTI JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey""",
    "a price that is not the part's": """
        SELECT count(*) FROM lineitem JOIN part ON p_partkey = l_partkey
        WHERE l_extendedprice <> l_quantity * p_retailprice""",
    "a total that is not the sum of its lines": """
        SELECT count(*) FROM orders JOIN (
            SELECT l_orderkey, sum(trunc(trunc(l_extendedprice * (1 - l_discount), 2) * (1 + l_tax), 2)) AS total
            FROM lineitem GROUP BY l_orderkey
        ) ON l_orderkey = o_orderkey WHERE o_totalprice <> total""",
    "a status that is not that of its lines": """
        SELECT count(*) FROM orders JOIN (
            SELECT l_orderkey, CASE WHEN count(DISTINCT l_linestatus) = 2 THEN 'P' ELSE min(l_linestatus) END AS status
            FROM lineitem GROUP BY l_orderkey
        ) ON l_orderkey = o_orderkey WHERE o_orderstatus <> status""",
    "dates that TPC-H does not have": """
        SELECT count(*) FROM orders JOIN lineitem ON l_orderkey = o_orderkey
        WHERE o_orderdate NOT BETWEEN DATE '1992-01-01' AND DATE '1998-08-02'
            OR l_shipdate - o_orderdate NOT BETWEEN 1 AND 121 OR l_receiptdate - l_shipdate NOT BETWEEN 1 AND 30""",
}


@pytest.fixture(scope="module")
def month() -> Iterator[duckdb.DuckDBPyConnection]:
    """`orders` and `lineitem` of two batches of each of 30 days, and the tables that come once."""
    with cursor() as found:
        for name in ("customer", "part", "partsupp"):
            found.execute(f"CREATE TEMP TABLE {name} AS {rows(name, 0, SMALL)}")
        for name in ("orders", "lineitem"):
            numbers = [day * BATCHES_PER_DAY + batch for day in MONTH for batch in (0, 7 * day % 95 + 1)]
            each = (f"SELECT *, {n} AS number FROM ({rows(name, n, SMALL)})" for n in numbers)
            found.execute(f"CREATE TEMP TABLE {name} AS {' UNION ALL '.join(each)}")
        yield found


@pytest.fixture(scope="module", params=["the first day", "the second day"])
def whole_day(
    request: pytest.FixtureRequest, con: duckdb.DuckDBPyConnection, tpch: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    """All of a day, and the tables that come once. That the first day obeys the rules shows that they are TPC-H's."""
    number = int(request.param == "the second day")
    for name in ("customer", "part", "partsupp"):
        con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS FROM '{tpch}/{name}.parquet'")
    for name in ("orders", "lineitem"):
        con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS FROM {name}_{number}")
    yield con
    for name in ("orders", "lineitem", "customer", "part", "partsupp"):
        con.execute(f"DROP VIEW {name}")


@pytest.mark.parametrize("rule", RULES)
def test_a_month_obeys_the_rules(month: duckdb.DuckDBPyConnection, rule: str) -> None:
    assert one(month, RULES[rule]) == 0


@pytest.mark.parametrize("rule", RULES)
def test_a_whole_day_obeys_the_rules(whole_day: duckdb.DuckDBPyConnection, rule: str) -> None:
    assert one(whole_day, RULES[rule]) == 0


def test_no_order_of_a_month_is_repeated(month: duckdb.DuckDBPyConnection) -> None:
    assert one(month, "SELECT count(DISTINCT number // 96) FROM orders") == len(MONTH)
    content = "(o_orderdate, o_orderpriority, o_comment)"
    assert one(month, f"SELECT count(*) - count(DISTINCT {content}) FROM orders") == 0
    assert one(month, "SELECT count(*) - count(DISTINCT o_orderkey) FROM orders") == 0
    outside = "o_orderkey // 6000 <> number // 96"
    assert one(month, f"SELECT count(*) FROM orders WHERE {outside}") == 0, "each day has its own keys"


def test_the_second_day_repeats_no_order_of_the_first(con: duckdb.DuckDBPyConnection) -> None:
    same = "o_orderdate, o_orderpriority, o_comment"
    assert one(con, f"SELECT count(*) FROM orders_1 SEMI JOIN orders_0 USING ({same})") == 0


def test_a_later_day_has_as_many_orders_as_the_shop_gets(con: duckdb.DuckDBPyConnection) -> None:
    tuesday = START + timedelta(days=1)
    assert one(con, "SELECT count(*) FROM orders_1") == orders_on(tuesday, 15_000)
    for batch, count in con.execute(f"SELECT number - {BATCHES_PER_DAY}, count(*) FROM orders_1 GROUP BY 1").fetchall():
        first, last = orders_between(tuesday, batch, 15_000)
        assert count == last - first
    placed = "o_orderkey // 32 * 8 + o_orderkey % 8"
    count = one(con, f"SELECT max({placed}) - min({placed}) + 1 FROM orders_1")
    assert count == one(con, "SELECT count(*) FROM orders_1"), f"keys from {KEYS_A_DAY} on have no gap"


def test_a_later_day_sells_like_the_first(con: duckdb.DuckDBPyConnection) -> None:
    """Keys are folded evenly: as many customers order, as many offers are taken, for as much."""
    for figure, near in (
        ("SELECT avg(o_totalprice) FROM orders_{}", 0.02),
        ("SELECT avg(l_extendedprice) FROM lineitem_{}", 0.02),
        ("SELECT count(*) / count(DISTINCT l_orderkey) FROM lineitem_{}", 0.02),
        ("SELECT count(DISTINCT o_custkey) FROM orders_{}", 0.0),
        ("SELECT count(DISTINCT o_clerk) FROM orders_{}", 0.0),
        ("SELECT count(DISTINCT (l_partkey, l_suppkey)) FROM lineitem_{}", 0.002),
        ("SELECT max(count) FROM (SELECT count(*) AS count FROM lineitem_{} GROUP BY l_suppkey)", 0.1),
    ):
        first, second = (float(one(con, figure.format(number))) for number in (0, 1))
        assert second == pytest.approx(first, rel=near), figure


def test_days_are_the_same_whichever_was_made_before() -> None:
    def digest(number: int) -> int:
        with cursor() as con:
            return zlib.crc32(str(con.execute(rows("orders", number, SMALL)).fetchall()).encode())

    numbers = (700, 300, 2_000, 96)
    assert [digest(number) for number in numbers] == [digest(number) for number in reversed(numbers)][::-1]


@pytest.mark.parametrize("scale_factor", [0.001, 0.01, 0.1, 0.3, 1, 2.5, 3, 10, 30, 100, 1_000, 10_000])
def test_slots_have_room_for_a_full_day(scale_factor: float) -> None:
    slots = later_days.Slots.of(scale_factor)
    full = later_days.full_day(scale_factor)
    assert full <= slots.units * later_days.UNIT < full + 2 * later_days.LARGEST * later_days.UNIT
    assert slots.part % slots.grain == 0 and slots.part <= later_days.LARGEST
    count = later_days.SLOTS * slots.units
    assert count * later_days.UNIT == 1_500_000 * slots.scale_factor
    assert count // slots.grain * 12 < 2**31, "tpchgen-cli counts row groups in 32 bits"


@pytest.mark.parametrize(("scale_factor", "batch"), [(1, 80), (10, 12)])
def test_large_batches_lose_no_line(scale_factor: float, batch: int) -> None:
    number = 400 * BATCHES_PER_DAY + batch
    with cursor() as con:
        for name, key in (("orders", "o_orderkey"), ("lineitem", "l_orderkey")):
            con.execute(
                f"CREATE TEMP TABLE large_{name} AS SELECT {key} FROM ({rows(name, number, scale_factor, many=False)})"
            )
        first, last = orders_between(START + timedelta(days=400), batch, later_days.full_day(scale_factor))
        assert one(con, "SELECT count(*) FROM large_orders") == last - first > 15_000
        assert one(con, "SELECT count(DISTINCT l_orderkey) FROM large_lineitem") == last - first
        assert one(con, "SELECT count(*) FROM large_lineitem ANTI JOIN large_orders ON o_orderkey = l_orderkey") == 0


def test_orders_and_lines_that_were_cut_differently_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later_days, "ROW_GROUP", 9)
    number = 1_000 * BATCHES_PER_DAY + 80
    for table in ("orders", "lineitem"):
        found = source.rows(TABLES[table], number, START, SCALE_FACTOR, many=False)
        with cursor() as con, pytest.raises(duckdb.Error, match=f"batch {number}: the generator cut orders and lines"):
            con.execute(f"SELECT * FROM ({found})").fetchall()
