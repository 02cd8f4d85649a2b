"""What Dagster's runs and checks show to be wrong: runs that failed or hang, checks that failed, files set aside.

What the lake shows is found in `alerts/lake_conditions.py`. The sensor is in `alerts.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from cachetools import LRUCache

from tpch_assets.alerts.conditions import Condition
from tpch_assets.bronze.arrivals import pending_of
from tpch_assets.calendar import key_format, parse
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import LAYERS
from tpch_assets.orchestration.instance import EXECUTED, LEAST, last_news, patience
from tpch_assets.orchestration.jobs import job_name, range_of
from tpch_assets.orchestration.run_times import words_of
from tpch_assets.orchestration.setbacks import Failure, failures_of, reason_of
from tpch_assets.schema import Business

REMEMBERED, RUNS = timedelta(days=2), 200
"""How far back failed runs count, and how many runs are read."""
QUEUED = [dg.DagsterRunStatus.QUEUED]
WAITING = timedelta(minutes=30)
"""How long a run may be queued."""
ASK_AGAIN = timedelta(minutes=4)
"""After how long checks are asked for although no run's state changed: some are evaluated without a run."""
_ASSETS: LRUCache[str, frozenset[str]] = LRUCache(2000)  # By run.
BY_CHECK = "AssetCheckFailedError"  # In the message of a run that a blocking check has failed.
WILL_RETRY = "dagster/will_retry"  # Set by Dagster on a failed run that it will run again.


@dataclass(frozen=True)
class Finished:
    """A finished run: its job, the assets and the range of partitions it was for, and when it ended."""

    run_id: str
    job: str
    assets: frozenset[str]
    range: tuple[str, str] | None
    ended: datetime

    @classmethod
    def of(cls, instance: dg.DagsterInstance, record: dg.RunRecord) -> "Finished":
        run = record.dagster_run
        ended = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
        return cls(run.run_id, run.job_name, _assets(instance, run), range_of(run.tags), ended)

    @property
    def subject(self) -> str:
        """The asset if it is one alone, or the job."""
        return next(iter(self.assets)) if len(self.assets) == 1 else self.job


def failed_runs(instance: dg.DagsterInstance, now: datetime) -> Iterator[Condition]:
    """Runs that failed after their retries, until others have succeeded in their place.

    Those of bronze are left to `set_aside`, as bronze is asked for in smaller pieces until the batch at fault is known.
    """
    failed = [
        Finished.of(instance, record)
        for record in _records(instance, dg.DagsterRunStatus.FAILURE, now)
        if not _goes_on(record.dagster_run) and record.dagster_run.job_name != job_name("bronze")
    ]
    if not failed:
        return
    jobs, first_end = {run.job for run in failed}, min(run.ended for run in failed).timestamp()
    succeeded = [
        Finished.of(instance, record)
        for record in _records(instance, dg.DagsterRunStatus.SUCCESS, now)
        if record.dagster_run.job_name in jobs and (record.end_time or first_end) >= first_end
    ]
    same: dict[tuple[str, str], list[Finished]] = {}
    for run in unmended(failed, succeeded):
        same.setdefault((run.subject, _words(run.range)), []).append(run)
    for (subject, partition), found in same.items():
        first, last = (pick(found, key=lambda run: run.ended) for pick in (min, max))
        reason, path = reason_of(instance, last.run_id), f"/runs/{last.run_id}"
        if BY_CHECK in reason:
            continue  # The check is told itself.
        yield Condition("run failed", first.job.removesuffix("_job"), subject, first.ended, partition, reason, path)


def unmended(failed: Iterable[Finished], succeeded: Collection[Finished]) -> list[Finished]:
    """Those failed runs whose assets and partitions no later runs of the same job have covered."""
    return [run for run in failed if not _covered(run, [one for one in succeeded if one.ended > run.ended])]


def queued_runs(instance: dg.DagsterInstance, now: datetime) -> Iterator[Condition]:
    """Runs that wait in the queue for too long."""
    queued = dg.RunsFilter(statuses=QUEUED, updated_after=now - REMEMBERED)
    for record in instance.get_run_records(queued, limit=RUNS):
        since = record.create_timestamp.replace(tzinfo=UTC)
        if now - since > WAITING:
            yield _of_run("run queued", record.dagster_run, since)


def stuck_runs(instance: dg.DagsterInstance, now: datetime) -> Iterator[Condition]:
    """Runs that have said nothing for half of the time after which they are ended."""
    for record in instance.get_run_records(dg.RunsFilter(statuses=EXECUTED), limit=RUNS):
        if now - record.create_timestamp.replace(tzinfo=UTC) <= LEAST / 2:
            continue
        since = last_news(instance, record)
        if now - since > patience(instance, record.dagster_run.job_name) / 2:
            yield _of_run("run stuck", record.dagster_run, since, "its log says nothing new")


