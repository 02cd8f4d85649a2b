"""Disks that are full, read-only, or lose what was not flushed: an ordinary restart mends it all."""

import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from tpch_assets.lake.lake import Lake
from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.life import Life
from tpch_assets_tests.chaos.services import Services

END = timedelta(hours=25)
NOBODY = 65534
LAYERS = ("bronze", "silver", "dimensions", "gold")


def lived(folder: Path, seed: int, days: int = 2) -> Life:
    """A market that has lived some days without any fault."""
    life = Life(folder, seed)
    for number in range(days):
        for one in feed.deliveries(life.chance, number, life.landed):
            life.land(one)
            life.landed.append(one)
        life.settle(number, feed.START + timedelta(days=number) + END)
    return life


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A market of two days, for all tests to copy."""
    seed = random.SystemRandom().randrange(10**9)
    folder = tmp_path_factory.mktemp("made")
    lived(folder, seed)
    return folder, seed


@pytest.fixture
def life(made: tuple[Path, int], tmp_path: Path) -> Iterator[Life]:
    """The same market elsewhere, with a third day to come."""
    folder, seed = made
    print(f"seed {seed}")  # noqa: T201 (pytest shows it when a test fails)
    shutil.copytree(folder / "lake", tmp_path / "market" / "lake", copy_function=shutil.copy2)
    found = Life(tmp_path / "market", seed)
    for number in range(2):
        for one in feed.deliveries(found.chance, number, found.landed):
            found.delivered[one.table].deliver(one.batch, one.file, one.content)
            found.landed.append(one)
    yield found


# A power loss

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "NULs": lambda content: bytes(len(content)),
}


def _newest(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))[-1:]


def _files_of_newest_commit(table: Path) -> list[Path]:
    (commit,) = _newest(table / "_delta_log", "*.json")
    actions = map(json.loads, commit.read_text().splitlines())
    return [table / unquote(action["add"]["path"]) for action in actions if "add" in action]


PLACES: dict[str, Callable[[Path], list[Path]]] = {
    "commit": lambda table: _newest(table / "_delta_log", "*.json"),
    "checkpoint": lambda table: _newest(table / "_delta_log", "*.checkpoint.parquet"),
    "note of the last checkpoint": lambda table: _newest(table / "_delta_log", "_last_checkpoint"),
    "data file": _files_of_newest_commit,
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("place", PLACES)
def test_what_a_power_loss_cut_in_every_table_at_once_is_made_again(life: Life, place: str, how: str) -> None:
    if (place, how) == ("data file", "NULs"):
        pytest.skip("files are flushed before they are part of a table, and their size is all that a commit knows")
    # Rejects are on the disk before the rows are committed, so that their last commit is never lost alone.
    tables = [Path(uri) for uri in life.services.lake.tables() if not uri.endswith("_rejects")]
    found = [path for table in tables for path in PLACES[place](table)]
    assert found or place != "commit"
    for path in found:
        path.write_bytes(DAMAGE[how](path.read_bytes()))
    life.settle(1, feed.START + timedelta(days=1) + END)


# A disk that is full, or that may not be written to


def _tick(uri: str, now: datetime, fault: str) -> None:
    """One tick, in a process of its own that cannot write; it must neither crash nor hang."""
    services = Services(Lake(uri))
    if fault == "full":  # From now on no file may get larger than some bytes.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
    elif os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    services.tick(now)
    sys.exit(0 if services.failures else "something was to be written")


def _third_day(life: Life) -> None:
    for one in feed.deliveries(life.chance, 2, life.landed):
        life.land(one)
        life.landed.append(one)


@pytest.mark.chaos
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_layer_that_cannot_write_goes_on_when_it_can(life: Life, layer: str, fault: str) -> None:
    now = feed.START + timedelta(days=2) + END
    _third_day(life)
    services = life.services
    before = LAYERS[: LAYERS.index(layer)]
    for name in before:
        getattr(services, f"_{name}")(now)
    root = Path(services.lake.uri)
    if fault == "read-only":
        _protect(root, 0o555)

    process = multiprocessing.get_context("spawn").Process(target=_tick, args=(services.lake.uri, now, fault))
    process.start()
    process.join(200)
    assert process.exitcode == 0
    if fault == "read-only":
        _protect(root, 0o755)
    life.settle(2, now)


def _protect(root: Path, mode: int) -> None:
    for path, _, _ in os.walk(root):
        os.chmod(path, mode)
