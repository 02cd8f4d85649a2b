"""The lines of a file as Arrow batches for DuckDB, the bad ones left out. No values and no DuckDB here.

Lines that are good at sight pass as they are, the others only as the judge writes them anew. So all that DuckDB reads
is good, in the order of the lines, and a few odd lines do not slow down the others.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tpch_assets.json_lines.careful import Judge
from tpch_assets.json_lines.values import Reject, encodable, encode

MAX_LINE = 1 << 26  # bytes. A line must fit into memory: of a longer one, a reject, only the beginning is kept
SCHEMA = pa.schema([("line", pa.string()), ("judged", pa.bool_())])

Positions = npt.NDArray[np.int64]

_BLOCK = 1 << 22  # bytes: large enough for Arrow and DuckDB, small enough for the threads to share the work evenly
_AHEAD = 3  # blocks made ready before DuckDB asks for them
_SPACE = b" \t\r\n\v\f"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class _Block:
    """Some neighbouring lines, of which only the last may lack its line break; and the number of the first, from 1."""

    data: bytes
    number: int


@dataclass(frozen=True)
class _Checked:
    """What became of a block: the lines to be read, and the rejects as JSON lines."""

    batch: pa.RecordBatch
    rejects: list[bytes]


class Feed:
    """Makes batches of good lines and, meanwhile, writes the rejects as `_line` (from 1), `_text` and `_reason`.

    After the last batch `rows`, `rejects` and `longest`, the bytes of the longest reject as written, are complete. If
    the source cannot be read or the rejects cannot be written, the batches end with `error`.
    """

    def __init__(self, source: str, judge: Judge, pattern: str | None, *, bad: str, damage: str | None = None) -> None:
        self.rows = self.rejects = self.longest = 0
        self.error: Exception | None = None
        self._source, self._judge, self._pattern, self._bad, self._damage = source, judge, pattern, bad, damage

    def reader(self) -> pa.RecordBatchReader:
        """The batches, each made when it is due."""
        return pa.RecordBatchReader.from_batches(SCHEMA, self._guarded())

    def _guarded(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches()
        except Exception as error:
            self.error = error
            raise

    def _batches(self) -> Iterator[pa.RecordBatch]:
        number = 1
        with Path(self._source).open("rb") as file, Path(self._bad).open("wb") as bad, ThreadPoolExecutor(1) as pool:
            due: deque[Future[_Checked]] = deque()
            for data in _blocks(file):
                block = _Block(data, number)
                number += data.count(b"\n") + (not data.endswith(b"\n"))
                due.append(pool.submit(self._checked, block))
                if len(due) > _AHEAD:
                    yield self._counted(due.popleft().result(), bad)
            while due:
                yield self._counted(due.popleft().result(), bad)
            if self._damage:
                self._note([_reject(number, b"", self._damage)], bad)

    def _counted(self, checked: _Checked, bad: BinaryIO) -> pa.RecordBatch:
        self.rows += checked.batch.num_rows
        self._note(checked.rejects, bad)
        return checked.batch

    def _note(self, rejects: list[bytes], bad: BinaryIO) -> None:
        self.rejects += len(rejects)
        for reject in rejects:
            self.longest = max(self.longest, bad.write(reject))

    def _checked(self, block: _Block) -> _Checked:
        """Passes the good lines of a block on, between them the doubtful ones as judged."""
        start = len(_BOM) if block.number == 1 and block.data.startswith(_BOM) else 0
        ends = _ends(block.data)
        starts = np.concatenate(([start], ends[:-1]))
        parts, lengths, judged, rejects = [], ends - starts, np.zeros(len(ends), bool), []
        keep, passed = np.ones(len(ends), bool), start
        for index in self._doubtful(block.data, starts, ends).tolist():
            parts.append(memoryview(block.data)[passed : starts[index]])
            passed = ends[index]
            line, reason = self._verdict(block.data[starts[index] : passed])
            keep[index], judged[index], lengths[index] = line is not None, True, len(line or b"")
            if line is not None:
                parts.append(memoryview(line))
            elif reason is not None:
                text = block.data[starts[index] : passed][:MAX_LINE].strip(_SPACE)
                rejects.append(_reject(block.number + index, text, reason))
        parts.append(memoryview(block.data)[passed:])
        return _Checked(_batch(parts, lengths[keep], judged[keep]), rejects)

    def _doubtful(self, data: bytes, starts: Positions, ends: Positions) -> Positions:
        """Which lines are not good at sight."""
        if self._pattern is None:
            return np.arange(len(ends))
        lines = pa.StringArray.from_buffers(len(ends), _offsets(starts[:1], ends), pa.py_buffer(data))
        good = pc.match_substring_regex(lines, pattern=self._pattern).to_numpy(zero_copy_only=False)
        return np.flatnonzero(~good | (ends - starts > MAX_LINE))

    def _verdict(self, line: bytes) -> tuple[bytes | None, str | None]:
        """The line as it is to be read, or why it is a reject; neither for a blank line."""
        if len(line) > MAX_LINE:
            return None, f"longer than {MAX_LINE} bytes; only its beginning is kept"
        text = line.strip(_SPACE)
        if not text:
            return None, None
        try:
            return self._judge(text), None
        except Reject as reject:
            return None, str(reject)


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


def _offsets(first: Positions, ends: Positions) -> pa.Buffer:
    return pa.py_buffer(np.concatenate((first, ends)).astype(np.int32))


def _batch(parts: list[memoryview], lengths: Positions, judged: npt.NDArray[np.bool_]) -> pa.RecordBatch:
    """Lines of these lengths, which together are the parts."""
    ends = np.cumsum(lengths, dtype=np.int64)
    data = b"".join(parts)
    lines = pa.StringArray.from_buffers(len(ends), _offsets(np.zeros(1, np.int64), ends), pa.py_buffer(data))
    return pa.RecordBatch.from_arrays([lines, pa.array(judged, pa.bool_())], schema=SCHEMA)


def _reject(number: int, text: bytes, reason: str) -> bytes:
    line = {"_line": number, "_text": text.decode("utf-8", "backslashreplace"), "_reason": encodable(reason)}
    return encode(line).encode() + b"\n"
