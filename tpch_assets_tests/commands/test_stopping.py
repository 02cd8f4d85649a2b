"""Ctrl-C and SIGTERM in the middle of a replay: everything ends within seconds, with one line."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tpch_assets.commands.stopping import LINE, PATIENCE
from tpch_assets.settings import PROJECT
from tpch_assets_tests import days
from tpch_assets_tests.commands.test_kill import files_in
from tpch_assets_tests.commands.test_serve import Served, wait
from tpch_assets_tests.conftest import left
from tpch_assets_tests.days import Place

SLACK = 20  # Seconds more than on a machine with nothing else to do.


def _end(served: Served, stop: Callable[[], None]) -> tuple[int, str]:
    """Stop it: its exit code, and what it said since. Nothing of it is left."""
    family, before = served.family(), len(served.read())
    stop()
    wait(lambda: bool(served.read()) and served.process.poll() is not None, PATIENCE + SLACK)
    assert not left(family, 5)
    return served.process.returncode, served.read()[before:].replace("\r\n", "\n")


@pytest.mark.parametrize(("compute", "files", "by"), [("threads", 12, "Ctrl-C"), ("processes", 8, "SIGTERM")])
def test_a_replay_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compute: str, files: int, by: str
) -> None:
    place = Place(tmp_path)
    for name, value in {**place.environment(compute=compute), "TMPDIR": place.temporary, "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    served = Served(str(days.SCRIPTS / "tpch-assets"), "replay", "--start", days.day(0))
    try:
        wait(lambda: files_in(place) >= files, 120)
        assert served.process.poll() is None, served.read()
        code, said = _end(served, served.press_ctrl_c if by == "Ctrl-C" else served.process.terminate)
    finally:
        served.close()
    assert code == 1 and said.count(LINE) == 1 and said.endswith(f"{LINE}\n")
    assert "Traceback" not in served.said and "Error" not in served.said


STUBBORN = """
import subprocess, time
from tpch_assets.commands.stopping import stoppable
with stoppable():
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    print("begun", flush=True)
    {rest}
"""


@pytest.mark.parametrize(
    "rest",
    [
        "while True:\n        try: time.sleep(600)\n        except KeyboardInterrupt: pass",
        "try: time.sleep(600)\n    except KeyboardInterrupt: raise RuntimeError('Query interrupted') from None",
    ],
    ids=["swallowed", "turned into another error"],
)
def test_an_interrupt_that_a_library_swallows_ends_all_the_same(rest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    served = Served(sys.executable, "-c", STUBBORN.format(rest=rest))
    try:
        wait(lambda: "begun" in served.read())
        family = served.family()
        served.press_ctrl_c()
        wait(lambda: served.process.poll() is not None, PATIENCE + SLACK)
        assert served.process.returncode == 1
        assert served.read().replace("\r\n", "\n") == f"begun\n^C{LINE}\n"
        assert "True" not in rest or not left(family), "what it started ends with it"
    finally:
        for one in family:
            if psutil.pid_exists(one.pid):
                os.kill(one.pid, signal.SIGKILL)
        served.close()
