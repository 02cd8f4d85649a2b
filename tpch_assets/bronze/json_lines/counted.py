"""How to read lines of which only bytes are counted: for files of which most lines are flat and alike. No files here.

Why this is strict: a counted line that is JSON and has all columns, none of them null, and the unknown field that all
lines have, if there is one, has nothing else (see `scan.fitting`). DuckDB refuses what is not JSON, and the tests here
show that a column or the unknown field is there and of its type. The first line that fails them ends the reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tpch_assets.bronze.json_lines.evident import Evident
from tpch_assets.bronze.json_lines.scan import Flat
from tpch_assets.bronze.json_lines.sql import Work, quoted
from tpch_assets.bronze.json_lines.strict import kind_of, strict_columns
from tpch_assets.bronze.json_lines.transformed import rescued, transformed, unused
from tpch_assets.bronze.json_lines.values import Number
from tpch_assets.schema.types import Scalar

_EXACT = 1 << 53  # up to here a DOUBLE holds every integer


@dataclass(frozen=True)
class Counting:
    """What to count in a line, and SQL for the rows, which fails if a counted line is not good."""

    flat: Flat
    select: str


def counting_of(work: Work, usual: Evident | None, sample: Sequence[dict[str, object]]) -> Counting | None:
    """How to read a file of such lines; None if counts say nothing about them, or about less than half of them."""
    kinds = [kind_of(type_) for type_ in work.types.values()]
    if not usual or None in kinds or len(usual.demanded) > 1:  # of two, the order would not be known
        return None
    values = {type(line[name]) for line in sample for name in usual.demanded}
    if values and values not in ({Number}, {str}):
        return None
    has_text = values == {str}
    names = work.types.keys() | usual.demanded
    flat_lines = sum(line.keys() == names and None not in line.values() for line in sample)
    if 2 * flat_lines < len(sample):
        return None
    flat = Flat(len(names), sum(kind != "number" for kind in kinds) + has_text, escapes=not has_text)
    return Counting(flat, _select(work, usual, sample, has_text))


def _select(work: Work, usual: Evident, sample: Sequence[dict[str, object]], has_text: bool) -> str:
    strict = strict_columns(work.types, sample, of="it.")
    shape: dict[str, object] = {name: column.read_as for name, column in strict.items()}
    shape |= dict.fromkeys(usual.unknown, "JSON")
    lines = transformed(shape, spelled=not usual.plain or (bool(usual.demanded) and not has_text))
    values = ", ".join(f"{column.value} AS {quoted(name)}" for name, column in strict.items())
    tests = [column.test for column in strict.values()] + [_test(name, has_text) for name in usual.demanded]
    # The tests are a column of their own: so DuckDB computes each cast once. A NULL among them is a doubt, too.
    tested = (
        f"(CAST(NOT counted AS TINYINT) | coalesce({_all(tests)}, 0)) & (CAST(counted AS TINYINT) | {_exact(work)})"
    )
    good, names = quoted(unused([*strict])), ", ".join(map(quoted, strict))
    rows = f"SELECT {values}, {rescued(usual)} AS _rescued, {tested} AS {good} FROM ({lines})"
    doubt = f"CASE WHEN {good} = 0 THEN error('doubt') ELSE _rescued END"
    return f"SELECT {names}, {work.labels}, {doubt} AS _rescued FROM ({rows})"


def _test(name: str, has_text: bool) -> str:
    """That an unknown field is a string or a number."""
    text = f"CAST(it.{quoted(name)} AS VARCHAR)"
    return f"starts_with({text}, '\"')" if has_text else f"({text} >= '-') AND ({text} < ':')"


def _exact(work: Work) -> str:
    """That the integers of a line which is good are exact as DOUBLE."""
    wide = [f"it.{quoted(name)}" for name, type_ in work.types.items() if type_ == Scalar("BIGINT")]
    return _all([f"coalesce(abs({number}) < {_EXACT}, true)" for number in wide] or ["true"])


def _all(tests: list[str]) -> str:
    return " & ".join(f"CAST({test} AS TINYINT)" for test in tests)
