"""Counts over the raw bytes of JSON lines that show what a JSON reader does not tell. No JSON values here.

A JSON reader drops unknown fields, reads `true` as 1 and rounds long numbers, all silently. None of this goes unnoticed
where the bytes outside of strings are counted: in a whole file (`Shape.fits`), or line by line (`fitting`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_BLOCK = 1 << 19  # bytes: few enough for the processor's cache; a multiple of 64, the flags in a word
_LONG = 16  # digits and points in a row: a DOUBLE holds 15 digits exactly


@dataclass(frozen=True)
class Shape:
    """What the bytes of a file say, provided that they are JSON.

    `quotes` are those which open or close a string. `marks` are, outside of strings, the commas and everything from the
    colon upwards in ASCII: colons, brackets, braces and letters (of `true`, `null`, `NaN` and of exponents).
    """

    lines: int
    quotes: int
    marks: int
    long_number: bool

    def fits(self, fields: int, quoted: int) -> bool:
        """Whether every line can be one flat object of `fields`, `quoted` of them strings, the rest plain numbers.

        Such a line has 2 quotes a key and 2 a string; 2 braces, a colon a field, commas between them. A line that
        has at least these fields can only have more, never fewer: equal totals prove that no line has more.
        """
        return (
            self.quotes == self.lines * 2 * (fields + quoted)
            and self.marks == self.lines * (2 * fields + 1)
            and not self.long_number
        )


@dataclass(frozen=True)
class Flat:
    """A line that is one flat object of `fields`, `quoted` of them strings, the rest plain numbers.

    With `escapes` its strings may hold backslashes.
    """

    fields: int
    quoted: int
    escapes: bool


def scan(path: str) -> Shape:
    """Counts over the file at `path`, block by block."""
    buffer = bytearray(_BLOCK)
    block = np.frombuffer(buffer, np.uint8)
    marker = _Marker(_BLOCK)
    lines = quotes = marks = 0
    last = ord("\n")
    in_string = long_number = False
    previous = np.zeros(1, np.uint64)
    with Path(path).open("rb") as file:
        while size := file.readinto(buffer):
            last = buffer[size - 1]
            block[size:] = ord(" ")
            lines += marker.count_lines(block)
            found = marker.mark(block, buffer.find(b"\\") >= 0)
            quotes += _count(found.quotes)
            inside, in_string = _between(found.quotes, in_string)
            marks += _count(found.marks & ~inside)
            numbers = np.concatenate((previous, found.digits & ~inside))
            previous = numbers[-1:]
            long_number = long_number or bool(_runs(numbers, _LONG).any())
    return Shape(lines + (last != ord("\n")), quotes, marks, long_number)


def fitting(data: bytes, bounds: Positions, flat: Flat) -> Flags:
    """Which lines are flat if they are JSON and have at least those fields; the lines are between neighbouring bounds.

    A line behind an odd number of quotes is not: whether its bytes are in a string is not known.
    """
    escapes = data.find(b"\\") >= 0
    found = _marked(data, escapes)
    inside, _ = _between(found.quotes, False)
    quotes, marks = _counts_before(found.quotes, bounds), _counts_before(found.marks & ~inside, bounds)
    fits: Flags = (np.diff(quotes) == 2 * (flat.fields + flat.quoted)) & (np.diff(marks) == 2 * flat.fields + 1)
    fits &= quotes[:-1] % 2 == 0
    odd = [_positions(_runs(found.digits & ~inside, _LONG))]
    if escapes and not flat.escapes:
        odd.append(np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\\")))
    for positions in odd:
        fits[np.searchsorted(bounds, positions, side="right") - 1] = False
    return fits


@dataclass(frozen=True)
class _Marked:
    """Where some bytes are, 64 a word: quotes but for escaped ones; marks as in `Shape`; and ./0123456789."""

    quotes: np.ndarray
    marks: np.ndarray
    digits: np.ndarray


class _Marker:
    """Marks the bytes of one block after the other, in the same memory, which stays in the processor's cache."""

    def __init__(self, size: int) -> None:
        self._flags, self._more, self._shifted = np.empty(size, bool), np.empty(size, bool), np.empty(size, np.uint8)
        self._escaping = False

    def count_lines(self, block: np.ndarray) -> int:
        return int(np.count_nonzero(np.equal(block, ord("\n"), out=self._flags)))

    def mark(self, block: np.ndarray, escapes: bool) -> _Marked:
        flags, more, shifted = (memory[: block.size] for memory in (self._flags, self._more, self._shifted))
        np.equal(block, ord('"'), out=flags)
        if self._escaping or escapes:
            self._escaping = _drop_escaped(block, flags, self._escaping)
        quotes = _bits(flags)
        np.greater_equal(block, ord(":"), out=flags)
        marks = _bits(np.logical_or(flags, np.equal(block, ord(","), out=more), out=flags))
        np.less(np.subtract(block, ord("."), out=shifted), 12, out=flags)
        return _Marked(quotes, marks, _bits(flags))


