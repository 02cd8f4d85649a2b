"""Plans the answers of a query: one small partial result per shard, and their combination per day; or the whole query.

A partial is a pure function of (query text, parameters, the shard's files, the dimension rows used) and is kept under
the hash of exactly these: never stale, only ever missing. A day's refresh computes the new shards and combines.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from tpch_assets.compute.database import arrow_schema
from tpch_assets.gold import functions
from tpch_assets.gold.fingerprints import ALL, Keys, fingerprint, fingerprints
from tpch_assets.gold.form import form_of
from tpch_assets.gold.graph import PartialGraph
from tpch_assets.gold.identity import made_from
from tpch_assets.gold.live import Facts, shards_of
from tpch_assets.gold.partials import FOLDER
from tpch_assets.gold.queries import Query, Value, bind, load_queries, parameters
from tpch_assets.gold.reach import Column, reached_by
from tpch_assets.gold.syntax import columns_read, tables_read
from tpch_assets.gold.tasks import Input, Statement, run_combine
from tpch_assets.lake.evolve import delta_schema
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import task
from tpch_assets.lake.snapshot import Bound, Snapshot, Snapshots, existing, snapshot
from tpch_assets.lake.update import ROWS_READ, Content, TableRows, TableUpdate
from tpch_assets.layers import GOLD
from tpch_assets.schema import Business, Group, Table
from tpch_assets.silver.shards import Shard

if TYPE_CHECKING:
    from dask.delayed import Delayed

RUNS_WHOLE = "runs whole"  # Why its statement runs over all files.
WARNING = "warning"  # What somebody should look at.
DIMENSIONS = "dimension rows"  # As of when they are.
AS_THEY_ARE = "the latest of each key when this was made, also those that arrived after the day"


def plan_answers(query: Query, business: Business, lake: Lake, days: Sequence[str], scale_factor: float) -> TableUpdate:
    """The update of gold that holds a query's answers as of some days.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
        LakeError: A table that the query reads does not exist yet.
    """
    present = snapshot(lake, lake.table("gold", query.name))  # Before silver: what is put there later knows more.
    silver = snapshots_for(query, business, lake)
    files: dict[str, dict[str, Content]] = {}
    extra: dict[str, Facts] = {}
    made = made_from(query, business, silver, days, scale_factor)
    for key in days:
        day = date.fromisoformat(key)
        if query.function:
            answer, facts = functions.plan(query.function, business, silver, day, scale_factor)
        else:
            answer, facts = plan(query, business, silver, day, scale_factor)
        if not {table.name for table in business.dimensions}.isdisjoint(query.tables):
            facts[DIMENSIONS] = AS_THEY_ARE
        name = f"{made[key]}-{{content}}.parquet"
        files[key] = {name: TableRows(answer, GOLD.parquet.options)}
        extra[key] = facts
    over = frozenset(file.path for file in present.files)
    return TableUpdate(files, over=over, replace=_has_other_columns(present, query), extra=extra)


def _has_other_columns(present: Snapshot, query: Query) -> bool:
    """Whether the answers there are have other columns. Then all days are stale, and give way at once."""
    want = arrow_schema([*query.columns, ("as_of", "DATE")])
    return present.schema is not None and delta_schema(present.schema) != delta_schema(want)


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
    shards, facts = shards_of(query, silver, day)
    group = next(group for group in query.groups if group.name == form.group)
    combine = _statement(lake, form.combine, values, _dimensions(business, silver, form.combine))
    graph = graph_of(query, business, silver, form.partial, values, group, shards[group.name])
    paths = graph.add(silver, shards[group.name])
    answer = graph.delayed(run_combine, combine, graph.partial, paths, _nothing(group), day)
    return answer, {**facts, "partials kept": graph.kept, ROWS_READ: graph.rows_read}


def needed_partials(query: Query, business: Business, silver: Snapshots, day: date, scale_factor: float) -> set[str]:
    """The keys of all partials that the answer as of `day` is made of.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
    """
    if query.function:
        return set()
    lake = next(iter(silver.values())).lake
    values = parameters(query, scale_factor, day)
    form = form_of(query, business, values, lake)
    if form.partial is None:
        return set()
    group = next(group for group in query.groups if group.name == form.group)
    shards = shards_of(query, silver, day)[0][group.name]
    return graph_of(query, business, silver, form.partial, values, group, shards).needed(shards)


def graph_of(
    query: Query,
    business: Business,
    silver: Snapshots,
    statement: str,
    values: dict[str, Value],
    group: Group,
    shards: list[Shard],
) -> PartialGraph:
    """The graph of a statement's partials over some shards, kept under the query's name."""
    lake = next(iter(silver.values())).lake
    partial = _statement(lake, statement, values, _dimensions(business, silver, statement))
    whole: list[str] = []
    reached: list[list[str]] = []
    for table in (business.table(given.name) for given in partial.inputs):
        columns = columns_read(statement, table)
        if by := reached_by(statement, table, group):
            extents = [_extent(group, shard, by) for shard in shards]
            reached.append(fingerprints(table, silver[table.name], columns, extents))
        else:
            whole.append(fingerprint(table, silver[table.name], columns))
    of_shard = dict(zip(shards, zip(*reached, strict=True), strict=True)) if reached else None
    return PartialGraph(partial, group, lake.path(FOLDER, query.name), whole, of_shard)


def _extent(group: Group, shard: Shard, columns: Sequence[Column]) -> Keys:
    """The least and the greatest value of some columns in a shard, if the log has them."""
    least: list[Bound] = []
    greatest: list[Bound] = []
    for name, column in columns:
        file = shard[group.names.index(name)]
        if not file.rows:
            continue
        low, high = file.least.get(column), file.greatest.get(column)
        if low is None or high is None:
            return ALL
        least.append(low)
        greatest.append(high)
    return (min(least), max(greatest)) if least else None


def plan_whole(
    query: Query, business: Business, silver: Snapshots, day: date, scale_factor: float
) -> tuple["Delayed", Facts]:
    """The same by one task, which runs the whole statement over all files.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
    """
    statement = query.plain or query.combine
    assert statement is not None, "a query has one of the two"
    shards, facts = shards_of(query, silver, day)
    inputs = _inputs(query, business, silver, statement, shards)
    rows = sum(file.rows for of_group in shards.values() for shard in of_group for file in shard)
    lake = next(iter(silver.values())).lake
    made = _statement(lake, statement, parameters(query, scale_factor, day), inputs)
    return task(run_combine, made, None, [], (), day), {**facts, ROWS_READ: rows}


def inputs_of(
    query: Query, business: Business, silver: Snapshots, day: date, statement: str, since: str = ""
) -> list[Input]:
    """What a statement of a query reads as of `day`: dimensions, and facts from the window `since` on.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
    """
    shards, _ = shards_of(query, silver, day)
    kept = {name: [shard for shard in found if shard[0].partition >= since] for name, found in shards.items()}
    return _inputs(query, business, silver, statement, kept)


def _inputs(
    query: Query, business: Business, silver: Snapshots, statement: str, shards: Mapping[str, list[Shard]]
) -> list[Input]:
    facts = [table for group in query.groups for table in _facts(group, silver, shards[group.name])]
    return _dimensions(business, silver, statement) + facts


def _dimensions(business: Business, silver: Snapshots, statement: str) -> list[Input]:
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
