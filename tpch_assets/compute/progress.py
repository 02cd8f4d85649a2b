"""What a call on the cluster says while it works: the lines that its tasks log, and how far it is.

A `Progress` counts and puts into words. It asks no cluster and knows no Dagster: `cluster` tells it what happened.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tpch_assets.compute.shapes import Collection

R = TypeVar("R")
SECONDS = 10  # Between two reports; a call that is over sooner says nothing.
ANNOTATION = "tpch_assets_call"  # Of tasks: "<topic>/<call>", where their log lines go.
UNITS = {"run_partial": "shards"}  # What the tasks with these names work on, in people's words.


_watchers: list[Callable[[int, int], None]] = []


@contextmanager
def watched(tell: Callable[[int, int], None]) -> Iterator[None]:
    """Have `tell` hear of every call that this process makes meanwhile: the tasks that are done, and all of them."""
    _watchers.append(tell)
    try:
        yield
    finally:
        _watchers.remove(tell)


@dataclass(frozen=True)
class Line:
    """One line that a task logged: its level (a number of `logging`), its logger, its worker and its text."""

    level: int
    logger: str
    worker: str
    text: str

    def __str__(self) -> str:
        return f"{self.worker} {self.logger}: {self.text}"


@dataclass
class Progress(Generic[R]):
    """Follows one call, whose results are of type `R`, and says every `SECONDS` how far it is.

    Attributes:
        say: Takes a level (a number of `logging`) and a text.
        rows_of: The number of rows that a result stands for.
        rows_in_units: Rows that the counted tasks within the graph read, all together; 0 where unknown.
    """

    say: Callable[[int, str], None]
    rows_of: Callable[[R], int] = lambda _: 0
    rows_in_units: int = 0
    total: int = 0
    units: dict[str, int] = field(default_factory=dict)
    done: int = 0
    rows: int = 0
    started: float = field(default_factory=time.monotonic)
    said: float = field(default_factory=time.monotonic)

    def begin(self, tasks: Sequence[Collection]) -> None:
        """Count the work: the tasks, and by name those within their graphs that people count."""
        self.total = len(tasks)
        self.units = dict(Counter(_countable(tasks).values()))
        self._tell()

    def log(self, line: Line) -> None:
        self.say(line.level, str(line))

    def finished(self, results: Sequence[R]) -> None:
        self.done += len(results)
        self.rows += sum(self.rows_of(result) for result in results)
        self._tell()

    def _tell(self) -> None:
        for tell in _watchers:
            tell(self.done, self.total)

    @property
    def wait(self) -> float:
        """Seconds until the next report is due."""
        return max(0.0, self.said + SECONDS - time.monotonic())

    def report(self, outstanding: Mapping[str, int], workers: int) -> None:
        """Say how far the call is, given how many tasks of each name are not done yet."""
        self.said = now = time.monotonic()
        if not workers:
            self.say(logging.WARNING, "the cluster has no worker yet: nothing is computed until one joins")
            return
        self.say(logging.INFO, self.words(outstanding, now - self.started))

    def words(self, outstanding: Mapping[str, int], seconds: float) -> str:
        """Such as `12 of 40 shards done, 3,200,000 rows/s, about 80 s left`."""
        unit, done, total, rows = "pieces", self.done, self.total, self.rows
        for prefix, count in self.units.items():
            if left := outstanding.get(prefix, 0):
                unit, done, total = _unit(prefix) or unit, count - left, count
                rows = self.rows_in_units * done // total
        speed = f", {rows / seconds:,.0f} rows/s" if rows else ""
        left_words = f", about {seconds / done * (total - done):,.0f} s left" if done else ""
        return f"{done:,} of {total:,} {unit} done{speed}{left_words}"


def _countable(tasks: Sequence[Collection]) -> dict[str, str]:
    """Keys of the counted tasks within graphs, each with its task's name; parts that graphs share count once."""
    from tpch_assets.compute.dask_private import name_of_tasks

    layers: dict[object, Mapping[object, object]] = {}
    for task in tasks:
        graph = task.__dask_graph__()
        layers |= getattr(graph, "layers", {id(graph): graph})
    keys = (key for layer in layers.values() for key in layer if isinstance(key, str))
    return {key: name for key in keys if _unit(name := name_of_tasks(key))}


def _unit(name: str) -> str | None:
    """What tasks of a name work on, in people's words; Dask may add the query's name to the function's."""
    return UNITS.get(name.split("-")[0])
