"""TPC-H as the generator makes it in one go, and the first two days of the stream."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tpch_assets.compute.database import cursor
from tpch_assets.layers import BATCHES_PER_DAY
from tpch_assets_tests.conftest import SCALE_FACTOR
from tpch_assets_tests.tpch.stream import day


@pytest.fixture(scope="package")
def tpch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of TPC-H, as the generator makes it in one go."""
    folder = tmp_path_factory.mktemp("tpch")
    program = Path(sys.executable).with_name("tpchgen-cli")
    subprocess.run(
        [program, "parquet", "--quiet", "-s", str(SCALE_FACTOR), "--output-dir", folder],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="package")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Tables `orders_0`, `lineitem_0`, `orders_1` and `lineitem_1`: the first two days of the stream."""
    with cursor() as found:
        for number in (0, 1):
            for name in ("orders", "lineitem"):
                found.execute(f"CREATE TEMP TABLE {name}_{number} AS {day(name, number * BATCHES_PER_DAY)}")
        yield found
