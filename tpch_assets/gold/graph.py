"""The Dask graph of a query's partials: which are kept, which are to be computed, and how they are merged.

One graph is made for all, since a `dask.delayed` per shard takes time with the square of their number.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import duckdb

from tpch_assets.gold.partials import kept_in
from tpch_assets.gold.syntax import normal
from tpch_assets.gold.tasks import Input, Statement, run_merge, run_partial
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.schema import Group
from tpch_assets.silver.shards import Shard, content_of

if TYPE_CHECKING:
    from dask.delayed import Delayed

Task = tuple[object, ...]
"""A function and its arguments, as Dask writes tasks; an argument may be the key of another task."""
MERGED = 100  # Partials per merged file, at most.


class PartialGraph:
    """The tasks for what is missing of a query's partials.

    Shards of a window are merged into one file, at most a hundred of them: a combine over a month of a thousand shards
    a window reads some hundred files instead of a hundred thousand. The shards' own partials lie in a folder per
    window, so that a folder to be listed stays small. A correction of one shard reads the others again to merge them.

    Args:
        folder: Where the query's partials are kept.
        prints: Hashes of the content of the dimensions that the partial reads whole.
        reached: By shard, hashes of the dimension rows that it can reach, of the other dimensions.
    """

    def __init__(
        self,
        partial: Statement,
        group: Group,
        folder: str,
        prints: list[str],
        reached: Mapping[Shard, Sequence[str]] | None = None,
    ) -> None:
        self.partial, self.group, self.folder, self.name = partial, group, folder, folder.rsplit("/", 1)[-1]
        parts = [normal(partial.sql), repr(partial.values), *prints, duckdb.__version__]
        self.start = hashlib.sha256("\0".join(parts).encode())  # Everything a partial depends on, except its shard.
        self.lake = partial.lake
        self.reached = reached or {}
        self.have = kept_in(self.lake, folder)
        self.have_of: dict[str, dict[str, str]] = {}
        self.tasks: dict[str, Task] = {}
        self.kept = 0
        self.rows_read = 0

    def add(self, silver: Snapshots, shards: list[Shard]) -> list[str]:
        """Add tasks for what is missing of some shards; returns what a combine reads: paths, and keys of tasks."""
        return [self._merged(silver, some) for some in _groups(shards)]

    def _merged(self, silver: Snapshots, shards: list[Shard]) -> str:
        keys = [self.key(shard) for shard in shards]
        if len(shards) == 1:
            return self._one(silver, shards[0], self.folder, keys[0], self.have)
        merged = _digest(keys)
        if merged in self.have:
            self.kept += len(shards)
            return f"{self.folder}/{self.have[merged]}"
        window = shards[0][0].partition
        folder = f"{self.folder}/{window}"
        if window not in self.have_of:
            self.have_of[window] = kept_in(self.lake, folder)
        have = self.have_of[window]
        parts = [self._one(silver, shard, folder, key, have) for shard, key in zip(shards, keys, strict=True)]
        return self._task(run_merge, f"{self.folder}/{merged}", self.lake, parts)

    def needed(self, shards: Iterable[Shard]) -> set[str]:
        """The keys of all partials of some shards, merged ones among them."""
        found: set[str] = set()
        for some in _groups(shards):
            keys = [self.key(shard) for shard in some]
            found.update(keys, [_digest(keys)])
        return found

    def _one(self, silver: Snapshots, shard: Shard, folder: str, key: str, have: Mapping[str, str]) -> str:
        if key in have:
            self.kept += 1
            return f"{folder}/{have[key]}"
        self.rows_read += sum(file.rows for file in shard)
        inputs = tuple(
            Input(table.name, tuple(silver[table.name].paths([file])), empty=table.stored_columns)
            for table, file in zip(self.group.facts, shard, strict=True)
        )
        return self._task(run_partial, f"{folder}/{key}", self.partial, inputs)

    def key(self, shard: Shard) -> str:
        """What a shard's partial is named by: everything it depends on."""
        whole = self.start.copy()
        for file in shard:
            whole.update(f"\0{content_of(file)}".encode())
        for reached in self.reached.get(shard, ()):
            whole.update(f"\0{reached}".encode())
        return whole.hexdigest()[:32]

    def _task(self, function: Callable[..., str], target: str, *arguments: object) -> str:
        # The key names the query, for who looks at the cluster, and the target: a cluster may serve several lakes.
        key = f"{function.__name__}-{self.name}-{_digest([target])}"
        self.tasks[key] = (function, *arguments, target)
        return key

    def delayed(self, function: Callable[..., object], *arguments: object) -> "Delayed":
        """A task that reads others of the graph, as a Dask delayed object."""
        from dask.delayed import Delayed

        make: Callable[..., Delayed] = Delayed
        key = f"{function.__name__}-{self.name}-{uuid.uuid4().hex}"
        return make(key, {**self.tasks, key: (function, *arguments)})


def _groups(shards: Iterable[Shard]) -> Iterator[list[Shard]]:
    """Shards of one window each, at most `MERGED` of them."""
    for _, window in groupby(shards, key=lambda shard: shard[0].partition):
        rest = list(window)
        for begin in range(0, len(rest), MERGED):
            yield rest[begin : begin + MERGED]


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
