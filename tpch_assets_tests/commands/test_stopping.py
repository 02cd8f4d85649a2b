"""Ctrl-C and SIGTERM, whatever a command is at: everything ends within seconds, with one line."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tpch_assets.commands.stopping import LAST, LINE, PATIENCE
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
import ctypes, os, signal, subprocess, sys, threading, time
from tpch_assets.commands.stopping import stoppable
with stoppable():
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    {rest}
"""
BEGIN = "print('begun', flush=True)"
SWALLOWED = f"""{BEGIN}
    while True:
        try: time.sleep(600)
        except KeyboardInterrupt: pass"""
TURNED = f"""{BEGIN}
    try: time.sleep(600)
    except KeyboardInterrupt: raise RuntimeError('Query interrupted') from None"""
# Two locks of one mutex: as a library that waits for a store and does not return to Python.
STUCK = f"""{BEGIN}
    mutex, lock = ctypes.create_string_buffer(64), ctypes.CDLL(None).pthread_mutex_lock
    lock(mutex), lock(mutex)"""
# Nobody else can write to stderr while it does, and the terminal takes no more.
FULL = f"""{BEGIN}
    while True:
        try: sys.stderr.write('x' * 100_000)
        except KeyboardInterrupt: pass"""
# After each run, Dagster gives SIGTERM what SIGINT has.
RUN = f"""import dagster as dg
    dg.GraphDefinition(name='nothing').to_job().execute_in_process()
    for number in (signal.SIGINT, signal.SIGHUP): signal.raise_signal(number)
    {BEGIN}
    try: time.sleep(600)
    except KeyboardInterrupt: raise RuntimeError('Query interrupted') from None"""

# Another thread than the one that starts takes the signal.
STARTING = f"""from tpch_assets.commands.stopping import start
    class Process:
        def start(self):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            {BEGIN}
    start([Process(), Process()])
    print('all', flush=True)"""

# As Dagster does, which handles SIGTERM in a run and logs the error.
CHILD = """import logging, multiprocessing
    logging.getLogger('library').addHandler(logging.StreamHandler(sys.stderr))
    from tpch_assets.commands.stopping import end, lead_group, start
    def work():
        lead_group()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print('begun', file=sys.stderr)
        try: time.sleep(600)
        finally: logging.getLogger('library').exception('release unlocked lock')
    process = multiprocessing.get_context('fork').Process(target=work)
    try: start([process]), process.join()
    finally: end([process])"""


@pytest.fixture
def stubborn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Served]]:
    """Starts a program that can be stopped, on a terminal of its own, and waits until it has begun."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("TERM", "xterm")
    made: list[tuple[Served, list[psutil.Process]]] = []

    def start(rest: str, *before: str) -> Served:
        served = Served(*before, sys.executable, "-c", STUBBORN.format(rest=rest))
        made.append((served, []))
        wait(lambda: "begun\r\n" in served.read())
        made[-1][1].extend(served.family())
        return served

    yield start
    for served, family in made:
        for one in family:
            if psutil.pid_exists(one.pid):
                os.kill(one.pid, signal.SIGKILL)
        served.close()


@pytest.mark.parametrize(
    ("rest", "ended"),
    [(SWALLOWED, True), (TURNED, False), (STUCK, True), (CHILD, False)],
    ids=["swallowed", "turned into another error", "stuck in a library", "told by a child process"],
)
def test_an_interrupt_that_a_library_does_not_pass_on_ends_all_the_same(
    rest: str, ended: bool, stubborn: Callable[..., Served]
) -> None:
    served = stubborn(rest)
    family = served.family()
    served.press_ctrl_c()
    wait(lambda: served.process.poll() is not None, PATIENCE + SLACK)
    assert served.process.returncode == 1
    assert served.read().replace("\r\n", "\n") == f"begun\n^C{LINE}\n"
    assert not ended or not left(family), "what it started ends with it"


def test_a_terminal_that_takes_no_output_does_not_keep_a_command_alive(stubborn: Callable[..., Served]) -> None:
    served = stubborn(FULL)
    served.press_ctrl_c()
    assert served.process.wait(PATIENCE + LAST + SLACK) == 1


def test_in_the_background_ctrl_c_does_not_end_a_command_and_sigterm_does_after_a_run_too(
    stubborn: Callable[..., Served],
) -> None:
    served = stubborn(RUN, "sh", "-c", """trap '' INT HUP; exec "$@" """, "sh")
    served.process.terminate()
    wait(lambda: served.process.poll() is not None, PATIENCE + SLACK)
    assert served.process.returncode == 1
    assert served.read().replace("\r\n", "\n").endswith(f"begun\n{LINE}\n")


def test_a_process_that_is_being_started_is_started_whole(stubborn: Callable[..., Served]) -> None:
    served = stubborn(STARTING)
    assert served.process.wait(PATIENCE + SLACK) == 1
    assert served.read().replace("\r\n", "\n") == f"begun\nbegun\n{LINE}\n"


def test_ctrl_c_while_a_command_imports_ends_it_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyarrow.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{PROJECT}")
    served = Served(str(days.SCRIPTS / "tpch-assets"), "status")
    try:
        wait(lambda: "begun\r\n" in served.read())
        served.press_ctrl_c()
        assert served.process.wait(PATIENCE + SLACK) == 1
        assert served.read().replace("\r\n", "\n") == f"begun\n^C{LINE}\n"
    finally:
        served.close()
