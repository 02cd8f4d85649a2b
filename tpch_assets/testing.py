"""Tests of one's own questions: a few rows per table as JSON, and the expected rows beside them.

    @pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
    def test_examples(path: Path) -> None:
        check_example(path, BUSINESS)

A file names the query, the rows it is given, and those it is expected to return; a value that is left out is NULL, or
zero or empty where the column cannot be NULL.

    {"query": "revenue_of_returns", "as_of": "2026-01-01",
     "given": {"returns": [{"order_id": 1, "quantity": 5, "price": 2.5}]},
     "expected": [{"revenue": 12.5}]}

A query runs as its plain statement, and again as it runs in gold, with each colocation key in a shard of its own: both
have to return what is expected. Nothing here knows a lake.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isclose
from pathlib import Path

import duckdb
import pyarrow as pa

from tpch_assets.compute.catalog import binder
from tpch_assets.compute.database import identifier, quote
from tpch_assets.gold import functions
from tpch_assets.gold.form import form_of
from tpch_assets.gold.queries import Query, Value, bind, broken_queries, load_queries, parameters
from tpch_assets.schema import Business, Column, Table
from tpch_assets.schema.spelling import nearest

Row = Mapping[str, object]
_KNOWN = ("query", "as_of", "scale_factor", "given", "expected")
_DEFAULTS = {"VARCHAR": "''", "BLOB": "''", "JSON": "'null'", "BOOLEAN": "false", "DATE": "'1970-01-01'"}
_DEFAULTS |= {"UUID": "'00000000-0000-0000-0000-000000000000'"}


@dataclass(frozen=True)
class Example:
    """What a query is given, and what it is expected to return, in order."""

    query: str
    given: Mapping[str, Sequence[Row]]
    expected: Sequence[Row]
    as_of: date = date(2026, 1, 1)
    scale_factor: float = 1.0


class ExampleError(ValueError):
    """An example's file is not valid; the message names it and says what is wrong."""


def check_example(path: Path, business: Business) -> None:
    """Run the query of an example's file over its rows.

    Raises:
        ExampleError: The file is not valid.
        AssertionError: The query returns something else; the message shows both.
    """
    try:
        example = read_example(path)
        query = _query(example, business)
        tables = {table.name: _rows(table, example.given.get(table.name, ())) for table in business.tables}
    except (ValueError, duckdb.Error) as error:
        raise ExampleError(f"{path}: {str(error).splitlines()[0]}") from error
    if unknown := [name for name in example.given if name not in tables]:
        raise ExampleError(f"{path}: gives rows of {unknown[0]}{nearest(unknown[0], business.names)}")
    for how, answer in _answers(query, business, tables, example):
        found = answer.to_pylist()
        assert _same(found, example.expected), (
            f"{path}: {how} returns\n  {_shown(found)}\nexpected are\n  {_shown(example.expected)}"
        )


def read_example(path: Path) -> Example:
    """Read an example's file.

    Raises:
        ValueError: It is not valid.
    """
    found = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    if not isinstance(found, dict) or not {"query", "given", "expected"} <= found.keys():
        raise ValueError("an example is an object with query, given and expected")
    if unknown := [name for name in found if name not in _KNOWN]:
        raise ValueError(f"unknown name {unknown[0]}{nearest(unknown[0], _KNOWN)}")
    more = {"as_of": date.fromisoformat(found["as_of"])} if "as_of" in found else {}
    size = float(found.get("scale_factor", 1.0))
    return Example(found["query"], found["given"], found["expected"], scale_factor=size, **more)


def _query(example: Example, business: Business) -> Query:
    queries, broken = load_queries(business), broken_queries(business)
    if example.query in broken:
        raise ValueError(broken[example.query].error)
    if example.query not in queries:
        raise ValueError(f"there is no query {example.query}{nearest(example.query, list(queries))}")
    return queries[example.query]


