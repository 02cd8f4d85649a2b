"""The business this dashboard shows: its tables and its queries.

The only module that imports them. All others ask these functions, so they work for any tables and queries.
What a query's chart looks like does not belong here, but in `dashboards.charts`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import cast

import duckdb
import pyarrow as pa

from tpch_assets.compute.catalog import parser
from tpch_assets.gold.ad_hoc import run_with
from tpch_assets.gold.blocked import open_faults
from tpch_assets.gold.lineage import origins
from tpch_assets.gold.queries import Query, Value, broken_queries, load_queries
from tpch_assets.gold.queries import parameters as query_parameters
from tpch_assets.lake.snapshot import Snapshot
from tpch_assets.schema import Business, Group, Table
from tpch_assets.settings import current_business, current_settings

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")

__all__ = [
    "Query",
    "answerable",
    "arrives_with_every_batch",
    "broken",
    "columns",
    "compute",
    "dashboard_module",
    "facts",
    "generates",
    "group_of",
    "groups",
    "inputs",
    "models",
    "name",
    "open_faults",
    "parameters",
    "queries",
    "queries_folder",
    "rows_in",
    "statements",
    "table",
    "table_names",
    "tables_near",
    "value_of",
]


@cache
def queries_of(business: Business) -> Mapping[str, Query]:
    """All queries of a business by name, sorted."""
    return load_queries(business)


def queries() -> Mapping[str, Query]:
    """All queries by name, sorted."""
    return queries_of(current_business())


@cache
def broken_of(business: Business) -> Mapping[str, str]:
    """What is wrong with each file of a business that is no query."""
    folder = f"{business.queries}/"
    return {name: found.error.replace(folder, "") for name, found in broken_queries(business).items()}


def broken() -> Mapping[str, str]:
    """What is wrong with each file that is no query, in a sentence that begins with the file and the line."""
    return broken_of(current_business())


def columns(query: str) -> set[str]:
    """The columns of a query's answer. None if there is no such query."""
    found = queries().get(query)
    return {name for name, _ in found.columns} if found else set()


def queries_folder() -> Path:
    """Where the queries' files are."""
    return current_business().queries


def name() -> str:
    """The business's name: that of its module."""
    return current_settings().business.rsplit(".", 1)[-1]


def dashboard_module() -> str | None:
    """The module with what the business adds to the dashboard, if it names one."""
    return current_business().dashboard


def generates() -> bool:
    """Whether raw batches are made here, rather than landing by themselves."""
    return current_settings().generates(current_business())


def table(name: str) -> Table:
    """The table with this name.

    Raises:
        KeyError: There is none.
    """
    return current_business().table(name)


def groups() -> tuple[Group, ...]:
    """The groups of facts."""
    return current_business().groups


def group_of(table: Table) -> Group | None:
    """The facts that share a table's colocation key; None for a dimension."""
    return next((group for group in current_business().groups if table.name in group.names), None)


def rows_in(query: Query) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """The rows that an answer names: by column the table, and the answer's columns that hold its key.

    A row is named by the last of these columns. What a column comes from is told from the statement.
    """
    return _rows_in(current_business(), query.name)


def tables_near(table: Table) -> tuple[Table, ...]:
    """A table, the facts of its group, and the tables that it points to."""
    group = group_of(table)
    others = (current_business().table(name) for name in table.references)
    return (table, *(fact for fact in (group.facts if group else ()) if fact != table), *others)


@cache
def _rows_in(given: Business, name_of_query: str) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    query = queries_of(given)[name_of_query]
    same = {name: found.sources[0] for name, found in origins(query, given).items() if found.same}
    by_source = {source: name for name, source in reversed(same.items())}
    found: dict[str, tuple[str, tuple[str, ...]]] = {}

    def add(table: Table, names: Sequence[str | None]) -> None:
        columns = tuple(name for name in names if name is not None)
        if len(columns) == len(table.key) == len(names):
            found.setdefault(columns[-1], (table.name, columns))

    for table in given.tables:
        add(table, [by_source.get((table.name, column)) for column in table.key])
    for table in given.tables:
        if table.parent and given.table(table.parent).key == (given.table(table.parent).shard_key,):
            add(given.table(table.parent), [by_source.get((table.name, table.shard_key))])
        for other, columns in table.references.items():
            add(given.table(other), [by_source.get((table.name, column)) for column in columns])
    return found


def models() -> tuple[str, ...]:
    """The names of the models that are trained every day."""
    return tuple(model.name for model in current_business().models)


def table_names() -> tuple[str, ...]:
    """All tables, in the order in which pages list them."""
    return current_business().names


def facts() -> tuple[str, ...]:
    """The tables that silver cuts into windows and shards. The others are dimensions."""
    return tuple(table.name for table in current_business().facts)


def arrives_with_every_batch(table: str) -> bool:
    """Whether the source delivers a table with every batch, rather than once."""
    return current_business().table(table).arrives == "every batch"


def parameters(query: Query, day: date) -> dict[str, object]:
    """The parameters a query used on a day, in the order in which it declares them."""
    values = query_parameters(query, current_settings().scale_factor, day)
    return {name: values[name] for name in (*query.param_expressions, "as_of")}


def value_of(query: Query, parameter: str, text: str) -> object:
    """What somebody wrote as a parameter's value.

    Raises:
        ValueError: It is none of the parameter's type; the message is a sentence.
    """
    kind = query.param_types[parameter]
    try:
        if kind in INTEGERS:
            return int(text)
        if kind.startswith("DECIMAL") and not kind.endswith("]"):
            found = Decimal(text)
            if not found.is_finite():
                raise ValueError
            return found
        row = parser().execute(f"SELECT CAST(? AS {kind})", [text]).fetchone()
    except (ValueError, ArithmeticError, duckdb.Error):
        raise ValueError(f"{text!r} is no {kind}") from None
    return row[0] if row else None


def inputs(query: Query) -> tuple[str, ...]:
    """The tables that an answer is made of. Of a group of facts all count: a shard is known by all its files."""
    return tuple(dict.fromkeys((*query.tables, *(name for group in query.groups for name in group.names))))


def answerable(query: Query) -> bool:
    """Whether a query can be computed on the spot: a Python function cannot."""
    return query.function is None


def compute(
    query: Query,
    silver: dict[str, Snapshot],
    day: date,
    values: Mapping[str, object],
    since: str,
    running: Callable[[Callable[[], None]], None],
) -> pa.Table:
    """A query's answer from silver, with other parameters or over the windows from `since` on. It writes nothing.

    Raises:
        duckdb.Error: It fails, or is ended.
        RuntimeError: Silver is being written.
    """
    given = cast(Mapping[str, Value], values)
    scale = current_settings().scale_factor
    return run_with(query, current_business(), silver, day, scale, values=given, since=since, running=running)


def statements(query: Query) -> dict[str, str]:
    """The code of a query, by what each piece of it does."""
    if query.function:
        return {f"Python of the answer: the function {query.name} and its module": query.function.text}
    names = {"statement": "SQL of the answer", "partial": "SQL over each shard (partial)"}
    names["combine"] = "SQL of the answer over all partials (combine)" if query.partial else names["statement"]
    return {names[section]: text for section, text in query.statements.items()}
