"""Columns of a table that change with a commit: in place, whoever else writes and wherever it is cut off."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from tpch_assets.lake import commit as commit_module
from tpch_assets.lake.commit import CommitConflict, commit
from tpch_assets.lake.evolve import set_columns
from tpch_assets.lake.frames import load
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import files_with, read, snapshot
from tpch_assets_tests.lake.test_delta import store, uri_of, write

OLD = pa.schema([("key", pa.int32()), ("price", pa.decimal128(5, 2))])
NEW = pa.schema([("note", pa.string()), ("price", pa.decimal128(9, 2)), ("key", pa.int64())])
TOLD = {"declared": "something"}


def old(*keys: int) -> pa.Table:
    return pa.Table.from_pylist([{"key": key, "price": Decimal("1.25")} for key in keys], OLD)


def new(*keys: int) -> pa.Table:
    rows = [{"key": key, "price": Decimal("1234567.25"), "note": "new"} for key in keys]
    return pa.Table.from_pylist(rows, NEW)


def lean(*keys: int) -> pa.Table:
    """Rows without a note, of the wider types."""
    return old(*keys).cast(pa.schema([("key", pa.int64()), ("price", pa.decimal128(9, 2))]))


def rows(lake: Lake) -> list[tuple[Any, ...]]:
    found = read(snapshot(lake, uri_of(lake))).sort_by("key").to_pylist()
    return [(row["key"], row["price"], row.get("note")) for row in found]


BOTH = [(1, Decimal("1.25"), None), (2**40, Decimal("1234567.25"), "new")]


def test_columns_are_added_and_get_wider_while_files_stay(lake: Lake) -> None:
    store(lake, "a", old(1), properties={})
    before = snapshot(lake, uri_of(lake))
    done = store(lake, "b", new(2**40), properties=TOLD)
    after = snapshot(lake, uri_of(lake))
    assert set(before.files) < set(after.files)
    assert done.version == after.version == before.version + 3
    assert (after.id, after.made) == (before.id, before.made)
    assert after.properties.items() >= TOLD.items()
    assert rows(lake) == BOTH
    assert pl.scan_delta(after.uri).sort("key").select("key", "price", "note").collect().rows() == BOTH
    assert store(lake, "b", new(2**40), properties=TOLD).version == after.version, "nothing is left to do"


@pytest.mark.parametrize("wanted", [pa.Table, list[pa.Table]], ids=["whole", "delayed"])
def test_frames_of_older_files_have_the_tables_columns(lake: Lake, wanted: object) -> None:
    store(lake, "a", old(1))
    store(lake, "b", new(2**40))
    found = snapshot(lake, uri_of(lake))
    loaded: Any = load(found, list(found.files), wanted)
    parts = [loaded] if wanted is pa.Table else [part.compute(scheduler="sync") for part in loaded]
    assert all(part.column("key").type == pa.int64() and "note" in part.column_names for part in parts)


def test_dask_frames_of_older_files_have_the_tables_columns(lake: Lake) -> None:
    import dask.dataframe as dd

    store(lake, "a", old(1))
    store(lake, "b", new(2**40))
    found = snapshot(lake, uri_of(lake))
    frame: Any = load(found, list(found.files), dd.DataFrame)
    assert sorted(frame["key"].compute(scheduler="sync")) == [1, 2**40]
    assert frame["note"].compute(scheduler="sync").isna().sum() == 1


def test_a_writer_that_knows_less_is_refused(lake: Lake) -> None:
    store(lake, "a", old(1))
    store(lake, "b", new(2**40))
    with pytest.raises(ValueError, match=r"has the columns .* not "):
        store(lake, "c", old(3))
    store(lake, "c", lean(3), schema=NEW)
    assert [key for key, _, _ in rows(lake)] == [1, 3, 2**40]


@pytest.mark.parametrize(
    "other",
    [
        pa.schema([("key", pa.string()), ("price", pa.decimal128(5, 2))]),
        pa.schema([("key", pa.int16()), ("price", pa.decimal128(5, 2))]),
        pa.schema([("key", pa.int32()), ("price", pa.decimal128(5, 3))]),
        pa.schema([("key", pa.int32()), ("price", pa.float64())]),
    ],
)
def test_other_kinds_and_narrower_types_are_refused_but_for_a_new_table(lake: Lake, other: pa.Schema) -> None:
    store(lake, "a", old(1), old(2))
    before = snapshot(lake, uri_of(lake))
    with pytest.raises(ValueError, match="has the columns"):
        store(lake, "a", other.empty_table())
    assert snapshot(lake, uri_of(lake)) == before
    done = store(lake, "a", other.empty_table(), replace=True, base=before.version, properties=TOLD)
    after = snapshot(lake, uri_of(lake), before.version + 1)
    assert (len(done.added), len(done.removed), len(after.files)) == (1, 2, 1)
    assert after.schema == other
    assert snapshot(lake, uri_of(lake)).properties.items() >= TOLD.items()


def test_a_table_that_is_replaced_forgets_columns_although_a_file_stays(lake: Lake) -> None:
    store(lake, "a", lean(1))
    store(lake, "b", new(2))
    assert "note" in (snapshot(lake, uri_of(lake)).schema or pa.schema([])).names
    pieces = [write(lake, "a", lean(1)), write(lake, "b", lean(2))]
    for _ in range(2):
        commit(lake, uri_of(lake), pieces, {"a", "b"}, replace=True)
        found = snapshot(lake, uri_of(lake))
        assert found.schema is not None and set(found.schema.names) == {"key", "price"}
        assert [key for key, _, _ in rows(lake)] == [1, 2]


def test_a_piece_that_differs_from_the_declared_columns_is_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match="a piece to store has the columns"):
        store(lake, "a", old(1), schema=NEW)


def test_files_without_values_of_a_column_are_known(lake: Lake) -> None:
    empty, half = (
        pa.table({"key": [1, 2], "note": pa.array(notes, pa.string())}) for notes in ([None] * 2, [None, ""])
    )
    done = store(lake, "a", empty, half)
    found = snapshot(lake, uri_of(lake))
    assert files_with(found, "note") == (done.added[1],)
    assert set(files_with(found, "unheard of")) == set(found.files)


@pytest.mark.parametrize("stop", range(3))
def test_who_is_cut_off_goes_on_from_there(lake: Lake, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    """A table that readers can use is left, whichever of the three commits is the last."""
    store(lake, "a", old(1))
    steps = _steps(monkeypatch, lambda step: step >= stop)
    with pytest.raises(KeyboardInterrupt):
        store(lake, "b", new(2**40), properties=TOLD)
    assert len(steps) == stop + 1
    assert rows(lake) == BOTH[: 1 + (stop > 1)]
    assert len(pl.scan_delta(uri_of(lake)).collect()) == 1 + (stop > 1)
    monkeypatch.undo()
    store(lake, "b", new(2**40), properties=TOLD)
    assert rows(lake) == BOTH
    assert snapshot(lake, uri_of(lake)).version == 4


def test_a_lost_answer_of_any_step_is_not_repeated(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    store(lake, "a", old(1))
    lost = _steps(monkeypatch, lambda step: False, lose=lambda step: True)
    store(lake, "b", new(2**40), properties=TOLD)
    assert rows(lake) == BOTH
    assert (len(lost), snapshot(lake, uri_of(lake)).version) == (3, 4)


def _steps(
    monkeypatch: pytest.MonkeyPatch, die: Callable[[int], bool], lose: Callable[[int], bool] = lambda step: False
) -> list[str]:
    """Have each commit die before it is made, or lose its answer, by its number from 0."""
    done: list[str] = []

    def wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            done.append(name)
            if die(len(done) - 1):
                raise KeyboardInterrupt
            found = function(*arguments, **options)
            if lose(len(done) - 1):
                raise CommitFailedError("connection reset")
            return found

        return run

    monkeypatch.setattr(commit_module, "set_columns", wrapped(set_columns, "columns"))
    monkeypatch.setattr(DeltaTable, "create_write_transaction", wrapped(DeltaTable.create_write_transaction, "data"))
    alter = DeltaTable.alter.fget  # type: ignore[attr-defined]

    def altered(table: DeltaTable) -> Any:
        found = alter(table)
        found.set_table_properties = wrapped(found.set_table_properties, "properties")
        return found

    monkeypatch.setattr(DeltaTable, "alter", property(altered))
    return done


def test_a_write_planned_before_the_columns_changed_is_refused(lake: Lake) -> None:
    store(lake, "a", old(1))
    base = snapshot(lake, uri_of(lake)).version
    store(lake, "b", new(2**40), base=base)
    with pytest.raises(CommitConflict, match="planned on"):
        store(lake, "a", lean(5), schema=NEW, base=base)
    assert rows(lake) == BOTH


@pytest.mark.parametrize("place", ["set_columns", "_write"])
def test_a_rival_before_columns_or_data_loses_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    store(lake, "a", old(1))
    wide = [write(lake, "rival", old(7)), write(lake, "rival", lean(7))][place == "_write"]
    function, met = getattr(commit_module, place), list[int]()

    def after_a_rival(*arguments: Any, **options: Any) -> Any:
        if not met:
            met.append(1)
            schema = snapshot(lake, uri_of(lake)).schema
            commit(lake, uri_of(lake), [wide], {"rival"}, schema=schema)
        return function(*arguments, **options)

    monkeypatch.setattr(commit_module, place, after_a_rival)
    store(lake, "b", new(2**40), properties=TOLD)
    assert met
    assert [key for key, _, _ in rows(lake)] == [1, 7, 2**40]
