"""Races that are not left to luck: two processes meet at a barrier before each commit."""

import multiprocessing
from functools import partial
from multiprocessing.synchronize import Barrier

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot

TABLES, TURNS = 12, 100


def make(uri: str, writer: str, barrier: Barrier) -> None:
    """Make new tables, and then replace one partition again and again; each at the other's very moment."""
    lake = Lake(uri)
    for number in range(TABLES + TURNS):
        table = lake.path(str(min(number, TABLES)))
        rows = pa.table({"writer": [writer], "number": [number]})
        written = [write_file(lake, table, "same", "{content}.parquet", partial(pq.write_table, rows))]
        if number < TABLES:
            written = [write_file(lake, table, writer, "{content}.parquet", partial(pq.write_table, rows))]
        barrier.wait(120)
        commit(lake, table, written, {"same" if number >= TABLES else writer})


def test_two_processes_at_a_barrier_make_each_table_once(lake: Lake) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=make, args=(lake.uri, writer, barrier)) for writer in ("left", "right")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]
    for number in range(TABLES):
        table = DeltaTable(lake.path(str(number)))
        assert [entry["operation"] for entry in reversed(table.history())] == ["CREATE TABLE", "WRITE", "WRITE"]
        assert sorted(read(snapshot(lake, lake.path(str(number))))["writer"].to_pylist()) == ["left", "right"]
    same = snapshot(lake, lake.path(str(TABLES)))
    assert same.version == 2 * TURNS and same.rows == 1, "each commit replaced the one before it, once"
    assert read(same)["number"].to_pylist() == [TABLES + TURNS - 1]
