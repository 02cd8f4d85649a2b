"""Silver and gold of a day on some worker processes, with what their tasks took; settings come by environment.

    python -m benchmarks.scale.layers

Prints one line of JSON: by layer, wall seconds of the run, CPU seconds of the workers, and by kind of task (and query)
the seconds of each.
"""

import json
import time
from typing import Any

import dagster as dg
from distributed import get_task_stream

from benchmarks.scale.day import START
from tpch_assets.calendar import day_key, window_key
from tpch_assets.commands.stages import QUIET
from tpch_assets.compute import cluster
from tpch_assets.definitions import defs
from tpch_assets.layers import DAY, WINDOW
from tpch_assets.orchestration.jobs import RANGE_END, RANGE_START, job_name
from tpch_assets.settings import current_settings
from tpch_assets_tests.tpch_tables import DIMENSIONS, FACTS

SELECTIONS = {
    "silver": ("silver", [["silver", name] for name in FACTS]),
    "dimensions": ("silver", [["silver", name] for name in DIMENSIONS]),
}


def main() -> None:
    """Run the layers in turn on one cluster."""
    cluster.client().wait_for_workers(current_settings().workers, timeout=120)
    print(json.dumps({layer: run(layer) for layer in ("dimensions", "silver", "gold")}))
    cluster.close()


def run(layer: str) -> dict[str, object]:
    """Materialize a day of a layer; returns its `wall` seconds, the workers' `cpu` seconds, and `tasks`, by kind."""
    job = defs.resolve_job_def(job_name("gold" if layer == "gold" else "silver"))
    selection = None
    if layer != "gold":
        selection = frozenset(dg.AssetKey(path) for path in SELECTIONS[layer][1])
    job = job.get_subset(asset_selection=selection, asset_check_selection=frozenset())
    tags = {
        "silver": {RANGE_START: window_key(START), RANGE_END: window_key(START + DAY - WINDOW)},
        "gold": {RANGE_START: day_key(START), RANGE_END: day_key(START)},
        "dimensions": {},
    }[layer]
    client: Any = cluster.client()
    with dg.DagsterInstance.ephemeral() as instance, get_task_stream(client) as stream:
        begin, used = time.perf_counter(), workers_cpu()
        job.execute_in_process(instance=instance, tags=tags, run_config=QUIET)
        wall, cpu = time.perf_counter() - begin, workers_cpu() - used
    tasks: dict[str, list[float]] = {}
    for entry in stream.data:
        for part in entry["startstops"]:
            if part["action"] == "compute":
                tasks.setdefault(kind(str(entry["key"])), []).append(part["stop"] - part["start"])
    return {"wall": wall, "cpu": cpu, "tasks": tasks}


def workers_cpu() -> float:
    """CPU seconds that the worker processes have used so far."""
    return sum(cluster.client().run(time.process_time).values())


def kind(key: str) -> str:
    """`run_partial-q01_…` of a partial's key, `write_piece` of others."""
    return "-".join(key.split("-")[:2]) if key.startswith("run_") else key.split("-")[0]


if __name__ == "__main__":
    main()
