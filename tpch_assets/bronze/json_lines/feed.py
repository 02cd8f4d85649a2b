"""The lines of a file as Arrow batches for DuckDB, the bad ones left out. No values and no DuckDB here.

Lines that are good at sight pass as they are, and so do, if asked for, those whose counts say that they can be: what
they hold is for DuckDB to test. The others pass only as the judge writes them anew. So all that DuckDB reads is good or
tested, in the order of the lines, and a few odd lines do not slow down the others.
"""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tpch_assets.bronze.json_lines import reasons
from tpch_assets.bronze.json_lines.careful import Judge, Judged
from tpch_assets.bronze.json_lines.scan import Flags, Flat, Positions, fitting
from tpch_assets.bronze.json_lines.values import Reject, encodable, encode

MAX_LINE = 1 << 26  # bytes. A line must fit into memory: of a longer one, a reject, only the beginning is kept
# `counted`: only the counts of the line say that it can be good.
SCHEMA = pa.schema([("line", pa.string()), ("counted", pa.bool_()), ("judged", pa.bool_()), ("rescued", pa.string())])

_BLOCK = 1 << 22  # bytes: large enough for Arrow and DuckDB, small enough for the threads to share the work evenly
_CHUNK = 64  # lines that are matched at once: each match takes as long as a hundred bytes
_AHEAD = 3  # blocks made ready before DuckDB asks for them
_SPACE = b" \t\r\n\v\f"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Some neighbouring lines, of which only the last may lack its line break; and the number of the first, from 1."""

    data: bytes
    number: int


@dataclass(frozen=True)
class Checked:
    """What became of a block of so many lines: the lines to be read, and the rejects as JSON lines."""

    lines: int
    batch: pa.RecordBatch
    rejects: list[bytes]


class Checker:
    """Tells good lines from bad: `pattern` matches what is good at sight, if there is one; `judge` has the rest.

    With `flat`, lines of such counts pass unmatched.
    """

    def __init__(self, judge: Judge, pattern: str | None, flat: Flat | None = None) -> None:
        self._judge, self._pattern, self._flat = judge, pattern, flat

    def counting(self, flat: Flat) -> "Checker":
        return Checker(self._judge, self._pattern, flat)

    def holds_reject(self, lines: list[bytes]) -> bool:
        return bool(lines) and bool(self.check(Block(b"\n".join(lines), 2)).rejects)

    def check(self, block: Block) -> Checked:
        """Passes the good lines of a block on, between them the doubtful ones as judged."""
        bounds = np.append(_start(block), _ends(block.data))
        counted = self._counted(block.data, bounds)
        lines, rejects = _Lines(block.data, bounds, counted), []
        for index in self._doubtful(block.data, bounds, counted).tolist():
            line = block.data[bounds[index] : bounds[index + 1]]
            judged, reason = self._verdict(line)
            lines.replace(index, judged)
            if reason is not None:
                rejects.append(_reject(block.number + index, line[:MAX_LINE].strip(_SPACE), reason))
        return Checked(len(counted), lines.batch(), rejects)

    def _counted(self, data: bytes, bounds: Positions) -> Flags:
        """Which lines pass by their counts."""
        if not self._flat:
            return np.zeros(len(bounds) - 1, bool)
        return fitting(data, bounds, self._flat) & (np.diff(bounds) <= MAX_LINE)

    def _doubtful(self, data: bytes, bounds: Positions, counted: Flags) -> Positions:
        """Which lines are not good at sight. First many lines at once are matched, then each of those in doubt."""
        if self._pattern is None:
            return np.arange(len(counted))
        sizes = np.diff(bounds)
        too_long = sizes > MAX_LINE
        at = np.flatnonzero(~counted)
        if at.size < counted.size:  # those in doubt, one behind the other
            data = b"".join(_strings(data, bounds).take(pa.array(at)).buffers()[2:])
            bounds = np.append(0, np.cumsum(sizes[at]))
        chunks = _strings(data, np.append(bounds[:-1:_CHUNK], bounds[-1]))
        good = np.repeat(_match(chunks, rf"\A(?:{self._pattern}\n)+\z"), _CHUNK)[: at.size]
        alone = np.flatnonzero(~good | too_long[at])
        lines = _strings(data, bounds).take(pa.array(alone))
        good[alone] = _match(lines, rf"\A{self._pattern}\n?\z") & ~too_long[at][alone]
        return at[~good]

    def _verdict(self, line: bytes) -> tuple[Judged | None, str | None]:
        """The line as it is to be read, or why it is a reject; neither for a blank line."""
        if len(line) > MAX_LINE:
            return None, reasons.TOO_LONG.format(bytes=MAX_LINE)
        text = line.strip(_SPACE)
        if not text:
            return None, None
        try:
            return self._judge(text), None
        except Reject as reject:
            return None, str(reject)


class Feed:
    """Makes batches of good lines and, meanwhile, writes the rejects as `_line` (from 1), `_text` and `_reason`.

    After the last batch `rows`, `rejects` and `longest`, the bytes of the longest reject as written, are complete. If
    the source cannot be read or the rejects cannot be written, the batches end with `error`.
    """

    def __init__(self, source: str, checker: Checker, *, bad: str, damage: str | None = None) -> None:
        self.rows = self.rejects = self.longest = self._lines = 0
        self.error: Exception | None = None
        self._source, self._checker, self._bad, self._damage = source, checker, bad, damage

    def reader(self) -> pa.RecordBatchReader:
        """The batches, each made when it is due."""
        self._batches = self._guarded()
        return pa.RecordBatchReader.from_batches(SCHEMA, self._batches)

    def close(self) -> None:
        """Stops reading and closes the files, if the batches were not taken to the end."""
        self._batches.close()

    def _guarded(self) -> Generator[pa.RecordBatch, None, None]:
        try:
            yield from self._made()
        except Exception as error:
            self.error = error
            raise

    def _made(self) -> Iterator[pa.RecordBatch]:
        # One thread checks: so the blocks are numbered in their order.
        with Path(self._source).open("rb") as file, Path(self._bad).open("wb") as bad, ThreadPoolExecutor(1) as pool:
            due: deque[Future[Checked]] = deque()
            for data in _blocks(file):
                due.append(pool.submit(self._check, data))
                if len(due) > _AHEAD:
                    yield self._taken(due.popleft().result(), bad)
            while due:
                yield self._taken(due.popleft().result(), bad)
            if self._damage:
                self._note([_reject(self._lines + 1, b"", self._damage)], bad)

    def _check(self, data: bytes) -> Checked:
        checked = self._checker.check(Block(data, self._lines + 1))
        self._lines += checked.lines
        return checked

    def _taken(self, checked: Checked, bad: BinaryIO) -> pa.RecordBatch:
        self.rows += checked.batch.num_rows
        self._note(checked.rejects, bad)
        return checked.batch

    def _note(self, rejects: list[bytes], bad: BinaryIO) -> None:
        self.rejects += len(rejects)
        for reject in rejects:
            self.longest = max(self.longest, bad.write(reject))


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """The file in blocks of whole lines; of a line that is longer than MAX_LINE no more than one byte above that."""
    while data := file.read(_BLOCK):
        if not data.endswith(b"\n"):
            begun = len(data) - data.rfind(b"\n") - 1
            data += file.readline(max(MAX_LINE + 1 - begun, 1))
            if not data.endswith(b"\n"):
                _skip_line(file)
        yield data


def _skip_line(file: BinaryIO) -> None:
    while (part := file.readline(_BLOCK)) and not part.endswith(b"\n"):
        pass


def _ends(data: bytes) -> Positions:
    """Where each line ends, behind its line break."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    return ends if data.endswith(b"\n") else np.append(ends, len(data))


