"""Batches on which bronze failed, read from Dagster's runs, and how they are asked for again.

A range that failed is asked for in quarters, until the batch at fault is alone. That one is set aside, and asked for at
growing intervals; all others go on. A file that is delivered again counts as new. One whose run's process was ended, as
by a reboot, is asked for again at once: only if that happens twice, the batch may be to blame. Nothing is written down:
what is in bronze is told by its table alone, and what failed by the runs.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from tpch_assets.calendar import parse
from tpch_assets.layers import BATCH
from tpch_assets.orchestration.jobs import PARTITIONS_PER_RUN, job_name, range_of

REMEMBERED, RUNS = timedelta(days=2), 200
"""How far back failed runs count, and how many of them are read."""
FIRST, LONGEST = timedelta(minutes=5), timedelta(hours=1)
"""The interval after a batch first failed alone. It doubles each time, up to the longest."""
_OURS = re.compile(rf"{__name__.split('.')[0]}\.[\w.]+: ")
SHARE = 4
"""A range that failed is asked for in so many pieces."""


@dataclass(frozen=True)
class Failure:
    """A failed run over the batches from `first` to `last` of some tables; None stands for all tables."""

    run_id: str
    ended: datetime
    first: str
    last: str
    tables: frozenset[str] | None = None

    @property
    def batches(self) -> int:
        return (parse(self.last) - parse(self.first)) // BATCH + 1

    def covers(self, table: str, batch: str) -> bool:
        return self.first <= batch <= self.last and (self.tables is None or table in self.tables)


@dataclass(frozen=True)
class Aside:
    """A batch that is set aside until `due`: it failed alone, `times` times, the last time in `failure`."""

    table: str
    batch: str
    times: int
    failure: Failure
    due: datetime

    def sentence(self, reason: str) -> str:
        return (
            f"raw/{self.table}/{self.batch} is set aside: bronze failed on it alone {self.times} times, the last time "
            f"at {self.failure.ended:%Y-%m-%d %H:%M} ({reason}). It is tried again at {self.due:%H:%M}, or as soon as "
            "it is delivered again; until then its window of silver waits, and everything else goes on."
        )


@dataclass
class Attempts:
    """What to ask for: batches by table, by how many a run may have at most; and what is set aside."""

    by_size: dict[int, dict[str, list[str]]] = field(default_factory=dict)
    aside: list[Aside] = field(default_factory=list)


def attempts(
    wanted: dict[str, Sequence[str]],
    failures: Sequence[Failure],
    now: datetime,
    changed: Callable[[str, str], datetime],
    died: Callable[[str], bool] = lambda run_id: False,
) -> Attempts:
    """Decide for each batch how it is asked for.

    Args:
        wanted: Batches that bronze lacks, by table.
        changed: When the raw files of a table's batch last changed: earlier failures were those of other files.
        died: Whether a failed run's process was ended, and no step of it failed.
    """
    found = Attempts()
    for table, batches in wanted.items():
        for batch in batches:
            ours = [failure for failure in failures if failure.covers(table, batch)]
            if ours:
                since = changed(table, batch)
                ours = [failure for failure in ours if failure.ended > since]
            alone = [failure for failure in ours if failure.batches == 1]
            judged = alone and not (len(alone) == 1 and died(alone[0].run_id))
            if judged and (aside := _aside(table, batch, alone)).due > now:
                found.aside.append(aside)
                continue
            size = min((failure.batches // SHARE for failure in ours), default=PARTITIONS_PER_RUN)
            found.by_size.setdefault(max(1, size), {}).setdefault(table, []).append(batch)
    return found


def _aside(table: str, batch: str, alone: list[Failure]) -> Aside:
    last = max(alone, key=lambda failure: failure.ended)
    wait = min(FIRST * 2 ** min(len(alone) - 1, 10), LONGEST)
    return Aside(table, batch, len(alone), last, last.ended + wait)


def failures_of(instance: dg.DagsterInstance, layer: str, now: datetime) -> list[Failure]:
    """The failed runs of a layer in the last two days."""
    failed = dg.RunsFilter(
        job_name=job_name(layer), statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - REMEMBERED
    )
    return list(_failures(instance.get_run_records(failed, limit=RUNS)))


def failed_since(instance: dg.DagsterInstance, layer: str, moment: datetime) -> bool:
    """Whether a run of a layer has failed since then."""
    failed = dg.RunsFilter(job_name=job_name(layer), statuses=[dg.DagsterRunStatus.FAILURE], updated_after=moment)
    return bool(instance.get_run_records(failed, limit=1))


def _failures(records: Iterable[dg.RunRecord]) -> Iterable[Failure]:
    for record in records:
        run = record.dagster_run
        if asked := range_of(run.tags):
            ended = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
            chosen = run.asset_selection
            tables = frozenset(key.path[-1] for key in chosen) if chosen else None
            yield Failure(run.run_id, ended, *asked, tables)


def reason_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed, in one line."""
    return _error_of(instance, run_id) or f"its process ended; see run {run_id}"


def has_died(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a failed run's process was ended, and no step of it failed."""
    return not _error_of(instance, run_id)


def _error_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """The error that failed a run's step: the first of our own, or what is behind all others; empty if none did."""
    for entry in instance.all_logs(run_id, dg.DagsterEventType.STEP_FAILURE):
        error = entry.dagster_event.step_failure_data.error if entry.dagster_event else None
        messages = []
        while error is not None:
            messages.append(error.message)
            error = error.cause
        if messages:
            told = next(filter(_OURS.match, messages), messages[-1])
            return " ".join(_OURS.sub("", told).split())[:200]
    return ""
