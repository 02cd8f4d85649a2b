"""Plans the answers of a query: one small partial result per shard, and their combination per day; or the whole query.

A partial is a pure function of (query text, parameters, the shard's files, the dimension rows used) and is kept under
the hash of exactly these: never stale, only ever missing. A day's refresh computes the new shards and combines.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING

from tpch_assets.calendar import end_of_day
from tpch_assets.compute.database import arrow_schema
from tpch_assets.gold import functions
from tpch_assets.gold.form import form_of
from tpch_assets.gold.graph import PartialGraph
from tpch_assets.gold.identity import fingerprint, made_from
from tpch_assets.gold.queries import Query, Value, bind, load_queries, parameters
from tpch_assets.gold.syntax import columns_read, tables_read
from tpch_assets.gold.tasks import Input, Statement, run_combine
from tpch_assets.lake.evolve import delta_schema
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import task
from tpch_assets.lake.snapshot import Snapshots, existing, snapshot
from tpch_assets.lake.update import ROWS_READ, Content, TableRows, TableUpdate
from tpch_assets.layers import DAY, GOLD
from tpch_assets.schema import Business, Group, Table
from tpch_assets.silver.shards import Shard, complete_shards

if TYPE_CHECKING:
    from dask.delayed import Delayed

Facts = dict[str, int | float | str]
"""What a materialization shows of an answer."""
RUNS_WHOLE = "runs whole"  # Why its statement runs over all files.
WARNING = "warning"  # What somebody should look at.


def plan_answers(query: Query, business: Business, lake: Lake, days: Sequence[str], scale_factor: float) -> TableUpdate:
    """The update of gold that holds a query's answers as of some days.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
        LakeError: A table that the query reads does not exist yet.
    """
    silver = snapshots_for(query, business, lake)
    files: dict[str, dict[str, Content]] = {}
    extra: dict[str, Facts] = {}
    for key in days:
        day = date.fromisoformat(key)
        if query.function:
            answer, facts = functions.plan(query.function, business, silver, day, scale_factor)
        else:
            answer, facts = plan(query, business, silver, day, scale_factor)
        name = f"{made_from(query, business, silver, key, scale_factor)}-{{content}}.parquet"
        files[key] = {name: TableRows(answer, GOLD.parquet.options)}
        extra[key] = facts
    return TableUpdate(files, replace=_has_other_columns(lake, query), extra=extra)


def _has_other_columns(lake: Lake, query: Query) -> bool:
    """Whether the answers there are have other columns. Then all days are stale, and give way at once."""
    have = snapshot(lake, lake.table("gold", query.name)).schema
    want = arrow_schema([*query.columns, ("as_of", "DATE")])
    return have is not None and delta_schema(have) != delta_schema(want)


def snapshots_for(query: Query, business: Business, lake: Lake) -> Snapshots:
    """The silver tables that a query needs. A shard is known by all its files, also where the query reads only some.

    Raises:
        LakeError: One does not exist yet.
    """
    names = {*query.tables, *(name for group in query.groups for name in group.names)}
    return {name: existing(lake, lake.table("silver", name)) for name in business.names if name in names}


def plan(
    query: Query, business: Business, silver: Snapshots, day: date, scale_factor: float
) -> tuple["Delayed", Facts]:
    """A Dask delayed Arrow table with the answer as of `day`.

    Returns:
        Also counts of shards: all, kept and skipped; and why the query runs whole, if it does.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
    """
    lake = next(iter(silver.values())).lake
    values = parameters(query, scale_factor, day)
    form = form_of(query, business, values, lake)
    if form.partial is None:
        answer, facts = plan_whole(query, business, silver, day, scale_factor)
        said = {name: text for name, text in ((RUNS_WHOLE, form.whole), (WARNING, form.warning)) if text}
        return answer, {**facts, **said}
    shards, facts = _shards(query, silver, day)
    group = next(group for group in query.groups if group.name == form.group)
    combine = _statement(lake, form.combine, values, dimensions_of(business, silver, form.combine))
    partial = _statement(lake, form.partial, values, dimensions_of(business, silver, form.partial))
    prints = [_print(business.table(table.name), silver, form.partial) for table in partial.inputs]
    graph = PartialGraph(partial, group, lake.path("partials", query.name), prints)
    paths = graph.add(silver, shards[group.name])
    answer = graph.delayed(run_combine, combine, partial, paths, _nothing(group), day)
    return answer, {**facts, "partials kept": graph.kept, ROWS_READ: graph.rows_read}


def plan_whole(
    query: Query, business: Business, silver: Snapshots, day: date, scale_factor: float
) -> tuple["Delayed", Facts]:
    """The same by one task, which runs the whole statement over all files.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
    """
    statement = query.plain or query.combine
    assert statement is not None, "a query has one of the two"
    shards, facts = _shards(query, silver, day)
    inputs = dimensions_of(business, silver, statement)
    inputs += [table for group in query.groups for table in _facts(group, silver, shards[group.name])]
    rows = sum(file.rows for of_group in shards.values() for shard in of_group for file in shard)
    lake = next(iter(silver.values())).lake
    made = _statement(lake, statement, parameters(query, scale_factor, day), inputs)
    return task(run_combine, made, None, [], (), day), {**facts, ROWS_READ: rows}


def _shards(query: Query, silver: Snapshots, day: date) -> tuple[dict[str, list[Shard]], Facts]:
    """By group the shards that an answer is made of, and how many there are and are skipped."""
    shards = {group.name: complete_shards(group, silver, until=end_of_day(str(day))) for group in query.groups}
    live = {name: [shard for shard in of_group if not _is_over(query, shard, day)] for name, of_group in shards.items()}
    every = sum(map(len, shards.values()))
    facts: Facts = {"shards": every, "partials kept": 0, "shards skipped": every - sum(map(len, live.values()))}
    return live, facts


def dimensions_of(business: Business, silver: Snapshots, statement: str) -> list[Input]:
    """The dimensions that a statement reads."""
    read = tables_read(statement)
    return [_input(business, table, silver, statement) for table in business.dimensions if table.name in read]


def _facts(group: Group, silver: Snapshots, shards: list[Shard]) -> list[Input]:
    """All files of a group's shards, table by table."""
    files = {name: [shard[index] for shard in shards] for index, name in enumerate(group.names)}
    return [
        Input(table.name, tuple(silver[table.name].paths(files[table.name])), empty=table.stored_columns)
        for table in group.facts
    ]


