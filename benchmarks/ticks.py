"""What a tick of the late-data sensor costs over a long history in which nothing is to be done, and after one batch.

    python -m benchmarks.ticks [--days 3650]

Times are CPU seconds. The tables hold lists of files that are not there, but for the dimensions: a tick reads the log.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context

import dagster as dg
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.transaction import AddAction

from tpch_assets.calendar import batch_key, day_key, window_of
from tpch_assets.compute.database import arrow_schema, nulls
from tpch_assets.gold.identity import made_from
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listed
from tpch_assets.lake.update import copy_query
from tpch_assets.layers import BATCH, DAY
from tpch_assets.orchestration.assemble import planner_of
from tpch_assets.orchestration.schedules import Planner
from tpch_assets.settings import Settings
from tpch_assets.silver.inputs import inputs_digest
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.tpch import BUSINESS

ADDS = 20_000


def main() -> None:
    """Make the tables, and time ticks over them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=3650)
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TPCH_LAKE"] = folder
        lake = Lake(folder)
        start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - days * DAY
        planner = planner_of(Settings(lake=folder, start=start), BUSINESS)
        files = fill(lake, start, days)
        print(f"{days:,} days of 4 windows and 96 batches: {files:,} files in {len(lake.tables())} tables", flush=True)
        with dg.DagsterInstance.ephemeral() as instance:
            tick("the first tick of all", planner, lake, instance)
            another = get_context("spawn").Process(target=next_process, args=(folder, start))
            another.start()
            another.join()
            tick("a tick when nothing happened", planner, lake, instance)
            late = batch_key(start + DAY)
            for table in BUSINESS.facts:
                add(lake, "bronze", table.name, [f"{late}/late.parquet"])
            tick("a tick after a late batch", planner, lake, instance)


def next_process(folder: str, start: datetime) -> None:
    """Time the first tick of a process that goes on from what another one noted."""
    planner = planner_of(Settings(lake=folder, start=start), BUSINESS)
    with dg.DagsterInstance.ephemeral() as instance:
        tick("the first tick of the next process", planner, Lake(folder), instance)


def tick(name: str, planner: Planner, lake: Lake, instance: dg.DagsterInstance) -> None:
    """Time a tick, and print how many runs it asks for."""
    begin = time.process_time()
    found = planner.late(lake, None, instance)
    print(f"{name:34} {time.process_time() - begin:7.2f} s  {len(found.requests)} runs", flush=True)


def fill(lake: Lake, start: datetime, days: int) -> int:
    """Make a lake in which all is built; returns how many files its facts and answers have."""
    batches = [batch_key(start + number * BATCH) for number in range(days * (DAY // BATCH))]
    made: dict[str, list[str]] = {}
    for group in BUSINESS.groups:
        for table in group.facts:
            made[f"bronze/{table.name}"] = [f"{batch}/{table.name[0]}.parquet" for batch in batches]
        inputs: dict[str, list[str]] = {}
        for table in group.facts:
            for path in made[f"bronze/{table.name}"]:
                inputs.setdefault(window_of(path.split("/")[0]), []).append(f"{table.name}/{path}")
        names = {window: ShardName(inputs_digest(paths), 0, 1, "", "0" * 16) for window, paths in inputs.items()}
        made |= {f"silver/{table.name}": [f"{w}/{name}" for w, name in names.items()] for table in group.facts}
    for place, paths in made.items():
        layer, name = place.split("/")
        add(lake, layer, name, paths, empty=window_of(batch_key(start + DAY)) if layer == "silver" else "")
    for table in BUSINESS.dimensions:
        write = partial(one_row, table.stored_columns)
        uri = lake.table("silver", table.name)
        commit(lake, uri, [write_file(lake, uri, "latest", "{content}.parquet", write)], {"latest"})
    silver = {name: listed(lake, lake.table("silver", name)) for name in BUSINESS.names}
    keys = [day_key(start + number * DAY) for number in range(days)]
    for query in load_queries(BUSINESS).values():
        answers = made_from(query, BUSINESS, silver, keys, Settings.model_fields["scale_factor"].default)
        add(lake, "gold", query.name, [f"{day}/{name}-{'0' * 16}.parquet" for day, name in answers.items()])
        made[f"gold/{query.name}"] = keys
    return sum(map(len, made.values()))


def one_row(columns: Iterable[tuple[str, str]], path: str) -> None:
    """Write a row of nothing."""
    copy_query(f"SELECT {nulls(columns)}", path, "FORMAT parquet")


def add(lake: Lake, layer: str, name: str, paths: list[str], empty: str = "") -> None:
    """Add files to a table that is made if need be; those of one partition without rows, so that nobody opens them."""
    uri = lake.table(layer, name)
    schema = Schema.from_arrow(arrow_schema([("key", "BIGINT"), ("_batch", "VARCHAR")]))
    if not os.path.isdir(uri):
        os.makedirs(uri)
        DeltaTable.create(uri, schema)
    table = DeltaTable(uri)
    for begin in range(0, len(paths), ADDS):
        once = CommitProperties(max_commit_retries=0, app_transactions=[Transaction("benchmark", table.version() + 1)])
        table.create_write_transaction(
            list(actions(paths[begin : begin + ADDS], empty)),
            "append",
            schema,
            commit_properties=once,
        )
        table.update_incremental()
    if len(paths) > 1:
        table.create_checkpoint()


def actions(paths: Iterable[str], empty: str) -> Iterator[AddAction]:
    """What a commit says of files."""
    for number, path in enumerate(paths):
        bounds = {"key": number, "_batch": path.split("/")[0]}
        stats = {
            "numRecords": 0 if bounds["_batch"] == empty else 1,
            "minValues": bounds,
            "maxValues": bounds,
            "nullCount": {"key": 0, "_batch": 0},
        }
        yield AddAction(path, 1000, {}, 0, True, json.dumps(stats))


if __name__ == "__main__":
    main()
