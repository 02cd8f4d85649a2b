"""All that we use of Dask's private or undocumented parts; each function says why we need it.

Add a function here when there is no public way, and a test in `test_dask_private.py` that fails when Dask changes it.
Other modules use only Dask's public names.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from inspect import isawaitable
from typing import Protocol, TypeVar, cast

import distributed
from dask.utils import key_split
from distributed.comm import core as comms

from tpch_assets.compute.shapes import Client, Cluster, Loop, Nanny

T = TypeVar("T")


def answer_within(owner: Loop, seconds: float, call: Callable[[], T]) -> T:
    """Call methods of a client or cluster, and wait for the answer no longer than some seconds.

    Most methods have no time limit of their own: they wait for ever for a frozen worker. `sync` is not documented. It
    runs our call in the event loop, where Dask's methods return awaitables, and cancels it when the time is over.

    Raises:
        TimeoutError: There was no answer.
    """

    async def answer() -> T:
        found: object = call()
        return cast(T, await found if isawaitable(found) else found)

    return owner.sync(answer, callback_timeout=seconds)


def knock(address: str, seconds: float) -> None:
    """See that a Dask scheduler answers.

    A client waits for ever for a server that accepts connections and says nothing; a comm's handshake does not.

    Raises:
        OSError: Nothing answers.
        TimeoutError: Something accepts connections and says nothing.
    """

    async def open_and_close() -> None:
        security: Callable[[], _Security] = distributed.Security
        connect: Callable[..., Awaitable[_Comm]] = comms.connect
        comm = await connect(address, timeout=seconds, **security().get_connection_args("client"))
        comm.abort()

    with ThreadPoolExecutor(1) as own:  # This thread may have an event loop of its own.
        own.submit(asyncio.run, asyncio.wait_for(open_and_close(), seconds)).result()


class _Comm(Protocol):
    """A connection of Dask's."""

    def abort(self) -> object: ...


class _Security(Protocol):
    """The certificates that Dask's configuration names."""

    def get_connection_args(self, role: str, /) -> dict[str, object]: ...


def name_of_tasks(key: str) -> str:
    """The name that a task shares with others of its kind: the scheduler groups tasks by it."""
    split: Callable[[str], str] = key_split
    return split(key)


def unfinished(annotation: str, value: str) -> Callable[..., tuple[dict[str, int], int]]:
    """A function for the scheduler: the tasks with an annotation that are not done, by name; and the workers' number.

    Public calls give results, and not how far the tasks within a graph are.
    """

    # Functions within functions travel by value, so that a scheduler need not have this package.
    def count(dask_scheduler: distributed.Scheduler) -> tuple[dict[str, int], int]:
        left: dict[str, int] = {}
        for task in dask_scheduler.tasks.values():
            ours = (task.annotations or {}).get(annotation) == value
            if ours and task.state in ("waiting", "queued", "no-worker", "processing"):
                left[task.prefix.name] = left.get(task.prefix.name, 0) + 1
        return left, len(dask_scheduler.workers)

    return count


def mark_unless_used(client: Client, name: str, mark: str) -> Callable[..., bool]:
    """A function for the scheduler: set a mark in its metadata unless there are other clients of a name.

    The scheduler runs it in one step, and a client registers before it looks for the mark: none slips through. Public
    calls would leave time between the look and the mark.
    """
    us, begin = client.id, f"Client-{name}-"

    def set_mark(dask_scheduler: distributed.Scheduler) -> bool:
        others = [one for one in dask_scheduler.clients if one != us and one.startswith(begin)]
        if not others:
            dask_scheduler.set_metadata(keys=[mark], value=True)
        return not others

    return set_mark


def task_annotation(annotation: str) -> tuple[distributed.Worker, str] | None:
    """The worker and an annotation's value of the task that this thread executes; None if there is none.

    Dask does not tell a task its own annotations.
    """
    try:
        worker = distributed.get_worker()
        key = worker.active_threads[threading.get_ident()]
        value = (worker.state.tasks[key].annotations or {}).get(annotation)
    except (ValueError, KeyError):
        return None
    return (worker, str(value)) if value else None


def worker_threads() -> int | None:
    """The threads of this process's worker; None outside a task. The worker's state is not documented."""
    try:
        return int(distributed.get_worker().state.nthreads)
    except ValueError:
        return None


def profiled_workers(client: Client, seconds: float) -> dict[str, tuple[int, ...]]:
    """The workers whose profiler runs, by address, each with its version of Python.

    We ask the worker itself: its configuration may have changed since it started.
    """

    def look(dask_worker: distributed.Worker) -> tuple[bool, tuple[int, ...]]:
        import sys

        return "profile" in dask_worker.periodic_callbacks, tuple(sys.version_info[:3])

    found = answer_within(client, seconds, lambda: client.run(look))
    return {address: version for address, (profiled, version) in found.items() if profiled}


def processes_of(cluster: Cluster) -> list[int]:
    """The process ids of a local cluster's workers. Dask has no public list, and its own end of them may hang."""
    return [worker.pid for worker in _nannies(cluster) if worker.pid]


def kill_workers(cluster: Cluster, processes: list[int], seconds: float) -> None:
    """End worker processes that did not end when they were asked to.

    Their nannies are closed first: a nanny starts a killed worker again.
    """

    def close() -> object:
        return asyncio.gather(
            *(nanny.close(timeout=seconds / 2) for nanny in _nannies(cluster)), return_exceptions=True
        )

    with suppress(OSError, TimeoutError, RuntimeError):
        answer_within(cluster, seconds, close)
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _nannies(cluster: Cluster) -> list[Nanny]:
    return [cast(Nanny, worker) for worker in cluster.workers.values() if hasattr(worker, "pid")]
