"""What a run measured, per unit of data: the figures that a plan is made of."""

import argparse
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tpch_assets.gold.queries import load_queries
from tpch_assets.gold.syntax import columns_read
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.tpch_tables import DIMENSIONS, FACTS, TABLES


def rates_of(
    lake: Lake, arguments: argparse.Namespace, bronze: dict[str, float], real: dict[str, Any]
) -> dict[str, Any]:
    """Rates as JSON values; seconds are those of one core.

    Args:
        bronze: Bytes of one batch of JSON, and the seconds that one thread parsed it in.
        real: The runs by layer.
    """
    silver = {name: snapshot(lake, lake.table("silver", name)) for name in (*FACTS, *DIMENSIONS)}
    lines = silver["lineitem"].rows
    gold = task_seconds(real["gold"])
    return {
        "scale_factor": arguments.scale_factor,
        "lines": lines,
        "shards": len(silver["lineitem"].files),
        "json_bytes_per_batch": bronze["bytes"],
        "bronze_seconds_per_batch": bronze["seconds"],
        "silver_seconds": real["silver"]["cpu"],
        "silver_bytes": sum(silver[name].size for name in FACTS),
        "partial_seconds": {k.split("-")[1]: sum(v) for k, v in gold.items() if k.startswith("run_partial-")},
        "combine_seconds": {k.split("-")[1]: sum(v) for k, v in gold.items() if k.startswith("run_combine-")},
        "partial_bytes": {name: _partial_bytes(lake, name) for name in load_queries(BUSINESS)},
        "dimension_rows": {name: silver[name].rows for name in DIMENSIONS},
        "dimension_bytes": {name: silver[name].size for name in DIMENSIONS},
        "column_bytes": {name: _column_bytes(silver[name].paths()) for name in DIMENSIONS},
        "scheduler": {},
    }


def task_seconds(run: dict[str, Any]) -> dict[str, list[float]]:
    """What each task would take on a core of its own: its share of the CPU time, whatever else the machine did."""
    share = run["cpu"] / sum(seconds for times in run["tasks"].values() for seconds in times)
    return {kind: [seconds * share for seconds in times] for kind, times in run["tasks"].items()}


def dimension_columns(statement: str | None) -> dict[str, tuple[str, ...]]:
    """The columns that a statement reads of each dimension table."""
    return {name: columns for name in DIMENSIONS if statement and (columns := columns_read(statement, TABLES[name]))}


def _partial_bytes(lake: Lake, query: str) -> int:
    """Bytes of the partials that a combine reads."""
    return sum(path.stat().st_size for path in Path(lake.uri, "partials", query).glob("*.parquet"))


def _column_bytes(paths: list[str]) -> dict[str, int]:
    """Bytes per column, neither packed nor encoded away by more than Parquet's dictionaries."""
    found: dict[str, int] = {}
    for path in paths:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            for index in range(metadata.num_columns):
                column = metadata.row_group(group).column(index)
                found[column.path_in_schema] = found.get(column.path_in_schema, 0) + column.total_uncompressed_size
    return found
