"""Snapshots: bounds of any column of any table, and names of any spelling."""

import os
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tpch_assets.compute.database import cursor
from tpch_assets.lake import commit as commit_module
from tpch_assets.lake import snapshot as snapshot_module
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Bound, DataFile, Snapshot, bounds, read, snapshot

COLUMNS = 40


def add(lake: Lake, rows: pa.Table, partition: str = "a", name: str = "{content}.parquet") -> Snapshot:
    """One file of a table, as its only one in its partition."""
    uri = lake.table("silver", "things")
    commit(lake, uri, [write_file(lake, uri, partition, name, partial(pq.write_table, rows))], {partition})
    return snapshot(lake, uri)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The columns that were read for want of statistics."""
    found: list[str] = []
    really = snapshot_module._read_bounds.__wrapped__

    def reading(lake: Lake, uri: str, column: str) -> tuple[Bound, Bound] | None:
        found.append(column)
        return really(lake, uri, column)

    monkeypatch.setattr(snapshot_module, "_read_bounds", reading)
    return found


def wide() -> pa.Table:
    return pa.table({f"c{number:02}": [number, number + 100] for number in range(COLUMNS)})


def test_a_new_table_has_statistics_of_all_its_columns(lake: Lake, reads: list[str]) -> None:
    found = add(lake, wide())
    (file,) = found.files
    assert [bounds(found, file, f"c{i:02}") for i in range(COLUMNS)] == [(i, i + 100) for i in range(COLUMNS)]
    assert reads == []
    assert pl.scan_delta(found.uri).filter(pl.col("c39") == 39).collect().height == 1


def test_a_table_of_a_former_version_has_bounds_too(
    lake: Lake, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_module, "PROPERTIES", {})
    found = add(lake, wide())
    (file,) = found.files
    assert "c39" not in file.least, "Delta keeps 32 columns by default"
    assert [bounds(found, file, f"c{i:02}") for i in range(COLUMNS)] == [(i, i + 100) for i in range(COLUMNS)]
    assert reads == [f"c{i}" for i in range(32, COLUMNS)]


NOON = datetime(2024, 1, 1, 12, 0, 0, 123_456)
KEYS: list[tuple[pa.DataType, Bound, Bound]] = [
    (pa.int8(), -128, 127),
    (pa.int64(), -(2**63), 2**63 - 1),
    (pa.string(), "", "z" * 32),
    (pa.string(), "a" * 33, "ä" * 1_000),
    (pa.decimal128(15, 2), Decimal("-9999999999999.99"), Decimal("0.01")),
    (pa.decimal128(38, 0), Decimal(1), Decimal(2)),
    (pa.decimal128(38, 0), Decimal(-(10**38) + 1), Decimal(10**38 - 1)),
    (pa.date32(), date(1, 1, 1), date(9999, 12, 31)),
    (pa.timestamp("us"), NOON, NOON + timedelta(microseconds=1)),
    (pa.timestamp("us", tz="UTC"), NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=UTC) + timedelta(microseconds=1)),
    (pa.float64(), -1.5, float("inf")),
    (pa.bool_(), False, True),
]


@pytest.mark.parametrize("logged", [True, False], ids=["as the log says", "as the file says"])
@pytest.mark.parametrize(("kind", "least", "greatest"), KEYS, ids=lambda value: str(value)[:20])
def test_any_type_of_key_has_bounds(lake: Lake, kind: pa.DataType, least: Bound, greatest: Bound, logged: bool) -> None:
    found = add(lake, pa.table({'a "key"': pa.array([greatest, None, least], kind)}))
    (file,) = found.files
    if not logged:
        file = DataFile(file.path, file.size, file.rows)
    known = bounds(found, file, 'a "key"')
    assert known == (least, greatest)
    assert known is not None and {type(value) for value in known} == {type(least)}


def test_a_file_without_rows_or_values_has_no_bounds(lake: Lake, reads: list[str]) -> None:
    schema = pa.schema([("key", pa.int64()), ("other", pa.int64())])
    add(lake, schema.empty_table(), "empty")
    found = add(lake, pa.table({"key": [1], "other": pa.array([None], pa.int64())}, schema=schema), "nulls")
    (empty,), (nulls,) = found.of({"empty"}), found.of({"nulls"})
    assert bounds(found, empty, "key") is None
    assert reads == []
    assert bounds(found, nulls, "other") is None
    assert bounds(found, nulls, "key") == (1, 1)


def test_bounds_are_read_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    found = add(lake, pa.table({"key": ["x" * 50]}))
    assert bounds(found, found.files[0], "key") == ("x" * 50, "x" * 50)
    monkeypatch.setattr(snapshot_module, "cursor", None)
    assert bounds(found.bare, found.files[0], "key") == ("x" * 50, "x" * 50)


# Names

NAMES = [
    "Süd west/1",
    "100%",
    "a%20b",
    "a b",
    "日本",
    "q?a=b&c#d",
    "[a]*{b}",
    "_hidden",
    ".hidden",
    "..",
    "back\\slash",
    'it\'s "quoted"',
    "tab\tand\nline",
    "a+b~c^d|e,f;g:h@i!j$k(l)<m>`",
]


def stored(lake: Lake, partitions: Collection[str]) -> dict[str, int]:
    found = snapshot(lake, lake.table("silver", "things"))
    assert {file.partition for file in found.files} == set(partitions)
    return {file.partition: read(found, [file])["key"].to_pylist()[0] for file in found.files}


@pytest.mark.parametrize("checkpoint", [False, True])
def test_partitions_and_files_have_any_name(lake: Lake, checkpoint: bool) -> None:
    uri = lake.table("silver", "things")
    for number, name in enumerate(NAMES):
        add(lake, pa.table({"key": [number]}), name, f"{name}.parquet")
    if checkpoint:
        DeltaTable(uri).create_checkpoint()
    found = snapshot(lake, uri)
    assert [file.name for file in found.files] == [f"{file.partition}.parquet" for file in found.files]
    assert all(os.path.isfile(path) for path in found.paths())
    assert all(file.path.count("/") == 1 for file in found.files), "no name makes a folder of its own"
    assert stored(lake, NAMES) == {name: number for number, name in enumerate(NAMES)}
    assert read(found).schema.names == ["key"], "no folder looks like a column to DuckDB"
    assert sorted(pl.scan_delta(uri).collect()["key"]) == list(range(len(NAMES)))
    with cursor() as con:
        rows = con.read_parquet(DeltaTable(uri).file_uris()).fetchall()
    assert sorted(rows) == [(number,) for number in range(len(NAMES))]
    assert DeltaTable(uri).vacuum(0, enforce_retention_duration=False, full=True, dry_run=True) == []


@pytest.mark.parametrize("checkpoint", [False, True])
def test_partitions_of_any_name_are_replaced_kept_and_removed(lake: Lake, checkpoint: bool) -> None:
    uri = lake.table("silver", "things")
    for number, name in enumerate(NAMES):
        add(lake, pa.table({"key": [number]}), name)
    if checkpoint:
        DeltaTable(uri).create_checkpoint()
    for number, name in enumerate(NAMES):
        again = add(lake, pa.table({"key": [number]}), name)
        assert again.version == len(NAMES), "the same content again makes no version"
    for number, name in enumerate(NAMES):
        (before,) = snapshot(lake, uri).of({name})
        done = commit(lake, uri, [], {name}, schema=pa.schema([("key", pa.int64())]), keep=[before.path])
        assert done.kept == (before,) and not done.removed
        add(lake, pa.table({"key": [number + 100]}), name)
        assert before.path not in {file.path for file in snapshot(lake, uri).files}
    assert stored(lake, NAMES) == {name: number + 100 for number, name in enumerate(NAMES)}
    commit(lake, uri, [], set(NAMES[1:]), schema=pa.schema([("key", pa.int64())]))
    assert stored(lake, NAMES[:1]) == {NAMES[0]: 100}


def test_a_partition_needs_a_name(lake: Lake) -> None:
    with pytest.raises(ValueError, match="needs a name"):
        add(lake, pa.table({"key": [1]}), "")


def test_usual_names_are_paths_as_they_are(lake: Lake) -> None:
    for partition in ("2024-01-01T0000", "2024-01-01", "all"):
        add(lake, pa.table({"key": [1]}), partition, "0123abcd-00001.parquet")
    paths = {file.path for file in snapshot(lake, lake.table("silver", "things")).files}
    assert paths == {f"{name}/0123abcd-00001.parquet" for name in ("2024-01-01T0000", "2024-01-01", "all")}
