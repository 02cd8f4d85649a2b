"""One line each: a copy of the package, of which one line of `layers.py` was changed, follows it everywhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tpch_assets_tests.days import BATCHES, SCRIPTS, Place, day

PROJECT = Path(__file__).parent.parent
BATCH_LINE = ("BATCH, WINDOW, DAY = timedelta(minutes=15)", "BATCH, WINDOW, DAY = timedelta(minutes=5)")
KEEP_LINE = ('KEEP: Literal["last", "first"] = "last"', 'KEEP: Literal["last", "first"] = "first"')
SILVER_LINE = (
    '    description="Compact windows of bronze into unique silver tables.",\n',
    '    description="Compact windows of bronze into unique silver tables.", parquet=Parquet("snappy"),\n',
)


class Copy:
    """The project with one line changed."""

    def __init__(self, folder: Path, line: tuple[str, str]) -> None:
        self.folder = folder
        shutil.copytree(PROJECT / "tpch_assets", folder / "tpch_assets", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("dagster.yaml", "Makefile"):
            shutil.copy(PROJECT / name, folder / name)
        path, (before, after) = folder / "tpch_assets" / "layers.py", line
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, after))

    def run(self, *command: str, **settings: object) -> str:
        """What a Python process prints that finds the copy first."""
        place = Place(self.folder / "place")
        environment = {**place.environment(**settings), "PYTHONPATH": os.pathsep.join([str(self.folder), str(PROJECT)])}
        done = subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def told(self, function: str) -> Any:
        """What a function of `changed.py` tells."""
        folder = self.folder / function
        folder.mkdir()
        return json.loads(self.run("-m", "tpch_assets_tests.changed", function, str(folder)).splitlines()[-1])

    def command(self, *words: str) -> str:
        """What `tpch-assets` prints."""
        code = "from tpch_assets.commands.main import main; main()"
        return self.run("-c", code, *words, scale_factor=0.001)


@pytest.fixture(scope="module")
def often(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Batches of five minutes."""
    return Copy(tmp_path_factory.mktemp("often"), BATCH_LINE)


def test_shorter_batches_reach_schedules_partitions_and_texts(often: Copy) -> None:
    told = often.told("cadence")
    assert (told["cron"], told["seconds"]) == ("*/5 * * * *", 100)
    assert told["schedule"].startswith("Every 5 minutes: ")
    assert told["asset"].endswith("a batch every 5 minutes.")
    assert told["keys"] == [f"{day(0)}T{time}" for time in ("0000", "0005", "0010")]
    assert told["counts"] == {"raw": 288, "bronze": 288, "silver": 4, "gold": 1}


def test_a_day_of_shorter_batches_is_all_of_tpch(often: Copy, tmp_path: Path) -> None:
    command = [str(SCRIPTS / "tpchgen-cli"), "csv", "--quiet", "-s", "0.001", "-o", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    counts = {path.stem: path.read_bytes().count(b"\n") - 1 for path in tmp_path.glob("*.csv")}
    told = often.told("stream")
    for name in ("orders", "lineitem"):
        assert told[name] == [counts[name]] * 2, "rows, and distinct keys"
    assert told["lines alone"] == [0]
    assert told["same"]
    assert 0 < told["suppliers"] <= counts["supplier"]


def test_a_replay_makes_shorter_batches(often: Copy) -> None:
    assert "batches of 5 minutes (default: 288, one day)" in " ".join(often.command("replay", "--help").split())
    often.command("replay", "--start", day(0), "--batches", "3")
    raw = often.folder / "place" / "lake" / "raw" / "orders"
    assert sorted(path.name for path in raw.iterdir()) == [f"{day(0)}T{time}" for time in ("0000", "0005", "0010")]
    status = often.command("status")
    assert f"{day(0)}T0010" in status and "bronze" in status


def test_the_demo_replays_a_day_however_many_batches_it_has() -> None:
    command = ["make", "--dry-run", "UI=0", "--always-make", "demo"]
    steps = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    (replay,) = [line for line in steps.splitlines() if "tpch-assets replay" in line]
    assert replay.split()[1:] == ["replay"]
    assert str(BATCHES) not in replay


def test_the_first_arrival_stays_where_the_layers_say_so(tmp_path: Path) -> None:
    told = Copy(tmp_path, KEEP_LINE).told("keep")
    assert told["before"] == ["M", "M"], "of files the first by name, of its lines the first"
    assert told["after"] == ["A", "A"], "a file that comes later to the same batch is before it by name"
    assert "(keeps the first arrival)" in told["departures"]
    assert "The first row per day." in told["calendar"]


def test_silver_alone_has_another_compression(tmp_path: Path) -> None:
    told = Copy(tmp_path, SILVER_LINE).told("codecs")
    assert told == {"bronze": ["ZSTD"], "silver": ["SNAPPY"], "gold": ["ZSTD"], "partials": ["ZSTD"]}
