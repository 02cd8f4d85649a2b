"""Replay: materialize a range of batches, and the windows and days that they complete, through Dagster.

The layers run concurrently in stages. Each stage is a process that takes windows in order from the stages before it:
while bronze parses one window, raw generates the next. Stages are processes because Dagster's runs are not safe in
threads of one process. A replay skips what the lake already contains, so a killed replay resumes where it stopped.
"""

import multiprocessing
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from typing import TypeAlias

import dagster as dg
import distributed  # noqa: F401 - imported, like pandas, once before the processes are forked
import pandas as pd  # noqa: F401

from tpch_assets.bronze.arrivals import pending_of
from tpch_assets.calendar import batch_key, floor
from tpch_assets.commands.stopping import end, end_group, lead_group, start
from tpch_assets.definitions import defs
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import BATCH, LAYERS, WINDOW
from tpch_assets.orchestration.alembic_private import read_migrations_once
from tpch_assets.orchestration.assemble import planner_of
from tpch_assets.orchestration.dagster_private import listed, run_log_held_open
from tpch_assets.orchestration.instance import OWNER_TAG, owner
from tpch_assets.orchestration.jobs import LOCATION, job_name
from tpch_assets.orchestration.sqlalchemy_private import share_compiled_sql
from tpch_assets.raw.missing import delivered_batches, missing_batches, missing_once
from tpch_assets.schema import Business, Table
from tpch_assets.settings import Settings, current_business, current_settings

COMMAND = "tpch_assets/command"
"""The tag of a run that names the command which made it."""
QUIET: dict[str, object] = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


class ReplayError(RuntimeError):
    """A layer's run failed. The message says which one and why; Dagster's run log has the details."""


