"""Replay: materialize a stretch of batches, and the windows and days they complete, through Dagster.

The four layers run side by side, each in a process of its own that takes windows in order from the layer before: while
bronze parses one window, raw makes the next. (Processes, since Dagster's runs are not safe in threads of one.) What the
lake holds already is not made again, so a replay that was killed goes on where it was.
"""

import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from tpch_assets import staleness
from tpch_assets.automation import gold_requests, silver_requests
from tpch_assets.calendar import BATCH, WINDOW, batch_key, floor
from tpch_assets.definitions import defs
from tpch_assets.instance import OWNER_TAG, owner
from tpch_assets.jobs import JOBS, range_requests
from tpch_assets.lake import Lake
from tpch_assets.settings import Settings, current_settings
from tpch_assets.tables import TABLES

LAYERS = ("raw", "bronze", "silver", "gold")
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


class ReplayError(RuntimeError):
    """A layer's run failed; the message says which and why. Dagster's run log holds the rest."""


@dataclass(frozen=True)
class Stretch:
    """Batches of one window: from `begin` up to `end`, both in UTC."""

    begin: datetime
    end: datetime

    @property
    def keys(self) -> list[str]:
        return [batch_key(self.begin + i * BATCH) for i in range((self.end - self.begin) // BATCH)]


def stretches_of(begin: datetime, batches: int) -> list[Stretch]:
    """`batches` batches from `begin` on, cut at the ends of windows."""
    end, found = begin + batches * BATCH, []
    while begin < end:
        stop = min(end, floor(begin, WINDOW) + WINDOW)
        found.append(Stretch(begin, stop))
        begin = stop
    return found


def replay(begin: datetime, batches: int, progress: Callable[[str, int], None]) -> None:
    """Replay `batches` batches from `begin` on.

    Args:
        progress: Called with (layer, batches) as each layer finishes a stretch.

    Raises:
        ReplayError: A run failed; the layers behind it have stopped.
    """
    # Forking shares what is imported; Dask and DuckDB start in each process when it first needs them.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    queues = [context.Queue() for _ in range(len(LAYERS) + 1)]
    news = context.Queue()
    processes = [
        context.Process(target=_work, args=(layer, queues[i], queues[i + 1], news, os.getpid()), name=layer)
        for i, layer in enumerate(LAYERS)
    ]
    for process in processes:
        process.start()
    for stretch in stretches_of(begin, batches):
        queues[0].put(stretch)
    queues[0].put(None)
    try:
        _follow(processes, news, progress)
        for process in processes:
            process.join(timeout=30)  # Each clears up after itself.
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _follow(processes: list[Any], news: Any, progress: Callable[[str, int], None]) -> None:
    finished = 0
    while finished < len(processes):
        while news.empty():
            if dead := [p.name for p in processes if p.exitcode]:
                raise ReplayError(f"the process of layer {dead[0]} died (out of memory?); run the replay again")
            time.sleep(0.02)
        kind, layer, value = news.get()
        if kind == "failed":
            raise ReplayError(f"{layer}: {value}")
        if kind == "done":
            progress(layer, value)
        finished += kind == "finished"


def _work(layer: str, inbox: Any, outbox: Any, news: Any, parent: int) -> None:
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    settings = current_settings()
    make = _LAYERS[layer]
    with dg.DagsterInstance.get() as instance:
        while (stretch := inbox.get()) is not None:
            try:
                for request in make(Lake(settings.lake), settings, stretch):
                    _execute(instance, layer, request)
            except dg.DagsterExecutionInterruptedError:
                return  # The parent has said to stop; it knows why.
            except Exception as error:  # noqa: BLE001 - raised again by the parent
                cause = error.__cause__ or error
                traceback.print_exc(limit=-3)
                news.put(("failed", layer, f"{type(cause).__name__}: {cause}"))
                return
            news.put(("done", layer, len(stretch.keys)))
            outbox.put(stretch)
    outbox.put(None)
    news.put(("finished", layer, None))


def _leave_with(parent: int) -> None:
    """End this process when its parent is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _raw(lake: Lake, settings: Settings, stretch: Stretch) -> list[dg.RunRequest]:
    first = [batch_key(settings.start)]
    once = range_requests("raw", dict.fromkeys(staleness.missing_once(lake), first))
    missing = staleness.missing_raw(lake, stretch.begin, stretch.end)
    return once + range_requests("raw", {n: missing for n, table in TABLES.items() if table.arrives == "every batch"})


def _bronze(lake: Lake, settings: Settings, stretch: Stretch) -> list[dg.RunRequest]:
    pending = staleness.pending_batches(lake, stretch.keys)
    first = batch_key(settings.start)
    if first not in stretch.keys:  # Tables that come once come with it.
        begun = staleness.pending_batches(lake, [first])
        pending = {name: sorted({*begun[name], *found}) for name, found in pending.items()}
    return range_requests("bronze", {name: found for name, found in pending.items() if found})


def _silver(lake: Lake, settings: Settings, stretch: Stretch) -> list[dg.RunRequest]:
    return silver_requests(lake, stretch.end)


def _gold(lake: Lake, settings: Settings, stretch: Stretch) -> list[dg.RunRequest]:
    return gold_requests(lake, settings.start, stretch.end)


_LAYERS: dict[str, Callable[[Lake, Settings, Stretch], list[dg.RunRequest]]] = {
    "raw": _raw,
    "bronze": _bronze,
    "silver": _silver,
    "gold": _gold,
}


def _execute(instance: dg.DagsterInstance, layer: str, request: dg.RunRequest) -> None:
    job = defs.resolve_job_def(JOBS[layer].name).get_subset(
        asset_selection=frozenset(request.asset_selection or []),
        asset_check_selection=frozenset(request.asset_check_keys or []),
    )
    job.execute_in_process(
        instance=instance,
        tags={**request.tags, OWNER_TAG: owner()},
        run_config=QUIET,
    )
