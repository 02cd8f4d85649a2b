"""Gold: one answer per query and day, from one small partial result per pair. No Dagster.

A partial is a pure function of (query text, parameters, the pair's two files, the dimension rows used) and is kept
under the hash of exactly these: never stale, only ever missing. A day's refresh computes the new pairs and combines.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from tpch_assets.delta import DataFile, Snapshot
from tpch_assets.engine import cursor, load_once, sql_list
from tpch_assets.lake import Lake, discard
from tpch_assets.pairs import complete_pairs
from tpch_assets.partitions import ROWS_READ
from tpch_assets.queries import Query, bind, columns_read, load_queries, parameters
from tpch_assets.tables import DIMENSIONS, PAIRED, TABLES, TableName


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


def plan(query: Query, silver: dict[TableName, Snapshot], day: date, scale_factor: float) -> tuple[Any, dict[str, int]]:
    """A Dask delayed Arrow table with the answer as of `day`, and counts of pairs: all, kept and skipped.

    Raises:
        HalfWritten: A pair's two files are not from the same build.
    """
    import dask

    lake = next(iter(silver.values())).lake
    values = parameters(query, scale_factor, day)
    combine_inputs = tuple(_dimension(silver[name]) for name in query.combine_tables if name in DIMENSIONS)
    combine = Statement(lake, query.combine, _used(query.combine, values), combine_inputs)
    if query.partial is None:
        return dask.delayed(run_combine)(combine, None, (), day), {"pairs": 0, "kept": 0, "skipped": 0}
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    pairs = complete_pairs(silver["orders"], silver["lineitem"], until=end.strftime("%Y-%m-%dT%H%M"))
    live = [pair for pair in pairs if not _over(query, pair, end)]
    dimensions = [name for name in query.partial_tables if name in DIMENSIONS]
    inputs = tuple(_dimension(silver[name]) for name in dimensions)
    prints = [_fingerprint(silver[name], columns_read(query.partial, name)) for name in dimensions]
    partial = Statement(lake, query.partial, _used(query.partial, values), inputs)
    folder = lake.path("partials", query.name)
    have = lake.names(folder)
    paths, kept = [], 0
    for pair in live:
        name = f"{_key(partial, pair, prints)}.parquet"
        path = f"{folder}/{name}"
        kept += name in have
        paths.append(path if name in have else dask.delayed(run_partial)(partial, _pair_inputs(silver, pair), path))
    answer = dask.delayed(run_combine)(combine, partial, paths, day)
    read = sum(file.rows for pair, path in zip(live, paths, strict=True) if not isinstance(path, str) for file in pair)
    return answer, {"pairs": len(pairs), "kept": kept, "skipped": len(pairs) - len(live), ROWS_READ: read}


def dimension_digest(query: Query, silver: dict[TableName, Snapshot]) -> str:
    """Names the content of the dimension columns that a query reads, whatever files hold it."""
    statements = [text for text in (query.partial, query.combine) if text]
    prints = [
        _fingerprint(silver[name], columns_read(text, name))
        for name in query.tables
        if name in DIMENSIONS
        for text in statements
    ]
    return hashlib.sha256("\0".join(prints).encode()).hexdigest()[:12]


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


def run_combine(statement: Statement, partial: Statement | None, paths: list[str], day: date) -> pa.Table:
    """The answer from all partials, with its day as column `as_of`. Runs on one worker."""
    lake = statement.lake
    with cursor() as con:
        if partial is not None:
            _partials(con, partial, [lake.local(path) for path in paths])
        _views(con, lake, statement.inputs)
        answer = con.sql(statement.sql, params=dict(statement.values)).to_arrow_table()
    return answer.append_column("as_of", pa.array([day] * len(answer), pa.date32()))


def _partials(con: duckdb.DuckDBPyConnection, partial: Statement, paths: list[str]) -> None:
    if paths:
        con.execute(f"CREATE TEMP VIEW partials AS SELECT * FROM read_parquet({sql_list(paths)}, union_by_name = true)")
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
            rows = f"SELECT * FROM {load_once(table.name, table.columns, paths)}"
        else:
            rows = f"SELECT * FROM read_parquet({sql_list(paths)})"
        con.execute(f"CREATE TEMP VIEW {table.name} AS {rows}")


def _pair_inputs(silver: dict[TableName, Snapshot], pair: tuple[DataFile, DataFile]) -> tuple[Input, ...]:
    return tuple(Input(name, tuple(silver[name].paths([file]))) for name, file in zip(PAIRED, pair, strict=True))


def _dimension(source: Snapshot) -> Input:
    name = _name(source.uri)
    return Input(name, tuple(source.paths()), _columns_of_all_queries()[name])


def _name(uri: str) -> TableName:
    return uri.rsplit("/", 1)[-1]  # type: ignore[return-value]


@cache
def _columns_of_all_queries() -> dict[TableName, tuple[str, ...]]:
    """The columns that any query reads: workers load a dimension table once, for all queries, without the others."""
    statements = [text for query in load_queries().values() for text in (query.partial, query.combine) if text]
    read = {name: {c for text in statements for c in columns_read(text, name)} for name in DIMENSIONS}
    return {
        name: tuple(c for c in TABLES[name].column_names if c in read[name]) or TABLES[name].key for name in DIMENSIONS
    }


def _used(sql: str, values: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(bind(sql, values).items()))


def _over(query: Query, pair: tuple[DataFile, DataFile], end: datetime) -> bool:
    """Whether a pair lies in the past of a live query: its last event is before the day's end."""
    if query.live is None:
        return False
    latest = [file.greatest[query.live] for file in pair if query.live in file.greatest]
    return bool(latest) and max(latest) < end


def _key(statement: Statement, pair: tuple[DataFile, DataFile], prints: list[str]) -> str:
    contents = [file.name.rsplit("-", 1)[1] for file in pair]
    parts = [statement.sql, repr(statement.values), *contents, *prints, duckdb.__version__]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _fingerprint(source: Snapshot, columns: tuple[str, ...]) -> str:
    """Names the content of some columns of a dimension table, whatever files hold it."""
    sums = dict.fromkeys(columns, 0)
    for file in source.files:
        prints = _file_fingerprints(source.lake, source.uri, file.path)
        for column in columns:
            sums[column] += prints[column]
    return json.dumps([source.rows, sums])


@cache
def _file_fingerprints(lake: Lake, uri: str, file: str) -> dict[str, int]:
    """Per column the sum over all rows of hash(key, value), kept beside the partials since files never change."""
    table = TABLES[_name(uri)]
    target = lake.path("partials", "_columns", f"{table.name}-{file.split('/')[-1]}.{duckdb.__version__}.json")
    if lake.exists(target):
        with open(lake.local(target)) as kept:
            return json.load(kept)
    key = ", ".join(table.key)
    sums = ", ".join(f"coalesce(sum(hash({key}, {column}))::VARCHAR, '0')" for column in table.column_names)
    path = lake.local(f"{uri}/{file}")
    with cursor() as con:
        row = con.execute(f"SELECT {sums} FROM read_parquet({sql_list([path])})").fetchone() or ()
    prints = {column: int(value) for column, value in zip(table.column_names, row, strict=True)}
    staged = lake.staging(target)
    with open(staged, "w") as out:
        json.dump(prints, out)
    lake.publish(staged, target)
    return prints
