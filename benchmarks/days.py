"""What the source's later days cost: each against a first day, which is TPC-H without change.

A later day's orders are cut from a larger data set and folded into this one. The fullest of a week has a few percent
fewer than the first day, so the ratio per order is printed too. Each day is made in a process of its own, with the time
that tpchgen-cli takes.

python -m benchmarks.days [--scale-factor 0.1] [--rounds 3]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import write_raw
from tpch_assets.layers import BATCH, BATCHES_PER_DAY
from tpch_assets.raw.generated import GeneratedFile
from tpch_assets.tpch import BUSINESS
from tpch_assets.tpch.generator import Generator
from tpch_assets.tpch.volumes import orders_on

START = datetime(2026, 1, 1, tzinfo=UTC)
FULLEST = max(range(1, 8), key=lambda day: orders_on(START + timedelta(days=day), 1_000_000))


def main() -> None:
    """Makes a first and a later day in turn, and prints the median of the rounds' ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale-factor", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--day", type=int, help="make only this day, and print its orders and CPU seconds")
    arguments = parser.parse_args()
    if arguments.day is not None:
        print(json.dumps(measured(arguments.day, arguments.scale_factor)))
        return
    print(f"one day's raw files at scale factor {arguments.scale_factor:g}, CPU time")
    days, orders = [], []
    for number in range(arguments.rounds):
        first, later = (in_a_process(day, arguments.scale_factor) for day in (0, FULLEST))
        days.append(later["seconds"] / first["seconds"])
        orders.append(days[-1] * first["orders"] / later["orders"])
        print(f"round {number + 1}: {shown('first', first)}; {shown('later', later)}; {days[-1]:.2f} x", flush=True)
    print(f"median: {statistics.median(days):.2f} x a day, {statistics.median(orders):.2f} x an order")


def shown(name: str, found: dict[str, float]) -> str:
    return f"{name} day {found['orders']:,} orders {found['seconds']:.2f} s"


def in_a_process(day: int, scale_factor: float) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.days", "--day", str(day), "--scale-factor", str(scale_factor)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def measured(day: int, scale_factor: float) -> dict[str, float]:
    """The orders of a day, and the CPU seconds that all of its raw files of streams take."""
    source, orders = Generator(), 0
    with tempfile.TemporaryDirectory() as folder:
        begin = cpu_seconds()
        for table in BUSINESS.streams:
            for number in range(day * BATCHES_PER_DAY, (day + 1) * BATCHES_PER_DAY):
                time = START + number * BATCH
                # The first batch delivers suppliers whole, with the tables that come once: no later day does.
                if table.name == "supplier" and number == 0:
                    continue
                content = GeneratedFile(partial(source.rows, table, number, time, scale_factor, many=True))
                rows = write_raw(Lake(folder), f"{folder}/{table.name}.json", content).rows
                orders += rows if table.name == "orders" else 0
        return {"orders": orders, "seconds": cpu_seconds() - begin}


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
