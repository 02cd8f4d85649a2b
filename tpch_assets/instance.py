"""The local Dagster instance: where its home is, and clearing up after processes that died."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from tpch_assets.settings import PROJECT

OWNER_TAG = "tpch_assets/process"


def prepare_home() -> Path:
    """Make `DAGSTER_HOME` (by default `.dagster` in the project) with the project's dagster.yaml in it.

    Where `DAGSTER_LOGS_BUCKET` names a bucket it is the one of `deploy/`, which keeps the output of runs there.
    """
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(PROJECT / ".dagster")))
    home.mkdir(parents=True, exist_ok=True)
    folder = PROJECT / "deploy" if os.environ.get("DAGSTER_LOGS_BUCKET") else PROJECT
    source, target = folder / "dagster.yaml", home / "dagster.yaml"
    if source.exists() and home != PROJECT and (not target.exists() or target.read_bytes() != source.read_bytes()):
        shutil.copyfile(source, target)
    return home


@contextmanager
def databases_held_open(home: Path) -> Iterator[None]:
    """Keep a connection to Dagster's SQLite databases open meanwhile.

    Dagster opens and closes one per event; when the last closes, SQLite flushes and deletes its log, which costs
    several disk flushes each time. While another connection is open that does not happen, and no durability is lost.
    """
    connections = [sqlite3.connect(path) for path in home.rglob("*.db") if path.stem in ("index", "runs", "schedules")]
    for connection in connections:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


def owner() -> str:
    """This process, as a tag of the runs that it executes itself."""
    return f"{socket.gethostname()}:{os.getpid()}"


def reap(instance: dg.DagsterInstance) -> int:
    """Fail runs whose process on this machine is gone, and free their pool slots. Returns how many there were."""
    statuses = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    dead = [run for run in instance.get_runs(dg.RunsFilter(statuses=statuses)) if _is_dead(run.tags.get(OWNER_TAG, ""))]
    for run in dead:
        instance.report_run_failed(run, "The process that executed this run is gone; run it again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


def _is_dead(process: str) -> bool:
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
