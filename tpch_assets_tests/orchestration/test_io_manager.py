"""The IO manager through real runs: what an asset returns is stored, what it asks for is loaded."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import dask
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from tpch_assets.calendar import window_key
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import Snapshot, read, snapshot
from tpch_assets.lake.update import MadeRows, TableRows, TableUpdate
from tpch_assets.layers import SILVER, WINDOW
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets.orchestration.partitions import partitions
from tpch_assets_tests.conftest import START

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")

WINDOWS = [window_key(START + i * WINDOW) for i in range(4)]
KEY = dg.AssetKey(["silver", "things"])
ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3, None], pa.int64()),
        "price": pa.array([Decimal("-1.10"), Decimal("9999999999999.99"), None, Decimal("0.00")], pa.decimal128(15, 2)),
        "name": pa.array(["a", "", None, "ü"], pa.string()),
        "day": pa.array([date(1992, 1, 1), None, date(2024, 2, 29), date(1, 1, 1)], pa.date32()),
        "time": pa.array(
            [START, datetime(2024, 1, 1, 5, 59, 59, 999_999, UTC), START + WINDOW, START + 2 * WINDOW],
            pa.timestamp("us", tz="UTC"),
        ),
        "ratio": pa.array([1.5, float("inf"), None, -0.0], pa.float64()),
        "flag": pa.array([True, False, None, True], pa.bool_()),
    }
)

TYPES = {
    "id": "BIGINT",
    "price": "DECIMAL(15,2)",
    "name": "VARCHAR",
    "day": "DATE",
    "time": "TIMESTAMP WITH TIME ZONE",
    "ratio": "DOUBLE",
    "flag": "BOOLEAN",
}


def as_pandas(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def as_dask(table: pa.Table) -> dd.DataFrame:
    return dd.from_pandas(as_pandas(table), npartitions=2)


def as_delayed(table: pa.Table) -> list[Any]:
    return [dask.delayed(table.slice)(0, 1), dask.delayed(table.slice)(1)]


KINDS: list[Callable[[pa.Table], Any]] = [lambda table: table, as_pandas, as_dask, as_delayed]
KIND_NAMES = ["Arrow", "pandas", "Dask", "delayed Arrow"]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)


class Runs:
    """Runs of assets on a lake."""

    def __init__(self, instance: dg.DagsterInstance, lake: Lake) -> None:
        self.instance, self.lake = instance, lake

    def __call__(self, *assets: dg.AssetsDefinition, keys: Sequence[str] = (), select: Any = None) -> Any:
        tags = {}
        if len(keys) > 1:
            tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
        return dg.materialize(
            assets,
            instance=self.instance,
            resources={"io_manager": LakeIOManager(uri=self.lake.uri)},
            partition_key=keys[0] if len(keys) == 1 else None,
            tags=tags,
            selection=select,
        )

    def fails(self, *assets: dg.AssetsDefinition, keys: Sequence[str] = ()) -> str:
        """Run what must fail; gives the message of the error."""
        with pytest.raises((ValueError, TypeError, ArithmeticError)) as raised:
            self(*assets, keys=keys)
        return str(raised.value)

    @property
    def table(self) -> Snapshot:
        return snapshot(self.lake, self.lake.table("silver", "things"))

    def rows(self, partition: str | None = None) -> pa.Table:
        found = self.table
        return read(found, None if partition is None else found.of({partition})).sort_by("time")

    def metadata(self, partition: str | None = None, key: dg.AssetKey = KEY) -> dict[str, Any]:
        """The newest materialization's metadata."""
        records = self.instance.fetch_materializations(key, limit=100).records
        found = [r.asset_materialization for r in records if r.asset_materialization]
        newest = next(m for m in found if partition is None or m.partition == partition)
        return {name: value.value for name, value in newest.metadata.items()}


@pytest.fixture
def run(instance: dg.DagsterInstance, lake: Lake) -> Runs:
    return Runs(instance, lake)


def things(value: Any, **options: Any) -> dg.AssetsDefinition:
    """An asset `silver/things` that returns `value`."""

    @dg.asset(key=KEY, **options)
    def things_asset() -> Any:
        return value

    return things_asset


def by_window(value: Any, **options: Any) -> dg.AssetsDefinition:
    return things(
        value, partitions_def=partitions(SILVER, START), backfill_policy=dg.BackfillPolicy.single_run(), **options
    )


BY_TIME = {"metadata": {"partition_expr": "time"}}


# Storing.


@each_kind
def test_a_whole_table_is_stored(run: Runs, kind: Callable[[pa.Table], Any]) -> None:
    run(things(kind(ROWS)))
    assert run.rows() == ROWS.sort_by("time")


