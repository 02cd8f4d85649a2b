"""One JSON-lines file in, one typed Parquet file out. A value that does not fit its type is a reject, never a guess.

A clean file is read by DuckDB alone, at nearly the speed of a lenient read: the counts of `scan` and a few
tests per value prove that nothing was dropped, rounded or converted. In any doubt `careful` sorts the lines.
"""

import glob
import json
import re
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb

from tpch_assets.bronze.json_lines import scan
from tpch_assets.bronze.json_lines.careful import EVIDENT_TIME, kind_of, precision_and_scale, sort_lines
from tpch_assets.schema import Column, Table

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 16
# All that DuckDB takes for a day or a time and is spelled like this, is one as `careful` has it.
_DAY = "[12]???-??-?[0-9]"
_TIME = f"{_DAY}T[0-2][!4]:??:?[0-9].?????[0-9]Z"  # not 24:00, which DuckDB takes for a time
_NUMERAL = re.compile("^-?[0-9]")
_DUCKDB_LINE = 1 << 24  # what DuckDB takes for the longest line unless told


@dataclass(frozen=True)
class Parsed:
    """What became of a file's lines: `lines == rows + rejects`, always. Blank lines are none."""

    lines: int
    rows: int
    rejects: int


def write_parquet(
    con: duckdb.DuckDBPyConnection,
    source: str,
    table: Table,
    *,
    batch: str,
    file: str,
    rows_path: str,
    rejects_path: str,
    options: str = "",
) -> Parsed:
    """Parses a JSON-lines file, plain or gzip, into Parquet files, in bounded memory.

    Bad lines are no error. A number may be spelled in any exact way: 1.5, 1.500 or 15e-1; 2 or 2.0 for an integer.

    Args:
        con: any connection whose TimeZone is UTC; it is left as it was.
        source: the file to read, local.
        table: what each line has to be.
        batch: goes into the column `_batch`.
        file: goes into the column `_file`.
        rows_path: where the rows go, in the order of the lines: the table's columns, `_batch`, `_file`, and `_rescued`:
            the fields that the table does not know, as a JSON object, or NULL. Local; replaced if it exists.
        rejects_path: where the bad lines go, if there are any: `_batch`, `_file`, `_line` (from 1), `_text`, `_reason`.
            On the same file system as `rows_path`. If there are none, no file is there afterwards.

    Raises:
        OSError: a file cannot be read or written. Whatever is raised, nothing is left behind half-written.
        ValueError: the session is not in UTC, or the table has a type that JSON cannot be parsed into.
    """
    zone = con.execute("SELECT current_setting('TimeZone')").fetchall()[0][0]
    if zone != "UTC":
        raise ValueError(f"DuckDB's TimeZone is {zone!r}, which would shift times: SET TimeZone = 'UTC'")
    labels = [text.encode("utf-8", "backslashreplace").decode() for text in (batch, file)]
    with tempfile.TemporaryDirectory(prefix=".json-lines-", dir=Path(rows_path).parent) as folder:
        rows, rejects = Path(folder, "rows.parquet"), Path(folder, "rejects.parquet")
        plain, damage = _unpacked(source, folder)
        parsed = None if damage else _fast(con, plain, table, labels, str(rows))
        if parsed is None:
            parsed = _careful(con, plain, table, labels, str(rows), str(rejects), damage)
        Path(rejects_path).unlink(missing_ok=True)
        if parsed.rejects:
            rejects.replace(rejects_path)
        try:
            rows.replace(rows_path)
        except OSError:
            Path(rejects_path).unlink(missing_ok=True)
            raise
    return parsed


