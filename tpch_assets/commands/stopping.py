"""Ends a command on Ctrl-C, SIGTERM or SIGHUP: within seconds and with one line, whatever it is at.

A library may turn the interrupt into an error of its own, or swallow it. So the signal is remembered, and a watchdog
ends the process and all that it started if it has not ended by itself.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

LINE = "tpch-assets: stopped; run it again to continue"
PATIENCE = 4.0  # Seconds until the watchdog ends the process.
CHILDREN = 2.0  # Seconds that child processes have to end by themselves.
SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]

_asked, _said = threading.Event(), threading.Event()


@contextmanager
def stoppable() -> Iterator[None]:
    """Have a signal end the process with one line and exit code 1, from wherever the block is."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # As under nohup.
            signal.signal(number, _stop)
    try:
        yield
    except BaseException as error:
        # While nobody asked to stop, an interrupt comes from a command that caught a signal itself.
        if not _asked.is_set() and not isinstance(error, KeyboardInterrupt):
            raise
        _say()
        sys.exit(1)
    finally:
        if not _asked.is_set():
            for number, handler in before.items():
                signal.signal(number, handler)


def _say() -> None:
    """Write the line, once."""
    if not _said.is_set():
        _said.set()
        with suppress(OSError):
            sys.stderr.write(f"{LINE}\n")


def _stop(number: int, frame: FrameType | None) -> None:
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)  # Nothing interrupts the end itself.
    _asked.set()
    threading.Thread(target=_watch, daemon=True).start()
    raise KeyboardInterrupt


def _watch() -> None:
    import psutil

    time.sleep(PATIENCE)
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _say()
    os._exit(1)


def start(processes: Iterable[Any]) -> None:
    """Start child processes, each of which calls `lead_group` first. Until then no signal interrupts them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        for process in processes:
            process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def lead_group() -> None:
    """Make this child process the leader of a group that the terminal's Ctrl-C does not reach: its parent ends it."""
    os.setpgid(0, 0)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end_group() -> None:
    """End this process, which leads a group, and all that it started."""
    os.killpg(0, signal.SIGKILL)


def end(processes: Iterable[Any]) -> None:
    """End child processes that lead groups, with all that they started. Those that do not end in time are killed.

    Args:
        processes: `multiprocessing` processes; some may have ended, or may not have begun.
    """
    begun = [process for process in processes if process.pid is not None]
    for process in begun:
        process.terminate()
    deadline = time.monotonic() + CHILDREN
    for process in begun:
        process.join(max(0.0, deadline - time.monotonic()))
    for process in begun:
        with suppress(ProcessLookupError, PermissionError):  # Nothing is left of it, or it does not lead a group yet.
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