@each_kind
def test_a_table_materialized_again_is_replaced(run: Runs, kind: Callable[[pa.Table], Any]) -> None:
    run(things(kind(ROWS)))
    version = run.table.version
    run(things(kind(ROWS)))
    assert run.table.version == version, "the same rows are no new version"
    run(things(kind(ROWS.slice(1))))
    assert run.rows() == ROWS.slice(1).sort_by("time")


@each_kind
def test_one_partition_is_stored_and_replaced(run: Runs, kind: Callable[[pa.Table], Any]) -> None:
    for partition in WINDOWS[:2]:
        run(by_window(kind(ROWS)), keys=[partition])
    run(by_window(kind(ROWS.slice(2))), keys=WINDOWS[:1])
    assert run.rows(WINDOWS[0]) == ROWS.slice(2).sort_by("time")
    assert run.rows(WINDOWS[1]) == ROWS.sort_by("time")


@each_kind
def test_a_range_of_partitions_is_told_apart_by_its_column(run: Runs, kind: Callable[[pa.Table], Any]) -> None:
    run(by_window(kind(ROWS), **BY_TIME), keys=WINDOWS[:3])
    assert run.rows(WINDOWS[0]) == ROWS.slice(0, 2)
    assert run.rows(WINDOWS[1]) == ROWS.slice(2, 1)
    assert run.rows(WINDOWS[2]) == ROWS.slice(3, 1)
    assert run.rows() == ROWS.sort_by("time")


def test_a_range_replaces_its_partitions_and_no_other(run: Runs) -> None:
    run(by_window(ROWS, **BY_TIME), keys=WINDOWS[:3])
    run(by_window(ROWS.slice(3), **BY_TIME), keys=WINDOWS[1:3])
    assert run.rows(WINDOWS[0]) == ROWS.slice(0, 2)
    assert run.rows(WINDOWS[1]).num_rows == 0
    assert run.rows(WINDOWS[2]) == ROWS.slice(3, 1)


def test_a_range_without_the_column_to_tell_it_apart_is_an_error(run: Runs) -> None:
    message = run.fails(by_window(ROWS), keys=WINDOWS[:3])
    assert "one run stores 3 partitions" in message
    assert "partition_expr" in message
    assert run.table.version == -1


@pytest.mark.parametrize("keys", [WINDOWS[1:3], WINDOWS[:2]], ids=["before", "after"])
def test_rows_outside_of_the_range_are_an_error_and_not_dropped(run: Runs, keys: list[str]) -> None:
    message = run.fails(by_window(ROWS, **BY_TIME), keys=keys)
    assert "time" in message
    assert run.table.version == -1


def test_rows_without_a_time_are_an_error_in_a_range(run: Runs) -> None:
    untimed = ROWS.set_column(4, "time", pa.array([START, None, None, None], pa.timestamp("us", tz="UTC")))
    assert "time" in run.fails(by_window(untimed, **BY_TIME), keys=WINDOWS[:2])
    assert run.table.version == -1


def test_partitions_are_stored_as_told(run: Runs) -> None:
    stored = TableUpdate(
        {
            WINDOWS[0]: {
                "a-{content}.parquet": TableRows(ROWS.slice(0, 2)),
                "b-{content}.parquet": MadeRows(lambda: ROWS.slice(2, 1)),
            },
            WINDOWS[1]: {"a-{content}.parquet": TableRows(dask.delayed(ROWS.slice)(3))},
        },
        extra={WINDOWS[1]: {"note": "last"}},
    )
    run(by_window(stored), keys=WINDOWS[:2])
    assert run.rows(WINDOWS[0]) == ROWS.slice(0, 3)
    assert run.rows(WINDOWS[1]) == ROWS.slice(3)
    assert run.metadata(WINDOWS[1])["note"] == "last"


def test_a_partition_without_a_file_is_not_made(run: Runs) -> None:
    with pytest.raises(dg.Failure, match=f"there is nothing to store of {WINDOWS[0]}"):
        run(by_window(TableUpdate({WINDOWS[0]: {}}, schema=ROWS.schema)), keys=WINDOWS[:1])
    assert run.table.version == -1


def test_a_partition_can_be_emptied(run: Runs) -> None:
    run(by_window(ROWS.slice(0, 1)), keys=WINDOWS[:1])
    run(by_window(TableUpdate({WINDOWS[0]: {}}, schema=ROWS.schema)), keys=WINDOWS[:1])
    assert run.rows().num_rows == 0
    assert run.metadata(WINDOWS[0])["dagster/partition_row_count"] == 0


def test_one_delayed_table_is_stored(run: Runs) -> None:
    run(things(dask.delayed(ROWS.slice)(0)))
    assert run.rows() == ROWS.sort_by("time")


