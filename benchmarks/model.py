"""What a model's daily retrain costs, as the history grows, beside computing all features again.

    python -m benchmarks.model [--scale-factor 0.1] [--days 8]

Days of silver are made straight from the generator, a shard per window. Times are CPU seconds of this process, in which
the tasks run; training on all rows of the history is part of both sides.
"""

import argparse
import os
import shutil
import tempfile
import time
from datetime import UTC, datetime

from tpch_assets.calendar import day_key, window_key
from tpch_assets.compute import cluster
from tpch_assets.compute.database import rows_as
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.update import copy_query
from tpch_assets.layers import BATCH, BATCHES_PER_DAY, DAY, SILVER, WINDOW
from tpch_assets.models import registry
from tpch_assets.models.declared import load_models
from tpch_assets.models.plan import Outcome, train_day
from tpch_assets.schema import Table
from tpch_assets.silver.inputs import inputs_digest
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.tpch import BUSINESS
from tpch_assets.tpch.generator import Generator

START = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Generator()


def main() -> None:
    """Trains a day after the other; then the last one again without what was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale-factor", type=float, default=0.1)
    parser.add_argument("--days", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TPCH_LAKE"] = folder
        lake = Lake(folder)
        for table in BUSINESS.dimensions:
            store(lake, table, "all", "{content}.parquet", [0], arguments.scale_factor)
        print(f"late_delivery_model, scale factor {arguments.scale_factor:g} a day")
        for number in range(arguments.days):
            for table in BUSINESS.facts:
                deliver(lake, table, number, arguments.scale_factor)
            tell(f"day {number + 1}", *trained(lake, number))
        shutil.rmtree(lake.path("partials"))
        shutil.rmtree(lake.table("gold", registry.TABLE))
        tell(f"day {arguments.days}, all features again", *trained(lake, arguments.days - 1))
        show(registry.versions(lake, "late_delivery_model")[-1])
        cluster.close()


def trained(lake: Lake, number: int) -> tuple[Outcome, float]:
    """Train the version of a day; the CPU seconds it took."""
    bound, begin = load_models(BUSINESS)["late_delivery_model"], time.process_time()
    found = train_day(bound, BUSINESS, lake, day_key(START + number * DAY), machine_rows=10**9)
    return found, time.process_time() - begin


def tell(what: str, found: Outcome, seconds: float) -> None:
    metrics = found.version.metrics
    print(
        f"{what}: {found.rows_read:,} rows of silver read, features of {found.shards_kept} of {found.shards} shards "
        f"kept, trained on {int(metrics['training_rows']):,} rows; {seconds:.1f} s; {found.version.status}",
        flush=True,
    )


def show(one: registry.ModelVersion) -> None:
    print(f"figures of {one.day}, on {int(one.metrics['rows']):,} lines of a day that it has not seen")
    for name, figures in {"model": one.metrics, **one.baselines}.items():
        told = [f"{what.replace('_', ' ')} {figures[what]:.4f}" for what in ("auc", "log_loss", "calibration_error")]
        print(f"  {name:9} {', '.join(told)}")
    most = sorted(one.importances.items(), key=lambda item: -item[1])[:3]
    print("  gain      " + ", ".join(f"{name} {share:.0%}" for name, share in most))


def deliver(lake: Lake, table: Table, number: int, scale_factor: float) -> None:
    """A day of a fact in silver."""
    for index in range(DAY // WINDOW):
        first = number * BATCHES_PER_DAY + index * (WINDOW // BATCH)
        name = str(ShardName(inputs_digest(()), 0, 1))
        batches = list(range(first, first + WINDOW // BATCH))
        store(lake, table, window_key(START + first * BATCH), name, batches, scale_factor)


def store(lake: Lake, table: Table, partition: str, name: str, batches: list[int], scale_factor: float) -> None:
    def write(path: str) -> None:
        parts = []
        for batch in batches:
            rows = SOURCE.rows(table, batch, START + batch * BATCH, scale_factor, many=True)
            copy_query(rows, part := f"{path}.{batch}", "FORMAT parquet")
            parts.append(part)
        copy_query(f"SELECT * FROM {rows_as(parts, table.stored_columns)}", path, SILVER.parquet.options)
        for part in parts:
            os.unlink(part)

    uri = lake.table("silver", table.name)
    commit(lake, uri, [write_file(lake, uri, partition, name, write)], {partition})


if __name__ == "__main__":
    main()
