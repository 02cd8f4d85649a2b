"""Which columns an answer's columns come from."""

from pathlib import Path

import pytest

from tpch_assets.gold.lineage import origins
from tpch_assets.gold.queries import load_queries, load_query
from tpch_assets.tpch import BUSINESS

REGION = {name: f"=region.{name}" for name in ("r_regionkey", "r_name", "r_comment", "_batch")}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT r_name FROM region", {"r_name": "=region.r_name"}),
        ("SELECT R_NAME AS a, 'x' AS b FROM Region r", {"a": "=region.r_name", "b": ""}),
        ("SELECT r.r_name || n_name AS a FROM region r, nation", {"a": "nation.n_name region.r_name"}),
        (
            "SELECT sum(o_totalprice) FILTER (o_clerk = 'a') AS a FROM orders",
            {"a": "orders.o_clerk orders.o_totalprice"},
        ),
        ("SELECT count(*) AS n FROM region WHERE r_name = 'x'", {"n": ""}),
        ("FROM region", REGION),
        ("SELECT * EXCLUDE (r_comment) FROM region", {c: t for c, t in REGION.items() if c != "r_comment"}),
        ("SELECT a FROM (SELECT r_name AS a FROM region)", {"a": "=region.r_name"}),
        ("SELECT b FROM (SELECT r_name FROM region) AS t (b)", {"b": "=region.r_name"}),
        ("WITH t (a) AS (SELECT lower(r_name) FROM region) SELECT a AS b FROM t", {"b": "region.r_name"}),
        ("SELECT n_name AS a FROM nation UNION ALL SELECT r_name FROM region", {"a": "nation.n_name region.r_name"}),
        (
            "SELECT (SELECT max(r_name) FROM region WHERE r_regionkey = n_regionkey) AS a FROM nation",
            {"a": "region.r_name"},
        ),
        ("SELECT n_regionkey + 1 AS a, a * 2 AS b FROM nation", {"a": "nation.n_regionkey", "b": "nation.n_regionkey"}),
        ("SELECT list_transform([n_name], lambda x: x) AS a FROM nation", {"a": "nation.n_name"}),
        (
            "SELECT rank() OVER (PARTITION BY n_regionkey ORDER BY n_name) AS a FROM nation",
            {"a": "nation.n_name nation.n_regionkey"},
        ),
        ("SELECT b.* FROM nation a JOIN region b ON r_regionkey = n_regionkey", REGION),
        ("SELECT * FROM region a JOIN region b USING (r_regionkey, r_name, r_comment, _batch)", REGION),
        ("SELECT n_name FROM nation SEMI JOIN region ON r_regionkey = n_regionkey", {"n_name": "=nation.n_name"}),
        ("PIVOT region ON r_name IN ('ASIA') USING count(*) GROUP BY r_regionkey", None),
    ],
)
def test_columns_come_from(tmp_path: Path, statement: str, expected: dict[str, str] | None) -> None:
    (tmp_path / "a.sql").write_text(statement)
    found = origins(load_query(BUSINESS, tmp_path / "a.sql", bare=True), BUSINESS)
    shown = {
        name: ("=" if origin.same else "") + " ".join(".".join(source) for source in origin.sources)
        for name, origin in found.items()
    }
    assert shown == (expected or {})


def test_an_override_is_followed_through_its_partials(tmp_path: Path) -> None:
    text = "-- partial\nSELECT o_custkey AS k, sum(o_totalprice) AS p FROM orders GROUP BY k\n-- combine\n"
    (tmp_path / "a.sql").write_text(text + "SELECT c_name, p AS price FROM partials JOIN customer ON k = c_custkey")
    found = origins(load_query(BUSINESS, tmp_path / "a.sql", bare=True), BUSINESS)
    assert found["c_name"].sources == (("customer", "c_name"),)
    assert found["price"].sources == (("orders", "o_totalprice"),)


def test_every_query_of_the_business_is_understood() -> None:
    for query in load_queries(BUSINESS).values():
        known = [] if query.function else [name for name, _ in query.columns]
        assert list(origins(query, BUSINESS)) == known, query.name
