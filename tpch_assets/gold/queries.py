"""The gold queries of a business, read, checked and bound to its tables: `.sql` files, and Python functions.

A query is one plain SELECT. Where its file has the sections `partial` and `combine`, these run instead: `partial` over
each shard of a group of facts, `combine` over all partials. Nothing here runs a query or knows where data lies.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tpch_assets.compute.catalog import parser
from tpch_assets.gold import presentation, sql_file
from tpch_assets.gold.binding import Columns, bound, declared
from tpch_assets.gold.presentation import Chart
from tpch_assets.gold.sql_file import Malformed, SqlFile, parameter_names
from tpch_assets.schema import Business, Group
from tpch_assets.schema.functions import PythonAnswer
from tpch_assets.schema.spelling import nearest

Value = None | bool | int | float | str | date | list["Value"]
"""A parameter's value; also `Decimal` and whatever else DuckDB returns."""
_TIMES = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Query:
    """One gold query.

    Attributes:
        plain: The whole question as one SELECT; None if the file has an override alone.
        partial: The override's statement per shard, if any.
        combine: The override's statement over all partials, or over dimensions alone, if any.
        param_types: SQL types of all parameters, the two given ones included.
        live: An event time. A shard in which it never reaches the end of the day cannot contribute and may be skipped.
        groups: The groups of facts that the statements read.
        tables: The tables that any statement reads, in the business's order.
        columns: The answer's columns, as (name, SQL type).
        function: The Python function that answers; then there are no statements.
        chart: How to draw the answer; None leaves that to the dashboard. It and what follows is from `presentation`.
    """

    name: str
    title: str
    question: str
    source: str | None
    plain: str | None
    partial: str | None
    combine: str | None
    param_expressions: dict[str, str]
    param_types: dict[str, str]
    live: str | None
    groups: tuple[Group, ...]
    tables: tuple[str, ...]
    columns: Columns
    chart: Chart | None
    units: dict[str, str]
    titles: dict[str, str]
    total: str
    function: PythonAnswer | None = None

    @property
    def statements(self) -> dict[str, str]:
        """The file's statements by section: `statement`, `partial` and `combine`, as far as it has them."""
        sections = {"statement": self.plain, "partial": self.partial, "combine": self.combine}
        return {name: text for name, text in sections.items() if text is not None}


@dataclass(frozen=True)
class BrokenQuery:
    """A query file that cannot be used.

    Attributes:
        error: What is wrong, in one sentence that begins with the file and the line.
    """

    name: str
    error: str


def load_queries(business: Business, folder: Path | None = None) -> dict[str, Query]:
    """Read the business's .sql files and functions, or the files of another folder. Broken ones are left out.

    Returns:
        The queries by name, sorted.
    """
    return {name: query for name, query in _all(business, folder).items() if isinstance(query, Query)}


def broken_queries(business: Business, folder: Path | None = None) -> dict[str, BrokenQuery]:
    """The files that `load_queries` leaves out, by name, each with what is wrong."""
    return {name: query for name, query in _all(business, folder).items() if isinstance(query, BrokenQuery)}


def load_query(business: Business, path: Path, *, bare: bool = False) -> Query:
    """Read one .sql file.

    Args:
        bare: It may be named as it pleases, and have no title and question.

    Raises:
        ValueError: It cannot be used; the message begins with the file and the line.
    """
    found = _load(business, path, bare=bare)
    if isinstance(found, BrokenQuery):
        raise ValueError(found.error)
    return found


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


def _all(business: Business, folder: Path | None) -> dict[str, Query | BrokenQuery]:
    found: dict[str, Query | BrokenQuery] = {}
    for path in sorted((folder or business.queries).glob("*.sql")):
        query = _load(business, path)
        found[query.name] = query
    for answer in business.answers if folder is None else ():
        found[answer.name] = _of_function(business, answer, taken=answer.name in found)
    return found


def _of_function(business: Business, answer: PythonAnswer, taken: bool) -> Query | BrokenQuery:
    """What is known of a function; or what is wrong with it, where the arguments and columns name what is not there."""
    where = f"{answer.function.__module__}.{answer.name}"
    if taken:
        return BrokenQuery(answer.name, f"{where}: there is a query file of this name too; rename one of the two")
    if unknown := [name for name in answer.inputs if name not in business.names]:
        return BrokenQuery(answer.name, f"{where}: unknown table {unknown[0]}{nearest(unknown[0], business.names)}")
    try:
        columns = declared(answer.columns)
        shown = presentation.parse(answer.fields, [name for name, _ in columns])
    except ValueError as error:
        return BrokenQuery(answer.name, f"{where}: {error}")
    return Query(
        name=answer.name,
        title=answer.title,
        question=answer.question,
        source=answer.source,
        plain=None,
        partial=None,
        combine=None,
        param_expressions={},
        param_types={},
        live=None,
        groups=tuple(group for group in business.groups if not answer.inputs.keys().isdisjoint(group.names)),
        tables=tuple(name for name in business.names if name in answer.inputs),
        columns=columns,
        chart=shown.chart,
        units=shown.units,
        titles=shown.titles,
        total=shown.total,
        function=answer,
    )


def _load(business: Business, path: Path, *, bare: bool = False) -> Query | BrokenQuery:
    name = path.stem
    try:
        if not bare and not _NAME.fullmatch(name):
            name = re.sub(r"\W", "_", f"_{name}", flags=re.ASCII)
            raise Malformed("a query's file name is made of letters, digits and _, and begins with no digit")
        return _parse(business, name, path.read_text(encoding="utf-8"), bare)
    except UnicodeDecodeError as error:
        return BrokenQuery(name, f"{path}: is not UTF-8 (byte {error.start})")
    except OSError as error:
        return BrokenQuery(name, f"{path}: cannot be read: {error.strerror}")
    except Malformed as error:
        line = "" if error.line is None else f":{error.line}"
        return BrokenQuery(name, f"{path}{line}: {error}")


@functools.cache
def _parse(business: Business, name: str, text: str, bare: bool) -> Query:
    file = sql_file.parse(text, bare=bare)
    found = bound(business, file)
    groups = tuple(group for group in business.groups if not set(found.tables).isdisjoint(group.names))
    shown = _presentation(file, found.columns)
    return Query(
        name=name,
        title=file.title,
        question=file.question,
        source=file.fields.get("source"),
        plain=file.text("statement"),
        partial=file.text("partial"),
        combine=file.text("combine"),
        param_expressions=file.expressions,
        param_types=found.types,
        live=_live(file, groups),
        groups=groups,
        tables=tuple(name for name in business.names if name in found.tables),
        columns=found.columns,
        chart=shown.chart,
        units=shown.units,
        titles=shown.titles,
        total=shown.total,
    )


def _live(file: SqlFile, groups: tuple[Group, ...]) -> str | None:
    """The event time that the header names, if any."""
    live = file.fields.get("live")
    times = [c.name for group in groups for table in group.facts for c in table.columns if c.stored in _TIMES]
    if live is not None and (live not in times or len(groups) > 1):
        allowed = ", ".join(dict.fromkeys(times)) if len(groups) == 1 else ""
        raise Malformed(
            f"live names {live}; allowed are {allowed or 'times of one group of facts'}", file.lines["live"]
        )
    return live


def _presentation(file: SqlFile, columns: Columns) -> presentation.Presentation:
    try:
        return presentation.parse(file.fields, [name for name, _ in columns])
    except ValueError as error:
        words = set(re.findall(r"\w+", str(error)))
        named = (line for field, line in file.lines.items() if words.issuperset(field.split()))
        raise Malformed(str(error), next(named, None)) from error
