"""Queries whose results no file holds exactly are refused when they are loaded."""

from pathlib import Path

import duckdb
import pytest

from tpch_assets.gold.queries import load_query
from tpch_assets.tpch import BUSINESS


def _load(folder: Path, partial: str, combine: str) -> None:
    (folder / "query.sql").write_text(f"-- Title\n-- Question?\n-- partial\n{partial}\n-- combine\n{combine}\n")
    load_query(BUSINESS, folder / "query.sql")


@pytest.mark.parametrize(
    "value", ["1::HUGEINT", "sum(o_shippriority)", "max(o_ordertime) - min(o_ordertime)", "[1::UHUGEINT]"]
)
def test_a_partial_that_a_file_would_round_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"query\.sql:4: partial has a column odd of type (U?HUGEINT|INTERVAL), .* CAST it"
    ):
        _load(tmp_path, f"SELECT {value} AS odd FROM orders", "SELECT count(odd) AS rows FROM partials")


@pytest.mark.parametrize("type_", ["INTERVAL", "TIME", "TIMETZ", "UTINYINT", "UBIGINT[]", 'STRUCT("a b" TIMESTAMP_NS)'])
def test_an_answer_that_is_no_delta_table_is_refused(type_: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"query\.sql:6: the answer has a column odd of type .* CAST it"):
        _load(tmp_path, "SELECT count(*) AS n FROM orders", f"SELECT any_value(NULL)::{type_} AS odd FROM partials")


def test_an_answer_with_the_engines_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the answer has a column as_of"):
        _load(tmp_path, "SELECT count(*) AS n FROM orders", "SELECT n, 1 AS As_Of FROM partials")


def test_usual_types_pass(tmp_path: Path) -> None:
    values = "1::DECIMAL(38,0) AS a, TIMESTAMPTZ '2026-01-01' AS b, ['x'] AS c, {'TIME': TIMESTAMP '2026-01-01'} AS d"
    _load(tmp_path, f"SELECT {values}, count(*) AS n FROM orders", "SELECT *, sum(n) AS all FROM partials GROUP BY ALL")


def test_what_is_refused_is_what_parquet_bends(tmp_path: Path) -> None:
    """If a later DuckDB keeps these, nothing needs to be refused any more."""
    path = str(tmp_path / "x.parquet")
    for value in ("12345678901234567890123::HUGEINT", "INTERVAL 1 MICROSECOND"):
        rows = duckdb.sql(f"SELECT {value} AS x")
        assert rows is not None
        rows.write_parquet(path)
        assert duckdb.read_parquet(path).fetchall() != rows.fetchall(), value
