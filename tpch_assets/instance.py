"""The local Dagster instance: where its home is, and clearing up after processes that died."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
from sqlalchemy import Connection, Engine
from sqlalchemy.event import listens_for

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
    with _held_open(path for path in home.rglob("*.db") if path.stem in ("index", "runs", "schedules")):
        yield


class _OneDialect(dict[Any, Any]):
    """Compiled SQL by statement, whichever engine compiled it: all of Dagster's engines here speak one dialect."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


def share_compiled_sql() -> None:
    """Let this process's SQLite engines share compiled statements: compiling is half of what an event costs Dagster."""
    cache = _OneDialect()

    @listens_for(Engine, "engine_connect")
    def use_cache(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.execution_options(compiled_cache=cache)


@contextmanager
def run_log_held_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """The same for the database with one run's events, which is made here if the run is new."""
    instance.all_logs(run_id)
    with _held_open(Path(instance.root_directory).rglob(f"{run_id}.db")):
        yield


@contextmanager
def _held_open(paths: Iterable[Path]) -> Iterator[None]:
    connections = [sqlite3.connect(path) for path in paths]
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
    try:  # One that nobody has asked for its end yet, as in a container, has ended all the same.
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
