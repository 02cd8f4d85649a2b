"""Replay a day of TPC-H through the real graph, and compare gold with the figures that TPC publishes.

    python -m benchmarks.proof [--scale-factor 1]

Scale factor 10 takes about 20 minutes on two cores and 15 GB of disk. Exits with 1 if anything differs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.published import ANSWERS, ROWS, Answer, Row
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.layers import BATCHES_PER_DAY
from tpch_assets.settings import current_business, load_settings


def main() -> None:
    """Replay, compare and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale-factor", type=int, choices=sorted(ANSWERS), default=1)
    scale_factor = parser.parse_args().scale_factor
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        replay(Path(folder), scale_factor)
        print(f"one day at scale factor {scale_factor}, 96 batches: {time.monotonic() - begin:.0f} s")
        found = list(differences(Lake(load_settings(lake=f"{folder}/lake").lake), scale_factor))
    for difference in found:
        print(f"DIFFERS: {difference}")
    if found:
        sys.exit(1)
    rows = ", ".join(f"{table} {count:,}" for table, count in ROWS[scale_factor].items())
    figures = sum(len(row) for answer in ANSWERS[scale_factor].values() for row in answer.first)
    print(f"rows in silver, as published: {rows}")
    print(f"answers as published: {len(ANSWERS[scale_factor])}, with their row counts and {figures} figures")


def replay(folder: Path, scale_factor: float, days: int = 1) -> None:
    """Fill a fresh lake in `folder` with the days before this one."""
    (folder / "home").mkdir()
    start = (datetime.now(UTC) - timedelta(days=days)).date()
    ours = {"DAGSTER_HOME": str(folder / "home"), "TPCH_LAKE": str(folder / "lake"), "TPCH_START": str(start)}
    command = [str(Path(sys.executable).with_name("tpch-assets")), "replay", "--scale-factor", str(scale_factor)]
    command += ["--batches", str(days * BATCHES_PER_DAY)]
    done = subprocess.run(command, env={**os.environ, **ours}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the replay failed:\n{done.stdout}{done.stderr}")


def differences(lake: Lake, scale_factor: int) -> Iterator[str]:
    """What the lake holds otherwise than published, one sentence each."""
    for table, count in ROWS[scale_factor].items():
        rows = snapshot(lake, lake.table("silver", table)).rows
        if rows != count:
            yield f"silver/{table} has {rows:,} rows; published are {count:,}"
    names = list(load_queries(current_business()))
    for number, answer in ANSWERS[scale_factor].items():
        name = next(found for found in names if found.startswith(f"{number}_"))
        source = snapshot(lake, lake.table("gold", name))
        yield from _compared(name, answer, read(source, source.files).to_pylist())


def _compared(name: str, answer: Answer, rows: list[Row]) -> Iterator[str]:
    if len(rows) != answer.rows:
        yield f"{name} has {len(rows):,} rows; published are {answer.rows:,}"
        return
    for number, (row, published) in enumerate(zip(rows, answer.first, strict=False)):
        for column, value in published.items():
            if not _equal(row[column], value, answer.tolerance):
                yield f"{name}, row {number}, {column}: {row[column]}; published is {value}"


def _equal(value: object, published: int | float | str, tolerance: float) -> bool:
    """Whether a value is the published one, rounded as that is."""
    if isinstance(published, str) or not isinstance(value, int | float | Decimal):
        return value == published
    return abs(Decimal(str(round(value, 2))) - Decimal(str(published))) <= Decimal(str(tolerance))


if __name__ == "__main__":
    main()
