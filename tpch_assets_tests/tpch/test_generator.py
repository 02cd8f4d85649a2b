"""The source: the first day is exactly TPC-H, a batch is the same bytes whenever it is made, keys never repeat."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest

from tpch_assets.compute.database import cursor
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import write_raw
from tpch_assets.layers import BATCH, BATCHES_PER_DAY
from tpch_assets.raw.generated import GeneratedFile
from tpch_assets.tpch import generator, tpchgen
from tpch_assets_tests.conftest import SCALE_FACTOR, START
from tpch_assets_tests.tpch.stream import KEYS_A_DAY, day, one, rows, source
from tpch_assets_tests.tpch_tables import TABLES

STREAMS: list[str] = [name for name, table in TABLES.items() if table.arrives == "every batch"]
ONCE: list[str] = [name for name, table in TABLES.items() if table.arrives == "once"]


def raw(lake: Lake, table: str, number: int, *, many: bool) -> bytes:
    """The raw file of a batch."""
    path = Path(lake.path("raw", table, f"{many}.json"))
    make = partial(source.rows, TABLES[table], number, START + number * BATCH, SCALE_FACTOR, many=many)
    write_raw(lake, str(path), GeneratedFile(make))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("table", "number"), [("orders", 0), ("lineitem", 97), ("orders", 97), ("orders", 191), ("supplier", 95)]
)
def test_a_batch_is_the_same_bytes_whenever_it_is_made(lake: Lake, table: str, number: int) -> None:
    one, other = (raw(lake, table, number, many=many) for many in (True, False))
    assert one == other
    assert one.count(b"\n") > 0


FIRST_DAY = {
    ("supplier", 0): "ff86f3ec116615f1",
    ("supplier", 40): "9185772491729734",
    ("orders", 0): "c930aa477a7480bc",
    ("orders", 40): "da3b7466fad8950f",
    ("orders", 95): "db5098fa4e9750d4",
    ("lineitem", 0): "cf01843ddea8f311",
    ("lineitem", 40): "ff8646b0055a5260",
    ("lineitem", 95): "6e9dd8aafece1e7e",
}
"""The beginnings of SHA-256 digests."""


@pytest.mark.parametrize(("table", "number"), FIRST_DAY)
def test_the_first_day_stays_the_same_bytes(lake: Lake, table: str, number: int) -> None:
    found = hashlib.sha256(raw(lake, table, number, many=True)).hexdigest()
    assert found[:16] == FIRST_DAY[table, number]


@pytest.mark.parametrize("table", ["orders", "lineitem"])
def test_the_first_day_is_exactly_tpch(con: duckdb.DuckDBPyConnection, tpch: Path, table: str) -> None:
    added = "o_ordertime" if table == "orders" else "l_shiptime"
    ours = f"SELECT * EXCLUDE (number, {added}) FROM {table}_0"
    theirs = f"SELECT * FROM '{tpch}/{table}.parquet'"
    assert one(con, f"SELECT count(*) FROM ({ours})") == one(con, f"SELECT count(*) FROM ({theirs})") > 0
    for left, right in ((ours, theirs), (theirs, ours)):
        assert one(con, f"SELECT count(*) FROM ({left} EXCEPT ALL {right})") == 0


def test_the_next_day_has_keys_of_its_own(con: duckdb.DuckDBPyConnection) -> None:
    for table, key in (("orders", "o_orderkey"), ("lineitem", "l_orderkey")):
        for number in (0, 1):
            low, high = con.execute(f"SELECT min({key}), max({key}) FROM {table}_{number}").fetchall()[0]
            assert number * KEYS_A_DAY < low < high <= (number + 1) * KEYS_A_DAY
    odd = "SELECT count(*) FROM orders_1 WHERE o_orderkey % 32 > 7"
    assert one(con, odd) == 0, "TPC-H uses eight keys of every 32"


@pytest.mark.parametrize("number", [0, 1])
def test_an_order_and_its_lines_come_together(con: duckdb.DuckDBPyConnection, number: int) -> None:
    pairs = (
        f"FROM orders_{number} AS o FULL JOIN lineitem_{number} AS l ON o_orderkey = l_orderkey AND o.number = l.number"
    )
    assert one(con, f"SELECT count(*) {pairs} WHERE o_orderkey IS NULL OR l_orderkey IS NULL") == 0


def test_order_times_spread_over_the_batch_in_the_order_of_keys(con: duckdb.DuckDBPyConnection) -> None:
    begin = f"TIMESTAMPTZ '{START.isoformat()}' + number * INTERVAL 15 MINUTE"
    outside = f"o_ordertime::TIMESTAMPTZ < {begin} OR o_ordertime::TIMESTAMPTZ >= {begin} + INTERVAL 15 MINUTE"
    for table in ("orders_0", "orders_1"):
        assert one(con, f"SELECT count(*) FROM {table} WHERE {outside}") == 0
        last = f"SELECT max(o_ordertime::TIMESTAMPTZ - ({begin})) AS last FROM {table} GROUP BY number"
        assert one(con, f"SELECT count(*) FROM ({last}) WHERE last > INTERVAL 13 MINUTE") == BATCHES_PER_DAY
        ordered = "lag(o_ordertime) OVER (PARTITION BY number ORDER BY o_orderkey) >= o_ordertime"
        assert one(con, f"SELECT count(*) FROM (SELECT * FROM {table} QUALIFY {ordered})") == 0


def test_times_are_written_in_utc_to_the_microsecond(con: duckdb.DuckDBPyConnection) -> None:
    for column, table in (("o_ordertime", "orders_1"), ("l_shiptime", "lineitem_1")):
        written = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
        assert one(con, f"SELECT count(*) FROM {table} WHERE NOT regexp_full_match({column}, '{written}')") == 0


def test_a_line_ships_up_to_three_days_after_its_order(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute(
        """SELECT o_ordertime, l_shiptime, l_shipdate - o_orderdate
        FROM lineitem_1 AS l JOIN orders_1 AS o ON l_orderkey = o_orderkey"""
    ).fetchall()
    for ordered, shipped, days in found:
        wait = timedelta(days=3 * days) / 121
        off = datetime.fromisoformat(ordered) + wait - datetime.fromisoformat(shipped)
        assert abs(off) <= timedelta(microseconds=1)
    assert {days for _, _, days in found} == set(range(1, 122))


@pytest.mark.parametrize("table", [*ONCE, "supplier"])
def test_the_first_batch_delivers_the_other_tables_whole(
    con: duckdb.DuckDBPyConnection, tpch: Path, table: str
) -> None:
    assert source.delivers(TABLES[table], 0)
    theirs = f"SELECT * FROM '{tpch}/{table}.parquet'"
    for left, right in ((rows(table, 0), theirs), (theirs, rows(table, 0))):
        assert one(con, f"SELECT count(*) FROM (({left}) EXCEPT ALL ({right}))") == 0


def test_only_streams_come_later() -> None:
    for number in (1, 96, 97):
        assert [name for name in TABLES if source.delivers(TABLES[name], number)] == STREAMS


def test_suppliers_are_updated_a_slice_at_a_time(con: duckdb.DuckDBPyConnection, tpch: Path) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE slices AS {day('supplier', BATCHES_PER_DAY)}")
    theirs = f"SELECT * FROM '{tpch}/supplier.parquet'"
    for left, right in (
        ("SELECT * EXCLUDE number FROM slices", theirs),
        (theirs, "SELECT * EXCLUDE number FROM slices"),
    ):
        assert one(con, f"SELECT count(*) FROM ({left} EXCEPT ALL {right})") == 0
    sizes = [size for (size,) in con.execute("SELECT count(*) FROM slices GROUP BY number").fetchall()]
    assert max(sizes) <= 5, "a hundred suppliers in 96 parts, what is left over in the last"


def test_columns_are_those_of_the_tables(con: duckdb.DuckDBPyConnection) -> None:
    for name, table in TABLES.items():
        assert tuple(con.sql(rows(name, 0)).columns) == table.column_names


def test_a_generator_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"tpchgen-cli parquet .* failed: .*no_such_table"):
        tpchgen.generate(SCALE_FACTOR, "no_such_table", folder=str(tmp_path))


@pytest.mark.parametrize("number", [94, 95])
def test_large_batches_lose_no_line(number: int) -> None:
    """In 96 parts at scale factor 3, 390 lines lie in another part than their orders."""
    time = START + number * BATCH
    with cursor() as con:
        for name, key in (("orders", "o_orderkey"), ("lineitem", "l_orderkey")):
            rows = source.rows(TABLES[name], number, time, 3, many=False)
            con.execute(f"CREATE TEMP TABLE large_{name} AS SELECT {key} FROM ({rows})")
        orders = one(con, "SELECT count(*) FROM large_orders")
        assert 45_000 < orders < 48_000
        assert one(con, "SELECT count(DISTINCT l_orderkey) FROM large_lineitem") == orders
        assert one(con, "SELECT count(*) FROM large_lineitem ANTI JOIN large_orders ON o_orderkey = l_orderkey") == 0


def test_orders_and_lines_that_were_cut_differently_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "LARGEST_PART", 1_000_000)
    lines = source.rows(TABLES["lineitem"], 94, START, 3, many=False)
    with cursor() as con, pytest.raises(duckdb.Error, match="batch 94: the generator cut orders and lines"):
        con.execute(f"SELECT count(l_orderkey) FROM ({lines})").fetchall()


def test_a_table_that_is_not_of_tpch_is_refused() -> None:
    with pytest.raises(ValueError, match="the generator makes no clicks: add it to"):
        source.rows(replace(TABLES["orders"], name="clicks"), 0, START, SCALE_FACTOR, many=False)
