"""The lines of a file as Arrow batches for DuckDB, the bad ones left out. No values and no DuckDB here.

Lines that are good at sight pass as they are, the others only as the judge writes them anew. So all that DuckDB reads
is good, in the order of the lines, and a few odd lines do not slow down the others.
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
from tpch_assets.bronze.json_lines.values import Reject, encodable, encode

MAX_LINE = 1 << 26  # bytes. A line must fit into memory: of a longer one, a reject, only the beginning is kept
SCHEMA = pa.schema([("line", pa.string()), ("judged", pa.bool_()), ("rescued", pa.string())])

Positions = npt.NDArray[np.int64]

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
    """What became of a block: the lines to be read, and the rejects as JSON lines."""

    batch: pa.RecordBatch
    rejects: list[bytes]


class Checker:
    """Tells good lines from bad: `pattern` matches what is good at sight, if there is one; `judge` has the rest."""

    def __init__(self, judge: Judge, pattern: str | None) -> None:
        self._judge, self._pattern = judge, pattern

    def holds_reject(self, lines: list[bytes]) -> bool:
        return bool(lines) and bool(self.check(Block(b"\n".join(lines), 2)).rejects)

    def check(self, block: Block) -> Checked:
        """Passes the good lines of a block on, between them the doubtful ones as judged."""
        ends = _ends(block.data)
        starts = np.concatenate(([_start(block)], ends[:-1]))
        doubtful = self._doubtful(block.data, starts, ends)
        lines, rejects = _Lines(block.data, starts, ends), []
        for index in doubtful.tolist():
            judged, reason = self._verdict(block.data[starts[index] : ends[index]])
            lines.replace(index, judged)
            if reason is not None:
                text = block.data[starts[index] : ends[index]][:MAX_LINE].strip(_SPACE)
                rejects.append(_reject(block.number + index, text, reason))
        return Checked(lines.batch(), rejects)

    def _doubtful(self, data: bytes, starts: Positions, ends: Positions) -> Positions:
        """Which lines are not good at sight. First many lines at once are matched, then each of those in doubt."""
        if self._pattern is None:
            return np.arange(len(ends))
        firsts = np.arange(0, len(ends), _CHUNK)
        chunks = _strings(data, np.append(starts[firsts], ends[-1]))
        doubtful = np.repeat(~_match(chunks, rf"\A(?:{self._pattern}\n)+\z"), _CHUNK)[: len(ends)]
        at = np.flatnonzero(doubtful | (ends - starts > MAX_LINE))
        if at.size:
            lines = _strings(data, np.append(starts[:1], ends)).take(pa.array(at))
            at = at[~_match(lines, rf"\A{self._pattern}\n?\z") | (ends - starts > MAX_LINE)[at]]
        return at

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
        self.rows = self.rejects = self.longest = 0
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
        number = 1
        with Path(self._source).open("rb") as file, Path(self._bad).open("wb") as bad, ThreadPoolExecutor(1) as pool:
            due: deque[Future[Checked]] = deque()
            for data in _blocks(file):
                block = Block(data, number)
                number += data.count(b"\n") + (not data.endswith(b"\n"))
                due.append(pool.submit(self._checker.check, block))
                if len(due) > _AHEAD:
                    yield self._counted(due.popleft().result(), bad)
            while due:
                yield self._counted(due.popleft().result(), bad)
            if self._damage:
                self._note([_reject(number, b"", self._damage)], bad)

    def _counted(self, checked: Checked, bad: BinaryIO) -> pa.RecordBatch:
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

    def __init__(self, data: bytes, starts: Positions, ends: Positions) -> None:
        self._data, self._starts, self._ends = data, starts, ends
        self._lengths, self._keep, self._judged = ends - starts, np.ones(len(ends), bool), np.zeros(len(ends), bool)
        self._rescued: dict[int, str] = {}
        self._parts: list[bytes | memoryview] = []
        self._passed = int(starts[0])

    def replace(self, index: int, judged: Judged | None) -> None:
        """Puts a line as judged in the place of one; leaves it out if there is none."""
        self._parts.append(memoryview(self._data)[self._passed : self._starts[index]])
        self._passed = int(self._ends[index])
        self._keep[index], self._judged[index], self._lengths[index] = judged is not None, True, 0
        if judged is not None:
            self._parts.append(judged.line)
            self._lengths[index] = len(judged.line)
            if judged.rescued is not None:
                self._rescued[index] = judged.rescued

    def batch(self) -> pa.RecordBatch:
        judged = pa.array(self._judged[self._keep])
        if not judged.true_count and self._keep.all():
            return self._batch(_strings(self._data, np.append(self._starts[:1], self._ends)), judged, [])
        data = b"".join([*self._parts, memoryview(self._data)[self._passed :]])
        lines = _strings(data, np.cumsum(np.append(0, self._lengths[self._keep])))
        return self._batch(lines, judged, np.flatnonzero(self._keep).tolist() if self._rescued else [])

    def _batch(self, lines: pa.StringArray, judged: pa.BooleanArray, kept: list[int]) -> pa.RecordBatch:
        texts = [self._rescued.get(index) for index in kept]
        rescued = pa.array(texts, pa.string()) if texts else pa.nulls(len(lines), pa.string())
        return pa.RecordBatch.from_arrays([lines, judged, rescued], schema=SCHEMA)


def _reject(number: int, text: bytes, reason: str) -> bytes:
    line = {"_line": number, "_text": text.decode("utf-8", "backslashreplace"), "_reason": encodable(reason)}
    return encode(line).encode() + b"\n"
