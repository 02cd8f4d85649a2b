"""The path for files with any doubt: each line is looked at, the good ones are read from Arrow batches. SQL, mostly."""

import glob
import json
from pathlib import Path

import duckdb

from tpch_assets.bronze.json_lines.evident import Evident
from tpch_assets.bronze.json_lines.feed import Checker, Feed
from tpch_assets.bronze.json_lines.sql import DOUBLE_DIGITS, Parsed, Work, literal, quoted, read_json
from tpch_assets.bronze.json_lines.values import encode
from tpch_assets.schema.types import ColumnType, Decimal, List, Scalar, Struct

_LINES = "json_lines"  # what the batches are called in SQL


def read_lines(
    work: Work, checker: Checker, usual: Evident | None, rows_path: str, rejects_path: str, damage: str | None
) -> Parsed:
    """Looks at each line, then writes the good and the bad ones."""
    bad = str(Path(rows_path).with_name("bad.json"))
    feed = Feed(work.source, checker, bad=bad, damage=damage)
    rows, rejects = _copy_rows(work, feed, usual, rows_path), 0
    if feed.rejects:
        read = read_json(bad, {"_line": "BIGINT", "_text": "VARCHAR", "_reason": "VARCHAR"}, feed.longest)
        rejects = work.copy(f"SELECT {work.labels}, * FROM {read}", rejects_path)
    _check_nulls(work, rows_path)
    if (rows, rejects) != (feed.rows, feed.rejects):
        raise RuntimeError(f"{work.source}: wrote {rows} rows, {rejects} rejects, not {feed.rows} and {feed.rejects}")
    return Parsed(rows + rejects, rows, rejects)


def _copy_rows(work: Work, feed: Feed, usual: Evident | None, target: str) -> int:
    work.con.register(_LINES, feed.reader())
    try:
        return work.copy(_select(work, usual), target)
    except duckdb.Error:
        if feed.error:
            raise feed.error from None
        raise
    finally:
        work.con.unregister(_LINES)
        feed.close()


def _check_nulls(work: Work, path: str) -> None:
    """Asks the written file: `json_transform` makes a value NULL that it cannot read, without a word."""
    required = {column.name for column in work.table.columns if not column.nullable}
    nulls = f"SELECT path_in_schema FROM parquet_metadata({literal(glob.escape(path))}) WHERE stats_null_count > 0"
    if lost := required & {name for (name,) in work.con.execute(nulls).fetchall()}:
        raise RuntimeError(f"{work.source}: values of {', '.join(sorted(lost))} were not read")


def _select(work: Work, usual: Evident | None) -> str:
    """SQL for the rows of lines of which each is good."""
    unknown = usual.unknown if usual else ()
    spelled = bool(usual and not usual.plain) or any(_needs_spelling(type_) for type_ in work.types.values())
    shape = {name: _shape(type_, spelled) for name, type_ in work.types.items()} | dict.fromkeys(unknown, "JSON")
    if spelled:  # only if a DECIMAL is among the fields, DuckDB takes all numbers as they are spelled
        shape[_unused([*shape])] = "DECIMAL(1,0)"
    values = ", ".join(f"{_value(name, type_, shape[name])} AS {quoted(name)}" for name, type_ in work.types.items())
    lines = f"SELECT json_transform(line, {literal(json.dumps(shape))}) AS it, judged, rescued FROM {_LINES}"
    return f"SELECT {values}, {work.labels}, {_rescued(usual)} AS _rescued FROM ({lines})"


def _needs_spelling(type_: ColumnType) -> bool:
    """Whether a value could differ if its numbers were read by way of DOUBLE."""
    if isinstance(type_, Decimal):
        return type_.precision > DOUBLE_DIGITS
    return isinstance(type_, Struct | List) or type_.name in ("JSON", "FLOAT")


def _shape(type_: ColumnType, spelled: bool) -> object:
    """What `json_transform` is to read a column as: a type from which DuckDB casts faster, if there is one."""
    if isinstance(type_, Decimal) and not spelled:
        return "DOUBLE"
    if isinstance(type_, Scalar) and type_.name.startswith("TIMESTAMP"):
        return "VARCHAR"
    return _transform(type_)


def _value(name: str, type_: ColumnType, shape: object) -> str:
    field = f"it.{quoted(name)}"
    return field if type_.stored == shape else f"CAST({field} AS {type_.stored})"


def _unused(names: list[str]) -> str:
    name = "_"
    while name.lower() in (other.lower() for other in names):
        name += "_"
    return name


def _transform(type_: ColumnType) -> object:
    """A type as `json_transform` wants it."""
    if isinstance(type_, Struct):
        return {name: _transform(field) for name, field in type_.fields}
    return [_transform(type_.item)] if isinstance(type_, List) else type_.sql


def _rescued(usual: Evident | None) -> str:
    """SQL for the unknown fields."""
    if not usual or not usual.unknown:
        return "rescued"
    text = " || ".join(_rescued_field(name, name in usual.demanded) for name in usual.unknown)
    none = "" if usual.demanded else f"WHEN {text} = '' THEN NULL "
    return f"CASE WHEN judged THEN rescued {none}ELSE '{{' || substr({text}, 2) || '}}' END"


def _rescued_field(name: str, demanded: bool) -> str:
    """A comma, the field and its value. Where DuckDB says NULL, a demanded field is null, another is missing."""
    key, value = literal(f",{encode(name)}:"), f"CAST(it.{quoted(name)} AS VARCHAR)"
    return f"{key} || coalesce({value}, 'null')" if demanded else f"coalesce({key} || {value}, '')"
