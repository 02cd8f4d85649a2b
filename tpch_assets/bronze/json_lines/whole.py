"""The path for clean files: DuckDB reads the file at once, and counts and tests prove that nothing was guessed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb

from tpch_assets.bronze.json_lines import scan
from tpch_assets.bronze.json_lines.sql import Parsed, Work, quoted, read_json
from tpch_assets.bronze.json_lines.strict import kind_of, strict_columns


class ValueInDoubt(Exception):
    """No line has more or fewer fields than the table's, but a value may not be of its column's type."""


def read_whole(work: Work, sample: Sequence[dict[str, object]], target: str) -> Parsed | None:
    """Writes all rows at once; returns None if the fields of any line are in doubt.

    Why this is strict: the tests hold for rows that have all columns of the table, none of them null, and have text,
    dates and times from strings. Then `Shape.fits` proves that there is nothing else: no more fields, no quotes around
    numbers, no true, NaN or exponent, and no number too long for a DOUBLE, by way of which all numbers are read.

    Raises:
        ValueInDoubt: no count can show which line it is.
    """
    kinds = {name: kind_of(type_) for name, type_ in work.types.items()}
    if None in kinds.values() or not all(_is_clean(line, work) for line in sample):
        return None
    with ThreadPoolExecutor(1) as pool:
        counts = pool.submit(scan.scan, work.source)
        try:
            rows = work.copy(_select(work, sample), target)
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, UnicodeError):
            rows = None
        shape = counts.result()
    if not shape.fits(len(kinds), quoted=sum(kind != "number" for kind in kinds.values())):
        return None
    if rows is None:
        raise ValueInDoubt
    return Parsed(rows, rows, 0) if rows == shape.lines else None


def _is_clean(line: dict[str, object], work: Work) -> bool:
    return line.keys() == work.types.keys() and None not in line.values()


def _select(work: Work, sample: Sequence[dict[str, object]]) -> str:
    strict = strict_columns(work.types, sample)
    values = ", ".join(f"{column.value} AS {quoted(name)}" for name, column in strict.items())
    passed = " & ".join(f"CAST({column.test} AS TINYINT)" for column in strict.values())
    # A NULL among the tests is a doubt, too.
    doubt = f"CASE WHEN coalesce({passed}, 0) = 0 THEN CAST(error('doubt') AS VARCHAR) END"
    read = read_json(work.source, {name: column.read_as for name, column in strict.items()})
    return f"SELECT {values}, {work.labels}, {doubt} AS _rescued FROM {read}"
