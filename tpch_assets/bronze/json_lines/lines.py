"""The path for files with any doubt: each line is looked at, the good ones are read from Arrow batches. SQL, mostly.

How a line is looked at depends on the file. If most of its lines are flat and alike, it is enough to count their bytes
and to test their values (see `counted`). If this leaves a doubt, or else, each line is matched or judged.
"""

import glob
from functools import partial
from pathlib import Path

import duckdb

from tpch_assets.bronze.json_lines.counted import Counting
from tpch_assets.bronze.json_lines.evident import Evident
from tpch_assets.bronze.json_lines.feed import Checker, Feed
from tpch_assets.bronze.json_lines.sql import DOUBLE_DIGITS, Parsed, Work, literal, quoted, read_json
from tpch_assets.bronze.json_lines.transformed import LINES, rescued, transformed
from tpch_assets.schema.types import ColumnType, Decimal, List, Scalar, Struct


def read_lines(
    work: Work,
    checker: Checker,
    usual: Evident | None,
    rows_path: str,
    rejects_path: str,
    damage: str | None,
    counting: Counting | None = None,
) -> Parsed:
    """Looks at each line, then writes the good and the bad ones."""
    read = partial(_read, work, rows_path=rows_path, rejects_path=rejects_path, damage=damage)
    if counting:
        try:
            return read(checker.counting(counting.flat), counting.select)
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, UnicodeError):  # A counted line is not JSON, or a value fails its test.
            pass
    return read(checker, _select(work, usual))


def _read(
    work: Work, checker: Checker, select: str, *, rows_path: str, rejects_path: str, damage: str | None
) -> Parsed:
    bad = str(Path(rows_path).with_name("bad.json"))
    feed = Feed(work.source, checker, bad=bad, damage=damage)
    rows, rejects = _copy_rows(work, feed, select, rows_path), 0
    if feed.rejects:
        read = read_json(bad, {"_line": "BIGINT", "_text": "VARCHAR", "_reason": "VARCHAR"}, feed.longest)
        rejects = work.copy(f"SELECT {work.labels}, * FROM {read}", rejects_path)
    _check_nulls(work, rows_path)
    if (rows, rejects) != (feed.rows, feed.rejects):
        raise RuntimeError(f"{work.source}: wrote {rows} rows, {rejects} rejects, not {feed.rows} and {feed.rejects}")
    return Parsed(rows + rejects, rows, rejects)


def _copy_rows(work: Work, feed: Feed, select: str, target: str) -> int:
    work.con.register(LINES, feed.reader())
    try:
        return work.copy(select, target)
    except duckdb.Error:
        if feed.error:
            raise feed.error from None
        raise
    finally:
        work.con.unregister(LINES)
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
    values = ", ".join(f"{_value(name, type_, shape[name])} AS {quoted(name)}" for name, type_ in work.types.items())
    return f"SELECT {values}, {work.labels}, {rescued(usual)} AS _rescued FROM ({transformed(shape, spelled)})"


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


def _transform(type_: ColumnType) -> object:
    """A type as `json_transform` wants it."""
    if isinstance(type_, Struct):
        return {name: _transform(field) for name, field in type_.fields}
    return [_transform(type_.item)] if isinstance(type_, List) else type_.sql
