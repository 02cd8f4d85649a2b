"""The gold queries: one .sql file each, and the loader that reads and checks them.

A file names its title, question and parameters in comments, then holds two statements: `partial`, run over one pair
of orders and lineitem, and `combine`, run over all partials. Nothing here runs a query or knows where data lies.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from tpch_assets.tpch.tables import PAIRED, TABLE_NAMES, TABLES, TIME, TableName

GIVEN_PARAMETERS = ("scale_factor", "as_of")
"""Parameters every statement and every parameter's expression may use: DOUBLE and DATE."""

_HEADER = re.compile(r"(source|live|param\s+(?P<param>[a-z_]\w*)):\s*(?P<value>.*\S)")
# Strings, quoted names and comments come first, so that a $ within them is no parameter.
_PARAMETER = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\$(?P<name>[A-Za-z_]\w*)", re.DOTALL)


@dataclass(frozen=True)
class Query:
    """One gold query.

    `partial` is None for queries over dimension tables alone. `live` names an event time: a pair in which it never
    reaches the end of the day cannot contribute, and may be skipped.
    """

    name: str
    title: str
    question: str
    source: str | None
    partial: str | None
    combine: str
    param_expressions: dict[str, str]
    live: str | None
    partial_tables: tuple[str, ...]
    combine_tables: tuple[str, ...]

    @property
    def tables(self) -> tuple[TableName, ...]:
        """The tables either statement reads."""
        return tuple(name for name in TABLE_NAMES if name in {*self.partial_tables, *self.combine_tables})


def load_queries(folder: Path = Path(__file__).parent.parent / "tpch" / "queries") -> dict[str, Query]:
    """Reads every .sql file of a folder.

    Returns:
        The queries by name, sorted.

    Raises:
        ValueError: A file is malformed; the message names it and says what is wrong.
    """
    return {path.stem: _load(path) for path in sorted(folder.glob("*.sql"))}


def parameters(query: Query, scale_factor: float, as_of: date) -> dict[str, Any]:
    """Evaluates a query's parameters to Python values, the two given ones included."""
    values: dict[str, Any] = {"scale_factor": float(scale_factor), "as_of": as_of}
    if query.param_expressions:
        select = "SELECT " + ", ".join(query.param_expressions.values())
        row = _cursor().execute(select, bind(select, values)).fetchall()[0]
        values |= zip(query.param_expressions, row, strict=True)
    return values


