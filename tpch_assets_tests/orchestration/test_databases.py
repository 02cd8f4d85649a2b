"""Dagster's databases that a power loss damaged are moved aside, each with a sentence; sound ones stay."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from tpch_assets.orchestration.databases import ASIDE, move_damaged_aside
from tpch_assets.orchestration.instance import prepare_home, reap

HARM: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "NULs": lambda content: bytes(len(content)),
}


def database(path: Path) -> Path:
    """A database of some pages."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (name TEXT)")
        connection.executemany("INSERT INTO runs VALUES (?)", [(f"run {number}" * 100,) for number in range(100)])
        connection.commit()
    return path


@pytest.mark.parametrize("how", HARM)
def test_a_damaged_database_is_moved_aside_and_a_sound_one_stays(tmp_path: Path, how: str) -> None:
    sound, path = database(tmp_path / "schedules.db"), database(tmp_path / "runs.db")
    content = HARM[how](path.read_bytes())
    path.write_bytes(content)
    (said,) = move_damaged_aside(tmp_path)
    assert said.startswith(f"Dagster's database {path} was damaged (") and "what is due is planned from it" in said
    (aside,) = (tmp_path / ASIDE).iterdir()
    assert aside.read_bytes() == content and sound.exists() and not path.exists()
    assert move_damaged_aside(tmp_path) == []


def test_what_is_only_in_the_log_of_a_database_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE runs (name TEXT)")
        connection.commit()
        assert path.with_name("runs.db-wal").stat().st_size
        assert move_damaged_aside(tmp_path) == []


def test_slots_of_runs_that_nobody_knows_any_more_are_free_again(environment: Path) -> None:
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("ours", 1)
        assert storage.claim_concurrency_slot("ours", "00000000-0000-4000-8000-000000000000", "nothing").is_claimed
        assert not storage.claim_concurrency_slot("ours", "another", "nothing").is_claimed
        assert reap(instance) == 0
        assert storage.claim_concurrency_slot("ours", "another", "nothing").is_claimed
