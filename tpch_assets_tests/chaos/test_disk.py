"""Disks that are full, read-only, or lose what was not flushed: an ordinary restart mends it all."""

import ctypes
import itertools
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from urllib.parse import unquote

import pytest

from tpch_assets.lake.folder import Folder
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.life import Life
from tpch_assets_tests.chaos.services import Services

END = timedelta(hours=25)
OVERRIDE = 0b110  # Linux's capabilities CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
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
    shutil.copytree(folder / "lake", tmp_path / "market" / "lake", copy_function=shutil.copy2, dirs_exist_ok=True)
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


@pytest.mark.parametrize("how", DAMAGE)
def test_partials_that_a_power_loss_cut_are_made_again(life: Life, how: str) -> None:
    partials = sorted(Path(life.services.lake.path("partials")).rglob("*.parquet"))
    assert partials
    for path in partials:
        path.write_bytes(DAMAGE[how](path.read_bytes()))
    _third_day(life)
    life.settle(2, feed.START + timedelta(days=2) + END)


# A disk that is full, or that may not be written to


def _obey_modes() -> None:
    """Give up root's right to write where a file's mode forbids it, in this thread and those that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for index in (0, 1):  # What is effective, and what is permitted.
        sets[index] &= ~OVERRIDE
    assert libc.capset(header, sets) == 0


def _tick(uri: str, now: datetime, fault: str, gate: Barrier) -> None:
    """One tick, in a process of its own that cannot write; it must neither crash nor hang."""
    services = Services(Lake(uri))
    if fault == "limited":  # From now on no file may get larger than some bytes.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
    elif "permission" in fault and os.getuid() == 0:
        _obey_modes()
    if fault == LOST:  # What is written first is written; before the next file the other side takes the right.
        really, count = Folder.publish, itertools.count()

        def publish(self: Folder, staged: str, uri: str) -> None:
            if next(count) == 1:
                gate.wait(60)
                gate.wait(60)
            really(self, staged, uri)

        Folder.publish = publish  # type: ignore[method-assign]
    services.tick(now)
    sys.exit(0 if services.failures else "something was to be written")


def _third_day(life: Life) -> None:
    for one in feed.deliveries(life.chance, 2, life.landed):
        life.land(one)
        life.landed.append(one)


@pytest.fixture
def on_its_own_disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk for the lake of `life`."""
    lake = tmp_path / "market" / "lake"
    lake.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(lake)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount a disk")
    yield lake
    subprocess.run(["umount", "--lazy", str(lake)], check=True)


def _run_one_tick(life: Life, now: datetime, fault: str) -> None:
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(2)
    process = context.Process(target=_tick, args=(life.services.lake.uri, now, fault, gate))
    process.start()
    if fault == LOST:
        gate.wait(120)
        _protect(Path(life.services.lake.uri), 0o555)
        gate.wait(60)
    process.join(200)
    assert process.exitcode == 0


LOST = "permission lost in mid-run"


@pytest.mark.chaos
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("fault", ["limited", "no permission", LOST])
def test_a_layer_that_cannot_write_goes_on_when_it_can(life: Life, layer: str, fault: str) -> None:
    now = _before(life, layer)
    root = Path(life.services.lake.uri)
    if fault != "limited":
        _protect(root, 0o777 if fault == LOST else 0o555)
    _run_one_tick(life, now, fault)
    _protect(root, 0o755)
    life.settle(2, now)


@pytest.mark.chaos
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_on_a_full_disk_goes_on_when_there_is_room(on_its_own_disk: Path, life: Life, layer: str) -> None:
    now, filler = _before(life, layer), on_its_own_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))
    _run_one_tick(life, now, "full")
    filler.unlink()
    life.settle(2, now)


def _before(life: Life, layer: str) -> datetime:
    """A third day has come, and is in the layers before one; gives the time of the tick that is next."""
    now = feed.START + timedelta(days=2) + END
    _third_day(life)
    for name in LAYERS[: LAYERS.index(layer)]:
        getattr(life.services, f"_{name}")(now)
    return now


def _protect(root: Path, mode: int) -> None:
    for path, _, _ in os.walk(root):
        os.chmod(path, mode)
