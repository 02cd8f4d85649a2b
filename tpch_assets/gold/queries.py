"""The gold queries of a business: one `.sql` file each, read, checked and bound to the business's tables.

`partial` runs over one shard of a group of facts, `combine` over all partials. Nothing here runs a query or knows where
data lies.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from tpch_assets.compute.catalog import binder, parser
from tpch_assets.gold import exact, presentation, sql_file
from tpch_assets.gold.presentation import Chart
from tpch_assets.gold.sql_file import GIVEN_PARAMETERS, parameter_names
from tpch_assets.gold.syntax import tables_read
from tpch_assets.schema import Business, Group

Value = None | bool | int | float | str | date | list["Value"]
"""A parameter's value; also `Decimal` and whatever else DuckDB returns."""
_TIMES = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_GIVEN_TYPES = {"scale_factor": "DOUBLE", "as_of": "DATE"}


@dataclass(frozen=True)
class Query:
    """One gold query.

    Attributes:
        partial: The statement per shard; None for queries over dimensions alone.
        live: An event time. A shard in which it never reaches the end of the day cannot contribute and may be skipped.
        group: The facts that the partial reads; None for queries over dimensions alone.
        tables: The tables that either statement reads, in the business's order.
        columns: The answer's columns, as (name, SQL type).
        chart: How to draw the answer; None leaves that to the dashboard. It and what follows is from `presentation`.
    """

    name: str
    title: str
    question: str
    source: str | None
    partial: str | None
    combine: str
    param_expressions: dict[str, str]
    live: str | None
    group: Group | None
    partial_tables: tuple[str, ...]
    combine_tables: tuple[str, ...]
    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    chart: Chart | None
    units: dict[str, str]
    titles: dict[str, str]
    total: bool

    @property
    def statements(self) -> tuple[str, ...]:
        return tuple(text for text in (self.partial, self.combine) if text)


def load_queries(business: Business, folder: Path | None = None) -> dict[str, Query]:
    """Reads every .sql file of a folder, by default of the business's.

    Returns:
        The queries by name, sorted.

    Raises:
        ValueError: A file is malformed; the message names it and says what is wrong.
    """
    return {path.stem: _load(business, path) for path in sorted((folder or business.queries).glob("*.sql"))}


def parameters(query: Query, scale_factor: float, as_of: date) -> dict[str, Value]:
    """Evaluates a query's parameters to Python values, the two given ones included."""
    values: dict[str, Value] = {"scale_factor": float(scale_factor), "as_of": as_of}
    if query.param_expressions:
        select = "SELECT " + ", ".join(query.param_expressions.values())
        row = parser().execute(select, bind(select, values)).fetchall()[0]
        values |= zip(query.param_expressions, row, strict=True)
    return values


