"""SQL that reads a column so that nothing is guessed: what to read it as, its value, and a test that it is of its type.

Used for lines whose bytes were counted: see `scan`. Which lines these are, and what becomes of the others, is decided
elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tpch_assets.bronze.json_lines.evident import ANY_TIME
from tpch_assets.bronze.json_lines.sql import DOUBLE_DIGITS, literal, quoted
from tpch_assets.schema.types import INTEGER_BITS, ColumnType, Decimal, Scalar

Kind = Literal["number", "DATE", "TIMESTAMP WITH TIME ZONE", "VARCHAR"]

# All that DuckDB takes for a day or a time and is spelled like this, is one as `careful` has it.
_DAY = "[12]???-??-?[0-9]"
_TIME = f"{_DAY}T[0-2][!4]:??:?[0-9].?????[0-9]Z"  # not 24:00, which DuckDB takes for a time

# A character behind the first that is in no number, however DuckDB spells it. From + to 9 means any of +,-./0123456789.
_NOT_OF_NUMBER = re.compile(r".[^+-9eE]", re.DOTALL)
_MORE_THAN_NUMBER = "?*[!+-9eE]*"


@dataclass(frozen=True)
class Strict:
    """The type to read a column as, SQL for its value, and a test that only values of the column's type pass."""

    read_as: str
    value: str
    test: str


def kind_of(type_: ColumnType) -> Kind | None:
    """How values of a type are read; None if they cannot be read in this way."""
    match type_:
        case Decimal(precision=precision) if precision <= DOUBLE_DIGITS:
            return "number"
        case Scalar(name=name) if name in INTEGER_BITS:
            return "number"
        case Scalar(name="DATE" | "TIMESTAMP WITH TIME ZONE" | "VARCHAR" as name):
            return name
    return None


def strict_columns(
    types: dict[str, ColumnType], sample: Sequence[dict[str, object]], of: str = ""
) -> dict[str, Strict]:
    """How to read each column, all of them of some kind, given some lines; `of` comes before a column's name in SQL."""
    return {
        name: strict(f"{of}{quoted(name)}", type_, [str(line.get(name)) for line in sample])
        for name, type_ in types.items()
    }


def strict(name: str, type_: ColumnType, texts: Sequence[str]) -> Strict:
    """How to read the column that SQL calls `name`, some values of which are `texts`, should it be one of text."""
    value = f"CAST({name} AS {type_.sql})"
    match kind_of(type_):
        case "DATE":
            return Strict("VARCHAR", value, f"{name} GLOB {literal(_DAY)}")
        case "TIMESTAMP WITH TIME ZONE":  # the usual spelling first: a glob costs a quarter of the expression
            usual, any_ = f"{name} GLOB {literal(_TIME)}", f"regexp_full_match({name}, {literal(ANY_TIME)})"
            return Strict("VARCHAR", value, f"CASE WHEN {usual} THEN true ELSE {any_} END")
        case "VARCHAR":
            return _strict_text(name, texts)
    return Strict("DOUBLE", value, f"CAST({value} AS DOUBLE) = {name}")


def _strict_text(name: str, texts: Sequence[str]) -> Strict:
    """A test that no number passes, the quickest one that all of `texts` pass."""
    # Sorts neither from -0 to -9 nor from 0 to 9, behind which comes the colon: so not a number.
    negative, digit = f"({name} >= '-0') <> ({name} >= '-:')", f"({name} >= '0') <> ({name} >= ':')"
    like_number = [text for text in texts if text.lstrip("-")[:1] in {*"0123456789"}]
    if not like_number:
        return Strict("VARCHAR", name, f"({negative}) = ({digit})")
    if all(map(_NOT_OF_NUMBER.search, like_number)):
        return Strict("VARCHAR", name, f"(({negative}) = ({digit}) OR {name} GLOB {literal(_MORE_THAN_NUMBER)})")
    # As JSON it keeps its quotes: slower.
    return Strict("JSON", f"json_extract_string({name}, '$')", f"starts_with(CAST({name} AS VARCHAR), '\"')")
