"""What keeps a lake of any size going: bounded partitions, a shuffle join, planning that grows with what there is."""

import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import dask
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import LocalCluster

from tpch_assets.calendar import window_key
from tpch_assets.compute import cluster
from tpch_assets.compute.database import cursor, sql_list
from tpch_assets.gold import graph as partial_graph
from tpch_assets.gold.plan import plan
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake import frames
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, read, snapshot
from tpch_assets.layers import WINDOW
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets.settings import PROJECT, current_settings
from tpch_assets.silver.inputs import stale_windows_of
from tpch_assets.silver.shards import plan_shards
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests import days
from tpch_assets_tests.conftest import START
from tpch_assets_tests.days import Place, graph
from tpch_assets_tests.gold.plain import assert_same
from tpch_assets_tests.tpch_tables import GROUP

Q13 = load_queries(BUSINESS)["q13_customer_distribution"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return days.whole_day().copy(tmp_path)


@pytest.fixture
def own_cluster() -> Iterator[None]:
    """The test's settings decide where it computes, not those of the test before."""
    cluster.close()
    yield
    cluster.close()


def store(lake: Lake, table: str, files: dict[str, str], group_rows: int = 2048) -> Snapshot:
    """A silver table of the rows of SQL statements, by file."""

    def copy(sql: str, path: str) -> None:
        with cursor() as con:
            con.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group_rows})")

    uri = lake.table("silver", table)
    places = [(path.split("/"), sql) for path, sql in files.items()]
    written = [write_file(lake, uri, partition, name, partial(copy, sql)) for (partition, name), sql in places]
    commit(lake, uri, written, {partition for (partition, _), _ in places})
    return snapshot(lake, uri)


# Dask DataFrames.


