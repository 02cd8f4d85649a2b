"""One file at a time: what workers do to write rows as Parquet or JSON lines. No Dagster."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tpch_assets.compute.database import Sql, cursor, quote
from tpch_assets.lake.delta import Written, write_file
from tpch_assets.lake.lake import Lake, discard

PARQUET = "FORMAT parquet, COMPRESSION zstd"


@dataclass(frozen=True)
class Piece:
    """What a worker says of a file it wrote: the file, its rejects' file if it has one, and lines read."""

    partition: str
    rows: Written
    rejects: Written | None = None
    lines: int | None = None


REJECTS = pa.schema(
    [
        ("_batch", pa.string()),
        ("_file", pa.string()),
        ("_line", pa.int64()),
        ("_text", pa.string()),
        ("_reason", pa.string()),
    ]
)


def write_piece(lake: Lake, uri: str, partition: str, name: str, rows: Any) -> Piece:
    """Write one data file (and its rejects) to its place. Runs on workers."""
    rows = rows() if callable(rows) else rows
    if not hasattr(rows, "write_rows"):
        return Piece(partition, write_file(lake, uri, partition, name, lambda path: _copy(rows, path, PARQUET)))
    rejects = lake.staging(f"{uri}_rejects/{partition}/x")
    try:
        parsed: list[Any] = []
        written = write_file(lake, uri, partition, name, lambda path: parsed.append(rows.write_rows(path, rejects)))
        bad = None
        if parsed[0].rejects:
            bad = write_file(lake, f"{uri}_rejects", partition, name, lambda path: shutil.move(rejects, path))
    finally:
        discard(rejects)
    return Piece(partition, written, bad, parsed[0].lines)


def write_json(lake: Lake, uri: str, rows: Any) -> tuple[int, int]:
    """Write rows as one JSON-lines file, visible whole or not at all; untouched if it has these bytes already.

    Returns:
        Rows and bytes.
    """
    staged = lake.staging(uri)
    try:
        count = _copy(rows() if callable(rows) else rows, staged, "FORMAT json")
        size = Path(staged).stat().st_size
        if not lake.same(staged, uri):
            lake.publish(staged, uri)
    finally:
        discard(staged)
    return count, size


def _copy(rows: Any, path: str, options: str) -> int:
    with cursor() as con:
        source = f"({rows.text})" if isinstance(rows, Sql) else "piece"
        if not isinstance(rows, Sql):
            con.register("piece", arrow(rows))
        done = con.execute(f"COPY (SELECT * FROM {source}) TO {quote(path)} ({options})").fetchone()
    return done[0] if done else 0


def arrow(rows: Any) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    try:
        return pa.Table.from_pandas(rows, preserve_index=False)
    except (AttributeError, TypeError):
        raise TypeError(
            f"an asset returned {type(rows).__name__}; return pa.Table, pd.DataFrame, dd.DataFrame, delayed Arrow "
            "tables or Partitions"
        ) from None


def task(function: Callable[..., Any], *arguments: Any) -> Any:
    """A call to be made on the cluster."""
    import dask

    return dask.delayed(function, pure=False)(*arguments)