def bind(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Picks the parameters which `sql` uses; DuckDB refuses any other."""
    return {name: values[name] for name in _parameter_names(sql)}


def columns_read(statement: str, table: TableName) -> tuple[str, ...]:
    """The columns of a table that a statement may read; rather too many than too few."""
    columns = TABLES[table].column_names
    nodes = _syntax(statement)
    uses = [node for node in nodes if node.get("table_name", "").lower() == table]
    aliases = {(node["alias"] or table).lower() for node in uses}
    whole_rows = [
        node
        for node in nodes
        if node.get("class") == "STAR"
        or node.get("ref_type") == "NATURAL"
        or node.get("column_name_alias")
        or node.get("column_names", [""])[-1].lower() in aliases
    ]
    if uses and whole_rows:
        return columns
    names = {text.lower() for node in nodes for value in node.values() for text in _texts(value)} if uses else set()
    return tuple(column for column in columns if column in names)


@functools.cache
def _syntax(statement: str) -> list[dict[str, Any]]:
    """The nodes of a statement's syntax tree."""
    (tree,) = _cursor().execute("SELECT json_serialize_sql(?::VARCHAR)", [statement]).fetchall()[0]
    nodes = list(_nodes(json.loads(tree)))
    if nodes[0]["error"]:
        raise ValueError(f"not one valid SELECT statement: {nodes[0]['error_message']}")
    return nodes


def _load(path: Path) -> Query:
    try:
        return _parse(path.stem, path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


@functools.cache
def _parse(name: str, text: str) -> Query:
    header, statements = _sections(text)
    prose, fields, expressions = _header(header)
    if len(prose) < 2:
        raise ValueError("starts with two comment lines or more: the title, then the question in one sentence")
    partial, combine = statements.get("partial"), statements.get("combine")
    if combine is None:
        raise ValueError("has no `-- combine` section")
    combine_reads = _tables_of("combine", combine, (*TABLE_NAMES, "partials"))
    query = Query(
        name=name,
        title=prose[0],
        question=" ".join(prose[1:]),
        source=fields.get("source"),
        partial=partial,
        combine=combine,
        param_expressions=expressions,
        live=fields.get("live"),
        partial_tables=_tables_of("partial", partial, TABLE_NAMES) if partial else (),
        combine_tables=tuple(table for table in combine_reads if table != "partials"),
    )
    _check_flow(query, reads_partials="partials" in combine_reads)
    _check_parameters(query)
    return query


def _sections(text: str) -> tuple[list[str], dict[str, str]]:
    """Splits a file into the lines of its header and its statements by section name."""
    _, *parts = re.split(r"^-- (partial|combine)[ \t]*$", text, flags=re.MULTILINE)
    header = re.split(r"^-- (?:partial|combine)[ \t]*$", text, maxsplit=1, flags=re.MULTILINE)[0]
    names, bodies = parts[::2], [body.strip().rstrip(";").rstrip() for body in parts[1::2]]
    if names not in (["partial", "combine"], ["combine"], ["partial"], []):
        raise ValueError(f"has the sections {', '.join(names)}; allowed are `-- partial`, then `-- combine`, once each")
    return header.splitlines(), dict(zip(names, bodies, strict=True))


def _header(lines: list[str]) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Splits a header into prose (title and question), fields (source, live) and the parameters' expressions."""
    prose: list[str] = []
    fields: dict[str, str] = {}
    expressions: dict[str, str] = {}
    for line in filter(str.strip, lines):
        if not line.startswith("-- "):
            raise ValueError(f"has a line outside of any section: {line!r}")
        content = line.removeprefix("-- ").strip()
        match = _HEADER.fullmatch(content)
        if not match and (fields or expressions):
            raise ValueError(f"has an unknown header line {line!r}; allowed are source, live and param <name>")
        if not match:
            prose.append(content)
            continue
        target, key = (expressions, match["param"]) if match["param"] else (fields, match[1])
        if key in target or key in GIVEN_PARAMETERS:
            raise ValueError(f"declares {key} twice, or one that is always given ({', '.join(GIVEN_PARAMETERS)})")
        target[key] = match["value"]
    return prose, fields, expressions


def _tables_of(section: str, sql: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """The tables one statement really reads, in the order of `allowed`."""
    # DuckDB names the tables of a statement only if no parameter is left in it.
    without_parameters = _PARAMETER.sub(lambda match: "NULL" if match["name"] else match[0], sql)
    try:
        # Only a single SELECT can stand in brackets.
        names = {name.lower() for name in _cursor().get_table_names(f"FROM (\n{without_parameters}\n)")}
    except duckdb.Error as error:
        raise ValueError(f"{section} is not one valid SELECT statement: {error}") from error
    if unknown := sorted(names.difference(allowed)):
        raise ValueError(f"{section} reads unknown tables: {', '.join(unknown)}; known are {', '.join(allowed)}")
    return tuple(name for name in allowed if name in names)


def _check_flow(query: Query, reads_partials: bool) -> None:
    """Checks which statement reads what."""
    if paired := [name for name in query.combine_tables if name in PAIRED]:
        raise ValueError(f"combine reads {', '.join(paired)}, which only partial may")
    if query.partial is not None and not set(query.partial_tables).intersection(PAIRED):
        raise ValueError(f"partial reads none of {', '.join(PAIRED)}: move it to combine")
    if reads_partials != (query.partial is not None):
        raise ValueError("combine reads partials if, and only if, there is a partial")
    event_times = [column.name for name in PAIRED for column in TABLES[name].columns if column.type == TIME]
    if query.live is not None and query.live not in event_times:
        raise ValueError(f"live names {query.live}; allowed are {', '.join(event_times)}")


def _check_parameters(query: Query) -> None:
    """Checks that parameters are declared and used."""
    used = {*_parameter_names(query.partial or ""), *_parameter_names(query.combine)}
    if undeclared := sorted(used.difference(query.param_expressions, GIVEN_PARAMETERS)):
        raise ValueError(f"uses undeclared parameters: {', '.join(undeclared)}")
    if unused := sorted(set(query.param_expressions).difference(used)):
        raise ValueError(f"declares parameters it does not use: {', '.join(unused)}")
    for name, expression in query.param_expressions.items():
        if undeclared := sorted(set(_parameter_names(expression)).difference(GIVEN_PARAMETERS)):
            raise ValueError(f"param {name} may use only {', '.join(GIVEN_PARAMETERS)}, not {', '.join(undeclared)}")


def _parameter_names(sql: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match["name"] for match in _PARAMETER.finditer(sql) if match["name"]))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a parsed statement."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(child)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (text for text in value if isinstance(text, str))


def _cursor() -> duckdb.DuckDBPyConnection:
    """A cursor of one connection without data, for parsing and for parameters: opening one takes 20 ms."""
    return _connection().cursor()


@functools.cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