def test_nothing_returned_is_nothing_stored(run: Runs) -> None:
    run(things(None))
    assert run.table.version == -1


def test_an_empty_table_is_a_table(run: Runs) -> None:
    run(things(ROWS.slice(0, 0)))
    assert run.rows() == ROWS.slice(0, 0)
    assert run.metadata()["dagster/row_count"] == 0


def test_an_error_in_one_piece_leaves_the_table_as_it_was(run: Runs) -> None:
    run(things(ROWS))
    before = run.table

    def fail() -> pa.Table:
        raise ArithmeticError("a piece is bad")

    assert "a piece is bad" in run.fails(things([dask.delayed(ROWS.slice)(1), dask.delayed(fail)()]))
    assert run.table == before


def test_pieces_with_other_columns_leave_the_table_as_it_was(run: Runs) -> None:
    run(things(ROWS))
    before = run.table
    assert "differ in their columns" in run.fails(things([ROWS, ROWS.select(["id"])]))
    assert "has the columns" in run.fails(things(ROWS.select(["id"])))
    assert run.table == before


@pytest.mark.parametrize("value", [object(), 7, "rows", {"id": [1]}, [object()]])
def test_what_cannot_be_stored_is_an_error(run: Runs, value: Any) -> None:
    message = run.fails(things(value))
    assert "return pa.Table" in message
    assert run.table.version == -1


def test_raw_is_stored_as_json_lines(run: Runs, lake: Lake) -> None:
    @dg.asset(key=["raw", "things"], partitions_def=partitions(SILVER, START))
    def raw() -> pa.Table:
        return pa.table({"id": [1, 2], "name": ["a", None]})

    run(raw, keys=WINDOWS[:1])
    (name,) = lake.store.names(lake.path("raw", "things", WINDOWS[0]))
    with open(lake.path("raw", "things", WINDOWS[0], name)) as file:
        assert file.read() == '{"id":1,"name":"a"}\n{"id":2,"name":null}\n'
    told = run.metadata(WINDOWS[0], dg.AssetKey(["raw", "things"]))
    assert told["dagster/partition_row_count"] == 2
    shown = [record.data for record in told["sample rows"].records]
    assert shown == [{"id": "1", "name": "a"}, {"id": "2", "name": None}]


# Loading.


def loaded(run: Runs, annotation: Any, *, keys: Sequence[str] = (), all_rows: bool = False) -> Any:
    """What an asset downstream of `silver/things` is given, by the annotation of its argument."""
    given = []
    options: dict[str, Any] = {}
    if keys:
        options = {"partitions_def": partitions(SILVER, START), "backfill_policy": dg.BackfillPolicy.single_run()}

    def downstream(things):
        given.append(things)

    downstream.__annotations__ = {"things": annotation}
    asset = dg.asset(key=["silver", "downstream"], ins={"things": dg.AssetIn(KEY)}, **options)(downstream)
    upstream = by_window(ROWS, **BY_TIME) if keys else things(ROWS)
    run(upstream, asset, keys=keys, select=[asset])
    return given[0]


def check_loaded(found: Any, kind: str, expected: pa.Table) -> None:
    """The loaded rows are the expected ones, in the form asked for."""
    if kind == "Dask":
        assert isinstance(found, dd.DataFrame)
        found = found.compute()
    if kind in ("pandas", "Dask"):
        assert isinstance(found, pd.DataFrame)
        assert list(found.dtypes) == list(as_pandas(expected).dtypes)
        found = pa.Table.from_pandas(found, preserve_index=False).replace_schema_metadata()
    if kind == "delayed Arrow":
        assert isinstance(found, list)
        found = pa.concat_tables(dask.compute(*found, scheduler="sync"))
    assert found.sort_by("time") == expected.sort_by("time")


ANNOTATIONS = {"Arrow": pa.Table, "pandas": pd.DataFrame, "Dask": dd.DataFrame, "delayed Arrow": list}
each_annotation = pytest.mark.parametrize("kind", ANNOTATIONS)


@each_annotation
def test_a_whole_table_is_loaded(run: Runs, kind: str) -> None:
    run(things(as_delayed(ROWS)))
    check_loaded(loaded(run, ANNOTATIONS[kind]), kind, ROWS)


@each_annotation
def test_one_partition_is_loaded(run: Runs, kind: str) -> None:
    run(by_window(ROWS, **BY_TIME), keys=WINDOWS[:3])
    check_loaded(loaded(run, ANNOTATIONS[kind], keys=WINDOWS[1:2]), kind, ROWS.slice(2, 1))


