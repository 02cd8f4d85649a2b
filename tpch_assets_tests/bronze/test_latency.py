"""How long files took to bronze is told by the lake."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tpch_assets.bronze.latency import latencies
from tpch_assets.lake.snapshot import snapshot
from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph
from tpch_assets_tests.tpch_tables import TABLES

REGION = TABLES["region"]


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Graph]:
    with graph(Place(tmp_path), generate=False) as found:
        yield found


def _land(loaded: Graph, number: int, name: str, seconds_ago: float) -> None:
    row = {"r_regionkey": number, "r_name": "EUROPE", "r_comment": ""}
    path = loaded.place.deliver("region", days.key(number), name, [row])
    landed = time.time() - seconds_ago
    os.utime(path, (landed, landed))


def test_a_batch_took_as_long_as_its_slowest_file(loaded: Graph) -> None:
    begun = time.time()
    _land(loaded, 0, "a.json", 5000)
    loaded.settle()
    _land(loaded, 1, "from elsewhere.json", 90)
    _land(loaded, 1, "another.json.gz", 600)
    _land(loaded, 2, "a.json", 30)
    loaded.settle()
    bronze = snapshot(loaded.lake, loaded.lake.table("bronze", "region"))
    found = latencies(loaded.lake, REGION, bronze)
    assert [one.batch for one in found] == [days.key(1), days.key(2)], "the commit that made the table says nothing"
    most = time.time() - begun
    assert 600 <= found[0].seconds < 600 + most and 30 <= found[1].seconds < 30 + most
    assert [one.batch for one in latencies(loaded.lake, REGION, bronze, days.key(2))] == [days.key(2)]

    _land(loaded, 2, "a.json", 10)
    assert [one.batch for one in latencies(loaded.lake, REGION, bronze)] == [days.key(1)], "another delivery is due"
