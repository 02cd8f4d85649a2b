"""After a power loss: a commit that is there in name only costs nothing but work."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tpch_assets.lake import folder
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.folder import Folder
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.recovery import repair
from tpch_assets.lake.snapshot import read, snapshot


def add(lake: Lake, value: int) -> None:
    """One more file in the table bronze/region, in one commit."""
    uri = lake.table("bronze", "region")
    rows = pa.table({"value": [value]})
    commit(lake, uri, [write_file(lake, uri, str(value), "x.parquet", partial(pq.write_table, rows))], {str(value)})


def values(lake: Lake) -> list[int]:
    return sorted(read(snapshot(lake, lake.table("bronze", "region")))["value"].to_pylist())


def log(lake: Lake) -> Path:
    return Path(lake.table("bronze", "region"), "_delta_log")


def newest(lake: Lake) -> Path:
    return max(log(lake).glob("*.json"))


def test_a_sound_lake_is_left_alone(lake: Lake) -> None:
    for value in range(25):  # More than a checkpoint's worth of commits.
        add(lake, value)
    before = sorted(log(lake).iterdir())
    assert any("checkpoint" in file.name for file in before)
    assert repair(lake) == []
    assert sorted(log(lake).iterdir()) == before


@pytest.mark.parametrize("kept", [0, 200], ids=["empty", "cut off"])
def test_a_damaged_commit_is_moved_aside_and_can_be_made_again(lake: Lake, kept: int) -> None:
    add(lake, 1)
    add(lake, 2)
    damaged = newest(lake)
    damaged.write_bytes(damaged.read_bytes()[:kept])
    (aside,) = repair(lake)
    assert Path(aside).read_bytes() == Path(aside).read_bytes()[:kept]
    assert not damaged.exists()
    assert values(lake) == [1]
    add(lake, 2)
    assert values(lake) == [1, 2]


def add_and_die(lake: Lake, value: int) -> Path:
    """The commit of a process that dies before flushing it."""
    really, version = Folder.flush_commit, snapshot(lake, lake.table("bronze", "region")).version + 1

    def die(self: Folder, table: str, flushed: int) -> None:
        if flushed == version:
            raise KeyboardInterrupt
        really(self, table, flushed)

    with pytest.MonkeyPatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(Folder, "flush_commit", die)
        add(lake, value)
    return newest(lake)


def test_a_commit_is_on_the_disk_before_the_next_one_is_made(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    add(lake, 1)
    unflushed, flushed = add_and_die(lake, 2), list[str]()
    monkeypatch.setattr(folder, "fsync", flushed.append)
    transaction = DeltaTable.create_write_transaction

    def write(self: DeltaTable, *arguments: Any, **options: Any) -> None:
        assert str(unflushed) in flushed, "a power loss would leave a hole in the log that no repair can mend"
        transaction(self, *arguments, **options)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", write)
    add(lake, 3)
    assert values(lake) == [1, 2, 3]


def test_a_commit_of_a_process_that_died_is_on_the_disk_once_another_starts(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(lake, 1)
    unflushed, flushed = add_and_die(lake, 2), list[str]()
    monkeypatch.setattr(folder, "fsync", flushed.append)
    assert repair(lake) == []
    assert {str(unflushed), str(log(lake))} <= set(flushed)


def test_both_commits_of_a_vacuum_that_died_are_on_the_disk_before_the_next_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(lake, 1)
    add(lake, 2)
    commit(lake, lake.table("bronze", "region"), [], {"1"}, schema=pa.schema([("value", pa.int64())]))
    before = set(log(lake).glob("*.json"))
    table = DeltaTable(lake.table("bronze", "region"))
    table.vacuum(0, enforce_retention_duration=False, full=True, dry_run=False)
    made, flushed = set(log(lake).glob("*.json")) - before, list[str]()
    monkeypatch.setattr(folder, "fsync", flushed.append)
    add(lake, 3)
    assert len(made) == 2 and {str(path) for path in made} <= set(flushed)


def test_a_commit_whose_file_is_cut_off_is_moved_aside(lake: Lake) -> None:
    add(lake, 1)
    add(lake, 2)
    actions = [json.loads(line) for line in newest(lake).read_text().splitlines()]
    (path,) = [action["add"]["path"] for action in actions if "add" in action]
    Path(lake.table("bronze", "region"), path).write_bytes(b"")
    assert len(repair(lake)) == 1
    assert values(lake) == [1]


def test_a_damaged_checkpoint_is_moved_aside(lake: Lake) -> None:
    for value in range(25):
        add(lake, value)
    max(log(lake).glob("*.checkpoint.parquet")).write_bytes(b"")
    assert len(repair(lake)) == 2
    assert values(lake) == list(range(25))
    assert repair(lake) == []


def test_several_damaged_checkpoints_are_moved_aside(lake: Lake) -> None:
    for value in range(45):
        add(lake, value)
    for checkpoint in log(lake).glob("*.checkpoint.parquet"):
        checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    assert len(repair(lake)) == 3
    assert values(lake) == list(range(45))


@pytest.mark.parametrize("kept", [0, 100])
def test_commits_behind_a_damaged_one_go_with_it(lake: Lake, kept: int) -> None:
    for value in range(4):
        add(lake, value)
    second = sorted(log(lake).glob("*.json"))[-2]
    second.write_bytes(second.read_bytes()[:kept])
    assert len(repair(lake)) == 2
    assert values(lake) == [0, 1]
    add(lake, 2)
    assert values(lake) == [0, 1, 2]


@pytest.mark.parametrize("gone", [True, False])
def test_a_checkpoint_of_a_commit_that_is_lost_goes_with_it(lake: Lake, gone: bool) -> None:
    for value in range(19):
        add(lake, value)
    assert max(log(lake).glob("*.checkpoint.parquet")).name.startswith(newest(lake).stem)
    newest(lake).unlink() if gone else newest(lake).write_bytes(b"")
    repair(lake)
    assert values(lake) == list(range(18))
    add(lake, 18)
    assert values(lake) == list(range(19))
    assert repair(lake) == []


@pytest.mark.parametrize("count", [25, 45])
def test_a_checkpoint_that_is_gone_is_not_asked_for(lake: Lake, count: int) -> None:
    for value in range(count):
        add(lake, value)
    max(log(lake).glob("*.checkpoint.parquet")).unlink()
    assert len(repair(lake)) == 1
    assert values(lake) == list(range(count))


@pytest.mark.parametrize("content", [b"", b"{", bytes(40)])
def test_a_damaged_note_of_the_last_checkpoint_does_no_harm(lake: Lake, content: bytes) -> None:
    for value in range(25):
        add(lake, value)
    (log(lake) / "_last_checkpoint").write_bytes(content)
    repair(lake)
    assert values(lake) == list(range(25))
    add(lake, 25)


def test_a_sound_commit_is_left_alone_whatever_its_names(lake: Lake) -> None:
    uri, rows = lake.table("bronze", "region"), pa.table({"value": [1]})
    written = [
        write_file(lake, uri, partition, name, partial(pq.write_table, rows))
        for partition, name in (("Süd west/1", "a b.parquet"), ("100%", "ü%20.parquet"))
    ]
    commit(lake, uri, written, {item.file.partition for item in written})
    assert "S%C3%BCd%20west" in newest(lake).read_text(), "the log encodes paths"
    assert repair(lake) == []
    Path(uri, written[0].file.path).unlink()
    assert len(repair(lake)) == 1


def test_costs_are_repaired_like_any_table(lake: Lake) -> None:
    uri = lake.table("operations", "costs")
    rows = pa.table({"value": [1]})
    commit(lake, uri, [write_file(lake, uri, "1", "x.parquet", partial(pq.write_table, rows))], {"1"})
    max(Path(uri, "_delta_log").glob("*.json")).write_bytes(b"")
    assert len(repair(lake)) == 1
    assert repair(lake) == []


def test_an_empty_lake_has_nothing_to_repair(lake: Lake) -> None:
    assert repair(lake) == []
