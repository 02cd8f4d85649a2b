"""Ends a command on Ctrl-C, SIGTERM or SIGHUP: within seconds and with one line, whatever it is at.

A library may turn the interrupt into an error of its own, swallow it, or not return to Python. So a watchdog sees the
signal too, and ends the process and all that it started if it has not ended by itself.
"""

import faulthandler
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import TextIO

LINE = "tpch-assets: stopped; run it again to continue"
PATIENCE = 4.0  # Seconds until the watchdog ends the process.
LAST = 1.0  # Seconds more until the process ends even if the watchdog is stuck, as on a terminal that takes no output.
CHILDREN = 2.0  # Seconds that child processes have to end by themselves.
SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]

_asked, _said, _starting = threading.Event(), threading.Event(), threading.Event()
_ignored = set[int]()


@contextmanager
def stoppable() -> Iterator[None]:
    """Have a signal end the process with one line and exit code 1, from wherever the block is.

    A signal that the process was started to ignore, as by `nohup` or `&`, stays without effect.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _ignored.clear()
    _ignored.update(number for number, handler in before.items() if handler is signal.SIG_IGN)
    with _watchdog():
        for number in SIGNALS:
            # Dagster gives SIGTERM what SIGINT has. So SIGINT gets a handler even if ignored, as under `&`: one that
            # looks at the number. Programs that we start are to go on ignoring SIGHUP, as under nohup.
            if number == signal.SIGINT or number not in _ignored:
                signal.signal(number, _stop)
        try:
            yield
        except BaseException as error:
            # While nobody asked to stop, an interrupt comes from a command that caught a signal itself.
            if not _asked.is_set() and not isinstance(error, KeyboardInterrupt):
                raise
            _ignore_all()
            _say(sys.stderr)
            sys.exit(1)
        finally:
            if not _asked.is_set():
                for number, handler in before.items():
                    signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    if number in _ignored:
        return
    _ignore_all()
    _asked.set()
    if not _starting.is_set():
        raise KeyboardInterrupt


def _ignore_all() -> None:
    """Have nothing interrupt the end itself."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _say(stream: TextIO | None, before: str = "") -> None:
    """Write the line, once."""
    if stream and not _said.is_set():
        _said.set()
        with suppress(OSError):
            stream.write(f"{before}{LINE}\n")
            stream.flush()


@contextmanager
def _watchdog() -> Iterator[None]:
    """Have a thread see each signal at once, whatever the main thread does and whoever handles it there."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writer)  # Nobody asked to stop: the thread ends.


def _watch(reader: int) -> None:
    while number := os.read(reader, 1):
        if number[0] in SIGNALS and number[0] not in _ignored:
            _asked.set()
            _end_in_time()
    os.close(reader)


def _end_in_time() -> None:
    """End this process and all that it started, unless it ends by itself in time."""
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(PATIENCE + LAST, exit=True, file=nowhere)  # Needs neither a lock nor Python.
        import psutil

        time.sleep(PATIENCE)
        try:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            # A progress bar has put itself in the place of stderr, with a lock, and has hidden the cursor.
            _say(sys.__stderr__, "" if sys.stderr is sys.__stderr__ else "\n\x1b[?25h")
        finally:
            os._exit(1)


def start(processes: Iterable[BaseProcess]) -> None:
    """Start child processes, each of which calls `lead_group` first. Until then no signal interrupts them."""
    _starting.set()  # Another thread takes a signal that is blocked here, and it is handled here all the same.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        for process in processes:
            process.start()
    finally:
        _starting.clear()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if _asked.is_set():
        raise KeyboardInterrupt


def lead_group() -> None:
    """Make this child process the leader of a group that the terminal's Ctrl-C does not reach: its parent ends it.

    From then on it says nothing more: Dagster would tell, with a stack trace, that its run was interrupted.
    """
    os.setpgid(0, 0)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)  # And no longer the parent's, whose watchdog would begin.
    _put_in_place_of(sys.stderr, _UntilAsked(sys.stderr, reader))
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _put_in_place_of(stream: TextIO, other: "_UntilAsked") -> None:
    """Have another stream take what is written to stderr, also by loggers that were made before, as Dask's are."""
    sys.stderr = other
    for logger in (logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))):
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is stream:
                handler.setStream(other)


class _UntilAsked:
    """A stream that drops what is written to it once this process has got a signal."""

    def __init__(self, stream: TextIO, signals: int) -> None:
        self._stream, self._signals = stream, select.poll()
        self._signals.register(signals, select.POLLIN)

    def write(self, text: str) -> int:
        return len(text) if self._signals.poll(0) else self._stream.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def end_group() -> None:
    """End this process, which leads a group, and all that it started."""
    os.killpg(0, signal.SIGKILL)


def end(processes: Iterable[BaseProcess]) -> None:
    """End child processes that lead groups, with all that they started. Those that do not end in time are killed.

    Args:
        processes: `multiprocessing` processes; some may have ended, or may not have begun.
    """
    begun = {process.pid: process for process in processes if process.pid is not None}
    for process in begun.values():
        process.terminate()
    deadline = time.monotonic() + CHILDREN
    for process in begun.values():
        process.join(max(0.0, deadline - time.monotonic()))
    for group, process in begun.items():
        with suppress(ProcessLookupError, PermissionError):  # Nothing is left of it, or it does not lead a group yet.
            os.killpg(group, signal.SIGKILL)
        process.kill()
        process.join()
