"""Stores: a folder and S3 list, read and write the same."""

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, QueryBuilder

from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.folder import Folder
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import make_folders
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.raw.files import behind, files_of
from tpch_assets_tests.lake.test_snapshot import NAMES
from tpch_assets_tests.s3_server import BUCKET, S3Server, one_server, server

__all__ = ["one_server", "server"]
FILES = ("b/2.json", "a-b/1.json", "a/deep/er/0.json", "a/ü b.json", "a/.hidden", "beside.json")


@pytest.fixture
def remote(server: S3Server, environment: Path) -> Iterator[Lake]:
    """An empty lake on S3."""
    yield Lake(f"s3://{BUCKET}/store-{random.randrange(10**9)}")


@pytest.fixture(params=["disk", "s3"])
def anywhere(request: pytest.FixtureRequest) -> Lake:
    """An empty lake on disk, and one on S3."""
    found: Lake = request.getfixturevalue("lake" if request.param == "disk" else "remote")
    return found


def put(lake: Lake, uri: str, content: bytes = b"{}\n") -> None:
    staged = lake.store.staging(uri)
    Path(staged).write_bytes(content)
    lake.store.publish(staged, uri)
    assert not os.path.exists(staged)


def test_who_reads_a_file_while_it_is_replaced_sees_the_former_one_whole(lake: Lake) -> None:
    uri = lake.path("in", "a.json")
    put(lake, uri, b"the first")
    with open(uri, "rb") as reader:
        put(lake, uri, b"2nd")
        assert reader.read() == b"the first"
    assert Path(uri).read_bytes() == b"2nd"


def test_files_of_a_folder(anywhere: Lake) -> None:
    for name in FILES:
        put(anywhere, anywhere.path("in", name), name.encode())
    put(anywhere, anywhere.path("into", "a"))
    found = anywhere.store.files(anywhere.path("in"))
    assert [(file.name, file.size) for file in found] == [(name, len(name.encode())) for name in sorted(FILES)]
    for file in found:
        assert file.uri == anywhere.path("in", file.name)
        assert Path(anywhere.store.local(file.uri, file.stamp)).read_bytes() == file.name.encode()
    assert anywhere.store.files(anywhere.path("nothing")) == []


def test_deliveries_are_folders_in_the_order_of_s3(anywhere: Lake) -> None:
    for name in FILES:
        put(anywhere, anywhere.path("in", name))

    def listed(since: str = "", until: str = "", only: set[str] | None = None) -> dict[str, list[str]]:
        found = anywhere.store.deliveries(anywhere.path("in"), since, until, only)
        return {folder: [file.name for file in files] for folder, files in found}

    everything = {
        "a-b": ["1.json"],
        "a": [".hidden", "deep/er/0.json", "ü b.json"],
        "b": ["2.json"],
        "beside.json": [],
    }
    assert list(listed()) == list(everything)
    assert listed() == everything
    assert list(listed(behind("a"))) == ["b", "beside.json"]
    assert list(listed("a", "b")) == ["a-b", "a"]
    assert listed(only={"b", "a"}) == {"a": everything["a"], "b": everything["b"]}
    assert files_of(anywhere, "none", ["x"]) == {"x": []}
    assert files_of(anywhere, "none", []) == {}


def test_tables_have_partitions_of_any_name(anywhere: Lake) -> None:
    uri, options = anywhere.table("silver", "things"), anywhere.store.options
    for number, name in enumerate(NAMES):
        write = partial(pq.write_table, pa.table({"key": [number]}))
        written = write_file(anywhere, uri, name, f"{name}.parquet", write)
        commit(anywhere, uri, [written], {name})
    found = snapshot(anywhere, uri)
    assert {file.partition for file in found.files} == set(NAMES)
    assert sorted(read(found)["key"].to_pylist()) == list(range(len(NAMES)))
    table = DeltaTable(uri, storage_options=options)
    # Not Polars: on S3 it takes the encoded paths for real ones, even of names with a space.
    theirs = pa.table(
        QueryBuilder().register("things", table).execute("SELECT key FROM things ORDER BY key").read_all()
    )
    assert theirs["key"].to_pylist() == list(range(len(NAMES)))
    assert table.vacuum(0, enforce_retention_duration=False, full=True, dry_run=True) == []
    commit(anywhere, uri, [], set(NAMES), schema=found.schema)
    assert snapshot(anywhere, uri).files == ()


def test_a_file_that_goes_while_it_is_listed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text("1")
    walk = os.walk

    def walk_late(folder: str, onerror: Any) -> Iterator[tuple[str, list[str], list[str]]]:
        for path, folders, names in walk(folder, onerror=onerror):
            yield path, folders, [*names, ".gone.tmp"]

    monkeypatch.setattr(os, "walk", walk_late)
    assert [file.name for file in Folder(str(tmp_path)).files(str(tmp_path))] == ["a.json"]


def test_folders_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folders(str(tmp_path / "a/b/c"))
    make_folders(str(tmp_path / "a/b/c"))
    monkeypatch.chdir(tmp_path)
    make_folders("d/e")
    assert (tmp_path / "a/b/c").is_dir() and (tmp_path / "d/e").is_dir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileExistsError):
        make_folders(str(tmp_path / "file"))
    with pytest.raises(FileExistsError):
        make_folders(str(tmp_path / "file/below"))
