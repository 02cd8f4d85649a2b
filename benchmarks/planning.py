"""What a run's own process does before and after the workers' tasks, for a history of many shards.

    python -m benchmarks.planning [--days 30] [--shards 1000]

Times are CPU seconds. The tables are lists of files that are not there: planning reads the Delta log alone.
"""

import argparse
import json
import os
import pickle
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.transaction import AddAction, RemoveAction

from tpch_assets.calendar import day_key, window_key
from tpch_assets.compute.database import arrow_schema
from tpch_assets.gold.history import shards_digest
from tpch_assets.gold.plan import plan
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, snapshot
from tpch_assets.layers import DAY, WINDOW
from tpch_assets.silver.inputs import stale_windows_of
from tpch_assets.silver.rows import PROVENANCE
from tpch_assets.silver.shards import complete_shards, plan_shards
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.tpch_tables import FACTS, GROUP, TABLES

START = datetime(2026, 1, 1, tzinfo=UTC)
ADDS = 5000


def main() -> None:
    """Make the lists of files, and time each step over them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--shards", type=int, default=1000, help="shards per window")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TPCH_LAKE"] = folder
        lake = Lake(folder)
        silver = {name: table(lake, "silver", name, arguments.days, arguments.shards) for name in FACTS}
        bronze = {name: replace(source, uri=lake.table("bronze", name)) for name, source in silver.items()}
        print(f"{len(silver['orders'].files):,} shards: {arguments.days} days of 4 windows of {arguments.shards:,}")
        plans(silver, bronze, arguments.days)
        delta(lake, silver["lineitem"])


def plans(silver: dict[str, Snapshot], bronze: dict[str, Snapshot], days: int) -> None:
    """Time what silver's and gold's runs and the sensors plan."""
    last = START + (days - 1) * DAY
    query = load_queries(BUSINESS)["q01_pricing_summary"]
    until = window_key(last + DAY)
    timed("shards that are complete", complete_shards, GROUP, silver, until)
    timed("name of a day's shards", shards_digest, GROUP, silver, day_key(last))
    timed("windows that are stale", stale_windows_of, GROUP, bronze, silver)
    built = timed("silver: plan a window", plan_shards, GROUP, bronze, silver, [window_key(last)], 4_000_000)
    rows = next(iter(built["orders"].files[window_key(last)].values()))
    print(f"{'':28} {len(pickle.dumps(rows)) / 1e3:9.1f} KB per task")
    timed("gold: plan a query, none kept", plan, query, BUSINESS, silver, last.date(), 1)


def delta(lake: Lake, source: Snapshot) -> None:
    """Time opening a table, and commits, with as many files."""
    uri = lake.table("silver", "lineitem")
    os.makedirs(uri)
    made = DeltaTable.create(uri, _schema(source))
    files = source.files
    for begin in range(0, len(files), ADDS):
        write(made, source, files[begin : begin + ADDS])
        made.update_incremental()
    made.create_checkpoint()
    opened = timed("open the table", snapshot, lake, uri)
    assert len(opened.files) == len(files)
    more = [replace(file, path=file.path.replace(".parquet", "-again.parquet")) for file in files[:30_000]]
    table = DeltaTable(uri)
    timed(f"commit {len(more):,} files at once", write, table, source, more)


def write(table: DeltaTable, source: Snapshot, files: Any) -> None:
    """One commit with some files."""
    adds: list[AddAction | RemoveAction] = [
        AddAction(file.path, file.size, {}, 0, True, _stats(file)) for file in files
    ]
    properties = CommitProperties(
        max_commit_retries=0, app_transactions=[Transaction("benchmark", table.version() + 1)]
    )
    table.create_write_transaction(adds, "append", _schema(source), commit_properties=properties)


def _schema(source: Snapshot) -> Schema:
    assert source.schema is not None
    return Schema.from_arrow(source.schema)


def _stats(file: DataFile) -> str:
    nulls = dict.fromkeys(file.least, 0)
    stats = {"numRecords": file.rows, "minValues": file.least, "maxValues": file.greatest, "nullCount": nulls}
    return json.dumps(stats, default=str)


def table(lake: Lake, layer: str, name: str, days: int, shards_per_window: int) -> Snapshot:
    """A table of files with statistics for every column."""
    schema = arrow_schema([*TABLES[name].stored_columns, *((column, type_) for column, type_, _ in PROVENANCE)])
    key = TABLES[name].shard_key
    values = {field.name: _value(str(field.type)) for field in schema}
    files = []
    for number in range(days * 4 * shards_per_window):
        window = window_key(START + number // shards_per_window * WINDOW)
        place = f"{number % shards_per_window}of{shards_per_window}"
        least = {**values, key: number * 1000, "_batch": window}
        greatest = {**least, key: number * 1000 + 999}
        path = f"{window}/{'0' * 12}-{place}-{number:016x}.parquet"
        files.append(DataFile(path, 100 << 20, 4_000_000, least, greatest))
    return Snapshot(lake, lake.table(layer, name), 1, tuple(files), schema)


def _value(type_: str) -> Any:
    if type_.startswith("timestamp"):
        return "2026-01-01T00:00:00.000000Z"
    if type_.startswith("date"):
        return "2026-01-01"
    return 1 if type_.startswith(("int", "decimal")) else "a value"


def timed(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call, and print the CPU seconds that it took."""
    begin = time.process_time()
    result = function(*arguments)
    print(f"{name:28} {time.process_time() - begin:9.2f} s", flush=True)
    return result


if __name__ == "__main__":
    main()