def test_a_file_is_cut_into_partitions_that_hold_each_row_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"a/1.parquet": "FROM range(20_000) AS r(id)", "a/2.parquet": "SELECT 20_000::BIGINT AS id"}
    source = store(lake, "things", rows)
    monkeypatch.setattr(frames, "PART_BYTES", source.files[0].size // 4)
    frame = frames.dask_frame(source, list(source.files))
    assert frame.npartitions >= 5
    parts = [len(part) for part in frame.partitions]
    assert max(parts) <= 3 * 2048, "a row group or two each"
    assert sorted(frame["id"].compute()) == list(range(20_001))


def test_only_the_columns_in_use_are_read(lake: Lake) -> None:
    source = store(lake, "things", {"a/1.parquet": "SELECT range AS id, repeat('x', 50) AS comment FROM range(5000)"})
    (path,) = source.paths()
    column = pq.read_metadata(path).row_group(0).column(1)
    with open(path, "r+b") as file:  # Whoever reads the comments finds them damaged.
        file.seek(column.dictionary_page_offset or column.data_page_offset)
        file.write(b"\xff" * column.total_compressed_size)
    frame = frames.dask_frame(source, list(source.files))
    assert frame[["id"]].sum().compute().to_list() == [5000 * 4999 // 2]
    with pytest.raises(OSError):
        frame[["comment"]].compute()


def test_a_task_does_not_carry_the_list_of_all_files(lake: Lake) -> None:
    source = _many_files(store(lake, "orders", {"a/1.parquet": "SELECT 1 AS o_orderkey"}), 5000)
    assert len(pickle.dumps(source)) > 500_000
    loaded: Any = frames.load(source, list(source.files), list)
    assert len(pickle.dumps(dict(loaded[0].dask))) < 5_000
    # A partition's task travels alone; the frame knows them all.
    frame = frames.dask_frame(source.bare, list(source.files[:1]))
    assert len(pickle.dumps(dict(frame.optimize().dask))) < 5_000


# The shuffle join.


MEGABYTE = 1 << 20
ORDERS = 4_000_000


def customer_distribution(customer: dd.DataFrame, orders: dd.DataFrame) -> dd.DataFrame:
    """TPC-H Q13 as a shuffle join: how many customers have placed how many orders."""
    kept = orders[~orders["o_comment"].str.contains("(?s)special.*requests")][["o_custkey"]]
    joined = customer[["c_custkey"]].merge(
        kept, how="left", left_on="c_custkey", right_on="o_custkey", shuffle_method="p2p", broadcast=False
    )
    # All rows of a customer are in one partition now, so each partition counts for itself.
    counted = joined.map_partitions(_customers_by_orders)
    total = counted.groupby("c_count")["custdist"].sum(split_out=1).reset_index()
    answer: dd.DataFrame = total.map_partitions(_largest_first)
    return answer


def _customers_by_orders(joined: pd.DataFrame) -> pd.DataFrame:
    per_customer = joined.groupby("c_custkey")["o_custkey"].count().rename("c_count").to_frame()
    sizes = per_customer.groupby("c_count").size().rename("custdist").reset_index()
    return sizes.astype("int64[pyarrow]")


def _largest_first(total: pd.DataFrame) -> pd.DataFrame:
    return total.sort_values(["custdist", "c_count"], ascending=False, ignore_index=True)


def test_a_shuffle_join_needs_less_memory_than_its_tables(
    lake: Lake, instance: dg.DagsterInstance, own_cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An asset over annotated Dask DataFrames, loaded, joined and stored on workers that could not hold the tables."""
    remark = "CASE WHEN range % 50 = 0 THEN 'special deposits, no requests ' ELSE 'carefully final ' END || range"
    columns = ("range AS o_orderkey", "(hash(range) % 250_000)::BIGINT AS o_custkey")
    row = ", ".join((*columns, f"{remark} || repeat('.', range % 120) AS o_comment"))
    bronze = [f"SELECT {row} FROM range({i * ORDERS // 2}, {(i + 1) * ORDERS // 2})" for i in range(2)]
    orders = store(lake, "orders", {f"a/{i}.parquet": sql for i, sql in enumerate(bronze)}, 20_000)
    customer = store(lake, "customer", {"a/1.parquet": "SELECT range AS c_custkey FROM range(300_000)"})
    monkeypatch.setattr(frames, "PART_BYTES", MEGABYTE)

    @dg.asset(key=["gold", "distribution"], ins={t: dg.AssetIn(["silver", t]) for t in ("customer", "orders")})
    def distribution(customer: dd.DataFrame, orders: dd.DataFrame) -> dd.DataFrame:
        return customer_distribution(customer, orders)

    def peak() -> tuple[int, int]:
        import dask.dataframe  # noqa: F401 - with its imports done, what a process grows by is data
        import distributed.shuffle  # noqa: F401

        import tpch_assets_tests.project.test_scale  # noqa: F401

        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return os.getpid(), int(status["VmHWM"].split()[0]) * 1024

    limit = 600 * MEGABYTE
    cluster_options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": limit, "host": "127.0.0.1"}
    with (
        dask.config.set({"distributed.admin.system-monitor.gil.enabled": False}),
        LocalCluster(**cluster_options, dashboard_address="127.0.0.1:0") as workers,
    ):
        monkeypatch.setenv("TPCH_COMPUTE", "address")
        monkeypatch.setenv("TPCH_ADDRESS", workers.scheduler_address)
        current_settings.cache_clear()
        before = cluster.client().run(peak)
        resources = {"io_manager": LakeIOManager(uri=lake.uri)}
        upstream = [dg.AssetSpec(["silver", "orders"]), dg.AssetSpec(["silver", "customer"])]
        assert dg.materialize([*upstream, distribution], instance=instance, resources=resources).success
        after = cluster.client().run(peak)
        cluster.close()
    assert {process for process, _ in before.values()} == {process for process, _ in after.values()}, "one was killed"
    table = read(orders).nbytes
    rooms = [size - old for (_, size), (_, old) in zip(after.values(), before.values(), strict=True)]
    assert limit - min(size for _, size in before.values()) < table, "a worker could have held the table"
    assert sum(rooms) < table, f"{table / MEGABYTE:.0f} MiB of orders; by so much the workers grew: {rooms}"
    with cursor() as con:
        con.execute(f"CREATE TEMP VIEW customer AS FROM read_parquet({sql_list(customer.paths())})")
        con.execute(f"CREATE TEMP VIEW orders AS FROM read_parquet({sql_list(orders.paths())})")
        expected = con.sql(Q13.plain or "", params={"word1": "special", "word2": "requests"}).to_arrow_table()
    assert_same(read(snapshot(lake, lake.table("gold", "distribution"))), expected)


# Partials of many shards.


def test_partials_of_a_window_are_merged(place: Place, own_cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A combine reads few files; the shards' own are kept for when one of them changes."""
    name, window = "q05_local_supplier_volume", days.key(0)
    expected = days.answer(place.lake, name, days.day(0))
    monkeypatch.setattr(partial_graph, "MERGED", 3)
    folder = Path(place.lake.uri, "partials", name)
    shutil.rmtree(folder)
    with graph(place, shard_rows=4_000) as loaded:
        loaded.run([days.request("silver", ["orders", "lineitem"], days.key(0), days.key(72))])
        orders = snapshot(loaded.lake, loaded.lake.table("silver", "orders"))
        assert [len(files) for files in orders.by_partition().values()] == [4, 4, 4, 4]
        gold = days.request("gold", [name], days.day(0))
        assert _counts(loaded, gold) == {"shards": 16, "partials kept": 0, "shards skipped": 0}
        assert days.answer(place.lake, name, days.day(0)) == expected
        assert len(list((folder / window).glob("*.parquet"))) == 3, "the fourth is alone, and nothing to merge it with"
        assert len(list(folder.glob("*.parquet"))) == 8
        assert _counts(loaded, gold)["partials kept"] == 16, "nothing is computed twice"
        written = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
        merged = min(folder.glob("*.parquet"))
        merged.unlink()
        assert _counts(loaded, gold)["partials kept"] >= 15, "one shard at most is computed again"
        assert days.answer(place.lake, name, days.day(0)) == expected
        again = {path for path in folder.rglob("*.parquet") if written.get(path) != path.stat().st_mtime_ns}
        assert again == {merged}


def _counts(loaded: days.Graph, request: dg.RunRequest) -> dict[str, int]:
    assert loaded.run([request])[0].success
    (asset,) = request.asset_selection or []
    (record,) = loaded.instance.fetch_materializations(asset, limit=1).records
    assert record.asset_materialization is not None
    metadata: dict[str, Any] = {**record.asset_materialization.metadata}
    return {name: metadata[name].value for name in ("shards", "partials kept", "shards skipped")}


# Planning.


def _many_files(source: Snapshot, count: int) -> Snapshot:
    """The table as it is with `count` files, in four windows a day of 100 files each."""
    key = {"orders": "o_orderkey", "lineitem": "l_orderkey"}[source.uri.rsplit("/", 1)[-1]]
    files = [
        DataFile(
            f"{window_key(START + i // 100 * WINDOW)}/{'0' * 12}-{i % 100}of100-{i:016x}.parquet",
            100 * MEGABYTE,
            4_000_000,
            {key: i * 1000, "_batch": window_key(START + i // 100 * WINDOW)},
            {key: i * 1000 + 999, "_batch": window_key(START + i // 100 * WINDOW)},
        )
        for i in range(count)
    ]
    return replace(source, files=tuple(files))


def _cpu(function: Any, *arguments: Any) -> float:
    begin = time.process_time()
    function(*arguments)
    return time.process_time() - begin


def test_planning_grows_with_the_number_of_shards_and_not_with_its_square(lake: Lake) -> None:
    silver: dict[str, Snapshot] = {
        name: store(lake, name, {"a/1.parquet": f"SELECT 1 AS {name[0]}_orderkey"}) for name in ("orders", "lineitem")
    }
    bronze: dict[str, Snapshot] = {
        name: replace(source, uri=lake.table("bronze", name)) for name, source in silver.items()
    }
    query = load_queries(BUSINESS)["q01_pricing_summary"]
    last: date = (START + timedelta(days=400)).date()
    times = {}
    for count in (500, 4000):
        grown = {name: _many_files(source, count) for name, source in silver.items()}
        raw = {name: _many_files(source, count) for name, source in bronze.items()}
        # Built once of what bronze holds: planning a window again reads no file.
        window = window_key(START)
        steps = {
            "gold": (plan, query, BUSINESS, grown, last, 1),
            "stale windows": (stale_windows_of, GROUP, raw, grown),
            "silver": (plan_shards, GROUP, raw, grown, [window], 4_000_000),
        }
        times[count] = {name: min(_cpu(*step) for _ in range(4)) for name, step in steps.items()}
        planned = plan_shards(GROUP, raw, grown, [window], 4_000_000)["orders"].files[window]
        assert len(planned) == 100
        assert max(len(pickle.dumps(rows)) for rows in planned.values()) < 10_000
    for name, small in times[500].items():
        # Eight times the shards; their square would be 64. Busy neighbours make figures of CPU time differ by a half.
        assert times[4000][name] < 8 * 5 * small + 0.05, f"{name}: {times}"


def test_a_commit_may_add_more_than_ten_thousand_files(lake: Lake) -> None:
    uri = lake.table("silver", "orders")
    first = write_file(lake, uri, "a", "first.parquet", partial(pq.write_table, pa.table({"o_orderkey": [1]})))
    for turn in range(2):
        names = [f"a/{turn}-{i}.parquet" for i in range(10_050)]
        for name in names:
            os.link(f"{uri}/{first.file.path}", f"{uri}/{name}")
        done = commit(lake, uri, [replace(first, file=replace(first.file, path=name)) for name in names], {"a"})
        assert len(done.added) == len(names)
        assert {file.path for file in snapshot(lake, uri).files} == set(names)


# The benchmark and what is said of it.


@pytest.mark.long
def test_the_benchmark_runs() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TPCH_")}
    command = [sys.executable, "-m", "benchmarks.scale", "--short"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split() for line in done.stdout.splitlines()]
    layers = {
        line[0]: [float(cell.rstrip("%")) for cell in line[1:]] for line in lines if line[:1] in (["silver"], ["gold"])
    }
    assert set(layers) == {"silver", "gold"}
    assert all(min(cells) > 0 for cells in layers.values())
    (asleep,) = [line for line in lines if line[1:3] == ["at", "once"]]
    assert float(asleep[6]) > 1, "many sleep at a time"


def test_the_document_says_what_the_command_prints() -> None:
    command = [sys.executable, "-m", "benchmarks.scale", "--plan", "1000", "10000"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert f"```text\n{done.stdout.strip()}\n```" in (PROJECT / "docs" / "scale.md").read_text()
