"""Temporary files go with their process: with those that end, and with those that are killed, too."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tpch_assets.compute import scratch

PROGRAM = """
import sys
from pathlib import Path
from tpch_assets.compute.scratch import scratch
Path(scratch(), "spill").write_text("much")
print(scratch(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the temporary files of this test's processes."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def process(temporary: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has a folder, and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


def folder_of(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout
    return Path(process.stdout.readline().strip())


def make() -> Path:
    """What a process does when it first needs a folder."""
    return Path(scratch._scratch_of.__wrapped__(os.getpid()))


def test_a_killed_process_leaves_nothing_once_another_starts(process: "subprocess.Popen[str]") -> None:
    folder = folder_of(process)
    assert make() != folder and (folder / "spill").exists(), "it is at work"
    process.kill()
    process.wait(10)
    assert (folder / "spill").exists()
    ours = make()
    assert not folder.exists() and ours.is_dir()


def test_a_process_that_ends_leaves_nothing(process: "subprocess.Popen[str]", temporary: Path) -> None:
    folder = folder_of(process)
    process.communicate("", timeout=30)
    assert not folder.exists() and not list(temporary.iterdir())


def test_folders_of_others_stay(temporary: Path) -> None:
    (temporary / "target").mkdir()
    (temporary / f"{scratch.PREFIX}link").symlink_to(temporary / "target")
    (temporary / f"{scratch.PREFIX}file").write_text("a file")
    (temporary / "another").mkdir()
    make()
    assert {path.name for path in temporary.iterdir()} >= {
        "target",
        f"{scratch.PREFIX}link",
        f"{scratch.PREFIX}file",
        "another",
    }


def test_one_that_another_sweeps_before_it_is_locked_is_made_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, really = list[str](), tempfile.mkdtemp

    def swept(prefix: str) -> str:
        made.append(really(prefix=prefix))
        if len(made) == 1:
            scratch._sweep()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", swept)
    assert make() == Path(made[1]) and not Path(made[0]).exists() and Path(made[1]).is_dir()
