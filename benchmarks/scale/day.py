"""A day of TPC-H in bronze, made straight from the generator's Parquet: what silver and gold are measured on."""

import shutil
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tpch_assets import source
from tpch_assets.assets.bronze import PROVENANCE
from tpch_assets.calendar import BATCH, BATCHES_PER_DAY, batch_key
from tpch_assets.compute import cluster
from tpch_assets.delta import commit, snapshot
from tpch_assets.engine import Sql
from tpch_assets.ingest import plan_batches
from tpch_assets.lake import Lake
from tpch_assets.pieces import Piece, task, write_json, write_piece
from tpch_assets.tables import TABLES, TableName

START = datetime(2026, 1, 1, tzinfo=UTC)


def make_bronze(lake: Lake, scale_factor: float) -> None:
    """All of bronze: 96 batches of the streams, and the tables that come once."""
    for name in TABLES:
        numbers = range(BATCHES_PER_DAY) if TABLES[name].arrives == "every batch" else (0,)
        uri = lake.table("bronze", name)
        tasks = [_batch(lake, name, number, scale_factor) for number in numbers]
        pieces: list[Piece] = cluster.compute(tasks)
        commit(lake, uri, [piece.rows for piece in pieces], {piece.partition for piece in pieces})


def _batch(lake: Lake, name: TableName, number: int, scale_factor: float) -> object:
    time_, batch = START + number * BATCH, batch_key(START + number * BATCH)
    rows = source.rows(name, number, scale_factor, time_, many=True)
    typed = ", ".join(f"{column.name}::{column.type} AS {column.name}" for column in TABLES[name].columns)
    values = (f"'{batch}'", "'benchmark.json'", "NULL::VARCHAR")
    extra = ", ".join(f"{value} AS {column}" for value, (column, *_) in zip(values, PROVENANCE, strict=True))
    sql = Sql(f"SELECT {typed}, {extra} FROM ({rows.text})")
    return task(write_piece, lake, lake.table("bronze", name), batch, "{content}.parquet", sql)


def measure_bronze(lake: Lake, scale_factor: float) -> dict[str, float]:
    """Parse one batch of JSON with one thread: its bytes, and seconds."""
    batch, size, seconds = batch_key(START), 0, 0.0
    scratch = Lake(f"{lake.uri}-json")
    for name in ("orders", "lineitem"):
        rows = partial(source.rows, name, 0, scale_factor, START, many=True)
        size += write_json(scratch, scratch.path("raw", name, batch, f"{name}.json"), rows)[1]
        uri = scratch.table("bronze", name)
        files = {batch: scratch.raw_files(name, batch)}
        build, _ = plan_batches(name, files, snapshot(scratch, uri))
        ((file, raw),) = build[batch].items()
        begin = time.process_time()
        write_piece(scratch, uri, batch, file, raw)
        seconds += time.process_time() - begin
    shutil.rmtree(Path(scratch.uri))
    return {"bytes": size, "seconds": seconds}
