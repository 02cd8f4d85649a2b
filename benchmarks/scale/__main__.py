"""How silver and gold get faster with more workers, what the scheduler costs, and what a day takes at any scale.

    python -m benchmarks.scale [--short]          measure
    python -m benchmarks.scale --keep rates.json  measure, and write the rates to that file
    python -m benchmarks.scale --plan 1000 10000  a day at these scale factors, from benchmarks/scale/rates.json

Real worker processes run real work on 1, 2 and 4 workers; a machine with fewer cores than workers shows it. For 16, 64
and 256 workers gold's tasks sleep for the time they took in the real run, on a real scheduler.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PAIRS_PER_WORKER = 2
RATES = Path(__file__).with_name("rates.json")


def main() -> None:
    """Measure and print, or plan from what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale-factor", type=float, default=2)
    parser.add_argument("--shard-rows", type=int, default=1_500_000, help="order lines per shard; 8 shards by default")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="worker processes that work")
    parser.add_argument("--sleepers", type=int, nargs="+", default=[16, 64, 256], help="workers whose tasks sleep")
    parser.add_argument("--short", action="store_true", help="a small day, few workers: does it work at all")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the rates there")
    parser.add_argument("--plan", type=float, nargs="+", metavar="SF", help="only print what a day takes")
    arguments = parser.parse_args()
    if arguments.plan:
        from benchmarks.scale.plan import print_plan

        print_plan(json.loads(RATES.read_text()), arguments.plan)
        return
    if arguments.short:
        arguments.scale_factor, arguments.shard_rows = 0.005, 8_000
        arguments.workers, arguments.sleepers = [1], [8]
    with tempfile.TemporaryDirectory(prefix="tpch-scale-") as folder:
        measure(Path(folder), arguments)


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """Make the day, run it, print; writes the rates where `--keep` says so."""
    ours = {
        "LAKE": folder / "lake",
        "START": "2026-01-01",
        "SCALE_FACTOR": arguments.scale_factor,
        "SHARD_ROWS": arguments.shard_rows,
        "MEMORY": "2GiB",
    }
    os.environ.update({f"TPCH_{name}": str(value) for name, value in ours.items()})
    # Settings are read when the first of these is imported.
    from benchmarks.scale import day, sleep
    from benchmarks.scale.rates import rates_of, task_seconds
    from tpch_assets.compute import cluster
    from tpch_assets.lake.lake import Lake

    lake = Lake(str(folder / "lake"))
    day.make_bronze(lake, arguments.scale_factor)
    bronze = day.measure_bronze(lake, arguments.scale_factor)
    cluster.close()
    real = real_runs(lake.uri, arguments.workers)
    first = next(iter(real.values()))  # On the fewest workers tasks disturb each other least.
    seconds = {name: statistics.mean(times) for name, times in task_seconds(first["gold"]).items()}
    rates = rates_of(lake, arguments, bronze, first)
    print("\nGold with sleeping tasks, on a real scheduler")
    print("workers  queries     tasks   work s  wall s  speed-up  busy  scheduler ms/task  worker ms/task")
    for workers in arguments.sleepers:
        with sleep.many_workers(workers) as many:
            for name in ("in turn", "at once"):
                graphs = sleep.graphs(lake, PAIRS_PER_WORKER * workers, arguments.scale_factor, seconds)
                one = sleep.measure(many, graphs, at_once=name == "at once")
                print_sleep(name, one)
                rates["scheduler"][f"{workers} {name}"] = vars(one)
    if arguments.keep:
        arguments.keep.write_text(json.dumps(rates, indent=1) + "\n")


def real_runs(lake: str, counts: list[int]) -> dict[int, dict[str, Any]]:
    """Silver and gold from nothing on each number of workers, by it; prints what they took."""
    print(f"\nSilver and gold with worker processes, {os.cpu_count()} cores here, load {os.getloadavg()[0]:.1f}")
    print("layer   workers  tasks  work s   CPU s  wall s  speed-up  busy")
    found: dict[int, dict[str, Any]] = {}
    for workers in counts:
        for made in ("silver", "gold", "partials"):
            shutil.rmtree(Path(lake, made), ignore_errors=True)
        found[workers] = run_layers(workers)
        for layer in ("silver", "gold"):
            one = found[workers][layer]
            times = [seconds for kind in one["tasks"].values() for seconds in kind]
            work, wall = sum(times), one["wall"]
            speed = found[counts[0]][layer]["wall"] / wall
            share, cpu = work / wall / workers, one["cpu"]
            print(f"{layer:7} {workers:7} {len(times):6} {work:7.1f} {cpu:7.1f} {wall:7.1f} {speed:9.2f} {share:5.0%}")
    return found


def run_layers(workers: int) -> dict[str, Any]:
    """The layers' runs in a process of their own, so that each starts as cold as the others."""
    environment = {**os.environ, "TPCH_COMPUTE": "processes", "TPCH_WORKERS": str(workers)}
    command = [sys.executable, "-m", "benchmarks.scale.layers"]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def print_sleep(name: str, one: Any) -> None:
    """One line of the second table."""
    share = one.work / one.wall / one.workers
    scheduler, hosts = 1000 * one.scheduler / one.tasks, 1000 * one.hosts / one.tasks
    print(
        f"{one.workers:7}  {name:8} {one.tasks:8} {one.work:8.1f} {one.wall:7.1f} {one.work / one.wall:9.1f}"
        f" {share:5.0%} {scheduler:18.2f} {hosts:15.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