@dataclass(frozen=True)
class Stretch:
    """Consecutive batches of one window: from `begin` to `end` (exclusive), in UTC."""

    begin: datetime
    end: datetime

    @property
    def keys(self) -> list[str]:
        return [batch_key(self.begin + i * BATCH) for i in range((self.end - self.begin) // BATCH)]


Stretches: TypeAlias = "Queue[Stretch | None]"
"""What a stage works through, and the end."""
News: TypeAlias = "Queue[tuple[str, str, int, str]]"
"""What stages say: `done`, `finished` or `failed`, by which stage, how many batches, and why."""


@dataclass(frozen=True)
class Stage:
    """One process of the replay: the runs that it requests for a stretch, and the stages that it waits for."""

    name: str
    layer: str
    requests: Callable[[Lake, Stretch], list[dg.RunRequest]]
    after: tuple[str, ...] = ()


def stretches_of(begin: datetime, batches: int) -> list[Stretch]:
    """Split `batches` batches, starting at `begin`, at the ends of windows."""
    end, found = begin + batches * BATCH, []
    while begin < end:
        stop = min(end, floor(begin, WINDOW) + WINDOW)
        found.append(Stretch(begin, stop))
        begin = stop
    return found


def with_data(lake: Lake, settings: Settings, business: Business, stretch: Stretch) -> int:
    """How many batches of a stretch have data: those that nothing was delivered in do not count as progress."""
    if settings.generates(business):
        return len(stretch.keys)
    return len(delivered_batches(lake, business, stretch.begin, stretch.end))


def replay(begin: datetime, batches: int, progress: Callable[[str, int], None]) -> None:
    """Replay `batches` batches, starting at `begin`.

    Args:
        progress: Called with (layer, batches) as each layer finishes a stretch.

    Raises:
        ReplayError: A run failed. The replay has stopped.
    """
    # Forked processes share the imported modules. Each process starts Dask and DuckDB on first use.
    context = multiprocessing.get_context("fork") if sys.platform == "linux" else multiprocessing.get_context("spawn")
    stages = Stages(current_settings(), current_business()).all()
    queues: dict[tuple[str, str], Stretches] = {
        (before, stage.name): context.Queue() for stage in stages for before in stage.after or ("",)
    }
    news: News = context.Queue()
    processes: list[BaseProcess] = [
        context.Process(
            target=_work,
            args=(
                stage,
                [queue for (_, name), queue in queues.items() if name == stage.name],
                [queue for (before, _), queue in queues.items() if before == stage.name],
                news,
                os.getpid(),
            ),
            name=stage.name,
        )
        for stage in stages
    ]
    try:
        start(processes)
        for first in (queue for (before, _), queue in queues.items() if not before):
            for stretch in [*stretches_of(begin, batches), None]:
                first.put(stretch)
        _follow(stages, processes, news, progress)
        for process in processes:
            process.join(timeout=30)  # Each process cleans up after itself.
    finally:
        end(processes)


def _follow(
    stages: list[Stage], processes: Sequence[BaseProcess], news: News, progress: Callable[[str, int], None]
) -> None:
    """Report the progress of each layer, measured by its slowest stage, until all stages have finished."""
    done = {stage.name: 0 for stage in stages}
    told = dict.fromkeys(LAYERS, 0)
    finished = set[str]()
    while len(finished) < len(stages):
        _await_news(processes, news, finished)
        kind, name, count, why = news.get()
        if kind == "failed":
            raise ReplayError(f"{name}: {why}")
        if kind == "finished":
            finished.add(name)
            continue
        done[name] += count
        layer = next(stage.layer for stage in stages if stage.name == name)
        slowest = min(done[stage.name] for stage in stages if stage.layer == layer)
        if slowest > told[layer]:
            progress(layer, slowest - told[layer])
            told[layer] = slowest


def _await_news(processes: Sequence[BaseProcess], news: News, finished: set[str]) -> None:
    """Wait until a stage says something.

    Raises:
        ReplayError: A process has ended, and its stage has not finished.
    """
    while True:
        # In this order: a process hands over its last news before it ends.
        gone = [process for process in processes if process.exitcode is not None and process.name not in finished]
        if not news.empty():
            return
        if gone:
            why = "died (out of memory?)" if gone[0].exitcode else "ended before its work was done"
            raise ReplayError(f"the process of {gone[0].name} {why}; run the replay again")
        time.sleep(0.02)


def _work(stage: Stage, inboxes: list[Stretches], outboxes: list[Stretches], news: News, parent: int) -> None:
    lead_group()
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    share_compiled_sql()
    read_migrations_once()
    settings = current_settings()
    with dg.DagsterInstance.get() as instance:
        while (stretch := [inbox.get() for inbox in inboxes].pop()) is not None:
            try:
                for request in stage.requests(Lake(settings.lake), stretch):
                    execute(instance, stage.layer, request, command="replay")
            except dg.DagsterExecutionInterruptedError:
                return  # The parent stopped this stage and knows why.
            except Exception as error:  # noqa: BLE001 - the parent raises it again
                cause = error.__cause__ or error
                traceback.print_exc(limit=-3)
                news.put(("failed", stage.name, 0, f"{type(cause).__name__}: {cause}"))
                return
            count = with_data(Lake(settings.lake), settings, current_business(), stretch)
            news.put(("done", stage.name, count, ""))
            for outbox in outboxes:
                outbox.put(stretch)
    for outbox in outboxes:
        outbox.put(None)
    news.put(("finished", stage.name, 0, ""))


def _leave_with(parent: int) -> None:
    """Exit this process when its parent is gone, for whatever reason."""
    while os.getppid() == parent:
        time.sleep(0.5)
    end_group()


class Stages:
    """The stages of a business, with the runs that each requests for a stretch."""

    def __init__(self, settings: Settings, business: Business) -> None:
        self.start, self.business = settings.start, business
        self.generates = settings.generates(business)
        self.planner = planner_of(settings, business)

    def all(self) -> list[Stage]:
        """Return all stages. A layer gets two if possible: one works while Dagster records the events of the other."""
        dimensions, facts = self.business.dimensions, self.business.facts
        first, rest = (*dimensions, facts[0]), facts[1:]
        split = [Stage("raw dimensions", "raw", partial(self._raw, dimensions))] if dimensions else []
        more = [Stage("bronze 2", "bronze", partial(self._bronze, rest), ("raw facts",))] if rest else []
        before = tuple(stage.name for stage in split)
        compact = [Stage("silver dimensions", "silver", self._silver_dimensions, ("bronze 1",))] if dimensions else []
        parsed = ("bronze 1", *(stage.name for stage in more))
        compacted = (*(stage.name for stage in compact), "silver facts")
        train = [Stage("models", "gold", self._models, compacted)] if self.business.models else []
        return [
            *split,
            Stage("raw facts", "raw", partial(self._raw, facts)),
            Stage("bronze 1", "bronze", partial(self._bronze, first), (*before, "raw facts")),
            *more,
            *compact,
            Stage("silver facts", "silver", self._silver_windows, parsed),
            Stage("gold", "gold", self._gold, compacted),
            *train,
        ]

    def _raw(self, tables: Sequence[Table], lake: Lake, stretch: Stretch) -> list[dg.RunRequest]:
        if not self.generates:
            return []
        wanted: dict[str, Sequence[str]] = {
            table.name: [batch_key(self.start)] for table in missing_once(lake, self.business) if table in tables
        }
        missing = missing_batches(lake, self.business, self.start, stretch.begin, stretch.end)
        wanted |= {table.name: missing[table.name] for table in tables if table.arrives == "every batch"}
        return self.planner.ranges("raw", wanted)

    def _bronze(self, tables: Sequence[Table], lake: Lake, stretch: Stretch) -> list[dg.RunRequest]:
        pending = pending_of(lake, tables, stretch.keys)
        first = batch_key(self.start)
        if first not in stretch.keys:  # Tables that arrive once arrive with the first batch.
            begun = pending_of(lake, tables, [first])
            pending = {name: sorted({*begun[name], *found}) for name, found in pending.items()}
        return self.planner.ranges("bronze", {name: found for name, found in pending.items() if found})

    def _silver_windows(self, lake: Lake, stretch: Stretch) -> list[dg.RunRequest]:
        return self.planner.windows(lake, stretch.end)

    def _silver_dimensions(self, lake: Lake, stretch: Stretch) -> list[dg.RunRequest]:
        return self.planner.dimensions(lake)

    def _gold(self, lake: Lake, stretch: Stretch) -> list[dg.RunRequest]:
        return self.planner.answers(lake, stretch.end)

    def _models(self, lake: Lake, stretch: Stretch) -> list[dg.RunRequest]:
        return self.planner.models(lake, stretch.end)


def execute(
    instance: dg.DagsterInstance,
    layer: str,
    request: dg.RunRequest,
    config: dict[str, object] = QUIET,
    *,
    command: str = "rebuild",
) -> None:
    """Run a request in this process, recorded as any run.

    Args:
        command: What asked for it, as a tag of the run.
    """
    job = defs.resolve_job_def(job_name(layer)).get_subset(
        asset_selection=frozenset(request.asset_selection or []),
        asset_check_selection=frozenset(request.asset_check_keys or []),
    )
    run_id = str(uuid.uuid4())
    with run_log_held_open(instance, run_id), listed(instance, LOCATION):
        try:
            job.execute_in_process(
                instance=instance,
                run_id=run_id,
                tags={**request.tags, COMMAND: command, OWNER_TAG: owner()},
                run_config=config,
            )
        except dg.DagsterError as error:
            # What was made is stored, and nothing else waits for it: a model's version that is kept back.
            models = {model.name for model in current_business().models}
            if not is_failed_check(error) or not models.issuperset(k.path[-1] for k in request.asset_selection or []):
                raise
            print(f"warning: {error}", file=sys.stderr)


def is_failed_check(error: dg.DagsterError) -> bool:
    """Whether a run failed by a blocking check. Dagster's public API does not name this error."""
    return type(error).__name__ == "DagsterAssetCheckFailedError"