def _start(block: Block) -> int:
    return len(_BOM) if block.number == 1 and block.data.startswith(_BOM) else 0


def _strings(data: bytes, bounds: Positions) -> pa.StringArray:
    """The strings between neighbouring bounds, without copying them."""
    return pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(data))


def _match(strings: pa.StringArray, pattern: str) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as pc  # not above: it takes a while, and who only declares tables needs none

    matches: npt.NDArray[np.bool_] = pc.match_substring_regex(strings, pattern=pattern).to_numpy(zero_copy_only=False)
    return matches


class _Lines:
    """The lines of a block, some of them replaced or left out; from first to last, so that it is done in one pass."""

    def __init__(self, data: bytes, bounds: Positions, counted: Flags) -> None:
        count = len(counted)
        self._data, self._bounds, self._counted = data, bounds, counted
        self._lengths, self._keep, self._judged = np.diff(bounds), np.ones(count, bool), np.zeros(count, bool)
        self._rescued: dict[int, str] = {}
        self._parts: list[bytes | memoryview] = []
        self._passed = int(bounds[0])

    def replace(self, index: int, judged: Judged | None) -> None:
        """Puts a line as judged in the place of one; leaves it out if there is none."""
        self._parts.append(memoryview(self._data)[self._passed : self._bounds[index]])
        self._passed = int(self._bounds[index + 1])
        self._keep[index], self._judged[index], self._lengths[index] = judged is not None, True, 0
        if judged is not None:
            self._parts.append(judged.line)
            self._lengths[index] = len(judged.line)
            if judged.rescued is not None:
                self._rescued[index] = judged.rescued

    def batch(self) -> pa.RecordBatch:
        if not self._parts:
            return self._batch(_strings(self._data, self._bounds), [])
        data = b"".join([*self._parts, memoryview(self._data)[self._passed :]])
        lines = _strings(data, np.cumsum(np.append(0, self._lengths[self._keep])))
        return self._batch(lines, np.flatnonzero(self._keep).tolist() if self._rescued else [])

    def _batch(self, lines: pa.StringArray, kept: list[int]) -> pa.RecordBatch:
        texts = [self._rescued.get(index) for index in kept]
        rescued = pa.array(texts, pa.string()) if texts else pa.nulls(len(lines), pa.string())
        counted, judged = pa.array(self._counted[self._keep]), pa.array(self._judged[self._keep])
        return pa.RecordBatch.from_arrays([lines, counted, judged, rescued], schema=SCHEMA)


def _reject(number: int, text: bytes, reason: str) -> bytes:
    line = {"_line": number, "_text": text.decode("utf-8", "backslashreplace"), "_reason": encodable(reason)}
    return encode(line).encode() + b"\n"
