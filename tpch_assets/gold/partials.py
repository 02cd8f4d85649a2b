"""Gold: one answer per query and day, from one small partial result per pair. No Dagster.

A partial is a pure function of (query text, parameters, the pair's two files, the dimension rows used) and is kept
under the hash of exactly these: never stale, only ever missing. A day's refresh computes the new pairs and combines.
"""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb

from tpch_assets.compute.database import cursor, sql_list
from tpch_assets.gold.graph import PartialGraph
from tpch_assets.gold.queries import Query, bind, columns_read, load_queries, parameters
from tpch_assets.gold.tasks import Input, Statement, run_combine
from tpch_assets.lake.delta import DataFile, Snapshot
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.stored import ROWS_READ
from tpch_assets.silver.shards import complete_pairs
from tpch_assets.tpch.tables import DIMENSIONS, TABLES, TableName


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
    graph = PartialGraph(partial, lake.path("partials", query.name), prints)
    answer = graph.delayed((run_combine, combine, partial, graph.add(silver, live), day))
    skipped = len(pairs) - len(live)
    return answer, {"pairs": len(pairs), "kept": graph.kept, "skipped": skipped, ROWS_READ: graph.rows_read}


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


def _dimension(source: Snapshot) -> Input:
    name = _name(source.uri)
    return Input(name, tuple(source.paths()), _columns_of_all_queries()[name])


def _name(uri: str) -> TableName:
    return uri.rsplit("/", 1)[-1]


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
