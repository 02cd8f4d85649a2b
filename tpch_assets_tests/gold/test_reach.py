"""A shard's statement reaches the dimension rows that its own keys name, and what is claimed of it is true.

Each claim is tried: with the rows beyond the claimed range, and without them, the statement gives the same.
"""

import random
from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from tpch_assets.gold import reach
from tpch_assets.gold.form import shipped
from tpch_assets.gold.queries import Value, bind, load_queries, parameters
from tpch_assets.gold.reach import Column, reached_by
from tpch_assets.gold.syntax import tables_read
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.tpch_tables import GROUP, TABLES

BY_CUSTOMER: tuple[Column, ...] = (("orders", "o_custkey"),)
REACHED = [
    "SELECT count(*) AS n FROM orders, customer WHERE c_custkey = o_custkey",
    "SELECT c_name, count(*) AS n FROM orders o JOIN customer c ON o.o_custkey = c.c_custkey AND c_acctbal > 0 "
    "GROUP BY 1",
    "SELECT count(*) AS n, count(c_name) AS m FROM orders LEFT JOIN customer ON c_custkey = o_custkey",
    "SELECT count(*) AS n, count(c_name) AS m FROM customer RIGHT JOIN orders ON c_custkey = o_custkey",
    "SELECT count(*) AS n FROM orders WHERE o_custkey IN (SELECT c_custkey FROM customer WHERE c_acctbal > 0)",
    "SELECT count(*) AS n FROM customer FULL JOIN orders ON c_nationkey = o_shippriority WHERE c_custkey = o_custkey",
    "SELECT count(*) AS n FROM customer LEFT JOIN nation ON n_nationkey = c_nationkey, orders "
    "WHERE o_custkey = c_custkey",
    "SELECT count(*) AS n FROM orders, customer WHERE (c_custkey = o_custkey AND c_acctbal > 0) OR "
    "(o_custkey = c_custkey AND o_totalprice > 5)",
    "SELECT sum(n) AS n FROM (SELECT count(*) AS n FROM orders, customer WHERE c_custkey = o_custkey GROUP BY c_name)",
    "WITH sold AS (SELECT * FROM orders JOIN customer ON o_custkey = c_custkey) SELECT count(*) AS n FROM sold",
    "SELECT count(*) AS n FROM orders a, customer b WHERE b.c_custkey = a.o_custkey AND EXISTS (SELECT 1 "
    "FROM orders c, customer d WHERE c.o_custkey = d.c_custkey AND d.c_nationkey = b.c_nationkey)",
]
NOT_EVIDENT = [
    "SELECT count(*) AS n FROM customer LEFT JOIN orders ON c_custkey = o_custkey",
    "SELECT count(*) AS n FROM orders RIGHT JOIN customer ON c_custkey = o_custkey",
    "SELECT count(*) AS n FROM orders FULL JOIN customer ON c_custkey = o_custkey",
    "SELECT count(*) AS n FROM orders, customer WHERE c_custkey >= o_custkey",
    "SELECT count(*) AS n FROM orders, customer WHERE c_custkey = o_custkey + 1",
    "SELECT count(*) AS n FROM orders, customer WHERE c_custkey = o_custkey OR c_acctbal > 9000",
    "SELECT count(*) AS n FROM orders, customer WHERE NOT (c_custkey = o_custkey)",
    "SELECT count(*) AS n FROM orders, customer WHERE c_nationkey = o_custkey",
    "SELECT count(*) AS n FROM orders WHERE o_custkey NOT IN (SELECT c_custkey FROM customer)",
    "SELECT count(*) AS n FROM orders WHERE o_custkey IN (SELECT c_nationkey FROM customer)",
    "SELECT count(*) AS n FROM orders WHERE o_custkey IN (SELECT max(c_custkey) FROM customer)",
    "SELECT count(*) AS n FROM orders WHERE o_custkey IN (SELECT c_custkey FROM customer ORDER BY c_acctbal LIMIT 3)",
    "SELECT count(*) AS n FROM orders WHERE o_custkey IN (SELECT c_custkey FROM customer GROUP BY 1 HAVING sum(1) > 1)",
    "SELECT count(*) FILTER (o_custkey IN (SELECT c_custkey FROM customer)) AS n FROM orders",
    "SELECT count(*) AS n FROM orders ANTI JOIN customer ON c_custkey = o_custkey",
    "SELECT (SELECT max(c_acctbal) FROM customer) AS m, count(*) AS n FROM orders, customer "
    "WHERE c_custkey = o_custkey",
    "WITH orders AS (SELECT 1 AS o_custkey) SELECT count(*) AS n FROM orders, customer WHERE c_custkey = o_custkey",
    "WITH customer AS (SELECT 1 AS c_custkey) SELECT count(*) AS n FROM orders, customer WHERE c_custkey = o_custkey",
    "SELECT count(*) AS n FROM (SELECT o_custkey + 9 AS k FROM orders) AS o, customer WHERE c_custkey = k",
    "SELECT count(*) AS n FROM orders AS o(a, o_custkey), customer WHERE c_custkey = o_custkey",
    "SELECT count(*) AS n FROM orders a, customer b, customer c WHERE b.c_custkey = a.o_custkey "
    "AND b.c_acctbal < c.c_acctbal",
    "SELECT count(*) AS n FROM customer WHERE EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey)",
    "SELECT count(*) AS n FROM orders POSITIONAL JOIN customer WHERE c_custkey = o_custkey",
    "SELECT count(*) AS n FROM orders, customer WHERE c_custkey::VARCHAR = o_custkey::VARCHAR",
    "SELECT count(*) AS n FROM orders, customer USING SAMPLE 3 ROWS",
]
FORMS = sorted({form.partial for form in shipped(BUSINESS).values() if form.partial})
CLAIMS = [
    *((text, "customer") for text in REACHED),
    *((text, t.name) for text in FORMS for t in BUSINESS.dimensions if reached_by(text, t, GROUP)),
]


