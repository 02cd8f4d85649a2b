"""The Dask graph of a query's partials: which are kept, which are to be computed, and how they are merged. No Dagster.

One graph is made for all, since a `dask.delayed` per pair takes time with the square of their number.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import duckdb

from tpch_assets.gold.tasks import Input, Statement, run_merge, run_partial
from tpch_assets.lake.delta import DataFile, Snapshot
from tpch_assets.tpch.tables import PAIRED, TableName

Pair = tuple[DataFile, DataFile]
MERGED = 100  # Partials per merged file, at most.


class PartialGraph:
    """The tasks for what is missing of a query's partials.

    Pairs of a window are merged into one file by the hundred, at most: a combine over a month of a thousand pairs a
    window reads some hundred files and not a hundred thousand. The pairs' own files lie in a folder per window, so
    that a folder to be listed stays small, and are read again when a correction of one pair makes a new merge.

    Args:
        folder: Where the query's partials are kept.
        prints: Names of the content of the dimension tables that the partial reads.
    """

    def __init__(self, partial: Statement, folder: str, prints: list[str]) -> None:
        self.partial, self.folder, self.name = partial, folder, folder.rsplit("/", 1)[-1]
        parts = [partial.sql, repr(partial.values), *prints, duckdb.__version__]
        self.start = hashlib.sha256("\0".join(parts).encode())  # Of all that a partial depends on but its pair.
        self.lake = partial.lake
        self.have = self.lake.names(folder)
        self.have_of: dict[str, set[str]] = {}
        self.tasks: dict[str, tuple[Any, ...]] = {}
        self.kept = 0
        self.rows_read = 0

    def add(self, silver: dict[TableName, Snapshot], pairs: list[Pair]) -> list[str]:
        """Add tasks for what is missing of some pairs; gives what a combine reads: paths, and keys of tasks."""
        return [self._merged(silver, group) for group in _groups(pairs)]

    def _merged(self, silver: dict[TableName, Snapshot], group: list[Pair]) -> str:
        keys = [self._key(pair) for pair in group]
        if len(group) == 1:
            return self._one(silver, group[0], self.folder, keys[0], self.have)
        name = f"{_digest(keys)}.parquet"
        if name in self.have:
            self.kept += len(group)
            return f"{self.folder}/{name}"
        window = group[0][0].partition
        folder = f"{self.folder}/{window}"
        if window not in self.have_of:
            self.have_of[window] = self.lake.names(folder)
        have = self.have_of[window]
        parts = [self._one(silver, pair, folder, key, have) for pair, key in zip(group, keys, strict=True)]
        return self._task(run_merge, f"{self.folder}/{name}", self.lake, parts)

    def _one(self, silver: dict[TableName, Snapshot], pair: Pair, folder: str, key: str, have: set[str]) -> str:
        path = f"{folder}/{key}.parquet"
        if f"{key}.parquet" in have:
            self.kept += 1
            return path
        self.rows_read += sum(file.rows for file in pair)
        inputs = tuple(Input(name, tuple(silver[name].paths([file]))) for name, file in zip(PAIRED, pair, strict=True))
        return self._task(run_partial, path, self.partial, inputs)

    def _key(self, pair: Pair) -> str:
        whole = self.start.copy()
        for file in pair:
            whole.update(f"\0{file.name.rsplit('-', 1)[1]}".encode())
        return whole.hexdigest()[:32]

    def _task(self, function: Callable[..., Any], target: str, *arguments: Any) -> str:
        # The key names the query, for who looks at the cluster, and the target: a cluster may serve several lakes.
        key = f"{function.__name__}-{self.name}-{_digest([target])}"
        self.tasks[key] = (function, *arguments, target)
        return key

    def delayed(self, task: tuple[Any, ...]) -> Any:
        """A task that reads others of the graph, as a Dask delayed object."""
        from dask.delayed import Delayed

        key = f"{task[0].__name__}-{self.name}-{uuid.uuid4().hex}"
        return Delayed(key, {**self.tasks, key: task})


def _groups(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Pairs of one window each, at most `MERGED` of them."""
    for _, window in groupby(pairs, key=lambda pair: pair[0].partition):
        rest = list(window)
        for begin in range(0, len(rest), MERGED):
            yield rest[begin : begin + MERGED]


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
