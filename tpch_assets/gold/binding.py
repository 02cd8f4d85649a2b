"""Binds a file's statements to empty typed tables, so that a mistake is told when definitions load, with its line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from tpch_assets.compute.catalog import binder
from tpch_assets.gold import exact, kept
from tpch_assets.gold.impure import refuse_impure
from tpch_assets.gold.mistakes import line_of, located, sentence
from tpch_assets.gold.sql_file import (
    GIVEN_PARAMETERS,
    Malformed,
    Section,
    SqlFile,
    Statement,
    parameter_names,
    with_types,
)
from tpch_assets.gold.syntax import tables_read
from tpch_assets.schema import Business
from tpch_assets.schema.spelling import nearest
from tpch_assets.schema.types import UnknownType
from tpch_assets.schema.types import parse as parse_type

Columns = tuple[tuple[str, str], ...]
"""Columns as (name, SQL type)."""
_GIVEN_TYPES = {"scale_factor": "DOUBLE", "as_of": "DATE"}


@dataclass(frozen=True)
class Bound:
    """What is known of a file's statements once they are bound.

    Attributes:
        tables: The tables of the business that any statement reads.
        columns: The answer's columns.
        types: Of all parameters.
    """

    tables: tuple[str, ...]
    columns: Columns
    types: dict[str, str]


def bound(business: Business, file: SqlFile) -> Bound:
    """What a file's statements read and give.

    Raises:
        Malformed: A statement or a parameter does not fit the tables, plain statement and override differ, or the
            answer would depend on more than tables and parameters.
    """
    tables = [(table.name, table.stored_columns, table.group) for table in business.tables]
    texts = {section: statement.text for section, statement in file.statements.items()}
    inputs = ["bound", list(texts.items()), list(file.expressions.items()), tables]
    return kept.found(business.queries, inputs, lambda: _bound(business, file), _as_kept)


def _as_kept(found: dict[str, Any]) -> Bound:
    columns = tuple((name, type_) for name, type_ in found["columns"])
    return Bound(tuple(found["tables"]), columns, found["types"])


def _bound(business: Business, file: SqlFile) -> Bound:
    read = {section: _tables_of(business, section, found) for section, found in file.statements.items()}
    _check_override(business, file, read)
    columns, types = _columns_and_types(business, file)
    _check_pure(business, file)
    tables = tuple(sorted({table for names in read.values() for table in names} - {"partials"}))
    if not tables:
        raise Malformed(
            f"reads no table; there are {', '.join(business.names)}", file.statements[next(iter(read))].line
        )
    return Bound(tables, columns, types)


def _tables_of(business: Business, section: Section, statement: Statement) -> set[str]:
    """The tables that a statement reads."""
    allowed = (*business.names, "partials") if section == "combine" else business.names
    with located(statement, section):
        names = tables_read(statement.text)
    if unknown := sorted(names.difference(allowed)):
        found = re.search(rf"\b{re.escape(unknown[0])}\b", statement.text, re.IGNORECASE)
        line = statement.line + (statement.text[: found.start()].count("\n") if found else 0)
        raise Malformed(f"{section} reads unknown table {unknown[0]}{nearest(unknown[0], allowed)}", line)
    return names


def _check_override(business: Business, file: SqlFile, read: Mapping[Section, set[str]]) -> None:
    """Checks which of partial and combine reads what."""
    if "combine" not in read:
        return
    facts = {table.name for table in business.facts}
    line = file.statements["combine"].line
    if found := sorted(read["combine"] & facts):
        only = "" if "partial" in read else ": write it as one plain SELECT, without the line `-- combine`"
        raise Malformed(f"combine reads {', '.join(found)}, which only partial may{only}", line)
    if ("partials" in read["combine"]) != ("partial" in read):
        raise Malformed("combine reads partials if, and only if, there is a partial", line)
    if "partial" not in read:
        return
    groups = [group for group in business.groups if read["partial"].intersection(group.names)]
    line = file.statements["partial"].line
    if not groups:
        raise Malformed(f"partial reads none of {', '.join(sorted(facts))}: move it to combine", line)
    if len(groups) > 1:
        names = " and ".join(group.name for group in groups)
        raise Malformed(f"partial reads facts of several groups: {names} are not colocated", line)


def _columns_and_types(business: Business, file: SqlFile) -> tuple[Columns, dict[str, str]]:
    """The answer's columns, and the types of all parameters."""
    _check_parameters(file)
    with binder(business.tables) as con:
        types = _GIVEN_TYPES | _parameter_types(con, file)
        plain = _columns_of(con, file, "statement", types) if "statement" in file.statements else None
        if "partial" in file.statements:
            partial = _columns_of(con, file, "partial", types)
            with located(file.statements["partial"], "statement"):
                exact.check_partial(partial)
            con.execute(f"CREATE TEMP TABLE partials AS FROM {_wrapped(file.statements['partial'], types)} LIMIT 0")
        columns = _columns_of(con, file, "combine", types) if "combine" in file.statements else plain
    assert columns is not None, "a file has a plain statement or a combine"
    with located(next(reversed(file.statements.values())), "statement"):
        exact.check_answer(columns)
    if plain is not None and plain != columns:
        raise Malformed(
            f"combine gives the columns {_shown(columns)}, but the plain statement {_shown(plain)}",
            file.statements["combine"].line,
        )
    return columns, types


