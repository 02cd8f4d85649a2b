"""The judge of one line: a good line is written anew, a bad one has a reason. No files and no DuckDB here.

The written line holds the table's columns in a form that leaves nothing to guess, so that reading it gives exactly its
values.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from tpch_assets.bronze.json_lines import reasons
from tpch_assets.bronze.json_lines.values import (
    Check,
    Constant,
    Number,
    Reject,
    Wrong,
    check_of,
    encodable,
    encode,
    holds_unknown,
    show,
    spell,
)
from tpch_assets.schema import Column, Table
from tpch_assets.schema import types as column_types
from tpch_assets.schema.types import ColumnType, List, Struct, UnknownType


@dataclass(frozen=True)
class Judged:
    """A good line as it is to be read, and the fields that the table does not know, as JSON."""

    line: bytes
    rescued: str | None


Judge = Callable[[bytes], Judged]  # it raises Reject


def types_of(table: Table) -> dict[str, ColumnType]:
    """The type of each column; UnknownType, which is a ValueError, names the column."""
    types = {}
    for column in table.columns:
        try:
            types[column.name] = column_types.parse(column.type)
        except UnknownType as error:
            raise UnknownType(f"{table.name}.{column.name}: cannot parse JSON into its type: {error}") from None
    return types


def judge_of(table: Table) -> Judge:
    """The judge of a table's lines."""
    columns, types = {column.name: column for column in table.columns}, types_of(table)
    plan = [(column, f"{encode(name)}:", check_of(types[name])) for name, column in columns.items()]
    nested = {name: type_ for name, type_ in types.items() if isinstance(type_, Struct | List)}

    def judge(line: bytes) -> Judged:
        fields = parse(line)
        values = [key + _stored(column, fields, check) for column, key, check in plan]
        rescued = {
            name: value
            for name, value in fields.items()
            if name not in columns or (name in nested and holds_unknown(nested[name], value))
        }
        text = spell(rescued) if rescued else None
        if text and not text.isascii() and text != encodable(text):
            raise Reject(reasons.UNKNOWN_FIELD_SURROGATE)
        return Judged(f"{{{','.join(values)}}}\n".encode(), text)

    return _recursion_is_a_reject(judge)


def parse(line: bytes) -> dict[str, object]:
    """A line's fields, each number as it is spelled."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        byte, position = line[error.start], error.start + 1
        raise Reject(reasons.NOT_UTF8.format(byte=byte, position=position)) from None
    try:
        fields = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Reject(reasons.NOT_JSON.format(problem=error.msg, position=error.pos + 1)) from None
    if not isinstance(fields, dict):
        raise Reject(reasons.NOT_AN_OBJECT_LINE.format(value=show(fields)))
    return fields


def _recursion_is_a_reject(judge: Judge) -> Judge:
    def judge_any(line: bytes) -> Judged:
        try:
            return judge(line)
        except RecursionError:
            raise Reject(reasons.TOO_DEEP) from None

    return judge_any


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            raise Reject(reasons.KEY_TWICE.format(name=name))
        fields[name] = value
    return fields


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=Constant)


def _stored(column: Column, fields: dict[str, object], check: Check) -> str:
    """The column's value as it is to be stored, as JSON."""
    value = fields.get(column.name)
    if value is None:
        if not column.nullable:
            raise Reject(reasons.NO_VALUE.format(name=column.name, what="null" if column.name in fields else "missing"))
        return "null"
    try:
        return check(value)
    except Wrong as wrong:
        raise Reject(f"{column.name}{wrong}") from None
