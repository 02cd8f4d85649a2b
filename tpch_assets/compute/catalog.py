"""DuckDB without data: for parsing statements, for parameters, and for binding statements to empty typed tables.

Opening a connection takes 20 ms, so there is one per process. The database that holds data belongs in `database.py`.
"""

from collections.abc import Sequence
from functools import cache
from itertools import count

import duckdb

from tpch_assets.schema import Table
from tpch_assets.schema.types import identifier


def parser() -> duckdb.DuckDBPyConnection:
    """A cursor of a database without tables."""
    return _empty().cursor()


def binder(tables: Sequence[Table]) -> duckdb.DuckDBPyConnection:
    """A cursor of a database in which the tables are empty, with the columns and types that the lake stores."""
    con = parser()
    con.execute(f"USE {_schema_with(tuple(tables))}")
    return con


@cache
def _empty() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    return con


@cache
def _schema_with(tables: tuple[Table, ...]) -> str:
    """The name of a schema that holds the tables."""
    name = f"tables_{next(_numbers)}"
    with parser() as con:
        con.execute(f"CREATE SCHEMA {name}")
        for table in tables:
            columns = ", ".join(f"{identifier(column)} {type_}" for column, type_ in table.stored_columns)
            con.execute(f"CREATE TABLE {name}.{identifier(table.name)} ({columns}, _batch VARCHAR)")
    return name


_numbers = count()