def _check_pure(business: Business, file: SqlFile) -> None:
    for section, statement in file.statements.items():
        with located(statement, section):
            refuse_impure(statement.text, business)
    for parameter, expression in file.expressions.items():
        with located(Statement(f"SELECT {expression}", file.lines[f"param {parameter}"]), "statement"):
            refuse_impure(f"SELECT {expression}", business)


def declared(columns: Columns) -> Columns:
    """The columns that a Python answer declares, with their types as the lake stores them.

    Raises:
        ValueError: A type is unknown, or no file holds it exactly; the message names the column.
    """
    try:
        stored = tuple((name, parse_type(type_).stored) for name, type_ in columns)
    except UnknownType as error:
        raise ValueError(f"a declared column has an unknown type: {error}") from error
    exact.check_answer(stored)
    return stored


def _check_parameters(file: SqlFile) -> None:
    """Checks that parameters are declared and used."""
    for statement in file.statements.values():
        if undeclared := sorted(set(parameter_names(statement.text)).difference(file.expressions, GIVEN_PARAMETERS)):
            raise Malformed(
                f"uses undeclared parameters: {', '.join(undeclared)}", line_of(statement, f"${undeclared[0]}")
            )
    used = {name for statement in file.statements.values() for name in parameter_names(statement.text)}
    if unused := sorted(set(file.expressions).difference(used)):
        raise Malformed(f"declares parameters it does not use: {', '.join(unused)}", file.lines[f"param {unused[0]}"])
    for name, expression in file.expressions.items():
        if undeclared := sorted(set(parameter_names(expression)).difference(GIVEN_PARAMETERS)):
            raise Malformed(
                f"param {name} may use only {', '.join(GIVEN_PARAMETERS)}, not {', '.join(undeclared)}",
                file.lines[f"param {name}"],
            )


def _parameter_types(con: duckdb.DuckDBPyConnection, file: SqlFile) -> dict[str, str]:
    found = {}
    for name, expression in file.expressions.items():
        select = f"SELECT {with_types(expression, _GIVEN_TYPES)}"
        try:
            (found[name],) = map(str, con.sql(select).types)
        except (duckdb.Error, ValueError) as error:
            why = sentence(error) if isinstance(error, duckdb.Error) else "it is not one value"
            raise Malformed(f"param {name}: {why}", file.lines[f"param {name}"]) from error
    return found


def _columns_of(con: duckdb.DuckDBPyConnection, file: SqlFile, section: Section, types: Mapping[str, str]) -> Columns:
    statement = file.statements[section]
    with located(statement, section):
        # `execute` tells the line of an error, `sql` does not.
        con.execute(f"DESCRIBE {_wrapped(statement, types)}")
    return tuple((str(row[0]), str(row[1])) for row in con.fetchall())


def _wrapped(statement: Statement, types: Mapping[str, str]) -> str:
    return f"(\n{with_types(statement.text, types)}\n)"


def _shown(columns: Columns) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in columns)