def _fast(con: duckdb.DuckDBPyConnection, path: str, table: Table, labels: list[str], target: str) -> Parsed | None:
    """Writes all rows at once; returns None if any line is in doubt.

    Why this is strict: the tests hold for rows that have all columns of the table, none of them null, and have text,
    dates and times from strings. Then `Shape.fits` proves that there is nothing else: no more fields, no quotes around
    numbers, no true, NaN or exponent, and no number too long for a DOUBLE, by way of which all numbers are read.
    """
    columns = table.columns
    if any(precision_and_scale(column)[0] > 15 for column in columns if kind_of(column) == "decimal"):
        return None
    numeral = _numerals(path, table)
    strict = {column.name: _strict(column, column.name in numeral) for column in columns}
    read = _read(path, {name: type_ for name, (type_, _, _) in strict.items()})
    values = ", ".join(f"{value} AS {_name(name)}" for name, (_, value, _) in strict.items())
    # The tests are a column, not a filter: so DuckDB computes each cast once. A NULL among them is a doubt, too.
    passed = " & ".join(f"CAST({test} AS TINYINT)" for _, _, tests in strict.values() for test in tests)
    # As an ENUM a repeated text is written as its number, without looking each row's up in a dictionary.
    batch, file, doubt = (f"{_literal(text)}::ENUM({_literal(text)})" for text in (*labels, "doubt"))
    select = f"SELECT {values}, {batch} AS _batch, {file} AS _file, ([{doubt}])[1 + coalesce({passed}, 0)] AS _rescued"
    with ThreadPoolExecutor(1) as pool:
        counts = pool.submit(scan.scan, path)
        try:
            rows = _copy(con, f"{select} FROM {read}", [], target)
            doubts = _number(con, f"SELECT count(_rescued) FROM read_parquet({_literal(glob.escape(target))})")
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, UnicodeError):
            return None
        shape = counts.result()
    fits = shape.fits(len(columns), quoted=sum(kind_of(column) in ("date", "time", "text") for column in columns))
    return Parsed(rows, rows, 0) if fits and rows == shape.lines and not doubts else None


def _strict(column: Column, numeral: bool) -> tuple[str, str, list[str]]:
    """The type to read a column as, its value, and tests that hold for nothing but values of the column's type."""
    name = _name(column.name)
    value = f"CAST({name} AS {column.type})"
    match kind_of(column):
        case "integer" | "decimal":
            return "DOUBLE", value, [f"CAST({value} AS DOUBLE) = {name}"]
        case "date":
            return "VARCHAR", value, [f"{name} GLOB {_literal(_DAY)}"]
        case "time":  # the usual spelling first: a glob costs a quarter of the expression
            usual, any_ = f"{name} GLOB {_literal(_TIME)}", f"regexp_full_match({name}, {_literal(EVIDENT_TIME)})"
            return "VARCHAR", value, [f"CASE WHEN {usual} THEN true ELSE {any_} END"]
        case "text" if numeral:  # as JSON it keeps its quotes: slower
            return "JSON", f"json_extract_string({name}, '$')", [f"starts_with(CAST({name} AS VARCHAR), '\"')"]
        case "text":  # it sorts neither from -0 to -9 nor from 0 to 9, behind which comes the colon: no number, then
            negative, digit = f"({name} >= '-0') <> ({name} >= '-:')", f"({name} >= '0') <> ({name} >= ':')"
            return "VARCHAR", name, [f"({negative}) = ({digit})"]


def _careful(
    con: duckdb.DuckDBPyConnection,
    path: str,
    table: Table,
    labels: list[str],
    rows_path: str,
    rejects_path: str,
    damage: str | None,
) -> Parsed:
    """Sorts the lines, then writes the good and the bad ones."""
    good, bad = str(Path(rows_path).with_name("good.json")), str(Path(rows_path).with_name("bad.json"))
    found = sort_lines(path, table, good=good, bad=bad, damage=damage)
    read = _read(good, {column.name: column.type for column in table.columns} | {"_rescued": "VARCHAR"}, found.longest)
    names = ", ".join(map(_name, table.column_names))
    rows = _copy(con, f"SELECT {names}, ? AS _batch, ? AS _file, _rescued FROM {read}", labels, rows_path)
    rejects = 0
    if found.bad:
        read = _read(bad, {"_line": "BIGINT", "_text": "VARCHAR", "_reason": "VARCHAR"}, found.longest)
        rejects = _copy(con, f"SELECT ? AS _batch, ? AS _file, * FROM {read}", labels, rejects_path)
    if (rows, rejects) != (found.good, found.bad):
        raise RuntimeError(f"{path}: found {found}, but wrote {rows} rows and {rejects} rejects")
    return Parsed(rows + rejects, rows, rejects)


