"""Gold's tasks: what workers do to compute the partial of a pair, to merge some, and to combine all. No Dagster."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from tpch_assets.compute.database import cursor, load_once, sql_list
from tpch_assets.lake.lake import Lake, discard
from tpch_assets.tpch.tables import PAIRED, TABLES, TableName

READERS = 16  # Small files fetched side by side: on S3 each takes some 20 ms, and a combine reads many.


@dataclass(frozen=True)
class Input:
    """A table as a statement sees it: local or remote files, and the columns that are loaded of a dimension table."""

    name: TableName
    paths: tuple[str, ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """One SQL statement, its parameters and its tables: everything a worker needs."""

    lake: Lake
    sql: str
    values: tuple[tuple[str, Any], ...]
    inputs: tuple[Input, ...]


def run_partial(statement: Statement, pair: tuple[Input, ...], target: str) -> str:
    """Compute one pair's partial and keep it at `target`. Runs on workers; running it twice writes the same."""
    lake = statement.lake
    staged = lake.staging(target)
    try:
        with cursor() as con:
            _views(con, lake, (*pair, *statement.inputs))
            con.sql(statement.sql, params=dict(statement.values)).write_parquet(staged, compression="zstd")
        lake.publish(staged, target)
    finally:
        discard(staged)
    return target


def run_merge(lake: Lake, paths: list[str], target: str) -> str:
    """Put the partials of some pairs into one file at `target`. Runs on workers; running it twice writes the same."""
    staged = lake.staging(target)
    try:
        with cursor() as con:
            con.sql(f"SELECT * FROM {_scan(lake, paths)}").write_parquet(staged, compression="zstd")
        lake.publish(staged, target)
    finally:
        discard(staged)
    return target


def run_combine(statement: Statement, partial: Statement | None, paths: list[str], day: date) -> pa.Table:
    """The answer from all partials, with its day as column `as_of`. Runs on one worker."""
    lake = statement.lake
    with cursor() as con:
        if partial is not None:
            _partials(con, partial, paths)
        _views(con, lake, statement.inputs)
        answer = con.sql(statement.sql, params=dict(statement.values)).to_arrow_table()
    return answer.append_column("as_of", pa.array([day] * len(answer), pa.date32()))


def _partials(con: duckdb.DuckDBPyConnection, partial: Statement, paths: list[str]) -> None:
    if paths:
        con.execute(f"CREATE TEMP VIEW partials AS SELECT * FROM {_scan(partial.lake, paths)}")
        return
    nothing = tuple(Input(name, ()) for name in PAIRED)
    with cursor() as other:
        _views(other, partial.lake, (*nothing, *partial.inputs))
        empty = other.sql(partial.sql, params=dict(partial.values)).to_arrow_table()
    con.register("partials", empty.slice(0, 0))


def _views(con: duckdb.DuckDBPyConnection, lake: Lake, inputs: Iterable[Input]) -> None:
    for table in inputs:
        paths = [lake.local(path) for path in table.paths]
        if not paths:
            nulls = ", ".join(f"NULL::{column.type} AS {column.name}" for column in TABLES[table.name].columns)
            rows = f"SELECT {nulls} WHERE false"
        elif table.columns:
            rows = f"SELECT * FROM {load_once(con, table.name, table.columns, paths)}"
        else:
            rows = f"SELECT * FROM read_parquet({sql_list(paths)})"
        con.execute(f"CREATE TEMP VIEW {table.name} AS {rows}")


def _scan(lake: Lake, paths: list[str]) -> str:
    with ThreadPoolExecutor(READERS) as pool:
        local = list(pool.map(lake.local, paths))
    return f"read_parquet({sql_list(local)}, union_by_name = true)"
