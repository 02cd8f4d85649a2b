"""One file at a time: what workers do to write content to its place. Commits belong to the driver, not here."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from tpch_assets.lake.data_files import Written, write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import discard
from tpch_assets.lake.update import Content, Report, rejects_path

if TYPE_CHECKING:
    from dask.delayed import Delayed


@dataclass(frozen=True)
class Piece:
    """A file that a worker wrote, the file with its rejects if there is one, what its content reported, first rows."""

    partition: str
    rows: Written
    rejects: Written | None = None
    lines: int | None = None
    unfit: int = 0
    sample: pa.Table | None = None


REJECTS = pa.schema(
    [
        ("_batch", pa.string()),
        ("_file", pa.string()),
        ("_line", pa.int64()),
        ("_text", pa.string()),
        ("_reason", pa.string()),
    ]
)


SAMPLE = 5
"""So many rows of a file are shown."""


def write_piece(lake: Lake, uri: str, partition: str, name: str, content: Content, *, sample: bool = False) -> Piece:
    """Write one data file, and its rejects if there are any, to its place. Runs on workers.

    Args:
        sample: Bring the file's first rows along.
    """
    reports: list[Report] = []
    shown: list[pa.Table] = []
    staged: list[str] = []

    def write(path: str) -> None:
        staged.append(rejects_path(path))
        reports.append(content.write(path))
        if sample:
            shown.append(_first_rows(path))

    try:
        rows = write_file(lake, uri, partition, name, write)
        rejects = None
        if reports[0].rejects:
            rejects = write_file(lake, f"{uri}_rejects", partition, name, lambda path: shutil.move(staged[0], path))
        return Piece(partition, rows, rejects, reports[0].lines, reports[0].unfit, shown[0] if shown else None)
    finally:
        for path in staged:
            discard(path)


def _first_rows(path: str) -> pa.Table:
    import pyarrow.parquet as pq  # Imported lazily, so that definitions load faster.

    with pq.ParquetFile(path) as file:
        first = next(file.iter_batches(batch_size=SAMPLE), None)
        return pa.Table.from_batches([first] if first is not None else [], file.schema_arrow)


@dataclass(frozen=True)
class RawFile:
    """A raw file that a worker wrote: its rows, its bytes, and its first rows, each value as the file spells it."""

    rows: int
    size: int
    sample: pa.Table | None = None


def write_raw(lake: Lake, uri: str, content: Content, *, sample: bool = False) -> RawFile:
    """Write content as one raw file, visible whole or not at all; a file that has these bytes already stays.

    Args:
        sample: Bring the file's first rows along.
    """
    with lake.staged(uri) as staged:
        report = content.write(staged)
        size, shown = os.path.getsize(staged), _first_lines(staged) if sample else None
        if not lake.store.same(staged, uri):
            lake.store.publish(staged, uri)
    return RawFile(report.rows, size, shown)


def _first_lines(path: str) -> pa.Table | None:
    """The first rows of a raw file. None if these are no JSON objects: bronze says what is wrong with them."""
    try:
        with open(path, encoding="utf-8") as file:
            rows = [json.loads(line, parse_int=str, parse_float=str) for line in islice(file, SAMPLE)]
    except ValueError:
        return None
    if not all(isinstance(row, dict) for row in rows):
        return None
    names = dict.fromkeys(name for row in rows for name in row)
    texts = {name: [_spelled(row.get(name)) for row in rows] for name in names}
    return pa.table({name: pa.array(column, pa.string()) for name, column in texts.items()})


def _spelled(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def task(function: Callable[..., object], *arguments: object, **options: object) -> "Delayed":
    """A call to be made on the cluster."""
    from dask.delayed import delayed

    made: Delayed = delayed(function, pure=False)(*arguments, **options)
    return made
