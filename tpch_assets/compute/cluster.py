"""One call to compute Dask collections, wherever the settings say: threads, processes, a scheduler, or Coiled.

This module keeps the process's clusters and follows calls on them. How a cluster starts and ends is in `places`.

Waits and their limits: a task may take as long as it likes, since Dagster bounds the run. A question to the scheduler
ends after `SCHEDULER_SECONDS`, the transfer of results after `FETCH_SECONDS`, and a call ends when its cluster has had
no worker for `NO_WORKER_SECONDS`. Dask itself drops a worker that is silent for five minutes (`worker-ttl`), and gives
its tasks to others.
"""

import atexit
import os
import queue
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from tpch_assets.compute.progress import ANNOTATION, SECONDS, Line, Progress
from tpch_assets.compute.shapes import Client, Collection, Event, Future
from tpch_assets.layers import Work
from tpch_assets.settings import Settings, current_settings

if TYPE_CHECKING:
    from tpch_assets.compute.places import Facts, Place

R = TypeVar("R")
Inbox = queue.SimpleQueue[Line | int]  # Log lines, and the indices of futures that are done.
SCHEDULER_SECONDS = 300  # A scheduler that takes in a large graph is busy for a while.
FETCH_SECONDS = 900
NO_WORKER_SECONDS = 900  # A cloud needs minutes to start machines.

_lock = threading.RLock()
_sessions: "dict[str, _Session]" = {}


class ClusterLost(RuntimeError):
    """The cluster went away while it computed; nothing was committed. Run it again."""


@dataclass
class _Session:
    """A place in use, and the calls that wait for their tasks' log lines."""

    place: "Place"
    topic: str = field(default_factory=lambda: f"tpch-assets-{uuid.uuid4().hex}")
    calls: dict[str, Inbox] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from tpch_assets.compute.dask_private import answer_within
        from tpch_assets.compute.worker_logs import TaskLogs

        client = self.place.client
        answer_within(client, SCHEDULER_SECONDS, lambda: client.register_plugin(TaskLogs()))
        answer_within(client, SCHEDULER_SECONDS, lambda: client.subscribe_topic(self.topic, self._receive))

    def _receive(self, event: Event) -> None:
        line = event[1]
        if inbox := self.calls.get(line["call"]):
            inbox.put(Line(line["level"], line["logger"], line["worker"], line["text"]))


def client(work: Work | None = "queries") -> Client:
    """The process's Dask client: one cluster per process (on Coiled, per kind of work), closed at exit.

    Raises:
        SettingsError: There is no such cluster (no Coiled token, nothing answers at the address).
    """
    return _session(work).place.client


def facts(work: Work | None = "queries") -> "Facts":
    """What a materialization should say about the cluster in use; empty where there is nothing to say."""
    with _lock:
        session = _sessions.get(_name(current_settings(), work))
    return session.place.facts() if session else {}


def close() -> None:
    """Leave the process's clusters, and shut down those that this process owns."""
    with _lock:
        sessions = list(_sessions.values())
        _sessions.clear()
    for session in sessions:
        session.place.close()


@overload
def compute(tasks: Sequence[Collection], progress: None = None, work: Work | None = "queries") -> list[Any]: ...


@overload
def compute(tasks: Sequence[Collection], progress: Progress[R], work: Work | None = "queries") -> list[R]: ...


def compute(
    tasks: Sequence[Collection], progress: Progress[R] | None = None, work: Work | None = "queries"
) -> list[R] | list[Any]:
    """Compute Dask collections on the cluster and return their results in order; raise the first error.

    Args:
        progress: Hears what tasks log and how far the call is, and knows the results' type; Dask does not.
        work: The kind of work; Coiled has a cluster for each. None stays in this process.

    Raises:
        ClusterLost: The cluster went away.
    """
    if progress is None:
        quiet: Progress[object] = Progress(lambda level, text: None)
        return _compute(tasks, quiet, work)
    return _compute(tasks, progress, work)


def _compute(tasks: Sequence[Collection], progress: Progress[R], work: Work | None) -> list[R]:
    if not tasks:
        return []
    import dask.base

    session, call = _session(work), uuid.uuid4().hex
    progress.begin(tasks)
    inbox = session.calls[call] = Inbox()
    with dask.base.annotate(**{ANNOTATION: f"{session.topic}/{call}"}):
        futures = session.place.client.compute(list(tasks))
    try:
        for index, future in enumerate(futures):
            future.add_done_callback(partial(_put, inbox, index))
        return _collect(session, call, futures, inbox, progress)
    finally:
        del session.calls[call]
        for future in futures:
            future.release()


