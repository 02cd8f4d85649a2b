"""One call to compute Dask collections, wherever the settings say: threads, processes, a scheduler, or Coiled."""

import atexit
import os
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

from tpch_assets.compute.progress import ANNOTATION, SECONDS, Line, Progress
from tpch_assets.compute.work import Work
from tpch_assets.settings import Settings, current_settings

if TYPE_CHECKING:
    from distributed import Client, Future

    from tpch_assets.compute.places import Place

_lock = threading.RLock()
_sessions: "dict[str, _Session]" = {}


class ClusterLost(RuntimeError):
    """The cluster went away while it computed; nothing was committed. Run it again."""


@dataclass
class _Session:
    """A place in use, and the calls that wait for its tasks' log lines."""

    place: "Place"
    topic: str = field(default_factory=lambda: f"tpch-assets-{uuid.uuid4().hex}")
    calls: dict[str, "queue.SimpleQueue[Any]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from tpch_assets.compute.worker_logs import TaskLogs

        client = self.place.client
        client.register_plugin(TaskLogs())
        client.subscribe_topic(self.topic, self._hear)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        said = event[1]
        if inbox := self.calls.get(said["call"]):
            inbox.put(Line(said["level"], said["logger"], said["worker"], said["text"]))


def client(work: Work | None = "queries") -> "Client":
    """The process's Dask client: one cluster per process (on Coiled, per kind of work), closed at exit.

    Raises:
        SettingsError: The cluster cannot be had (no Coiled token, nothing answers at the address).
    """
    return _session(work).place.client


def facts(work: Work | None = "queries") -> dict[str, Any]:
    """What a materialization should tell of the cluster in use; empty where there is nothing to tell."""
    with _lock:
        session = _sessions.get(_name(current_settings(), work))
    return session.place.facts() if session else {}


def close() -> None:
    """Leave the process's clusters, and shut down those that are this process's own."""
    with _lock:
        sessions = list(_sessions.values())
        _sessions.clear()
    for session in sessions:
        session.place.close()


def compute(tasks: Sequence[Any], progress: Progress | None = None, work: Work | None = "queries") -> list[Any]:
    """Compute Dask collections on the cluster and return their results in order; the first error is raised.

    Args:
        progress: Told of what tasks log and of how far the call is.
        work: What kind of work it is; Coiled has a cluster for each. None stays in this process.

    Raises:
        ClusterLost: The cluster went away.
    """
    if not tasks:
        return []
    import dask

    session, call = _session(work), uuid.uuid4().hex
    follow = progress or Progress(lambda level, text: None)
    follow.begin(list(tasks))
    inbox = session.calls[call] = queue.SimpleQueue()
    with dask.annotate(**{ANNOTATION: f"{session.topic}/{call}"}):
        futures = session.place.client.compute(list(tasks))
    try:
        for index, future in enumerate(futures):
            future.add_done_callback(partial(_put, inbox, index))
        return _collect(session, call, futures, inbox, follow)
    finally:
        del session.calls[call]
        for future in futures:
            future.release()


def _put(inbox: "queue.SimpleQueue[Any]", index: int, future: "Future") -> None:
    inbox.put(index)


def _collect(
    session: _Session, call: str, futures: "list[Future]", inbox: "queue.SimpleQueue[Any]", progress: Progress
) -> list[Any]:
    """Results as they come, those that are there together fetched together, and log lines in between."""
    client = session.place.client
    results: dict[int, Any] = {}
    while len(results) < len(futures):
        found = _take(inbox, progress.wait)
        for item in found:
            if isinstance(item, Line):
                progress.log(item)
        done = [item for item in found if not isinstance(item, Line)]
        for index in done:
            if futures[index].status == "error":
                futures[index].result()
        with _lost(session):
            if any(futures[index].status in ("cancelled", "lost") for index in done):
                raise CancelledError
            values = client.gather([futures[index] for index in done]) if done else []
        results.update(zip(done, values, strict=True))
        progress.finished(values)
        if not progress.wait and len(results) < len(futures):
            with _lost(session):
                found = client.run_on_scheduler(_counter(f"{session.topic}/{call}"))
            progress.report(*found)
    return [results[index] for index in range(len(futures))]


@contextmanager
def _lost(session: _Session) -> Iterator[None]:
    """Say in one sentence that the cluster is gone, and leave it."""
    try:
        yield
    except (CancelledError, OSError, TimeoutError) as error:
        _forget(session)
        what = f"The Dask cluster went away while it computed ({type(error).__name__})"
        raise ClusterLost(f"{what}; nothing was committed. Run it again.") from error


def _take(inbox: "queue.SimpleQueue[Any]", seconds: float) -> list[Any]:
    """All that is in the queue, at once; waits for the first item."""
    found = []
    try:
        found.append(inbox.get(timeout=min(seconds, SECONDS)) if seconds else inbox.get_nowait())
        while True:
            found.append(inbox.get_nowait())
    except queue.Empty:
        return found


def _counter(mark: str) -> "Callable[..., tuple[dict[str, int], int]]":
    """A function for the scheduler: tasks of a call that are not done, by name, and how many workers there are."""

    # Functions within functions travel by value, so that a scheduler need not have this package.
    def count(dask_scheduler: Any) -> tuple[dict[str, int], int]:
        left: dict[str, int] = {}
        for task in dask_scheduler.tasks.values():
            ours = (task.annotations or {}).get("tpch_assets_call") == mark
            if ours and task.state in ("waiting", "queued", "no-worker", "processing"):
                left[task.prefix.name] = left.get(task.prefix.name, 0) + 1
        return left, len(dask_scheduler.workers)

    return count


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
            _sessions[name] = _Session(_start(settings, work))
        return _sessions[name]


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
    import dask

    from tpch_assets.compute import places

    # Measuring how long threads wait for the GIL warns when DuckDB is busy, and nobody reads it here.
    dask.config.set({"distributed.admin.system-monitor.gil.enabled": False})
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