class Checks:
    """The checks whose failure is told. All are asked for again after a run's state changed, and every few minutes.

    Dagster gives the last evaluation of one check at a time, each at the cost of a query.
    """

    def __init__(self, keys: Iterable[dg.AssetCheckKey]) -> None:
        self._keys = list(keys)
        self._asked: tuple[object, datetime] | None = None
        self._failed: list[Condition] = []

    def failed(self, instance: dg.DagsterInstance, now: datetime) -> list[Condition]:
        """Checks whose last evaluation failed as an error; warnings are shown in Dagster alone."""
        newest = instance.get_run_records(limit=1, order_by="update_timestamp")
        state = [(record.dagster_run.run_id, record.update_timestamp) for record in newest]
        if self._asked is None or self._asked[0] != state or now - self._asked[1] >= ASK_AGAIN:
            self._failed = list(_failed_checks(instance, self._keys))
            self._asked = state, now
        return self._failed


def _failed_checks(instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]) -> Iterator[Condition]:
    for key in keys:
        record = instance.get_latest_asset_check_evaluation_record(key)
        found = record.event.asset_check_evaluation if record is not None and record.event is not None else None
        if record is None or found is None or found.passed or found.severity != dg.AssetCheckSeverity.ERROR:
            continue
        asset = "/".join(key.asset_key.path)
        since, path = datetime.fromtimestamp(record.create_timestamp, UTC), f"/assets/{asset}"
        yield Condition("check failed", asset.split("/")[0], f"{key.name} of {asset}", since, "", words_of(found), path)


def set_aside(instance: dg.DagsterInstance, lake: Lake, business: Business, now: datetime) -> Iterator[Condition]:
    """Batches on which bronze failed alone and which it still lacks."""
    alone: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures_of(instance, "bronze", now):
        if failure.batches == 1:
            for name in business.names if failure.tables is None else failure.tables & set(business.names):
                alone.setdefault((name, failure.first), []).append(failure)
    for (name, batch), failures in sorted(alone.items()):
        if batch in pending_of(lake, [business.table(name)], [batch])[name]:
            failures.sort(key=lambda failure: failure.ended)
            reason, path = reason_of(instance, failures[-1].run_id), f"/runs/{failures[-1].run_id}"
            yield Condition("set aside", "bronze", f"raw/{name}/{batch}", failures[0].ended, "", reason, path)


def _records(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, now: datetime) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(dg.RunsFilter(statuses=[status], updated_after=now - REMEMBERED), limit=RUNS)


def _assets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[str]:
    """The assets that a finished run was for. Runs that were not launched name them in their log alone."""
    if run.run_id not in _ASSETS:
        keys = set(run.asset_selection or ())
        for entry in [] if keys else instance.all_logs(run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
            if entry.dagster_event and entry.dagster_event.asset_key:
                keys.add(entry.dagster_event.asset_key)
        _ASSETS[run.run_id] = frozenset("/".join(key.path) for key in keys)
    return _ASSETS[run.run_id]


def _goes_on(run: dg.DagsterRun) -> bool:
    """Whether Dagster runs it again by itself."""
    return run.tags.get(WILL_RETRY) == "true"


def _covered(run: Finished, later: Iterable[Finished]) -> bool:
    """Whether later runs have succeeded with all of a failed run's assets and partitions."""
    same = [one for one in later if one.job == run.job]
    if run.range is None:
        return any(run.assets <= one.assets or not one.assets for one in same)
    step = LAYERS[layer].step if (layer := run.job.removesuffix("_job")) in LAYERS else None
    ranges = [one for one in same if one.range is not None]
    return all(
        any(
            one.range[0] <= key <= one.range[1] and (asset in one.assets or not one.assets)
            for one in ranges
            if one.range
        )
        for key in (_keys(run.range, step) if step else run.range)
        for asset in run.assets or {""}
    )


def _keys(ends: tuple[str, str], step: timedelta) -> list[str]:
    first, last = map(parse, ends)
    return [(first + i * step).strftime(key_format(step)) for i in range((last - first) // step + 1)]


def _of_run(kind: str, run: dg.DagsterRun, since: datetime, detail: str = "") -> Condition:
    ends = range_of(run.tags)
    scope = run.job_name.removesuffix("_job")
    return Condition(kind, scope, scope, since, _words(ends), detail, f"/runs/{run.run_id}")


def _words(ends: tuple[str, str] | None) -> str:
    if ends is None:
        return ""
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
