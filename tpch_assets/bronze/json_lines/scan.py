"""Counts over the raw bytes of a JSON-lines file that show what a JSON reader does not tell. No JSON values here.

A JSON reader drops unknown fields, reads `true` as 1 and rounds long numbers, all silently. None of this goes unnoticed
in a file whose bytes outside of strings are counted: see `Shape.fits`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

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


def scan(path: str) -> Shape:
    """Counts over the file at `path`, block by block."""
    buffer = bytearray(_BLOCK)
    block = np.frombuffer(buffer, np.uint8)
    flags, more, shifted = np.empty(_BLOCK, bool), np.empty(_BLOCK, bool), np.empty(_BLOCK, np.uint8)
    lines = quotes = marks = 0
    last = ord("\n")
    in_string = escaping = long_number = False
    previous = np.zeros(1, np.uint64)
    with Path(path).open("rb") as file:
        while size := file.readinto(buffer):
            last = buffer[size - 1]
            block[size:] = ord(" ")
            lines += int(np.count_nonzero(np.equal(block, ord("\n"), out=flags)))

            np.equal(block, ord('"'), out=flags)
            if escaping or buffer.find(b"\\") >= 0:
                escaping = _drop_escaped(block, flags, escaping)
            bits = _bits(flags)
            quotes += _count(bits)
            inside, in_string = _between(bits, in_string)

            np.greater_equal(block, ord(":"), out=flags)
            np.logical_or(flags, np.equal(block, ord(","), out=more), out=flags)
            marks += _count(_bits(flags) & ~inside)

            np.less(np.subtract(block, ord("."), out=shifted), 12, out=flags)  # the characters ./0123456789
            numbers = np.concatenate((previous, _bits(flags) & ~inside))
            previous = numbers[-1:]
            long_number = long_number or _has_run(numbers, _LONG)
    return Shape(lines + (last != ord("\n")), quotes, marks, long_number)


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
    is_quote[escaped[escaped < _BLOCK]] = False
    return bool(escaped[-1] == _BLOCK)


def _has_run(words: np.ndarray, length: int) -> bool:
    """Whether `length` neighbouring bits are set; a power of two, at most 64."""
    step = 1
    while step < length and words.any():
        following = words >> np.uint64(step)
        following[:-1] |= words[1:] << np.uint64(64 - step)
        words = words & following
        step *= 2
    return bool(words.any())