@pytest.fixture(scope="module")
def shard() -> Iterator[duckdb.DuckDBPyConnection]:
    """A shard's facts in the middle of the dimensions' keys, and dimensions that reach beyond them on both ends."""
    chance = random.Random(11)
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        for table in TABLES.values():
            columns = ", ".join(f'"{name}" {type_}' for name, type_ in table.stored_columns)
            con.execute(f"CREATE TABLE {table.name} ({columns})")
            for number in range(60):
                values = [_value(name, type_, number, table.is_fact, chance) for name, type_ in table.stored_columns]
                con.execute(f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(values))})", values)
        yield con


def _value(name: str, type_: str, number: int, fact: bool, chance: random.Random) -> object:
    word = name.split("_")[1]
    if word in ("custkey", "partkey", "suppkey", "orderkey"):
        own = not fact and name[0] == word[0] if word != "partkey" else not fact
        return number if own or (fact and word == "orderkey" and name[0] == "o") else chance.randint(20, 40)
    if word in ("nationkey", "regionkey"):
        return number if name[0] == word[0] else chance.randint(0, 59)
    if type_ == "DATE":
        return date(1995, chance.randint(1, 12), 1)
    if type_.startswith("TIMESTAMP"):
        return "2024-01-02 00:00:00+00"
    return chance.randint(0, 9) if type_.startswith(("DECIMAL", "BIGINT", "INTEGER")) else f"{chance.randint(0, 3)}"


def _rows(con: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    values: dict[str, Value] = {}
    for query in load_queries(BUSINESS).values():
        values |= parameters(query, 0.01, date(2024, 1, 1))
    return sorted(map(repr, con.execute(text, bind(text, values)).fetchall()))


def _without_the_rest(con: duckdb.DuckDBPyConnection, text: str, name: str, columns: tuple[Column, ...]) -> list[str]:
    """The statement's rows where the dimension has none beyond the values of the columns."""
    ends = [con.execute(f"SELECT min({column}), max({column}) FROM {fact}").fetchone() for fact, column in columns]
    low, high = min(end[0] for end in ends if end), max(end[1] for end in ends if end)
    con.execute("BEGIN")
    try:
        gone = f"DELETE FROM {name} WHERE {TABLES[name].key[0]} NOT BETWEEN {low} AND {high}"
        assert (con.execute(gone).fetchone() or (0,))[0] > 0
        return _rows(con, text)
    finally:
        con.execute("ROLLBACK")


@pytest.mark.parametrize(("text", "name"), CLAIMS)
def test_rows_beyond_what_is_reached_change_nothing(shard: duckdb.DuckDBPyConnection, text: str, name: str) -> None:
    columns = reached_by(text, TABLES[name], GROUP)
    assert columns and (text in FORMS or columns == BY_CUSTOMER)
    assert _rows(shard, text) == _without_the_rest(shard, text, name, columns)


@pytest.mark.parametrize("text", NOT_EVIDENT)
def test_what_is_not_evident_may_reach_all(text: str) -> None:
    assert reached_by(text, TABLES["customer"], GROUP) == ()


def test_a_wrong_claim_is_found(shard: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rule of outer joins turned round, the trial above tells it."""
    text = NOT_EVIDENT[0]
    monkeypatch.setattr(reach, "_held", lambda join: reach._visible(join))
    claimed = reach.reached_by.__wrapped__(text, TABLES["customer"], GROUP)
    assert claimed == BY_CUSTOMER
    assert _rows(shard, text) != _without_the_rest(shard, text, "customer", claimed)


def test_most_joins_of_the_business_reach_few_rows() -> None:
    read = [
        (t.name, bool(reached_by(f, t, GROUP))) for f in FORMS for t in BUSINESS.dimensions if t.name in tables_read(f)
    ]
    assert all(few for name, few in read if name == "customer")
