"""The stream of TPC-H as the tests ask for it."""

from typing import Any

import duckdb

from tpch_assets.layers import BATCH, BATCHES_PER_DAY
from tpch_assets.tpch.generator import Generator
from tpch_assets_tests.conftest import SCALE_FACTOR, START
from tpch_assets_tests.tpch_tables import TABLES

source = Generator()
KEYS_A_DAY = round(6_000_000 * SCALE_FACTOR)


def rows(table: str, number: int, scale_factor: float = SCALE_FACTOR, *, many: bool = True) -> str:
    """The rows of a table in a batch, as a query."""
    return source.rows(TABLES[table], number, START + number * BATCH, scale_factor, many=many)


def day(table: str, first: int = 0) -> str:
    """The rows of 96 batches, with the number of each."""
    return " UNION ALL ".join(
        f"SELECT *, {n} AS number FROM ({rows(table, n)})" for n in range(first, first + BATCHES_PER_DAY)
    )


def one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """The one value that a query gives."""
    row = con.execute(sql).fetchone()
    assert row
    return row[0]
