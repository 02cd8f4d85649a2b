"""A table that is followed by its log is listed as one that is opened anew."""

import os
import random
import shutil
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tpch_assets.lake import listing as module
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listed, listing
from tpch_assets.lake.snapshot import Snapshot, TableError, snapshot, without_statistics

PARTITIONS = ["2026-01-01T0000", "2026-01-01T0600", "with blank", "ü/%"]


def store(lake: Lake, uri: str, partition: str, *numbers: int, **more: int) -> None:
    """Make a partition hold a file for each number."""
    written = [
        write_file(lake, uri, partition, "{content}.parquet", partial(pq.write_table, pa.table({"n": [n], **one})))
        for n in numbers
        for one in [{name: [value] for name, value in more.items()}]
    ]
    commit(lake, uri, written, {partition}, schema=pa.schema([("n", pa.int64()), *((m, pa.int64()) for m in more)]))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that a listing opened, in order."""
    found: list[str] = []

    def noted(lake: Lake, uri: str, version: int | None = None) -> Snapshot:
        found.append(uri)
        return without_statistics(lake, uri, version)

    monkeypatch.setattr(module, "without_statistics", noted)
    return found


def check(lake: Lake, uri: str) -> None:
    ours, theirs = listed(lake, uri), snapshot(lake, uri)
    assert (ours.version, ours.id, ours.properties) == (theirs.version, theirs.id, theirs.properties)
    assert sorted(ours.files, key=str) == sorted(theirs.files, key=str)
    assert {f.path: f.modified for f in ours.files} == {f.path: f.modified for f in theirs.files}


def test_what_the_log_got_since_is_read_and_no_more(lake: Lake, opened: list[str]) -> None:
    uri = lake.table("gold", "numbers")
    assert listed(lake, uri).version == -1
    store(lake, uri, PARTITIONS[0], 1, 2)
    check(lake, uri)
    before = len(opened)
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    for _ in range(30):
        store(lake, uri, chance.choice(PARTITIONS), *chance.sample(range(9), chance.randint(0, 3)))
        check(lake, uri)
    assert len(opened) == before, "the table was opened once, whatever checkpoints it got"


def test_rows_are_told_by_partition_as_the_table_changes(lake: Lake, opened: list[str]) -> None:
    uri = lake.table("gold", "numbers")
    assert listing(lake, uri).rows() == {}
    store(lake, uri, PARTITIONS[0], 1, 2)
    assert listing(lake, uri).rows() == {PARTITIONS[0]: 2}
    before = len(opened)
    store(lake, uri, PARTITIONS[1], 1)
    assert listing(lake, uri).rows() == {PARTITIONS[0]: 2, PARTITIONS[1]: 1}
    store(lake, uri, PARTITIONS[0])
    assert listing(lake, uri).rows() == {PARTITIONS[1]: 1}, "a partition without a file is none"
    assert len(opened) == before
    shutil.rmtree(uri)
    store(lake, uri, PARTITIONS[0], 1)
    assert listing(lake, uri).rows() == {PARTITIONS[0]: 1}, "another table in the same place"


def test_what_changed_since_a_version_is_known(lake: Lake) -> None:
    uri = lake.table("gold", "numbers")
    store(lake, uri, PARTITIONS[0], 1)
    version = listing(lake, uri).source.version
    assert listing(lake, uri).changed_since(version) == set()
    store(lake, uri, PARTITIONS[3], 1)
    store(lake, uri, PARTITIONS[1], 1)
    assert listing(lake, uri).changed_since(version) == {PARTITIONS[1], PARTITIONS[3]}
    assert listing(lake, uri).changed_since(version + 1) == {PARTITIONS[1]}
    assert listing(lake, uri).changed_since(version - 1) == set(PARTITIONS) - {PARTITIONS[2]}, "the log tells it"
    assert listing(lake, uri).changed_since(-1) is None, "the first commit made the table"


def remade(lake: Lake, uri: str) -> None:
    shutil.rmtree(uri)
    store(lake, uri, PARTITIONS[0], 5)
    store(lake, uri, PARTITIONS[0], 6)


def evolved(lake: Lake, uri: str) -> None:
    store(lake, uri, PARTITIONS[1], 3, more=4)


def restored(lake: Lake, uri: str) -> None:
    """The newest commit is lost, and another one takes its number."""
    newest = max(Path(uri, "_delta_log").glob("*.json"))
    newest.unlink()
    store(lake, uri, PARTITIONS[2], 7)


def cleaned_up(lake: Lake, uri: str) -> None:
    """Commits are gone between what was seen and what is newest."""
    from deltalake import DeltaTable

    for number in range(3):
        store(lake, uri, PARTITIONS[1], number)
    DeltaTable(uri).create_checkpoint()
    commits = sorted(Path(uri, "_delta_log").glob("*.json"))
    for path in commits[:-1]:
        path.unlink()


def gone(lake: Lake, uri: str) -> None:
    shutil.rmtree(uri)


@pytest.mark.parametrize("event", [remade, evolved, restored, cleaned_up, gone], ids=lambda event: event.__name__)
def test_a_table_that_is_another_one_is_opened_anew(
    lake: Lake, opened: list[str], event: Callable[[Lake, str], None]
) -> None:
    uri = lake.table("gold", "numbers")
    for number in range(2):
        store(lake, uri, PARTITIONS[0], number)
    check(lake, uri)
    event(lake, uri)
    check(lake, uri)
    assert opened == ([uri] if event is gone else [uri, uri]), "what is not there is not opened"


@pytest.mark.parametrize("harm", [b"", b"{", b"\0" * 300])
def test_a_damaged_log_is_told_as_by_who_opens_it(lake: Lake, harm: bytes) -> None:
    uri = lake.table("gold", "numbers")
    store(lake, uri, PARTITIONS[0], 1)
    check(lake, uri)
    store(lake, uri, PARTITIONS[0], 2)
    newest = max(Path(uri, "_delta_log").glob("*.json"))
    newest.write_bytes(harm)
    try:
        expected = snapshot(lake, uri).version
    except TableError as error:
        with pytest.raises(TableError, match="cannot be opened"):
            listed(lake, uri)
        assert "restore" in str(error)
    else:
        assert listed(lake, uri).version == expected


def test_only_so_many_tables_are_known(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TABLES", 3)
    monkeypatch.setattr(module, "_known", OrderedDict())
    for name in "abcde":
        store(lake, lake.table("gold", name), PARTITIONS[0], 1)
        check(lake, lake.table("gold", name))
    assert [os.path.basename(uri) for _, uri in module._known] == ["c", "d", "e"]
