"""What we use of Dagster's private parts is still there, and still does what we use it for."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tpch_assets.orchestration.dagster_private import DATABASES, databases_held_open, listed, run_log_held_open
from tpch_assets.orchestration.instance import OWNER_TAG, owner, prepare_home, reap


@dg.op(pool="ours")
def nothing() -> None:
    pass


@dg.job
def job() -> None:
    nothing()


@pytest.fixture
def stored(environment: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with SQLite databases in its home, as a replay has it."""
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        assert job.execute_in_process(instance=instance).success
        list(instance.all_instigator_state())
        yield instance


def logs(home: Path) -> set[str]:
    """The databases whose log SQLite keeps, because a connection is open."""
    return {path.name.removesuffix(".db-wal") for path in home.rglob("*.db-wal")}


def test_databases_stay_open_between_dagsters_own_connections(stored: dg.DagsterInstance, environment: Path) -> None:
    home = environment / "dagster"
    assert {path.stem for path in home.rglob("*.db")} >= set(DATABASES)
    assert logs(home) & set(DATABASES) == set()
    with databases_held_open(home):
        assert job.execute_in_process(instance=stored).success
        assert {"index", "runs"} <= logs(home)
    assert logs(home) & set(DATABASES) == set()


def test_the_log_of_a_run_stays_open_between_its_events(stored: dg.DagsterInstance, environment: Path) -> None:
    run = "01234567-89ab-4def-8123-456789abcdef"
    with run_log_held_open(stored, run):
        assert job.execute_in_process(instance=stored, run_id=run).success
        assert run in logs(environment / "dagster")
    assert run not in logs(environment / "dagster")


def test_runs_in_this_process_belong_to_a_code_location(stored: dg.DagsterInstance) -> None:
    with listed(stored, "ours"):
        inside = job.execute_in_process(instance=stored).dagster_run
    outside = job.execute_in_process(instance=stored).dagster_run
    run = stored.get_run_by_id(inside.run_id)
    assert run is not None and run.remote_job_origin is not None and outside.remote_job_origin is None
    assert run.remote_job_origin.job_name == "job"
    assert run.remote_job_origin.repository_origin.get_label() == "__repository__@ours"
    found = stored.get_runs(dg.RunsFilter(tags={".dagster/repository": "__repository__@ours"}))
    assert [one.run_id for one in found] == [inside.run_id]


def test_the_slots_of_a_run_whose_process_died_are_free_again(stored: dg.DagsterInstance) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    host = owner().rpartition(":")[0]
    dead = stored.create_run_for_job(job, tags={OWNER_TAG: f"{host}:{process.pid}"})
    storage = stored.event_log_storage
    storage.set_concurrency_slots("ours", 1)
    assert storage.claim_concurrency_slot("ours", dead.run_id, "nothing").is_claimed
    assert not storage.claim_concurrency_slot("ours", "another", "nothing").is_claimed
    assert reap(stored) == 1
    assert storage.claim_concurrency_slot("ours", "another", "nothing").is_claimed
    failed = stored.get_run_by_id(dead.run_id)
    assert failed is not None
    assert failed.status == dg.DagsterRunStatus.FAILURE
