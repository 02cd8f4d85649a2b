"""One JSON-lines file in, one typed Parquet file out. A value that does not fit its type is a reject, never a guess.

A clean file is read by DuckDB alone, at nearly the speed of a lenient read: the counts of `scan` and a few
tests per value prove that nothing was dropped, rounded or converted. In any doubt each line is looked at: those of the
usual counts pass the same tests (`counted`), or those that match the pattern of `evident` pass as they are, and
`careful` judges the others.
"""

import tempfile
from pathlib import Path

import duckdb

from tpch_assets.bronze.json_lines.careful import judge_of, parse, types_of
from tpch_assets.bronze.json_lines.counted import counting_of
from tpch_assets.bronze.json_lines.evident import learn, pattern_of
from tpch_assets.bronze.json_lines.feed import Checker
from tpch_assets.bronze.json_lines.gzipped import unpacked
from tpch_assets.bronze.json_lines.lines import read_lines
from tpch_assets.bronze.json_lines.sql import OPTIONS, Parsed, Work
from tpch_assets.bronze.json_lines.values import Reject
from tpch_assets.bronze.json_lines.whole import ValueInDoubt, read_whole
from tpch_assets.schema import Table

__all__ = ["OPTIONS", "Parsed", "write_parquet"]

_SAMPLE = 1 << 14  # bytes at each of some places of the file that show what is usual in it


def write_parquet(
    con: duckdb.DuckDBPyConnection,
    source: str,
    table: Table,
    *,
    batch: str,
    file: str,
    rows_path: str,
    rejects_path: str,
    options: str = OPTIONS,
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
        options: how DuckDB writes the Parquet files, as in COPY.

    Raises:
        OSError: a file cannot be read or written. Whatever is raised, nothing is left behind half-written.
        ValueError: the session is not in UTC, or the table has a type that JSON cannot be parsed into.
    """
    zone = con.execute("SELECT current_setting('TimeZone')").fetchall()[0][0]
    if zone != "UTC":
        raise ValueError(f"DuckDB's TimeZone is {zone!r}, which would shift times: SET TimeZone = 'UTC'")
    types = types_of(table)
    batch, file = (text.encode("utf-8", "backslashreplace").decode() for text in (batch, file))
    with tempfile.TemporaryDirectory(prefix=".json-lines-", dir=Path(rows_path).parent) as folder:
        rows, rejects = Path(folder, "rows.parquet"), Path(folder, "rejects.parquet")
        plain, damage = unpacked(source, folder)
        parsed = _parse(Work(con, plain, table, types, batch, file, options), str(rows), str(rejects), damage)
        Path(rejects_path).unlink(missing_ok=True)
        if parsed.rejects:
            rejects.replace(rejects_path)
        try:
            rows.replace(rows_path)
        except OSError:
            Path(rejects_path).unlink(missing_ok=True)
            raise
    return parsed


def _parse(work: Work, rows: str, rejects: str, damage: str | None) -> Parsed:
    """Takes the fast path if it can, otherwise that which looks at each line."""
    raw = _sample(work.source)
    lines = [line for line in map(_parsed, raw) if line is not None]
    usual = pattern_of(work.table, work.types, learn(lines))
    checker = Checker(judge_of(work.table), usual.pattern if usual else None)
    in_doubt = damage is not None or len(lines) < len(raw) or checker.holds_reject(raw)
    counting = None if in_doubt else counting_of(work, usual, lines)
    try:
        if not in_doubt and (parsed := read_whole(work, lines, rows)):
            return parsed
    except ValueInDoubt:
        counting = None
    return read_lines(work, checker, usual, rows, rejects, damage, counting)


def _sample(path: str) -> list[bytes]:
    """Some lines of the file, from its start, middle and end."""
    size = Path(path).stat().st_size
    starts = [0, size // 2, size - _SAMPLE] if size > 4 * _SAMPLE else [0]
    found = []
    with Path(path).open("rb") as file:
        for start in starts:
            file.seek(start)
            lines = file.read(_SAMPLE).split(b"\n")
            found += lines[bool(start) : -1]  # the first and last may be cut off
    return found


def _parsed(line: bytes) -> dict[str, object] | None:
    try:
        return parse(line)
    except (Reject, RecursionError):
        return None
