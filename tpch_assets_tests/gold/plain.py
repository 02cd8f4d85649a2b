"""Answers by plain SQL, to compare the gold queries with: no pairs, no partials, one SELECT over whole tables."""

import math
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

FOLDER = Path(__file__).parent / "plain_sql"
HUGEINT = pa.decimal128(38, 0)
"""How DuckDB hands a HUGEINT to Arrow. No answer has a DECIMAL(38,0) of its own."""


def plain_answer(con: duckdb.DuckDBPyConnection, name: str, as_of: date | None = None) -> pa.Table:
    """Runs the plain SQL of a gold query.

    Args:
        con: Has the eight tables or views of them.
        name: A gold query's name, such as "q01_pricing_summary", or a file's, such as "q01".
        as_of: The day; only the queries that are no TPC-H queries need it.
    """
    sql = plain_file(name).read_text(encoding="utf-8")
    answer = con.sql(sql, params={"as_of": as_of} if "$as_of" in sql else {}).to_arrow_table()
    fields = [field.with_type(pa.int64()) if field.type == HUGEINT else field for field in answer.schema]
    return answer.cast(pa.schema(fields))


def plain_file(name: str) -> Path:
    """Where the plain SQL of a query is."""
    file = FOLDER / f"{name}.sql"
    return file if file.exists() else FOLDER / f"{name.split('_')[0]}.sql"


def assert_same(actual: pa.Table, expected: pa.Table) -> None:
    """Asserts equal column names, types, row order and values: floats up to 1e-12, all others exactly."""
    assert _types(actual) == _types(expected)
    assert actual.num_rows == expected.num_rows
    for name in expected.column_names:
        pairs = zip(actual[name].to_pylist(), expected[name].to_pylist(), strict=True)
        for row, (value, wanted) in enumerate(pairs):
            assert _equal(value, wanted), f"row {row}, {name}: {value!r} is not {wanted!r}"


def _types(table: pa.Table) -> list[tuple[str, str]]:
    return [(field.name, _type(field.type)) for field in table.schema]


def _type(type_: pa.DataType) -> str:
    """A type's name, the same for types that differ only in how Arrow lays them out."""
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return "string"
    if pa.types.is_timestamp(type_):
        return "timestamp with time zone" if type_.tz else "timestamp"
    return str(type_)


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, float) and isinstance(wanted, float):
        return math.isclose(value, wanted, rel_tol=1e-12) or (math.isnan(value) and math.isnan(wanted))
    return bool(value == wanted)