def _print(table: Table, silver: Snapshots, statement: str) -> str:
    return fingerprint(table, silver[table.name], columns_read(statement, table))


def _input(business: Business, table: Table, silver: Snapshots, statement: str) -> Input:
    wanted = {*_columns_of_all_queries(business)[table.name], *columns_read(statement, table)}
    columns = tuple(name for name in table.column_names if name in wanted)
    return Input(table.name, tuple(silver[table.name].paths()), columns, table.stored_columns)


def _nothing(group: Group) -> tuple[Input, ...]:
    """The facts of a group without files."""
    return tuple(Input(table.name, (), empty=table.stored_columns) for table in group.facts)


@cache
def _columns_of_all_queries(business: Business) -> dict[str, tuple[str, ...]]:
    """The columns that any query reads: workers load a dimension once, for all queries, without the others."""
    statements = [text for query in load_queries(business).values() for text in query.statements.values()]
    found = {}
    for table in business.dimensions:
        read = {column for text in statements for column in columns_read(text, table)}
        found[table.name] = tuple(c for c in table.column_names if c in read or c in table.key)
    return found


def _statement(lake: Lake, sql: str, values: dict[str, Value], inputs: list[Input]) -> Statement:
    return Statement(lake, sql, tuple(sorted(bind(sql, values).items())), tuple(inputs))


def _is_over(query: Query, shard: Shard, day: date) -> bool:
    """Whether a shard lies in the past of a live query: in each table its last event is before the day's end."""
    if query.live is None:
        return False
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
    (group,) = query.groups
    tables = zip(group.facts, shard, strict=True)
    files = [file for table, file in tables if query.live in table.column_names and file.rows]
    return all(_ended(file.greatest.get(query.live), end) for file in files)


def _ended(latest: object, end: datetime) -> bool:
    """Whether a file's last event is known and before `end`. A time without a zone is in UTC."""
    return isinstance(latest, datetime) and (latest if latest.tzinfo else latest.replace(tzinfo=UTC)) < end
