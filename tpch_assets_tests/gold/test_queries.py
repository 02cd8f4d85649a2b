"""The gold queries and their loader: every answer equals plain SQL's, however the orders are cut into pairs."""

import itertools
import random
import subprocess
import sysconfig
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tpch_assets.gold.form import Form, form_of
from tpch_assets.gold.queries import Query, bind, load_queries, parameters
from tpch_assets.gold.syntax import columns_read
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.gold.plain import FOLDER, assert_same, plain_answer, plain_file
from tpch_assets_tests.tpch_tables import FACTS, TABLE_NAMES, TABLES

SCALE_FACTOR = 0.05
"""At 0.01, Q17 finds no small order, and its answer is null."""
AS_OF = date(2026, 1, 2)
QUERIES = {name: query for name, query in load_queries(BUSINESS).items() if query.function is None}
KeyRange = tuple[int, int]
"""Order keys from the first up to, without, the second."""


@pytest.fixture(scope="session")
def tpch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of eight Parquet files, with event times: orders over three days, the last of them AS_OF."""
    folder = tmp_path_factory.mktemp("tpch")
    generator = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
    subprocess.run([generator, "parquet", "-s", str(SCALE_FACTOR), "-o", folder], check=True, capture_output=True)
    with duckdb.connect() as con:
        for name, source in {
            "orders": f"""
                SELECT *, TIMESTAMPTZ '2025-12-31 00:00:00Z'
                    + to_microseconds((o_orderkey * 7919) % 72 * 3_600_000_000) AS o_ordertime
                FROM '{folder}/orders.parquet'""",
            "lineitem": f"""
                SELECT l.*,
                    o_ordertime + to_hours(CAST((l_shipdate - o_orderdate) * 72 // 121 AS INTEGER)) AS l_shiptime
                FROM '{folder}/lineitem.parquet' l JOIN '{folder}/orders.parquet' ON o_orderkey = l_orderkey""",
        }.items():
            con.execute(f"COPY ({source}) TO '{folder}/timed.parquet'")
            (folder / "timed.parquet").replace(folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def con(tpch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Views of the eight tables; in another time zone than UTC, which must make no difference."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        connection.execute("CREATE SCHEMA whole")
        for name in TABLE_NAMES:
            connection.execute(f"CREATE VIEW whole.{name} AS FROM '{tpch}/{name}.parquet'")
            connection.execute(f"CREATE VIEW {name} AS FROM whole.{name}")
        yield connection


@pytest.fixture
def cuts(con: duckdb.DuckDBPyConnection, request: pytest.FixtureRequest) -> list[KeyRange]:
    """Ways to cut all orders into pairs."""
    ((end,),) = con.sql("SELECT max(o_orderkey) + 1 FROM whole.orders").fetchall()
    if request.param == "one pair":
        return [(0, end)]
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 (pytest shows it when a test fails)
    keys = [0, *sorted(random.Random(seed).sample(range(1, end), 5)), end]
    ranges = list(itertools.pairwise(keys))
    return [*ranges, (end, end)] if request.param == "an empty pair" else ranges


def use_pair(con: duckdb.DuckDBPyConnection, keys: KeyRange) -> None:
    for name in FACTS:
        con.execute(
            f"CREATE OR REPLACE VIEW {name} AS FROM whole.{name}"
            f" WHERE {TABLES[name].shard_key} >= {keys[0]} AND {TABLES[name].shard_key} < {keys[1]}"
        )


def run(con: duckdb.DuckDBPyConnection, sql: str, query: Query) -> pa.Table:
    return con.sql(sql, params=bind(sql, parameters(query, SCALE_FACTOR, AS_OF))).to_arrow_table()


def form(query: Query) -> Form:
    return form_of(query, BUSINESS, parameters(query, SCALE_FACTOR, AS_OF))


def run_partials(con: duckdb.DuckDBPyConnection, query: Query, ranges: list[KeyRange]) -> None:
    """Makes the view `partials` of a query."""
    partial = form(query).partial
    assert partial is not None
    selects = []
    for number, keys in enumerate(ranges):
        use_pair(con, keys)
        con.register(f"partial_{number}", run(con, partial, query))
        selects.append(f"FROM partial_{number}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW partials AS {' UNION ALL BY NAME '.join(selects)}")


def answer(con: duckdb.DuckDBPyConnection, query: Query, ranges: list[KeyRange]) -> pa.Table:
    if form(query).partial:
        run_partials(con, query, ranges)
        for name in FACTS:
            con.execute(f"DROP VIEW {name}")
    return run(con, form(query).combine, query)


@pytest.mark.parametrize("cuts", ["one pair", "random pairs", "an empty pair"], indirect=True)
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_answer_is_that_of_plain_sql(con: duckdb.DuckDBPyConnection, query: Query, cuts: list[KeyRange]) -> None:
    use_pair(con, (0, cuts[-1][1]))
    expected = plain_answer(con, query.name, AS_OF)
    assert expected.num_rows > 0
    assert any(value is not None for row in expected.to_pylist() for value in row.values())
    assert_same(answer(con, query, cuts), expected)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_no_pairs_at_all(con: duckdb.DuckDBPyConnection, query: Query) -> None:
    use_pair(con, (0, 0))
    expected = plain_answer(con, query.name, AS_OF)
    if partial := form(query).partial:
        empty = run(con, partial, query).slice(0, 0)
        con.register("nothing", empty)
        con.execute("CREATE OR REPLACE TEMP VIEW partials AS FROM nothing")
    assert_same(run(con, form(query).combine, query), expected)


@pytest.mark.parametrize("query", [query for query in QUERIES.values() if query.groups], ids=lambda query: query.name)
def test_partials_can_be_stored(con: duckdb.DuckDBPyConnection, query: Query) -> None:
    """Parquet knows no HUGEINT: DuckDB would store it as DOUBLE."""
    run_partials(con, query, [(0, 1000)])
    assert "HUGEINT" not in map(str, con.table("partials").types)


def test_unshipped_orders_ranks_fifty_per_segment(con: duckdb.DuckDBPyConnection) -> None:
    query = QUERIES["unshipped_orders"]
    table = answer(con, query, [(0, 100_000), (100_000, 10**9)])
    assert table["rank"].to_pylist() == [*range(1, 51)] * 5
    day_end = "TIMESTAMPTZ '2026-01-03 00:00:00Z'"
    ((early, exact, orders),) = con.sql(
        f"""SELECT
            count(*) FILTER (next_shiptime < {day_end}),
            count(*) FILTER (next_shiptime = {day_end}),
            count(DISTINCT orderkey)
        FROM "table" """
    ).fetchall()
    assert (early, orders) == (0, 250)
    assert exact > 0, "no line ships at midnight sharp, so the boundary is not tested"


def test_unshipped_totals_count_every_order_and_line_once(con: duckdb.DuckDBPyConnection) -> None:
    table = answer(con, QUERIES["unshipped_totals"], [(0, 100_000), (100_000, 10**9)])  # noqa: F841 (SQL reads it)
    ((lines, orders, revenue, oldest),) = con.sql(
        'SELECT sum(lines), sum(orders), sum(revenue), min(oldest_ordertime)::VARCHAR FROM "table"'
    ).fetchall()
    use_pair(con, (0, 10**9))
    ((all_lines, all_orders, all_revenue, oldest_of_all),) = con.sql(
        """SELECT
            count(*), count(DISTINCT l_orderkey), sum(l_extendedprice * (1 - l_discount)), min(o_ordertime)::VARCHAR
        FROM lineitem JOIN orders ON o_orderkey = l_orderkey
        WHERE l_shiptime >= TIMESTAMPTZ '2026-01-03 00:00:00Z'"""
    ).fetchall()
    assert (lines, orders, revenue, oldest) == (all_lines, all_orders, all_revenue, oldest_of_all)


def test_every_query_has_a_plain_one() -> None:
    assert list(QUERIES) == sorted(QUERIES)
    assert {plain_file(name) for name in load_queries(BUSINESS)} == set(FOLDER.glob("*.sql"))


def test_header_is_read() -> None:
    query = QUERIES["q11_important_stock"]
    assert query.title == "Important stock identification"
    assert query.question.startswith("Which parts") and query.question.endswith("?")
    assert query.source == "TPC-H Q11"
    assert list(query.param_expressions) == ["nation", "fraction"]
    assert QUERIES["unshipped_orders"].live == "l_shiptime"
    assert QUERIES["unshipped_orders"].source is None


def test_tables_are_those_really_read() -> None:
    assert QUERIES["q06_forecasting_revenue_change"].tables == ("lineitem",)
    assert QUERIES["q02_minimum_cost_supplier"].groups == ()
    assert QUERIES["q02_minimum_cost_supplier"].tables == ("region", "nation", "supplier", "part", "partsupp")
    assert QUERIES["q13_customer_distribution"].tables == ("customer", "orders")


def test_parameters_follow_the_scale_factor() -> None:
    values = parameters(QUERIES["q11_important_stock"], 10, AS_OF)
    assert values["nation"] == "GERMANY"
    assert str(values["fraction"]) == "0.000010000000"
    assert bind("SELECT '$nation', $as_of -- $fraction", values) == {"as_of": AS_OF}


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("SELECT count(*), 2 * r_regionkey FROM region", ("r_regionkey",)),
        ("SELECT n_name FROM nation JOIN region USING (r_regionkey)", ("r_regionkey",)),
        ("SELECT R_Name FROM Region WHERE r_regionkey > $as_of", ("r_regionkey", "r_name")),
        ("SELECT * FROM (SELECT r_name FROM region)", ("r_regionkey", "r_name", "r_comment")),
        ("FROM region", ("r_regionkey", "r_name", "r_comment")),
        ("SELECT x FROM region AS x", ("r_regionkey", "r_name", "r_comment")),
        ("SELECT b FROM region AS x (a, b)", ("r_regionkey", "r_name", "r_comment")),
        ("SELECT b FROM (SELECT r_name FROM region) AS x (b)", ("r_name",)),
        ("SELECT b FROM (FROM region) AS x (a, b)", ("r_regionkey", "r_name", "r_comment")),
        ("SELECT n_name FROM nation NATURAL JOIN region", ("r_regionkey", "r_name", "r_comment")),
        ("SELECT n_name FROM nation", ()),
    ],
)
def test_columns_read(statement: str, columns: tuple[str, ...]) -> None:
    assert columns_read(statement, TABLES["region"]) == columns


def test_columns_read_refuses_what_it_cannot_parse() -> None:
    with pytest.raises(ValueError, match="not one valid SELECT"):
        columns_read("SELEC r_name FROM region", TABLES["region"])
