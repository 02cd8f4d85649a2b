"""A day of TPC-H in bronze, made straight from the generator's Parquet: what silver and gold are measured on."""

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from dask.delayed import Delayed

from tpch_assets.bronze.plan import PROVENANCE, plan_batches
from tpch_assets.calendar import batch_key
from tpch_assets.compute import cluster
from tpch_assets.lake.commit import commit
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import Piece, task, write_piece, write_raw
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.update import Report, copy_query
from tpch_assets.layers import BATCH, BATCHES_PER_DAY, BRONZE
from tpch_assets.raw.files import files_of
from tpch_assets.raw.generated import GeneratedFile
from tpch_assets.schema import Table
from tpch_assets.tpch import BUSINESS
from tpch_assets.tpch.generator import Generator

START = datetime(2026, 1, 1, tzinfo=UTC)
source = Generator()


def make_bronze(lake: Lake, scale_factor: float) -> None:
    """All of bronze: 96 batches of the streams, and the tables that come once."""
    for table in BUSINESS.tables:
        numbers = range(BATCHES_PER_DAY) if table.arrives == "every batch" else (0,)
        uri = lake.table("bronze", table.name)
        tasks = [_batch(lake, table, number, scale_factor) for number in numbers]
        pieces: list[Piece] = cluster.compute(tasks)
        commit(lake, uri, [piece.rows for piece in pieces], {piece.partition for piece in pieces})


@dataclass(frozen=True)
class _Typed:
    """The rows of a query as the content of a file."""

    query: str

    def write(self, path: str) -> Report:
        return Report(copy_query(self.query, path, BRONZE.parquet.options))


def _batch(lake: Lake, table: Table, number: int, scale_factor: float) -> Delayed:
    time_, batch = START + number * BATCH, batch_key(START + number * BATCH)
    rows = source.rows(table, number, time_, scale_factor, many=True)
    typed = ", ".join(f"{name}::{type_} AS {name}" for name, type_ in table.stored_columns)
    values = (f"'{batch}'", "'benchmark.json'", "NULL::VARCHAR")
    extra = ", ".join(f"{value} AS {column}" for value, (column, *_) in zip(values, PROVENANCE, strict=True))
    content = _Typed(f"SELECT {typed}, {extra} FROM ({rows})")
    return task(write_piece, lake, lake.table("bronze", table.name), batch, "{content}.parquet", content)


def measure_bronze(lake: Lake, scale_factor: float) -> dict[str, float]:
    """Parse one batch of JSON with one thread: its bytes, and seconds."""
    batch, size, seconds = batch_key(START), 0, 0.0
    scratch = Lake(f"{lake.uri}-json")
    for name in ("orders", "lineitem"):
        table = BUSINESS.table(name)
        rows = GeneratedFile(partial(source.rows, table, 0, START, scale_factor, many=True))
        size += write_raw(scratch, scratch.path("raw", name, batch, f"{name}.json"), rows).size
        uri = scratch.table("bronze", name)
        plan = plan_batches(table, files_of(scratch, name, [batch]), snapshot(scratch, uri))
        ((file, raw),) = plan.files[batch].items()
        begin = time.process_time()
        write_piece(scratch, uri, batch, file, raw)
        seconds += time.process_time() - begin
    shutil.rmtree(Path(scratch.uri))
    return {"bytes": size, "seconds": seconds}
