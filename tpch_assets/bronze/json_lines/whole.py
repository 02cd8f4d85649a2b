"""The path for clean files: DuckDB reads the file at once, and counts and tests prove that nothing was guessed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import duckdb

from tpch_assets.bronze.json_lines import scan
from tpch_assets.bronze.json_lines.evident import ANY_TIME
from tpch_assets.bronze.json_lines.sql import (
    DOUBLE_DIGITS,
    Parsed,
    Work,
    literal,
    number,
    quoted,
    read_json,
    read_parquet,
)
from tpch_assets.schema.types import INTEGER_BITS, ColumnType, Decimal, Scalar

Kind = Literal["number", "DATE", "TIMESTAMP WITH TIME ZONE", "VARCHAR"]

# All that DuckDB takes for a day or a time and is spelled like this, is one as `careful` has it.
_DAY = "[12]???-??-?[0-9]"
_TIME = f"{_DAY}T[0-2][!4]:??:?[0-9].?????[0-9]Z"  # not 24:00, which DuckDB takes for a time


def read_whole(work: Work, sample: Sequence[dict[str, object]], target: str) -> Parsed | None:
    """Writes all rows at once; returns None if any line is in doubt.

    Why this is strict: the tests hold for rows that have all columns of the table, none of them null, and have text,
    dates and times from strings. Then `Shape.fits` proves that there is nothing else: no more fields, no quotes around
    numbers, no true, NaN or exponent, and no number too long for a DOUBLE, by way of which all numbers are read.
    """
    kinds = {name: _kind(type_) for name, type_ in work.types.items()}
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
    strict = {name: _strict(name, type_, _like_number(name, sample)) for name, type_ in work.types.items()}
    values = ", ".join(f"{value} AS {quoted(name)}" for name, (_, value, _) in strict.items())
    # The tests are a column, not a filter: so DuckDB computes each cast once. A NULL among them is a doubt, too.
    passed = " & ".join(f"CAST({test} AS TINYINT)" for _, _, test in strict.values())
    doubt = f"(['doubt'::ENUM('doubt')])[1 + coalesce({passed}, 0)]"
    read = read_json(work.source, {name: type_ for name, (type_, _, _) in strict.items()})
    return f"SELECT {values}, {work.labels}, {doubt} AS _rescued FROM {read}"


def _like_number(name: str, sample: Sequence[dict[str, object]]) -> bool:
    """Whether some text begins like a number, and so could be taken for one."""
    return any(str(line[name]).lstrip("-")[:1] in {*"0123456789"} for line in sample)


def _kind(type_: ColumnType) -> Kind | None:
    """How values of a type are read; None if they cannot be read in this way."""
    match type_:
        case Decimal(precision=precision) if precision <= DOUBLE_DIGITS:
            return "number"
        case Scalar(name=name) if name in INTEGER_BITS:
            return "number"
        case Scalar(name="DATE" | "TIMESTAMP WITH TIME ZONE" | "VARCHAR" as name):
            return name
    return None


def _strict(column: str, type_: ColumnType, like_number: bool) -> tuple[str, str, str]:
    """The type to read a column as, its value, and a test that holds for nothing but values of the column's type."""
    name = quoted(column)
    value = f"CAST({name} AS {type_.sql})"
    match _kind(type_):
        case "DATE":
            return "VARCHAR", value, f"{name} GLOB {literal(_DAY)}"
        case "TIMESTAMP WITH TIME ZONE":  # the usual spelling first: a glob costs a quarter of the expression
            usual, any_ = f"{name} GLOB {literal(_TIME)}", f"regexp_full_match({name}, {literal(ANY_TIME)})"
            return "VARCHAR", value, f"CASE WHEN {usual} THEN true ELSE {any_} END"
        case "VARCHAR" if like_number:  # as JSON it keeps its quotes: slower
            return "JSON", f"json_extract_string({name}, '$')", f"starts_with(CAST({name} AS VARCHAR), '\"')"
        case "VARCHAR":  # sorts neither from -0 to -9 nor from 0 to 9, behind which comes the colon: so not a number
            negative, digit = f"({name} >= '-0') <> ({name} >= '-:')", f"({name} >= '0') <> ({name} >= ':')"
            return "VARCHAR", name, f"({negative}) = ({digit})"
    return "DOUBLE", value, f"CAST({value} AS DOUBLE) = {name}"