def _put(inbox: Inbox, index: int, future: Future) -> None:
    inbox.put(index)


def _collect(session: _Session, call: str, futures: list[Future], inbox: Inbox, progress: Progress[R]) -> list[R]:
    """Results in the order of futures. Those that are done together are fetched together, with log lines in between."""
    results: dict[int, R] = {}
    end = time.monotonic() + NO_WORKER_SECONDS
    while len(results) < len(futures):
        found = _take(inbox, progress.wait)
        for line in found:
            if isinstance(line, Line):
                progress.log(line)
        done = [index for index in found if not isinstance(index, Line)]
        values = cast(list[R], _fetch(session, [futures[index] for index in done]))
        results.update(zip(done, values, strict=True))
        progress.finished(values)
        if not progress.wait and len(results) < len(futures):
            left, workers = _ask(session, call)
            progress.report(left, workers)
            if workers:
                end = time.monotonic() + NO_WORKER_SECONDS
            elif time.monotonic() > end:
                with _lost(session):
                    raise TimeoutError(f"no worker for {NO_WORKER_SECONDS} s")
    return [results[index] for index in range(len(futures))]


def _fetch(session: _Session, futures: list[Future]) -> list[object]:
    """The results of futures that are done; the first error is raised."""
    if not futures:
        return []
    from tpch_assets.compute.dask_private import answer_within

    for future in futures:
        if future.status == "error":
            future.result()
    client = session.place.client
    with _lost(session):
        if any(future.status in ("cancelled", "lost") for future in futures):
            raise CancelledError
        return answer_within(client, FETCH_SECONDS, lambda: client.gather(futures))


def _ask(session: _Session, call: str) -> tuple[dict[str, int], int]:
    """How many tasks of a call are not done, by name, and how many workers there are."""
    from tpch_assets.compute.dask_private import answer_within, unfinished

    client, count = session.place.client, unfinished(ANNOTATION, f"{session.topic}/{call}")
    with _lost(session):
        return answer_within(client, SCHEDULER_SECONDS, lambda: client.run_on_scheduler(count))


@contextmanager
def _lost(session: _Session) -> Iterator[None]:
    """Say in one sentence that the cluster is gone, and leave it."""
    try:
        yield
    except (CancelledError, OSError, TimeoutError) as error:
        _forget(session)
        what = f"The Dask cluster went away while it computed ({type(error).__name__})"
        raise ClusterLost(f"{what}; nothing was committed. Run it again.") from error


def _take(inbox: Inbox, seconds: float) -> list[Line | int]:
    """All that is in the queue, at once; waits for the first item."""
    found = []
    try:
        found.append(inbox.get(timeout=min(seconds, SECONDS)) if seconds else inbox.get_nowait())
        while True:
            found.append(inbox.get_nowait())
    except queue.Empty:
        return found


def _name(settings: Settings, work: Work | None) -> str:
    if work is None:
        return "threads"
    return work if settings.compute == "coiled" else settings.compute


def _session(work: Work | None) -> _Session:
    settings = current_settings()
    name = _name(settings, work)
    with _lock:
        if name in _sessions and _sessions[name].place.client.status != "running":
            _forget(_sessions[name])
        if name not in _sessions:
            _close_at_exit(os.getpid())
            _sessions[name] = _open(_start(settings, work))
        return _sessions[name]


def _open(place: "Place") -> _Session:
    """A session at a place; a place that does not answer is left again."""
    try:
        return _Session(place)
    except BaseException:
        place.close()
        raise


@cache
def _close_at_exit(process: int) -> None:
    """Leave the clusters when this process ends; multiprocessing's children run finalizers, but no atexit handlers."""
    atexit.register(close)
    Finalize(None, close, exitpriority=100)


def _forget(session: _Session) -> None:
    """Leave a place that is of no use any more, so that the next call starts another."""
    with _lock:
        for name, one in list(_sessions.items()):
            if one is session:
                del _sessions[name]
    session.place.close()


def _start(settings: Settings, work: Work | None) -> "Place":
    from tpch_assets.compute import dask_config

    dask_config.configure()
    from tpch_assets.compute import places

    if work is None:
        return places.threads(settings)
    match settings.compute:
        case "threads":
            return places.threads(settings)
        case "processes":
            return places.processes(settings)
        case "address":
            return places.Address(settings)
        case "coiled":
            from tpch_assets.compute.coiled_cluster import Coiled

            return Coiled(settings, work)