@each_annotation
def test_a_range_of_partitions_is_loaded(run: Runs, kind: str) -> None:
    run(by_window(ROWS, **BY_TIME), keys=WINDOWS[:3])
    check_loaded(loaded(run, ANNOTATIONS[kind], keys=WINDOWS[:2]), kind, ROWS.slice(0, 3))


@each_annotation
def test_a_partition_without_rows_is_loaded_with_its_columns(run: Runs, kind: str) -> None:
    run(by_window(ROWS, **BY_TIME), keys=WINDOWS[:4])
    check_loaded(loaded(run, ANNOTATIONS[kind], keys=WINDOWS[3:]), kind, ROWS.slice(0, 0))


@pytest.mark.parametrize("annotation", [Snapshot, Any], ids=["Snapshot", "nothing"])
def test_without_a_form_asked_for_a_snapshot_is_given(run: Runs, annotation: Any) -> None:
    run(things(ROWS))
    assert loaded(run, annotation) == run.table


def test_what_is_loaded_can_be_stored_again(run: Runs) -> None:
    run(things(as_delayed(ROWS)))

    @dg.asset(key=["silver", "copy"], ins={"rows": dg.AssetIn(KEY)})
    def copy(rows: dd.DataFrame) -> dd.DataFrame:
        return rows[rows["id"] > 1]

    run(things(ROWS), copy, select=[copy])
    found = read(snapshot(run.lake, run.lake.table("silver", "copy")))
    assert found.sort_by("time") == ROWS.slice(1, 2)


def test_a_table_that_is_not_there_yet_is_told(run: Runs) -> None:
    with pytest.raises(LakeError, match="silver/things does not exist yet"):
        loaded(run, pa.Table)


def test_a_form_that_cannot_be_loaded_is_told(run: Runs) -> None:
    run(things(ROWS))
    with pytest.raises(TypeError, match=r"annotate pa\.Table, pd\.DataFrame, dd\.DataFrame or Snapshot"):
        loaded(run, dict)


# Metadata.


def test_a_whole_tables_metadata(run: Runs) -> None:
    run(things(as_delayed(ROWS)))
    found = run.metadata()
    table = DeltaTable(run.table.uri)
    assert (found["dagster/row_count"], found["files"]) == (4, 2)
    assert found["bytes"] == run.table.size
    assert found["delta version"] == table.version()
    assert found["seconds"] > 0
    assert found["rows per second"] > 0
    assert [(c.name, c.type) for c in found["dagster/column_schema"].columns] == [
        (column.name, TYPES[column.name]) for column in ROWS.schema
    ]


def test_some_rows_are_shown(run: Runs) -> None:
    run(things(ROWS.slice(1, 2)))
    shown = run.metadata()["sample rows"]
    assert [column.name for column in shown.schema.columns] == ROWS.column_names
    first, second = (record.data for record in shown.records)
    assert (first["id"], first["name"], first["price"]) == (2, "", "9999999999999.99")
    assert (first["ratio"], second["price"]) == ("inf", None), "JSON knows no infinity"


def test_each_partitions_metadata(run: Runs) -> None:
    run(by_window(ROWS, **BY_TIME), keys=WINDOWS[:4])
    counts = [run.metadata(partition)["dagster/partition_row_count"] for partition in WINDOWS]
    assert counts == [2, 1, 1, 0]
    assert {run.metadata(partition)["dagster/row_count"] for partition in WINDOWS} == {4}
    for partition in WINDOWS:
        found = run.metadata(partition)
        assert found["bytes"] == sum(file.size for file in run.table.of({partition}))
        assert found["delta version"] == run.table.version


def test_assets_whose_keys_end_alike_have_tables_of_their_own(instance: dg.DagsterInstance, lake: Lake) -> None:
    def made(number: int, *key: str) -> dg.AssetsDefinition:
        @dg.asset(key=list(key))
        def asset() -> pa.Table:
            return pa.table({"n": [number]})

        return asset

    keys = [("shop", "north", "sales"), ("shop", "south", "sales"), ("shop", "sales"), ("sales",)]
    Runs(instance, lake)(*(made(number, *key) for number, key in enumerate(keys)))
    tables = ["shop/north.sales", "shop/south.sales", "shop/sales", "sales/sales"]
    assert [read(snapshot(lake, lake.path(table)))["n"].to_pylist() for table in tables] == [[0], [1], [2], [3]]

    @dg.asset(ins={"sales": dg.AssetIn(key=list(keys[1]))})
    def after(sales: pa.Table) -> pa.Table:
        return sales

    Runs(instance, lake)(made(1, *keys[1]), after)
    assert read(snapshot(lake, lake.path("after/after"))).to_pylist() == [{"n": 1}]
