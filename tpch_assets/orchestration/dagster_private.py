"""Every use of private or undocumented parts of Dagster. Each function says why we need it.

`tpch-assets replay --batches 96 --scale-factor 0.01` needs 27.9 s of CPU time (user and system; the smallest of three
alternating runs, median 29.2) with both databases held open, 29.9 (33.9) without `databases_held_open` and 29.3 (34.2)
without `run_log_held_open`: 7 % and 5 %. Per event that is 1.4 ms and 0.5 ms of 9.7 ms.

Add a function here only if there is no public API, with a test in `test_dagster_private.py` that fails when Dagster
changes the private part.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

DATABASES = ("index", "runs", "schedules")  # Names of Dagster's SQLite databases, without those of individual runs.


@contextmanager
def databases_held_open(home: Path) -> Iterator[None]:
    """Keep a connection to each of Dagster's SQLite databases open.

    Dagster opens and closes a connection per event. When the last connection closes, SQLite flushes and deletes its
    log, which costs several disk flushes. With another connection open that does not happen, and nothing is less safe.
    """
    with _held_open(path for path in home.rglob("*.db") if path.stem in DATABASES):
        yield


@contextmanager
def run_log_held_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """The same for the database with the events of one run. Dagster creates it here if the run is new."""
    instance.all_logs(run_id)
    with _held_open(Path(instance.root_directory).rglob(f"{run_id}.db")):
        yield


@contextmanager
def _held_open(paths: Iterable[Path]) -> Iterator[None]:
    with ExitStack() as stack:
        for path in paths:
            connection = stack.enter_context(closing(sqlite3.connect(path)))
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield


@contextmanager
def listed(instance: dg.DagsterInstance, location: str) -> Iterator[None]:
    """Make runs that this process executes belong to a code location, as those do that Dagster launches.

    Jobs and the Timeline list no others, and the public API only launches runs in processes of their own.
    """
    create = instance.create_run_for_job

    def create_listed(job_def: dg.JobDefinition, **given: Any) -> dg.DagsterRun:
        return create(job_def, **given, remote_job_origin=_origin(location, job_def.name))

    vars(instance)[create.__name__] = create_listed  # Hides the class's own.
    try:
        yield
    finally:
        del vars(instance)[create.__name__]


def _origin(location: str, job: str) -> Any:
    """Where a job comes from, as Dagster stores it with a run."""
    place = {"__class__": "RegisteredRepositoryLocationOrigin", "location_name": location}
    repository = {
        "__class__": "ExternalRepositoryOrigin",
        "repository_location_origin": place,
        "repository_name": "__repository__",
    }
    origin = {"__class__": "ExternalPipelineOrigin", "external_repository_origin": repository, "pipeline_name": job}
    return dg.deserialize_value(json.dumps(origin))


def free_slots(instance: dg.DagsterInstance, run_id: str) -> None:
    """Free the pool slots of a run whose process is gone.

    Dagster's daemon makes the same call a minute later. A replay has no daemon, so its next run would wait forever.
    """
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def free_slots_of_unknown_runs(instance: dg.DagsterInstance) -> None:
    """Free the pool slots of runs that the instance does not know: their database was damaged and begun anew.

    Dagster frees slots of runs that have ended, and would keep these for ever.
    """
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids():
        if instance.get_run_by_id(run_id) is None:
            storage.free_concurrency_slots_for_run(run_id)
