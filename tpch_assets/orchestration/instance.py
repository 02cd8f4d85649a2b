"""The local Dagster instance: prepares its home, and cleans up after processes that died.

`dagster_private` accesses Dagster's own tables and files.
"""

import json
import os
import shutil
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import dagster as dg
import psutil

from tpch_assets.orchestration.dagster_private import free_slots, free_slots_of_unknown_runs
from tpch_assets.settings import PROJECT

OWNER_TAG = "tpch_assets/process"
BORN_TAG = "tpch_assets/process_born"
BOOT = "/proc/sys/kernel/random/boot_id"
SERVER_TAG = ".dagster/grpc_info"  # Set by Dagster: the code server that executes a run.
EXECUTED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

GONE = "The process that executed this run is gone."
SILENT = "This run has said nothing for more than"
LEAST, UNKNOWN = timedelta(minutes=10), timedelta(hours=1)
"""How long any run may say nothing, and how long one may of whose job no run has succeeded yet."""
REPORTS = 500
"""How many entries of a run's log are looked at: those of more than an hour in which it only reports its progress."""
COMPARED = 20
"""A run is compared with so many of its job's last runs that succeeded."""


def prepare_home() -> Path:
    """Create `DAGSTER_HOME` (by default `.dagster` in the project) with the project's dagster.yaml.

    If `DAGSTER_LOGS_BUCKET` is set, use the dagster.yaml in `deploy/`, which stores the output of runs in that bucket.
    """
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(PROJECT / ".dagster")))
    home.mkdir(parents=True, exist_ok=True)
    folder = PROJECT / "deploy" if os.environ.get("DAGSTER_LOGS_BUCKET") else PROJECT
    source, target = folder / "dagster.yaml", home / "dagster.yaml"
    if source.exists() and home != PROJECT and (not target.exists() or target.read_bytes() != source.read_bytes()):
        shutil.copyfile(source, target)
    return home


def owner() -> str:
    """Identify this process in a tag of the runs that it executes."""
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(instance: dg.DagsterInstance, run_id: str) -> None:
    """Tag a run with this process, which executes it whole: the executor is Dagster's in-process one.

    The tags tell the process from a later one with the same number, after a reboot or in another container.
    """
    instance.add_run_tags(run_id, {OWNER_TAG: owner(), BORN_TAG: _born(os.getpid())})


def reap(instance: dg.DagsterInstance) -> int:
    """Fail runs whose process on this machine is gone, and free their pool slots. Returns their number."""
    free_slots_of_unknown_runs(instance)
    return len(_fail(instance, lambda run: _is_dead(run.tags), GONE))


def reap_served(instance: dg.DagsterInstance) -> int:
    """The same for runs of a `dagster dev` on this machine that has exited. Dagster would wait hours for them."""
    return len(_fail(instance, lambda run: _is_unserved(run.tags.get(SERVER_TAG)), GONE))


def end_lost(instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """End runs that would block their layer: their process is gone, or they have said nothing for far too long.

    Returns a sentence for each. Call it often: it costs one query while all runs are young.
    """
    return [*_fail(instance, lambda run: _is_dead(run.tags), GONE), *_end_silent(instance, now)]


def _end_silent(instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """End runs without an event for three times as long as runs of their job usually take in whole.

    A run at work logs its progress every 10 seconds. A frozen one ignores every signal but SIGKILL.
    """
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=EXECUTED)):
        run = record.dagster_run
        if now - record.create_timestamp.replace(tzinfo=UTC) <= LEAST:
            continue
        silence = now - last_news(instance, record)
        if silence > LEAST and silence > (limit := patience(instance, run.job_name)):
            _kill(run.tags)
            why = f"{SILENT} {limit.total_seconds() / 60:.0f} minutes."
            ended += _fail(instance, _is(run), why)
    return ended


def _is(run: dg.DagsterRun) -> Callable[[dg.DagsterRun], bool]:
    return lambda other: other.run_id == run.run_id


def last_news(instance: dg.DagsterInstance, record: dg.RunRecord) -> datetime:
    """When a run last said something new: reports that only repeat how far it is tell that its process lives."""
    found = instance.get_records_for_run(record.dagster_run.run_id, limit=REPORTS, ascending=False).records
    if not found:
        return record.create_timestamp.replace(tzinfo=UTC)
    same = takewhile(lambda entry: _progress(entry) == _progress(found[0]), found[1:])
    return _moment(min(entry.timestamp for entry in (found[0], *same)))


def _progress(entry: dg.EventLogRecord) -> object:
    """How far a report says that the run is, such as `12 of 40 shards done`; any other entry is unlike all others."""
    log = entry.event_log_entry
    return entry.storage_id if log.dagster_event else log.user_message.split(",")[0]


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def patience(instance: dg.DagsterInstance, job: str) -> timedelta:
    """How long a run may say nothing: three times what the longest of the job's last runs took."""
    done = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])
    records = instance.get_run_records(done, limit=COMPARED)
    took = [timedelta(seconds=r.end_time - r.start_time) for r in records if r.start_time and r.end_time]
    return max(LEAST, 3 * max(took)) if took else UNKNOWN


def _kill(tags: Mapping[str, str]) -> None:
    """Kill the process that executes a run, if it is on this machine and is no other by now."""
    host, _, pid = tags.get(OWNER_TAG, "").rpartition(":")
    if host == socket.gethostname() and int(pid) != os.getpid() and _born(int(pid)) == tags.get(BORN_TAG):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(pid)).kill()


def _fail(instance: dg.DagsterInstance, is_lost: Callable[[dg.DagsterRun], bool], why: str) -> list[str]:
    """Report runs as failed and free their pool slots. Returns a sentence for each."""
    said = []
    for run in [run for run in instance.get_runs(dg.RunsFilter(statuses=EXECUTED)) if is_lost(run)]:
        # A process reports the end of its run before it exits.
        now = instance.get_run_by_id(run.run_id)
        if now is None or now.status not in EXECUTED:
            continue
        instance.report_run_failed(run, f"{why} Run it again.")
        free_slots(instance, run.run_id)
        said.append(f"Run {run.run_id} of {run.job_name} was ended: {why}")
    return said


def _is_unserved(server: str | None) -> bool:
    """Whether no code server listens on the socket file that a run's tag names."""
    path = json.loads(server or "{}").get("socket")
    if path is None:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) != 0


def _is_dead(tags: Mapping[str, str]) -> bool:
    host, _, pid = tags.get(OWNER_TAG, "").rpartition(":")
    if host != socket.gethostname():
        return False
    try:  # A zombie has exited but nobody has reaped it yet, as in containers without an init process.
        if psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE:
            return True
    except psutil.NoSuchProcess:
        return True
    return BORN_TAG in tags and _born(int(pid)) != tags[BORN_TAG]


def _born(pid: int) -> str:
    """When a process began, told so that no setting of the clock changes it; empty if there is none.

    On Linux: the boot, and the time since it.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{Path(BOOT).read_text().strip()} {fields[19]}"
    except FileNotFoundError:
        pass
    try:
        return str(psutil.Process(pid).create_time()) if not Path(BOOT).exists() else ""
    except psutil.NoSuchProcess:
        return ""
