"""The simulator: `python -m tpch_assets_tests.chaos.simulator --days 2000`, or `--seed N` to live one life again."""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path

from tpch_assets_tests.chaos.life import DAYS, Life


def live(seed: int) -> Counter[str]:
    """Live one life in a folder of its own; gives the faults that happened."""
    folder = Path(tempfile.mkdtemp(prefix="market-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    try:
        life = Life(folder, seed)
        life.live()
        return life.world.happened
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tried(seed: int) -> tuple[int, Counter[str], str, float]:
    """Live one life: its seed, its faults, what it broke, and the CPU seconds that it took."""
    began, happened, broke = time.process_time(), Counter[str](), ""
    try:
        happened = live(seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, its seed has to be told
        broke = f"{traceback.format_exc(limit=-6)}seed {seed} broke a promise: {type(error).__name__}: {error}"[:3000]
    return seed, happened, broke, time.process_time() - began


def _stay(numbers: "Queue[int]") -> None:
    """Stay on one core: only one thread of a life has something to do, and moving it about costs a third more."""
    if hasattr(os, "sched_setaffinity"):  # Linux has it.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[numbers.get() % len(cores)]})


def main() -> int:
    if os.environ.get("PYTHONHASHSEED") != "0":  # The order of sets is part of a life.
        command = [sys.executable, "-m", "tpch_assets_tests.chaos.simulator", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})
    os.environ["TPCH_WORKERS"] = "1"  # Threads of DuckDB: a life's files have a few rows each.
    parser = argparse.ArgumentParser(description="Days of a market on which processes die and answers get lost.")
    parser.add_argument("--seed", type=int, help="live this one life again")
    parser.add_argument("--days", type=int, default=200, help="how many days in all")
    parser.add_argument("--first", type=int, default=random.SystemRandom().randrange(10**9), help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes live at once")
    options = parser.parse_args()
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.days // DAYS)
    began, lives = time.monotonic(), list[tuple[int, Counter[str], str, float]]()
    context = get_context("spawn")
    numbers = context.Queue()
    for number in range(options.jobs):
        numbers.put(number)
    with ProcessPoolExecutor(options.jobs, context, _stay, (numbers,)) as pool:
        for life in pool.map(tried, seeds) if options.jobs > 1 else map(tried, seeds):
            lives.append(life)
            if life[2]:
                print(life[2], flush=True)
    for what, times in sorted(sum((life[1] for life in lives), Counter[str]()).items()):
        print(f"{times:6} x {what}")
    days, spent = len(lives) * DAYS, sum(life[3] for life in lives)
    print(f"{days} days from seed {seeds[0]} in {time.monotonic() - began:.0f} s, {spent / days:.2f} CPU s a day")
    broken = [life[0] for life in lives if life[2]]
    print(f"{len(broken)} lives broke a promise: {broken}" if broken else "every promise was kept")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
