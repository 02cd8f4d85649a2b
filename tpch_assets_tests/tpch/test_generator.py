"""The source: 96 batches are exactly TPC-H, every batch is the same bytes whenever it is made, keys never repeat."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tpch_assets.compute.database import cursor
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import write_raw
from tpch_assets.layers import BATCH, BATCHES_PER_DAY
from tpch_assets.raw.generated import GeneratedFile
from tpch_assets.tpch import generator
from tpch_assets_tests.conftest import SCALE_FACTOR, START
from tpch_assets_tests.tpch_tables import TABLES

source = generator.Generator()
STREAMS: list[str] = [name for name, table in TABLES.items() if table.arrives == "every batch"]
ONCE: list[str] = [name for name, table in TABLES.items() if table.arrives == "once"]
KEYS_A_DAY = round(6_000_000 * SCALE_FACTOR)


@pytest.fixture(scope="module")
def tpch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of TPC-H, as the generator makes it in one go."""
    folder = tmp_path_factory.mktemp("tpch")
    program = Path(sys.executable).with_name("tpchgen-cli")
    subprocess.run(
        [program, "parquet", "--quiet", "-s", str(SCALE_FACTOR), "--output-dir", folder],
        check=True,
        capture_output=True,
    )
    return folder


def rows(table: str, number: int, *, many: bool = True) -> str:
    """The rows of a table in a batch, as a query."""
    return source.rows(TABLES[table], number, START + number * BATCH, SCALE_FACTOR, many=many)


def day(table: str, first: int = 0) -> str:
    """The rows of 96 batches, with the number of each."""
    return " UNION ALL ".join(
        f"SELECT *, {n} AS number FROM ({rows(table, n)})" for n in range(first, first + BATCHES_PER_DAY)
    )


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Tables `orders_0`, `lineitem_0`, `orders_1` and `lineitem_1`: the first two days of the stream."""
    with cursor() as found:
        for number in (0, 1):
            for name in ("orders", "lineitem"):
                found.execute(f"CREATE TEMP TABLE {name}_{number} AS {day(name, number * BATCHES_PER_DAY)}")
        yield found


def one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = con.execute(sql).fetchone()
    assert row
    return row[0]


@pytest.mark.parametrize(("table", "number"), [("orders", 0), ("lineitem", 97), ("supplier", 95)])
def test_a_batch_is_the_same_bytes_whenever_it_is_made(lake: Lake, table: str, number: int) -> None:
    files = []
    for many in (True, False):
        path = Path(lake.path("raw", table, f"{many}.json"))
        time = START + number * BATCH
        make = partial(source.rows, TABLES[table], number, time, SCALE_FACTOR, many=many)
        write_raw(lake, str(path), GeneratedFile(make))
        files.append(path.read_bytes())
    assert files[0] == files[1]
    assert files[0].count(b"\n") > 0


@pytest.mark.parametrize("table", ["orders", "lineitem"])
def test_a_day_is_exactly_tpch(con: duckdb.DuckDBPyConnection, tpch: Path, table: str) -> None:
    added = "o_ordertime" if table == "orders" else "l_shiptime"
    ours = f"SELECT * EXCLUDE (number, {added}) FROM {table}_0"
    theirs = f"SELECT * FROM '{tpch}/{table}.parquet'"
    assert one(con, f"SELECT count(*) FROM ({ours})") == one(con, f"SELECT count(*) FROM ({theirs})") > 0
    for left, right in ((ours, theirs), (theirs, ours)):
        assert one(con, f"SELECT count(*) FROM ({left} EXCEPT ALL {right})") == 0


def test_the_next_day_is_the_same_with_other_keys(con: duckdb.DuckDBPyConnection) -> None:
    for table, key, added in (("orders", "o_orderkey", "o_ordertime"), ("lineitem", "l_orderkey", "l_shiptime")):
        first = f"SELECT * EXCLUDE (number, {added}) REPLACE ({key} + {KEYS_A_DAY} AS {key}) FROM {table}_0"
        second = f"SELECT * EXCLUDE (number, {added}) FROM {table}_1"
        assert one(con, f"SELECT count(*) FROM ({first} EXCEPT ALL {second})") == 0
        assert one(con, f"SELECT count(*) FROM {table}_0 SEMI JOIN {table}_1 USING ({key})") == 0
        assert one(con, f"SELECT max({key}) FROM {table}_0") <= KEYS_A_DAY


def test_an_order_and_its_lines_come_together(con: duckdb.DuckDBPyConnection) -> None:
    pairs = "FROM orders_0 AS o FULL JOIN lineitem_0 AS l ON o_orderkey = l_orderkey AND o.number = l.number"
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


def test_a_generator_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"tpchgen-cli parquet .* failed: .*no_such_table"):
        generator._generate(SCALE_FACTOR, "no_such_table")


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