def bind(sql: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Picks the parameters which `sql` uses; DuckDB refuses any other."""
    return {name: values[name] for name in parameter_names(sql)}


def _load(business: Business, path: Path) -> Query:
    try:
        return _parse(business, path.stem, path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


@functools.cache
def _parse(business: Business, name: str, text: str) -> Query:
    file = sql_file.parse(text)
    _check_parameters(file)
    partial_tables = _tables_of(business, "partial", file.partial) if file.partial is not None else ()
    combine_reads = _tables_of(business, "combine", file.combine, "partials")
    group = _group_of(business, file, partial_tables, combine_reads)
    columns = _bound(business, file)
    shown = presentation.parse(file.fields, [name for name, _ in columns])
    return Query(
        name=name,
        title=file.title,
        question=file.question,
        source=file.fields.get("source"),
        partial=file.partial,
        combine=file.combine,
        param_expressions=file.expressions,
        live=file.fields.get("live"),
        group=group,
        partial_tables=partial_tables,
        combine_tables=tuple(table for table in combine_reads if table != "partials"),
        tables=tuple(name for name in business.names if name in {*partial_tables, *combine_reads}),
        columns=columns,
        chart=shown.chart,
        units=shown.units,
        titles=shown.titles,
        total=shown.total,
    )


def _tables_of(business: Business, section: str, sql: str, *more: str) -> tuple[str, ...]:
    """The tables that a statement reads, in the business's order."""
    allowed = (*business.names, *more)
    try:
        names = tables_read(sql)
    except ValueError as error:
        raise ValueError(f"{section} is {error}") from error
    if unknown := sorted(names.difference(allowed)):
        raise ValueError(f"{section} reads unknown tables: {', '.join(unknown)}; known are {', '.join(allowed)}")
    return tuple(name for name in allowed if name in names)


def _group_of(
    business: Business, file: sql_file.SqlFile, partial_tables: tuple[str, ...], combine_reads: tuple[str, ...]
) -> Group | None:
    """The group of facts that the partial reads; checks which statement reads what."""
    facts = {table.name for table in business.facts}
    if read := [name for name in combine_reads if name in facts]:
        raise ValueError(f"combine reads {', '.join(read)}, which only partial may")
    groups = [group for group in business.groups if set(group.names).intersection(partial_tables)]
    if file.partial is not None and not groups:
        raise ValueError(f"partial reads none of {', '.join(sorted(facts))}: move it to combine")
    if len(groups) > 1:
        raise ValueError(
            f"partial reads facts of several groups: {' and '.join(group.name for group in groups)} are not colocated"
        )
    if ("partials" in combine_reads) != (file.partial is not None):
        raise ValueError("combine reads partials if, and only if, there is a partial")
    live = file.fields.get("live")
    times = [c.name for table in (groups[0].facts if groups else ()) for c in table.columns if c.stored in _TIMES]
    if live is not None and live not in times:
        raise ValueError(f"live names {live}; allowed are {', '.join(dict.fromkeys(times)) or 'times of facts'}")
    return groups[0] if groups else None


def _check_parameters(file: sql_file.SqlFile) -> None:
    """Checks that parameters are declared and used."""
    used = {*parameter_names(file.partial or ""), *parameter_names(file.combine)}
    if undeclared := sorted(used.difference(file.expressions, GIVEN_PARAMETERS)):
        raise ValueError(f"uses undeclared parameters: {', '.join(undeclared)}")
    if unused := sorted(set(file.expressions).difference(used)):
        raise ValueError(f"declares parameters it does not use: {', '.join(unused)}")
    for name, expression in file.expressions.items():
        if undeclared := sorted(set(parameter_names(expression)).difference(GIVEN_PARAMETERS)):
            raise ValueError(f"param {name} may use only {', '.join(GIVEN_PARAMETERS)}, not {', '.join(undeclared)}")


def _bound(business: Business, file: sql_file.SqlFile) -> tuple[tuple[str, str], ...]:
    """The answer's columns, by binding both statements to empty tables."""
    section = "param"
    with binder(business.tables) as con:
        try:
            types = _GIVEN_TYPES | _parameter_types(con, file.expressions)
            if file.partial is not None:
                section = "partial"
                con.execute(
                    f"CREATE TEMP TABLE partials AS FROM (\n{sql_file.with_types(file.partial, types)}\n) LIMIT 0"
                )
                exact.check_partial(_columns(con.table("partials")))
            section = "combine"
            answer = con.sql(sql_file.with_types(file.combine, types))
        except duckdb.Error as error:
            raise ValueError(f"{section} does not fit the tables: {_first_lines(error)}") from error
        columns = _columns(answer)
        exact.check_answer(columns)
        return columns


def _columns(rows: duckdb.DuckDBPyRelation) -> tuple[tuple[str, str], ...]:
    return tuple(zip(rows.columns, map(str, rows.types), strict=True))


def _parameter_types(con: duckdb.DuckDBPyConnection, expressions: dict[str, str]) -> dict[str, str]:
    if not expressions:
        return {}
    select = ", ".join(sql_file.with_types(text, _GIVEN_TYPES) for text in expressions.values())
    return dict(zip(expressions, map(str, con.sql(f"SELECT {select}").types), strict=True))


def _first_lines(error: duckdb.Error) -> str:
    """What DuckDB says, without its picture of the statement."""
    return " ".join(str(error).split("\n\n")[0].split("LINE ")[0].split())[:500]
