"""What planning one more window of silver costs where keys are UUIDs, so that each window spans all of them.

    python -m benchmarks.unordered [--windows 30,120] [--rows 1000]

Compares digests of keys, which silver keeps for each window, with the keys themselves. `--rows` are those of a batch.
Times are CPU seconds of the same plan, in turn, and the least of three.
"""

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial

from tpch_assets.bronze.plan import PROVENANCE
from tpch_assets.calendar import batches_of, window_key
from tpch_assets.compute.database import arrow_schema
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import write_piece
from tpch_assets.lake.snapshot import Snapshot, snapshot
from tpch_assets.lake.update import copy_query
from tpch_assets.layers import SILVER, WINDOW
from tpch_assets.schema import Column, Group, Table
from tpch_assets.silver import key_digests
from tpch_assets.silver.shards import plan_shards

START = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = Table(
    "clicks",
    "What people click.",
    (Column("click_id", "UUID", "Identifies the click."), Column("place", "VARCHAR", "Where.")),
    key=("click_id",),
    arrives="every batch",
    colocated_by="click_id",
)
GROUP = Group(TABLE.name, (TABLE,))
COLUMNS = (*TABLE.stored_columns, *((name, type_) for name, type_, _ in PROVENANCE))
MANY = 1_000_000


def main() -> None:
    """Measure for each number of windows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", default="30,120")
    parser.add_argument("--rows", type=int, default=1000)
    chosen = parser.parse_args()
    for windows in map(int, chosen.windows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            lake = Lake(folder)
            deliver(lake, 0, windows, chosen.rows)
            build(lake, [window_key(START + i * WINDOW) for i in range(windows)])
            deliver(lake, windows, 1, chosen.rows)
            ours, keys = compare(lake, window_key(START + windows * WINDOW))
            sys.stdout.write(
                f"{windows} windows of {24 * chosen.rows:,} keys before it: {ours:.2f} CPU s with digests, "
                f"{keys:.2f} with keys, ratio {keys / ours:.1f}\n"
            )
            sys.stdout.flush()


def deliver(lake: Lake, first: int, windows: int, rows: int) -> None:
    """Write and commit bronze of some windows."""
    uri, written = lake.table("bronze", TABLE.name), []
    for number in range(first, first + windows):
        for batch in batches_of(window_key(START + number * WINDOW)):
            query = (
                f"SELECT uuid()::VARCHAR AS click_id, 'here' AS place, '{batch}' AS _batch, 'a.json' AS _file, "
                f"NULL::VARCHAR AS _rescued FROM range({rows})"
            )
            write = partial(copy_query, query, options=SILVER.parquet.options)
            written.append(write_file(lake, uri, batch, "{content}.parquet", write))
    for begin in range(0, len(written), 5000):
        commit(lake, uri, written[begin : begin + 5000], set(), schema=arrow_schema(COLUMNS))


def layers(lake: Lake) -> tuple[dict[str, Snapshot], dict[str, Snapshot]]:
    bronze, silver = ({TABLE.name: snapshot(lake, lake.table(layer, TABLE.name))} for layer in ("bronze", "silver"))
    return bronze, silver


def build(lake: Lake, windows: list[str]) -> None:
    """Build windows, as the asset does."""
    bronze, silver = layers(lake)
    update = plan_shards(GROUP, bronze, silver, windows, MANY)[TABLE.name]
    uri = lake.table("silver", TABLE.name)
    written = [
        write_piece(lake, uri, window, file, rows).rows
        for window, files in update.files.items()
        for file, rows in files.items()
    ]
    commit(lake, uri, written, set(update.files), schema=update.schema, base=update.base)


def compare(lake: Lake, window: str) -> tuple[float, float]:
    """CPU seconds of planning a window by digests and by keys: the least of three."""
    bronze, silver = layers(lake)
    few, found = key_digests.FEW, {False: [float("inf")], True: [float("inf")]}
    for _ in range(3):
        for by_keys in (False, True):
            key_digests.FEW = MANY if by_keys else few
            begun = time.process_time()
            plan_shards(GROUP, bronze, silver, [window], MANY)
            found[by_keys].append(time.process_time() - begun)
    key_digests.FEW = few
    return min(found[False]), min(found[True])


if __name__ == "__main__":
    main()