def _marked(data: bytes, escapes: bool) -> _Marked:
    """The marks of some bytes, and a word without any behind them."""
    whole = len(data) - len(data) % _BLOCK
    blocks = [np.frombuffer(data, np.uint8, _BLOCK, start) for start in range(0, whole, _BLOCK)]
    rest = data[whole:]
    blocks.append(np.frombuffer(rest.ljust((len(rest) // 64 + 1) * 64), np.uint8))
    marker = _Marker(max(map(len, blocks)))
    found = [marker.mark(block, escapes) for block in blocks]
    none = np.zeros(1, np.uint64)
    return _Marked(
        np.concatenate([*(each.quotes for each in found), none]),
        np.concatenate([*(each.marks for each in found), none]),
        np.concatenate([*(each.digits for each in found), none]),
    )


def _counts_before(words: np.ndarray, positions: Positions) -> Positions:
    """How many bits are set before each position."""
    before = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.bitwise_count(words), dtype=np.int64)))
    word, bit = positions >> 6, (positions & 63).astype(np.uint64)
    counts: Positions = before[word] + np.bitwise_count(words[word] & ((np.uint64(1) << bit) - np.uint64(1)))
    return counts


def _positions(words: np.ndarray) -> Positions:
    """Where bits are set."""
    at = np.flatnonzero(words)
    bits = np.unpackbits(words[at].view(np.uint8), bitorder="little").reshape(-1, 64)
    row, bit = np.nonzero(bits)
    return at[row] * 64 + bit


def _bits(flags: np.ndarray) -> np.ndarray:
    """64 flags a word, the first in the lowest bit."""
    return np.packbits(flags, bitorder="little").view("<u8")


def _count(words: np.ndarray) -> int:
    return int(np.bitwise_count(words).sum())


def _between(quotes: np.ndarray, in_string: bool) -> tuple[np.ndarray, bool]:
    """Bits set from each opening quote up to its closing one, and whether a string is still open at the end."""
    for shift in (1, 2, 4, 8, 16, 32):  # each bit becomes the parity of itself and all below it
        quotes = quotes ^ (quotes << np.uint64(shift))
    parity = np.bitwise_xor.accumulate(quotes >> np.uint64(63))
    open_before = np.concatenate((np.zeros(1, np.uint64), parity[:-1])) ^ np.uint64(in_string)
    return quotes ^ (np.uint64(0) - open_before), bool(parity[-1]) != in_string


def _drop_escaped(block: np.ndarray, is_quote: np.ndarray, escaping: bool) -> bool:
    """Clears the quotes behind an escaping backslash; returns whether the first byte of the next block is escaped."""
    at = np.flatnonzero(block == ord("\\"))
    if escaping:
        is_quote[0] = False
        at = at[at > 0]
    if not at.size:
        return False
    rank = np.arange(at.size)
    first_of_run = np.concatenate(([True], np.diff(at) != 1))
    rank -= np.maximum.accumulate(np.where(first_of_run, rank, 0))
    escaped = at[rank % 2 == 0] + 1
    is_quote[escaped[escaped < block.size]] = False
    return bool(escaped[-1] == block.size)


def _runs(words: np.ndarray, length: int) -> np.ndarray:
    """The bits that begin `length` neighbouring ones which are set; a power of two, at most 64."""
    step = 1
    while step < length and words.any():
        following = words >> np.uint64(step)
        following[:-1] |= words[1:] << np.uint64(64 - step)
        words = words & following
        step *= 2
    return words
