"""Computes what is not kept, in a few threads of this process: no page waits, and the lake is only read.

What is computed does not belong here, but in `business` and `rows_behind`.
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import duckdb
from cachetools import LRUCache

from tpch_assets.compute.database import limit_memory
from tpch_assets.lake.lake import LakeError

LOG = logging.getLogger(__name__)
THREADS = 2
WAITING = 16  # Computations that may wait for a thread; more are refused.
SECONDS = 20.0  # After which one is ended.
RETRY = 10.0  # Seconds after which something that failed by the lake is tried again.
KEPT = 64  # Outcomes.

Result = TypeVar("Result")
Stop = Callable[[], None]
Compute = Callable[[Callable[[Stop], None]], Result]
"""Computes, and hands over how to end it as soon as that is known."""


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of a computation: its result, or why there is none, in a sentence."""

    result: Result | None = None
    error: str = ""
    seconds: float = 0.0
    retry: float = math.inf
    """The moment (`time.monotonic`) from which on it is worth another try."""


class OnTheSpot:
    """Computations by key, shared by all sessions. A key names everything that the result depends on.

    Args:
        memory: How much of it this process's DuckDB may use, such as `1GiB`.
    """

    def __init__(self, memory: str) -> None:
        self._memory, self._limited = memory, False
        self._wanted: queue.SimpleQueue[tuple[Hashable, Compute[object]]] = queue.SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()
        self._done: LRUCache[Hashable, Outcome[object]] = LRUCache(KEPT)
        self._begun: dict[Hashable, list[Callable[[], object]]] = {}

    def ask(self, key: Hashable, compute: Compute[Result], done: Callable[[], object]) -> Outcome[Result] | None:
        """The outcome under a key. None while it is computed, which begins now; `done` is called when it ends."""
        with self._lock:
            known = self._done.get(key)
            if known is not None and time.monotonic() < known.retry:
                return cast(Outcome[Result], known)
            if key in self._begun:
                self._begun[key].append(done)
                return None
            if len(self._begun) >= THREADS + WAITING:
                return Outcome(error="Too many people have something computed: try again in a few seconds.")
            self._begun[key] = [done]
            if self._threads < THREADS:  # Not before, so that each of several processes has its own.
                self._threads += 1
                threading.Thread(target=self._work, name="spot", daemon=True).start()
        self._wanted.put((key, compute))
        return None

    def _work(self) -> None:
        while True:
            self._run(*self._wanted.get())

    def _run(self, key: Hashable, compute: Compute[Result]) -> None:
        outcome = cast(Outcome[object], self._outcome(compute))
        with self._lock:
            self._done[key] = outcome
            listeners = self._begun.pop(key)
        for listener in listeners:
            try:
                listener()
            except Exception as error:  # noqa: BLE001 - a session that is gone must not stop the others
                LOG.debug("A page that asked is gone: %s", error)

    def _outcome(self, compute: Compute[Result]) -> Outcome[Result]:
        begun, timers = time.monotonic(), list[threading.Timer]()
        ended = threading.Event()

        def running(stop: Stop) -> None:
            def end() -> None:
                ended.set()
                stop()

            timers.append(threading.Timer(SECONDS, end))
            timers[-1].daemon = True
            timers[-1].start()

        try:
            if not self._limited:
                limit_memory(self._memory)
                self._limited = True
            return Outcome(compute(running), seconds=time.monotonic() - begun)
        except Exception as error:  # noqa: BLE001 - whatever it is, people are told, and the thread goes on
            words, passing = self._words(error, ended.is_set()), isinstance(error, LakeError | OSError | RuntimeError)
            retry = time.monotonic() + RETRY if passing else math.inf
            return Outcome(error=words, seconds=time.monotonic() - begun, retry=retry)
        finally:
            for timer in timers:
                timer.cancel()

    def _words(self, error: Exception, ended: bool) -> str:
        if ended or isinstance(error, duckdb.InterruptException):
            return f"This takes longer than {SECONDS:.0f} seconds: choose less."
        if isinstance(error, duckdb.OutOfMemoryException):
            return f"This needs more than the {self._memory} that TPCH_DASHBOARD_MEMORY allows: choose less."
        if not isinstance(error, duckdb.Error | LakeError | OSError):
            LOG.warning("Something could not be computed", exc_info=error)
        return " ".join(str(error).split())[:300]
