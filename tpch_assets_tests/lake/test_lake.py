"""The lake: what is delivered, how a file becomes visible, and one sentence where it cannot be used."""

import gzip
import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tpch_assets.lake import s3, s3_store
from tpch_assets.lake.folder import Folder
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.local_files import discard, sha256
from tpch_assets.lake.s3_store import S3
from tpch_assets.raw.files import RawFile, batches, files_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BATCH = "2024-01-01T0000"


def put(lake: Lake, name: str, content: str = "{}\n", table: str = "orders", batch: str = BATCH) -> Path:
    path = Path(lake.path("raw", table, batch, name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def delivered(lake: Lake, batch: str = BATCH) -> list[RawFile]:
    return files_of(lake, "orders", [batch])[batch]


def test_a_lake_that_does_not_exist_holds_nothing(lake: Lake) -> None:
    lake.check()
    assert batches(lake, "orders") == []
    assert delivered(lake) == []
    assert lake.store.names(lake.path("partials")) == set()
    assert not Path(lake.uri).exists()


def test_batches_are_listed_from_a_name_on(lake: Lake) -> None:
    for batch in ("2024-01-01T0015", "2024-01-01T0000", "2024-01-02T0000"):
        put(lake, "a.json", batch=batch)
    assert batches(lake, "orders") == ["2024-01-01T0000", "2024-01-01T0015", "2024-01-02T0000"]
    assert batches(lake, "orders", since="2024-01-01T0015") == ["2024-01-01T0015", "2024-01-02T0000"]


def test_files_are_listed_by_name_with_their_size(lake: Lake) -> None:
    put(lake, "b.json", "12345")
    put(lake, "a.json.gz")
    put(lake, "part/0.json", "1")
    assert [(file.name, file.size) for file in delivered(lake)] == [
        ("a.json.gz", 3),
        ("b.json", 5),
        ("part/0.json", 1),
    ]


@pytest.mark.parametrize("name", [".a.json", "_SUCCESS", "a.json.tmp", ".hidden/a.json", "_temporary/0/a.json"])
def test_hidden_and_temporary_files_are_not_delivered_yet(lake: Lake, name: str) -> None:
    put(lake, name)
    assert delivered(lake) == []


def test_a_staged_file_is_hidden_until_it_is_published(lake: Lake) -> None:
    uri = lake.path("raw", "orders", BATCH, "a.json")
    staged = lake.store.staging(uri)
    Path(staged).write_text("half")
    assert delivered(lake) == []
    lake.store.publish(staged, uri)
    assert [file.name for file in delivered(lake)] == ["a.json"]
    assert not os.path.exists(staged)


def test_publishing_replaces_a_file_whole(lake: Lake) -> None:
    uri = lake.path("raw", "orders", BATCH, "a.json")
    for content in ("first", "second"):
        staged = lake.store.staging(uri)
        Path(staged).write_text(content)
        assert not lake.store.same(staged, uri)
        lake.store.publish(staged, uri)
    again = lake.store.staging(uri)
    Path(again).write_text("second")
    assert lake.store.same(again, uri)
    Path(again).write_text("socond")
    assert not lake.store.same(again, uri)
    discard(again)
    assert os.listdir(os.path.dirname(uri)) == ["a.json"]


def test_discarding_what_is_not_there_is_fine(tmp_path: Path) -> None:
    discard(str(tmp_path / "nothing"))
    (tmp_path / "folder/inside").mkdir(parents=True)
    discard(str(tmp_path / "folder"))
    assert not (tmp_path / "folder").exists()


def test_a_content_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    (tmp_path / "c").write_bytes(gzip.compress(b"same"))
    assert sha256(str(tmp_path / "a")) == sha256(str(tmp_path / "b")) != sha256(str(tmp_path / "c"))


@pytest.mark.parametrize("write", [False, True])
def test_a_lake_below_a_file_is_one_sentence(tmp_path: Path, write: bool) -> None:
    (tmp_path / "file").write_text("in the way")
    lake = Lake(str(tmp_path / "file" / "lake"))
    with pytest.raises(LakeError) as error:
        lake.check(write=write)
    message = str(error.value)
    assert message.startswith(f"The lake {lake.uri} cannot be used: ")
    assert "TPCH_LAKE" in message
    assert "\n" not in message


@pytest.mark.parametrize("write", [False, True])
def test_a_lake_that_is_a_file_is_one_sentence(tmp_path: Path, write: bool) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LakeError, match="cannot be used"):
        Lake(str(tmp_path / "file")).check(write=write)


def test_checking_makes_nothing(lake: Lake) -> None:
    lake.check()
    lake.check(write=True)
    assert not Path(lake.uri).exists()


def test_a_lake_is_small_and_goes_to_workers(lake: Lake) -> None:
    assert pickle.loads(pickle.dumps(lake)) == lake


def test_a_lake_has_one_store_which_stays_in_its_process(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def connect() -> "S3Client":
        made.append(os.getpid())
        return s3.connect()

    remote = Lake("s3://bucket/lake", connect)
    assert isinstance(remote.store, S3) and isinstance(lake.store, Folder)
    assert remote.store is remote.store and remote.store.client is remote.store.client
    assert made == [os.getpid()]
    sent = pickle.loads(pickle.dumps(remote))
    assert sent == remote and sent.store is not remote.store and sent.connect is Lake(remote.uri).connect
    here = remote.store.client
    forked = SimpleNamespace(**{**vars(os), "getpid": lambda: -1})  # Not `os` itself: Dask's threads ask it, too.
    for module in (s3, s3_store):
        monkeypatch.setattr(module, "os", forked)
    assert remote.store.client is not here, "a forked process connects anew"


def test_places() -> None:
    assert Lake("/lake").table("silver", "orders") == "/lake/silver/orders"
    assert Lake("s3://bucket/prefix").path("raw", "orders") == "s3://bucket/prefix/raw/orders"
    assert (Lake("/lake").remote, Lake("s3://bucket").remote) == (False, True)
    assert Lake("/lake").store.local("/lake/silver/x.parquet") == "/lake/silver/x.parquet"
