"""Compares answers as far as plain SQL determines them.

Row order within a table means nothing in SQL, so what a statement answers differently when its tables' rows lie in
another order is not determined: ties at a LIMIT, `any_value` of different values, `row_number` among equals.
`Determined` holds what several runs over the same rows in different orders have in common, and an answer is compared
with that.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

Cell = object
Row = tuple[Cell, ...]
_CLOSE = 1e-9  # Sums of DOUBLE depend on the order of rows.
_LAST_BITS = 4e-16  # avg(DECIMAL) depends on how DuckDB plans it: as one division of 80 bits, or of 64.
_SHOWN = 300  # Characters of a row in a message.


@dataclass(frozen=True)
class Answer:
    """An answer: its columns as (name, SQL type), and its rows, whose values can be hashed."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, columns: Iterable[tuple[str, str]], table: pa.Table) -> "Answer":
        """An answer from its Arrow table."""
        cells = [[_hashable(value) for value in column.to_pylist()] for column in table.columns]
        return cls(tuple(columns), tuple(zip(*cells, strict=True)) if cells else ((),) * table.num_rows)


Reading = tuple[int, Callable[[Cell], Cell]]
"""A column's number, and how its values are compared."""


class Determined:
    """What answers from the same rows in different orders have in common.

    Attributes:
        readings: The columns whose values, together, are the same in all answers.
        close: Places among these of columns whose DOUBLE values differ among the answers in their last bits; of all
            columns, where the statement asks for what is computed inexactly.
    """

    def __init__(self, answers: Sequence[Answer], *, inexact: bool = False) -> None:
        self.answers = answers
        self.readings: list[Reading] = []
        self.close: set[int] = set(range(len(answers[0].columns))) if inexact else set()
        self.same_count = len({len(answer.rows) for answer in answers}) == 1
        if not self.same_count:
            return
        exact: list[Reading] = [(number, _as_is) for number in range(len(answers[0].columns))]
        if self._agree(exact, ()):
            self.readings = exact
            return
        for number in range(len(answers[0].columns)):
            self._add(number)

    def _add(self, number: int) -> None:
        """Take a column, if the answers agree on it beside the ones taken: exactly, nearly, or without inner order."""
        for how in (_as_is, _sorted):
            reading = [*self.readings, (number, how)]
            for close in (self.close, {*self.close, len(self.readings)}):
                if self._agree(reading, close):
                    self.readings, self.close = reading, close
                    return

    def _agree(self, readings: list[Reading], close: Collection[int]) -> bool:
        first, *others = ([_read(row, readings) for row in answer.rows] for answer in self.answers)
        return all(unmatched(first, other, close) is None for other in others)

    def unmatched(
        self, plain: Answer, actual: Answer, *, contained: bool = False
    ) -> tuple[Row | None, Row | None] | None:
        """What is compared of a row that only one of two answers has, as `unmatched` tells it."""
        rows, others = map(self.read, plain.rows), map(self.read, actual.rows)
        return unmatched(rows, others, self.close, contained=contained, last_bits=True)

    def read(self, row: Row) -> Row:
        """What is compared of a row."""
        return _read(row, self.readings)


def unmatched(
    rows: Iterable[Row],
    others: Iterable[Row],
    close: Collection[int],
    *,
    contained: bool = False,
    last_bits: bool = False,
) -> tuple[Row | None, Row | None] | None:
    """A row that only the first of two multisets has, and one that only the second has; None if there is neither.

    Args:
        close: Places in a row where DOUBLE values that differ by 1e-9 of themselves are the same.
        contained: The first needs only to hold the second.
        last_bits: At all other places, DOUBLE values are the same if they differ by their last two bits.
    """
    count, other = Counter(rows), Counter(others)
    only, more = list((count - other).elements()), list((other - count).elements())
    if close or last_bits:
        more = [row for row in more if not _take(row, only, close, _LAST_BITS if last_bits else 0)]
    if contained and not more:
        return None
    return (only[0] if only else None, more[0] if more else None) if only or more else None


def _take(row: Row, rows: list[Row], close: Collection[int], last_bits: float) -> bool:
    """Remove one of `rows` that is nearly the same as `row`."""
    for number, other in enumerate(rows):
        pairs = enumerate(zip(row, other, strict=True))
        if all(nearly(a, b, _CLOSE if place in close else last_bits) for place, (a, b) in pairs):
            del rows[number]
            return True
    return False


def nearly(value: Cell, other: Cell, share: float = _CLOSE) -> bool:
    """Whether two values are the same, DOUBLE ones up to a share of themselves."""
    if isinstance(value, float) and isinstance(other, float):
        return math.isclose(value, other, rel_tol=share, abs_tol=_CLOSE if share == _CLOSE else 0)
    if isinstance(value, tuple) and isinstance(other, tuple):
        return len(value) == len(other) and all(nearly(a, b, share) for a, b in zip(value, other, strict=True))
    return value == other


def shown(row: Row) -> str:
    """A row in a message."""
    text = ", ".join("NULL" if cell is None else str(cell) for cell in row)
    return f"({text if len(text) < _SHOWN else text[:_SHOWN] + '…'})"


def _read(row: Row, readings: Sequence[Reading]) -> Row:
    return tuple(how(row[number]) for number, how in readings)


def _as_is(cell: Cell) -> Cell:
    return cell


def _sorted(cell: Cell) -> Cell:
    """A list without the order of its items, and a text without that of its characters: `list` collects in any."""
    return tuple(sorted(cell, key=repr)) if isinstance(cell, tuple | str) else cell


def _hashable(value: object) -> Cell:
    if isinstance(value, float) and math.isnan(value):
        return "NaN"  # It equals itself, so that rows with it can be matched.
    if isinstance(value, Mapping):
        return tuple((name, _hashable(item)) for name, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    return value
