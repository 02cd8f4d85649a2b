"""A run is given up and made again while its process lives on: what the orphan commits then is refused."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil
import pytest

from tpch_assets.orchestration.instance import SILENT, end_lost
from tpch_assets.settings import PROJECT
from tpch_assets_tests import days
from tpch_assets_tests.chaos import feed, orphan
from tpch_assets_tests.chaos.town import SENSORS, Town, town, wait_for
from tpch_assets_tests.days import Graph

LAYERS = {"bronze": "bronze_sensor", "silver": "late_data_sensor", "gold": "late_data_sensor"}


def versions(loaded: Graph) -> dict[str, int]:
    return {name: table.version for name, table in days.tables_of(loaded.lake).items()}


def _make_layers_before(loaded: Graph, layer: str) -> None:
    for name in list(LAYERS)[: list(LAYERS).index(layer)]:
        loaded.run(loaded.sensor(LAYERS[name]).run_requests)


def _orphan(market: Town, layer: str) -> psutil.Popen:
    """A run that has stopped right before its commit."""
    command = [sys.executable, "-m", orphan.__name__, str(market.place.folder), LAYERS[layer]]
    with (market.place.folder / "orphan.txt").open("w") as output:
        process = psutil.Popen(
            command, env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=output, stderr=subprocess.STDOUT
        )
    wait_for("the run to stop", lambda: process.status() == psutil.STATUS_STOPPED)
    return process


@pytest.mark.chaos
@pytest.mark.parametrize("layer", LAYERS)
def test_what_an_orphan_commits_late_is_refused(tmp_path: Path, seed: int, layer: str) -> None:
    with town(tmp_path, seed) as market:
        market.next_day()
        with market.graph() as loaded:
            market.settle(loaded)
            market.correct(feed.BATCHES[0])
            _make_layers_before(loaded, layer)
            process = _orphan(market, layer)
            try:
                (said,) = end_lost(loaded.instance, datetime.now(UTC) + timedelta(hours=2))
                assert SILENT in said and f"{layer}_job" in said
                market.correct(feed.BATCHES[0])  # What the orphan has made is no longer what is to be there.
                market.settle(loaded)
                before = versions(loaded)
                process.send_signal(signal.SIGCONT)
                assert process.wait(120) == 0, (tmp_path / "orphan.txt").read_text()
            finally:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            assert (tmp_path / orphan.TOLD).read_text().startswith("refused: ")
            assert versions(loaded) == before
            assert [loaded.sensor(name).run_requests or [] for name in SENSORS] == [[], []]
            market.life.check(0)
            left = loaded.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            assert left == []