def _rows(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows of JSON with the columns and types that silver has."""
    for row in rows:
        if unknown := [name for name in row if name not in table.column_names]:
            raise ValueError(f"{table.name} has no column {unknown[0]}{nearest(unknown[0], table.column_names)}")
    values = ", ".join(f"{_value(column)} AS {identifier(column.name)}" for column in table.columns)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("CREATE TABLE rows (row JSON)")
        if rows:
            con.executemany("INSERT INTO rows VALUES (?)", [[json.dumps(row, default=str)] for row in rows])
        return con.sql(f"SELECT {values} FROM rows").to_arrow_table()


def _value(column: Column) -> str:
    """A column of a row of JSON as SQL; text is read as it stands, all else by the column's type."""
    key = quote(f'$."{column.name}"')
    nested = column.stored.endswith("]") or column.stored.startswith("STRUCT")
    read = f"json_extract(row, {key})" if nested or column.stored == "JSON" else f"json_extract_string(row, {key})"
    typed = f"CAST({read} AS {column.stored})"
    if column.nullable or nested:
        return typed
    return f"coalesce({typed}, CAST({_default(column.stored)} AS {column.stored}))"


def _default(stored: str) -> str:
    return "'1970-01-01 00:00:00'" if stored.startswith("TIMESTAMP") else _DEFAULTS.get(stored, "0")


def _answers(
    query: Query, business: Business, tables: Mapping[str, pa.Table], example: Example
) -> Iterator[tuple[str, pa.Table]]:
    """The answer by each way in which the query can run."""
    if query.function:
        yield "the function", functions.call(query.function, tables, example.as_of, example.scale_factor)
        return
    values = parameters(query, example.scale_factor, example.as_of)
    if query.plain is not None:
        yield "the plain statement", _run(business, tables, query.plain, values)
    form = form_of(query, business, values)
    if form.partial is None:
        if query.plain is None:
            yield "the statement", _run(business, tables, form.combine, values)
        return
    group = next(group for group in business.groups if group.name == form.group)
    partials = [_run(business, shard, form.partial, values) for shard in _shards(tables, group.facts)]
    yield (
        "partial and combine",
        _run(business, {**tables, "partials": pa.concat_tables(partials)}, form.combine, values),
    )


def _shards(tables: Mapping[str, pa.Table], facts: Sequence[Table]) -> Iterator[dict[str, pa.Table]]:
    """The facts of a group cut at each of their keys; the first shard is empty."""
    import pyarrow.compute as pc

    keys = {key: None for table in facts for key in tables[table.name][table.shard_key].to_pylist()}
    yield {**tables, **{table.name: tables[table.name].slice(0, 0) for table in facts}}
    for key in keys:
        of_key = {
            table.name: tables[table.name].filter(pc.equal(tables[table.name][table.shard_key], pa.scalar(key)))
            for table in facts
        }
        yield {**tables, **of_key}


def _run(business: Business, tables: Mapping[str, pa.Table], sql: str, values: Mapping[str, Value]) -> pa.Table:
    with binder(business.tables) as con:
        for name, rows in tables.items():
            con.register(name, rows)
        try:
            return con.sql(sql, params=bind(sql, values)).to_arrow_table()
        finally:
            for name in tables:
                con.unregister(name)


def _same(found: Sequence[Row], expected: Sequence[Row]) -> bool:
    return len(found) == len(expected) and all(
        one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
        for one, other in zip(found, expected, strict=True)
    )


def _equal(value: object, expected: object) -> bool:
    """Whether a value is what JSON says: numbers by value, floats to 1e-9 of it, times and the like by their text."""
    if isinstance(value, float) and isinstance(expected, int | Decimal):
        return isclose(value, float(expected), rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(value, bool | int | Decimal | dict | list) or value is None:
        return value == expected
    return str(value) == str(expected)


def _shown(rows: Sequence[Row]) -> str:
    return "\n  ".join(json.dumps(row, default=str) for row in rows) or "no rows"
