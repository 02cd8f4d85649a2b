"""Dagster's own storage is damaged, or on a disk that is full: the lake loses nothing, and what is due is planned."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tpch_assets.orchestration.dagster_private import DATABASES
from tpch_assets.orchestration.databases import ASIDE
from tpch_assets_tests import days
from tpch_assets_tests.chaos.town import BUSINESS, SENSORS, Town, town
from tpch_assets_tests.orchestration.test_databases import HARM

pytestmark = pytest.mark.chaos
EVERY = "every one"


def _harm(market: Town, which: str, how: str) -> list[Path]:
    """Damage Dagster's databases, or one of them, as a power loss does."""
    every = [path for path in market.place.home.rglob("*.db") if ASIDE not in path.parts]
    found = [path for path in every if which in (EVERY, path.stem)]
    for path in found:
        path.write_bytes(HARM[how](path.read_bytes()))
        path.with_name(f"{path.name}-wal").unlink(missing_ok=True)
    return found


def test_a_market_goes_on_without_what_dagster_knew(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    blows = [(EVERY, how) for how in HARM] + [(name, random.Random(seed).choice([*HARM])) for name in DATABASES]
    with town(tmp_path, seed) as market:
        market.next_day()
        with market.graph() as loaded:
            loaded.instance.all_instigator_state()
            market.settle(loaded)
        for which, how in blows:
            damaged = _harm(market, which, how)
            assert damaged
            capsys.readouterr()
            market.start_up()
            said = capsys.readouterr().err
            # That of a run, if it is empty, is filled by Dagster itself.
            assert all(f"Dagster's database {path} was damaged" in said for path in damaged if path.stem in DATABASES)
            with market.graph() as loaded:
                assert [loaded.sensor(name).run_requests or [] for name in SENSORS] == [[], []], (which, how)
                market.next_day()
                market.settle(loaded)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for Dagster, on which there is hardly any room."""
    home = tmp_path / "dagster"
    home.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(home)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount a disk")
    yield home
    subprocess.run(["umount", "--lazy", str(home)], check=True)


def test_a_full_disk_under_dagster_ends_a_replay_and_the_next_one_goes_on(
    tmp_path: Path, seed: int, small_disk: Path
) -> None:
    with town(tmp_path, seed) as market:
        market.next_day()
        options, settings = ("replay", "--start", days.day(0), "--batches", "96"), {"business": BUSINESS}
        first = market.place.start(*options, generate=False, settle_seconds=0, **settings)
        assert first.wait(timeout=200) != 0
        assert "disk is full" in market.place.output()
        subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
        again = market.place.start(*options, generate=False, settle_seconds=0, **settings)
        assert again.wait(timeout=200) == 0, market.place.output()
        market.life.check(0)
