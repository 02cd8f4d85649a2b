"""Replay one day in a fresh lake and print where its wall time goes, from Dagster's own event log.

    python -m benchmarks.replay [--scale-factor 0.1] [--batches 96] [--sql-only]

A moment counts as work while any layer generates, parses, writes or queries (or a check recounts); the rest is
orchestration: starting, planning, and Dagster's bookkeeping.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

LAYERS = {"raw": "generating and writing", "bronze": "parsing and writing", "silver": "compacting", "gold": "querying"}


def main() -> None:
    """Replay, then read the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale-factor", default="0.1")
    parser.add_argument("--batches", default="96")
    yesterday = str((datetime.now(UTC) - timedelta(days=1)).date())
    parser.add_argument("--start", default=yesterday, help="first day of the calendar (default: yesterday)")
    parser.add_argument("--sql-only", action="store_true", help="leave out the answer in Python and the model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        ours = {
            "DAGSTER_HOME": str(home),
            "TPCH_START": arguments.start,
            "TPCH_LAKE": f"{folder}/lake",
        }
        if arguments.sql_only:
            ours |= {"TPCH_BUSINESS": "benchmarks.sql_only", "PYTHONPATH": str(Path(__file__).parent.parent)}
        command = [str(Path(sys.executable).with_name("tpch-assets")), "replay", "--batches", arguments.batches]
        command += ["--scale-factor", arguments.scale_factor]
        begin = time.time()
        subprocess.run(command, env={**os.environ, **ours}, check=True, stderr=subprocess.DEVNULL)
        end = time.time()
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(f"{arguments.batches} batches at scale factor {arguments.scale_factor}: {end - begin:.1f} s")
        print(f"largest process: {peak:.2f} GB")
        os.environ["DAGSTER_HOME"] = str(home)
        with dg.DagsterInstance.get() as instance:
            report(work(instance), begin, end)
            events = sum(len(instance.all_logs(run.run_id)) for run in instance.get_runs())
            print(f"events in Dagster's log: {events:,}")


def work(instance: dg.DagsterInstance) -> dict[str, list[tuple[float, float]]]:
    """Per layer the intervals in which it stored something, and those of the checks."""
    found: dict[str, list[tuple[float, float]]] = {layer: [] for layer in [*LAYERS, "checks"]}
    for run in instance.get_runs():
        started: dict[str, float] = {}
        stored: set[str] = set()
        for entry in instance.all_logs(run.run_id):
            event = entry.dagster_event
            if event is None or event.step_key is None:
                continue
            if event.is_step_start:
                started[event.step_key] = entry.timestamp
            elif event.is_step_success and event.step_key.endswith(("_lines", "_keys")):
                found["checks"].append((started[event.step_key], entry.timestamp))
            elif event.is_step_materialization and event.asset_key:
                name = event.asset_key.to_user_string()
                told = event.step_materialization_data.materialization.metadata
                seconds: Any = (told.get("seconds of the run") or told["seconds"]).value
                if name not in stored:
                    stored.add(name)
                    layer = event.asset_key.path[0]
                    found[layer].append((entry.timestamp - float(seconds), entry.timestamp))
    return found


def report(found: dict[str, list[tuple[float, float]]], begin: float, end: float) -> None:
    """Print each layer's busy time and the part of the wall time in which nothing was at work."""
    wall = end - begin
    for layer, intervals in found.items():
        print(f"{layer:8} {LAYERS.get(layer, 'recounting'):24} {busy(intervals):6.1f} s {busy(intervals) / wall:6.1%}")
    together = busy(interval for intervals in found.values() for interval in intervals)
    print(f"{'any':8} {'of these at work':24} {together:6.1f} s {together / wall:6.1%}")
    print(f"{'none':8} {'orchestration':24} {wall - together:6.1f} s {1 - together / wall:6.1%}")


def busy(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals, in seconds."""
    total, reached = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return total


if __name__ == "__main__":
    main()
