"""Gold's real graphs on many workers: every task sleeps for as long as it took in the real run, and does nothing else.

The scheduler is a process of its own, as in production, with a TCP connection to each worker. The workers are real Dask
workers, too, some hundred in two processes, since sleeping needs no core: what they cost in messages and bookkeeping is
spread over as many machines in production and over two cores here.
"""

import asyncio
import logging
import multiprocessing
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import dask
import psutil
from dask.delayed import Delayed

from benchmarks.scale.day import START
from benchmarks.scale.layers import kind
from tpch_assets.calendar import window_key
from tpch_assets.gold.plan import plan
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, snapshot
from tpch_assets.layers import WINDOW
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.tpch_tables import FACTS, TABLES

# Every worker would watch itself a hundred times a second; some hundred of them in one process do nothing else.
QUIET = {
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.tick.interval": "1s",
    "distributed.worker.profile.enabled": False,
}
HOSTS = 2


@dataclass(frozen=True)
class Measured:
    """What a run on `workers` workers took.

    Attributes:
        work: Seconds of all tasks, one after the other.
        wall: Seconds of the run.
        scheduler: CPU seconds of the scheduler's process.
        hosts: CPU seconds of the workers' processes.
    """

    workers: int
    tasks: int
    work: float
    wall: float
    scheduler: float
    hosts: float


def nap(seconds: float, *arguments: Any) -> Any:
    """Sleep; takes what the real task takes, so that the messages are the real ones, and gives its last argument."""
    time.sleep(seconds)
    return arguments[-1]


def graphs(lake: Lake, shards: int, scale_factor: float, seconds: dict[str, float]) -> list[Delayed]:
    """The graph of each query over `shards` shards of one day, of which none is computed yet; tasks sleep.

    Args:
        seconds: How long, by kind of task.
    """
    silver: dict[str, Snapshot] = {name: snapshot(lake, lake.table("silver", name)) for name in TABLES}
    for name in FACTS:
        silver[name] = _grown(silver[name], shards)
    found = []
    for query in load_queries(BUSINESS).values():
        if query.function or not query.groups:
            continue
        answer, _ = plan(query, BUSINESS, silver, START.date(), scale_factor)
        tasks = {key: (nap, seconds.get(kind(key), 0.0), *task[1:]) for key, task in dict(answer.dask).items()}
        found.append(Delayed(answer.key, tasks))
    return found


def _grown(source: Snapshot, count: int) -> Snapshot:
    """A table of `count` files, like those that are there, spread over the day's windows."""
    windows = [window_key(START + i * WINDOW) for i in range(timedelta(days=1) // WINDOW)]
    files = [
        replace(file, path=f"{windows[i * len(windows) // count]}/{'0' * 12}-{i}of{count}-{i:016x}.parquet")
        for i, file in enumerate(source.files[i % len(source.files)] for i in range(count))
    ]
    return replace(source, files=tuple(files))


@contextmanager
def many_workers(count: int) -> Iterator[tuple[Any, psutil.Process, list[psutil.Process]]]:
    """A scheduler with `count` workers of one thread: the client, the scheduler's process, the workers' processes."""
    from distributed import Client

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    processes = [context.Process(target=_scheduler, args=(theirs,), daemon=True)]
    processes[0].start()
    address = ours.recv()
    shares = [count // HOSTS + (i < count % HOSTS) for i in range(HOSTS)]
    for share in shares:
        processes.append(context.Process(target=_workers, args=(address, share), daemon=True))
        processes[-1].start()
    try:
        with dask.config.set(QUIET), Client(address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=120)
            first, *others = [psutil.Process(process.pid) for process in processes]
            yield client, first, others
    finally:
        for process in reversed(processes):  # Workers first, so that none misses its scheduler.
            process.kill()  # They keep nothing, and Dask may be slow to heed anything less.
            process.join()


def _scheduler(pipe: Any) -> None:
    async def serve() -> None:
        from distributed import Scheduler

        async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
            pipe.send(scheduler.address)
            await scheduler.finished()

    _run(serve)


def _workers(address: str, count: int) -> None:
    async def serve() -> None:
        from distributed import Worker

        async with AsyncExitStack() as stack:
            made = [Worker(address, nthreads=1, memory_limit=0, dashboard=False) for _ in range(count)]
            workers = await asyncio.gather(*(stack.enter_async_context(worker) for worker in made))
            await asyncio.gather(*(worker.finished() for worker in workers))

    _run(serve)


def _run(serve: Callable[[], Coroutine[Any, Any, None]]) -> None:
    import distributed  # noqa: F401 - sets its loggers up, and does not do so again

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set(QUIET):
        asyncio.run(serve())


def measure(
    cluster: tuple[Any, psutil.Process, list[psutil.Process]], found: Sequence[Delayed], *, at_once: bool
) -> Measured:
    """Run all queries' graphs, at once or one after another."""
    client, scheduler, hosts = cluster
    tasks = [task for graph in found for task in dict(graph.dask).values()]
    before = _cpu([scheduler]), _cpu(hosts)
    begin = time.perf_counter()
    if at_once:
        client.gather(client.compute(list(found)))
    else:
        for graph in found:
            client.gather(client.compute(graph))
    wall = time.perf_counter() - begin
    workers = len(client.scheduler_info(n_workers=-1)["workers"])
    work = sum(task[1] for task in tasks)
    return Measured(workers, len(tasks), work, wall, _cpu([scheduler]) - before[0], _cpu(hosts) - before[1])


def _cpu(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