def _copy(con: duckdb.DuckDBPyConnection, select: str, labels: list[str], target: str) -> int:
    """Writes the result and returns its number of rows.

    Level 1 is 15 % faster than the default, files 7 % larger. A larger dictionary would hold values that hardly repeat;
    larger row groups would leave one thread to finish alone.
    """
    size = "COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 10000, ROW_GROUP_SIZE 61440"
    options = f"FORMAT parquet, PRESERVE_ORDER true, {size}"
    return _number(con, f"COPY ({select}) TO {_literal(target)} ({options})", labels)


def _number(con: duckdb.DuckDBPyConnection, sql: str, parameters: list[str] | None = None) -> int:
    return con.execute(sql, parameters).fetchall()[0][0]


def _read(path: str, columns: dict[str, str], longest: int = 0) -> str:
    """SQL for the lines of a file. Without `records` a line may be taken for the value of a table's only column."""
    declared = ", ".join(f"{_literal(name)}: {_literal(type_)}" for name, type_ in columns.items())
    return (
        f"read_json({_literal(glob.escape(path))}, format = 'newline_delimited', records = 'true', "
        f"compression = 'none', hive_partitioning = false, maximum_object_size = {max(longest, _DUCKDB_LINE)}, "
        f"columns = {{{declared}}})"
    )


def _numerals(path: str, table: Table) -> set[str]:
    """The columns in which some text near the start of the file begins like a number, and so could be taken for one."""
    with Path(path).open("rb") as file:
        lines = file.read(1 << 14).split(b"\n")[:-1]
    found: set[str] = set()
    for line in lines:
        try:
            fields = json.loads(line)
            found |= {name for name in table.column_names if _NUMERAL.match(str(fields[name]))}
        except (ValueError, TypeError, KeyError, RecursionError):
            continue  # whatever is wrong here will show
    return found


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _unpacked(source: str, folder: str) -> tuple[str, str | None]:
    """The path of the plain file; and how it is damaged, if it was gzip and is."""
    with Path(source).open("rb") as file:
        start = file.read(len(_GZIP))
        if start != _GZIP and not (source.endswith(".gz") and _GZIP.startswith(start)):
            return source, None
        file.seek(0)
        plain = Path(folder, "plain.json")
        with plain.open("wb") as output:
            try:
                for block in _gunzip(file):
                    output.write(block)
            except (EOFError, zlib.error) as error:
                return str(plain), f"the gzip file is damaged from here on: {error}"
    return str(plain), None


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    """All that can be unpacked, up to the last byte; then EOFError or zlib.error if the file is cut off or corrupt."""
    data = file.read(_BLOCK)
    while True:
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            if not data and not (data := file.read(_BLOCK)):
                yield stream.flush()
                raise EOFError("it is cut off")
            before = stream.copy()
            try:
                block = stream.decompress(data, _BLOCK)
            except zlib.error:
                yield from _until_error(before, data)
                raise
            data = stream.unconsumed_tail
            yield block
        data = stream.unused_data.lstrip(b"\0")
        while not data and (data := file.read(_BLOCK)):
            data = data.lstrip(b"\0")
        if not data:
            return


def _until_error(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """What comes before the error: zlib gives nothing of the block in which it fails."""
    try:
        while byte := stream.decompress(data, 1):
            yield byte
            data = stream.unconsumed_tail
    except zlib.error:
        return
