"""The path for clean files: DuckDB reads the file at once, and counts and tests prove that nothing was guessed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb

from tpch_assets.bronze.json_lines import scan
from tpch_assets.bronze.json_lines.sql import Parsed, Work, number, quoted, read_json, read_parquet
from tpch_assets.bronze.json_lines.strict import kind_of, strict_columns


def read_whole(work: Work, sample: Sequence[dict[str, object]], target: str) -> Parsed | None:
    """Writes all rows at once; returns None if any line is in doubt.

    Why this is strict: the tests hold for rows that have all columns of the table, none of them null, and have text,
    dates and times from strings. Then `Shape.fits` proves that there is nothing else: no more fields, no quotes around
    numbers, no true, NaN or exponent, and no number too long for a DOUBLE, by way of which all numbers are read.
    """
    kinds = {name: kind_of(type_) for name, type_ in work.types.items()}
    if None in kinds.values() or not all(_is_clean(line, work) for line in sample):
        return None
    with ThreadPoolExecutor(1) as pool:
        counts = pool.submit(scan.scan, work.source)
        try:
            rows = work.copy(_select(work, sample), target)
            doubts = number(work.con, f"SELECT count(_rescued) FROM {read_parquet(target)}")
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, UnicodeError):
            return None
        shape = counts.result()
    fits = shape.fits(len(kinds), quoted=sum(kind != "number" for kind in kinds.values()))
    return Parsed(rows, rows, 0) if fits and rows == shape.lines and not doubts else None


def _is_clean(line: dict[str, object], work: Work) -> bool:
    return line.keys() == work.types.keys() and None not in line.values()


def _select(work: Work, sample: Sequence[dict[str, object]]) -> str:
    strict = strict_columns(work.types, sample)
    values = ", ".join(f"{column.value} AS {quoted(name)}" for name, column in strict.items())
    # The tests are a column, not a filter: so DuckDB computes each cast once. A NULL among them is a doubt, too.
    passed = " & ".join(f"CAST({column.test} AS TINYINT)" for column in strict.values())
    doubt = f"(['doubt'::ENUM('doubt')])[1 + coalesce({passed}, 0)]"
    read = read_json(work.source, {name: column.read_as for name, column in strict.items()})
    return f"SELECT {values}, {work.labels}, {doubt} AS _rescued FROM {read}"
