"""Plans the answers of a query: one small partial result per shard, and their combination per day.

A partial is a pure function of (query text, parameters, the shard's files, the dimension rows used) and is kept under
the hash of exactly these: never stale, only ever missing. A day's refresh computes the new shards and combines.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING

from tpch_assets.calendar import end_of_day
from tpch_assets.gold import shuffled
from tpch_assets.gold.graph import PartialGraph
from tpch_assets.gold.identity import fingerprint, made_from
from tpch_assets.gold.queries import Query, Value, bind, load_queries, parameters
from tpch_assets.gold.syntax import columns_read
from tpch_assets.gold.tasks import Input, Statement, run_combine
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import task
from tpch_assets.lake.snapshot import Snapshots, existing
from tpch_assets.lake.update import ROWS_READ, Content, TableRows, TableUpdate
from tpch_assets.layers import DAY, GOLD
from tpch_assets.schema import Business, Group, Table
from tpch_assets.silver.shards import Shard, complete_shards

if TYPE_CHECKING:
    from dask.delayed import Delayed

Counts = dict[str, int]


def plan_answers(
    query: Query, business: Business, lake: Lake, days: Sequence[str], scale_factor: float, *, shuffle: bool = False
) -> TableUpdate:
    """The update of gold that holds a query's answers as of some days.

    Args:
        shuffle: Answer by the query's shuffle join instead of its SQL.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
        LakeError: A table that the query reads does not exist yet.
    """
    silver = snapshots_for(query, business, lake)
    files: dict[str, dict[str, Content]] = {}
    extra: dict[str, Counts] = {}
    for key in days:
        day = date.fromisoformat(key)
        if shuffle:
            answer, counts = shuffled.plan(query, business, silver, day, scale_factor)
        else:
            answer, counts = plan(query, business, silver, day, scale_factor)
        name = f"{made_from(query, business, silver, key)}-{{content}}.parquet"
        files[key] = {name: TableRows(answer, GOLD.parquet.options)}
        extra[key] = counts
    return TableUpdate(files, extra=extra)


def snapshots_for(query: Query, business: Business, lake: Lake) -> Snapshots:
    """The silver tables that a query needs. A shard is known by all its files, also where the query reads only some.

    Raises:
        LakeError: One does not exist yet.
    """
    names = {*query.tables, *(query.group.names if query.group else ())}
    return {name: existing(lake, lake.table("silver", name)) for name in business.names if name in names}


def plan(
    query: Query, business: Business, silver: Snapshots, day: date, scale_factor: float
) -> tuple["Delayed", Counts]:
    """A Dask delayed Arrow table with the answer as of `day`, and counts of shards: all, kept and skipped.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
    """
    lake = next(iter(silver.values())).lake
    values = parameters(query, scale_factor, day)
    dimensions = {table.name: _input(business, table, silver) for table in business.dimensions if table.name in silver}
    combine = _statement(lake, query.combine, values, [dimensions[n] for n in query.combine_tables if n in dimensions])
    if query.partial is None or query.group is None:
        return task(run_combine, combine, None, [], (), day), {"shards": 0, "kept": 0, "skipped": 0}
    read = [name for name in query.partial_tables if name in dimensions]
    partial = _statement(lake, query.partial, values, [dimensions[name] for name in read])
    prints = [_print(business.table(name), silver, query.partial) for name in read]
    shards = complete_shards(query.group, silver, until=end_of_day(str(day)))
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
    live = [shard for shard in shards if not _is_over(query, shard, end)]
    graph = PartialGraph(partial, query.group, lake.path("partials", query.name), prints)
    paths = graph.add(silver, live)
    answer = graph.delayed(run_combine, combine, partial, paths, _nothing(query.group), day)
    counts = {"shards": len(shards), "kept": graph.kept, "skipped": len(shards) - len(live)}
    return answer, {**counts, ROWS_READ: graph.rows_read}


def _print(table: Table, silver: Snapshots, statement: str) -> str:
    return fingerprint(table, silver[table.name], columns_read(statement, table))


def _input(business: Business, table: Table, silver: Snapshots) -> Input:
    columns = _columns_of_all_queries(business)[table.name]
    return Input(table.name, tuple(silver[table.name].paths()), columns, table.stored_columns)


def _nothing(group: Group) -> tuple[Input, ...]:
    """The facts of a group without files."""
    return tuple(Input(table.name, (), empty=table.stored_columns) for table in group.facts)


@cache
def _columns_of_all_queries(business: Business) -> dict[str, tuple[str, ...]]:
    """The columns that any query reads: workers load a dimension once, for all queries, without the others."""
    statements = [text for query in load_queries(business).values() for text in query.statements]
    found = {}
    for table in business.dimensions:
        read = {column for text in statements for column in columns_read(text, table)}
        found[table.name] = tuple(c for c in table.column_names if c in read) or table.key
    return found


def _statement(lake: Lake, sql: str, values: dict[str, Value], inputs: list[Input]) -> Statement:
    return Statement(lake, sql, tuple(sorted(bind(sql, values).items())), tuple(inputs))


def _is_over(query: Query, shard: Shard, end: datetime) -> bool:
    """Whether a shard lies in the past of a live query: in each table its last event is before the day's end."""
    if query.live is None or query.group is None:
        return False
    tables = zip(query.group.facts, shard, strict=True)
    files = [file for table, file in tables if query.live in table.column_names and file.rows]
    return all(_ended(file.greatest.get(query.live), end) for file in files)


def _ended(latest: object, end: datetime) -> bool:
    """Whether a file's last event is known and before `end`. A time without a zone is in UTC."""
    return isinstance(latest, datetime) and (latest if latest.tzinfo else latest.replace(tzinfo=UTC)) < end
