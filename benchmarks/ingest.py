"""One batch of about 250 MB of JSON, from file to committed bronze: ours against pandas and write_deltalake.

python -m benchmarks.ingest [--orders 150000] [--rounds 3]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pandas as pd
from deltalake import write_deltalake

from tpch_assets.bronze import plan as ingest
from tpch_assets.compute import cluster
from tpch_assets.lake.commit import commit
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import task, write_piece
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.raw.files import files_of
from tpch_assets.tpch import BUSINESS

BATCH = "2026-01-01T0000"


def main() -> None:
    """Run both in turn, several rounds, and print the times and the ratio round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warm_up(Path(folder) / "warm")
        size = make_batch(Path(folder), arguments.orders)
        print(f"one batch: {arguments.orders:,} orders with their lines, {size / 1e6:.0f} MB of JSON")
        ratios = []
        for number in range(arguments.rounds):
            lake = Lake(f"{folder}/{number}")
            Path(lake.uri).mkdir()
            (Path(lake.uri) / "raw").symlink_to(Path(folder) / "raw")
            theirs = timed(pandas_way, lake)
            ours = timed(our_way, lake)
            ratios.append(theirs / ours)
            print(f"round {number + 1}: pandas {theirs:.2f} s, ours {ours:.2f} s, ratio {theirs / ours:.1f}")
        print(f"median ratio: {statistics.median(ratios):.1f}")
    cluster.close()


def warm_up(folder: Path) -> None:
    """Let both ways import what they need, and ours start its cluster, on a small batch."""
    make_batch(folder, 1_500)
    pandas_way(Lake(str(folder)))
    our_way(Lake(str(folder)))


def make_batch(folder: Path, orders: int) -> int:
    """Write one raw batch of orders and lineitem; returns its bytes."""
    program = Path(sys.executable).with_name("tpchgen-cli")
    arguments = ["parquet", "--quiet", "-s", f"{orders / 1_500_000:g}", "--tables", "orders,lineitem"]
    subprocess.run([program, *arguments, "-o", folder / "tpch"], check=True)
    moment = "'2026-01-01T00:00:00.000000Z'"
    size = 0
    for name, column in (("orders", "o_ordertime"), ("lineitem", "l_shiptime")):
        target = folder / "raw" / name / BATCH / f"{name}.json"
        target.parent.mkdir(parents=True)
        rows = f"SELECT *, {moment} AS {column} FROM '{folder}/tpch/{name}.parquet'"
        duckdb.execute(f"COPY ({rows}) TO '{target}' (FORMAT json)")
        size += target.stat().st_size
    return size


def timed(way, lake: Lake) -> float:
    start = time.perf_counter()
    way(lake)
    return time.perf_counter() - start


def pandas_way(lake: Lake) -> None:
    for name in ("orders", "lineitem"):
        rows = pd.read_json(f"{lake.uri}/raw/{name}/{BATCH}/{name}.json", lines=True)
        write_deltalake(f"{lake.uri}/peer/{name}", rows, mode="append")


def our_way(lake: Lake) -> None:
    for name in ("orders", "lineitem"):
        uri = lake.table("bronze", name)
        plan = ingest.plan_batches(
            BUSINESS.table(name), {BATCH: files_of(lake, name, [BATCH])[BATCH]}, snapshot(lake, uri)
        )
        pieces = cluster.compute(
            [task(write_piece, lake, uri, BATCH, file, rows) for file, rows in plan.files[BATCH].items()]
        )
        commit(lake, uri, [piece.rows for piece in pieces], {BATCH})
        assert sum(piece.rows.file.rows for piece in pieces) == sum(piece.lines or 0 for piece in pieces)


if __name__ == "__main__":
    main()
