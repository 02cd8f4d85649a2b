"""The lake is open: deltalake, Polars and DuckDB read the same rows as we do, from every table."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tpch_assets.lake.snapshot import read
from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph
from tpch_assets_tests.tpch_tables import TABLE_NAMES, TABLES

PROVENANCE = ["_batch", "_file", "_rescued"]
REJECTS = ["_batch", "_file", "_line", "_text", "_reason"]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A day, and in the next one a batch with unknown fields and a reject."""
    place = days.whole_day().copy(tmp_path_factory.mktemp("open"))
    first, second = days.raw_rows(place.lake, "orders", days.key(0))[:2]
    good, bad = {**first, "o_orderkey": 60_001, "gift": "yes"}, {**second, "o_orderkey": "?"}
    place.deliver("orders", days.key(96), "orders.json", [good, bad])
    with graph(place) as loaded:
        loaded.run(loaded.sensor("bronze_sensor").run_requests)
    return place


def names(place: Place) -> list[str]:
    found = list(days.tables_of(place.lake))
    assert len(found) == 8 + 1 + 8 + len(days.QUERIES)
    return found


def columns(name: str) -> list[str]:
    layer, table = name.split("/")
    if table.endswith("_rejects"):
        return REJECTS
    described: Any = TABLES
    return [*described[table].column_names, *(PROVENANCE if layer == "bronze" else PROVENANCE[:1])]


def test_tables_have_their_columns_and_gold_its_day(day: Place) -> None:
    for name in names(day):
        table = DeltaTable(day.lake.path(*name.split("/")))
        schema = pa.schema(table.schema().to_arrow())
        assert table.metadata().partition_columns == [], name
        if name.startswith("gold/"):
            assert schema.field("as_of").type == pa.date32(), name
        else:
            assert schema.names == columns(name), name
        for path in table.file_uris():
            assert pq.read_schema(path).names == schema.names, f"{name}: a file without all columns"


def test_polars_reads_the_same_rows(day: Place) -> None:
    for name, table in days.tables_of(day.lake).items():
        days.assert_same_rows(polars.scan_delta(table.uri).collect().to_arrow(), read(table), name)


def test_duckdb_reads_the_same_rows(day: Place) -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for name, table in days.tables_of(day.lake).items():
            files = DeltaTable(table.uri).file_uris()
            rows = con.read_parquet(files).to_arrow_table()
            days.assert_same_rows(rows, read(table), name)


READ = """
import os, sys
from deltalake import DeltaTable
import pyarrow.parquet as pq
for uri in sys.argv[1:]:
    pq.write_table(DeltaTable(uri).to_pyarrow_table(), uri.rstrip("/") + ".read.parquet")
sys.stdout.flush()
os._exit(0)  # Its threads may abort the interpreter at a usual exit, after all is read.
"""


def test_deltalake_reads_the_same_rows(day: Place) -> None:
    tables = days.tables_of(day.lake)
    subprocess.run([sys.executable, "-c", READ, *(table.uri for table in tables.values())], check=True)
    for name, table in tables.items():
        days.assert_same_rows(pq.read_table(f"{table.uri}.read.parquet"), read(table), name)


def test_counts_from_the_log_are_true(day: Place) -> None:
    for name, table in days.tables_of(day.lake).items():
        assert table.rows == read(table).num_rows == DeltaTable(table.uri).count(), name


def test_statistics_skip_no_row(day: Place) -> None:
    """A reader that skips files by the log's statistics must find each row by any of its values."""
    for table in TABLE_NAMES:
        for layer in ("bronze", "silver"):
            stored = polars.scan_delta(day.lake.table(layer, table))
            rows = days.rows_of(day.lake, layer, table)
            for row in rows.slice(rows.num_rows // 2, 1).to_pylist():
                for column, value in row.items():
                    if value is None:
                        continue
                    found = stored.filter(polars.col(column) == value).select(polars.len()).collect().item()
                    expected = pc.sum(pc.equal(rows[column], pa.scalar(value, rows[column].type))).as_py()
                    assert found == expected > 0, f"{layer}/{table}: {column} = {value}"


def test_old_versions_can_be_read(day: Place) -> None:
    uri = day.lake.table("gold", "q01_pricing_summary")
    assert len(DeltaTable(uri, version=0).file_uris()) == 0
    assert Path(DeltaTable(uri, version=1).file_uris()[0]).exists()
