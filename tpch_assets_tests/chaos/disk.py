"""The project's own store and Delta's log, each operation of which asks a world what becomes of it."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import deltalake
from deltalake import DeltaTable
from deltalake.table import TableAlterer

from tpch_assets.lake import commit, evolve, folder, listing, local_files, recovery
from tpch_assets.lake.folder import Folder
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.store import StoredFile
from tpch_assets.orchestration import delta_table
from tpch_assets.silver import built
from tpch_assets_tests.chaos.world import World


class FaultyFolder(Folder):
    """A lake on a disk of which the world decides what works."""

    def __init__(self, path: str, world: World) -> None:
        super().__init__(path)
        self._world = world
        self._listed: dict[Any, Any] = {}

    def publish(self, staged: str, uri: str) -> None:
        self._world.do("publish", lambda: super(FaultyFolder, self).publish(staged, uri), writes=True)

    def create(self, uri: str, content: bytes) -> bool:
        return self._world.do("create", lambda: super(FaultyFolder, self).create(uri, content), writes=True)

    def flush_commit(self, table: str, version: int) -> None:
        self._world.do("flush", lambda: super(FaultyFolder, self).flush_commit(table, version), writes=True)

    def names(self, folder: str, since: str = "") -> set[str]:
        return self._list((folder, since), lambda: super(FaultyFolder, self).names(folder, since))

    def deliveries(
        self, folder: str, since: str = "", until: str = "", only: Collection[str] | None = None
    ) -> Iterator[tuple[str, list[StoredFile]]]:
        key = folder, since, until, None if only is None else tuple(sorted(only))
        yield from self._list(key, lambda: list(super(FaultyFolder, self).deliveries(folder, since, until, only)))

    def _list(self, key: Any, operation: Callable[[], Any]) -> Any:
        if key in self._listed and self._world.stale():
            return self._listed[key]
        found = self._listed[key] = self._world.do("list", operation, writes=False)
        return found


def faulty_lake(uri: str, world: World) -> Lake:
    """A lake whose store asks the world."""
    lake = Lake(uri)
    lake.__dict__["store"] = FaultyFolder(uri, world)
    return lake


class _Clock:
    """What stands for the module `time`: sleeping lets others run, and the time jumps."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        self._world.wait(seconds)


@dataclass(frozen=True)
class _Table:
    """What stands for Dagster's resource of a table, which takes ten times as long to make as the table to vacuum."""

    url: str

    def load(self) -> DeltaTable:
        return DeltaTable(self.url)


@contextlib.contextmanager
def governed(world: World) -> Iterator[_Clock]:
    """Let the world decide about Delta's log, the flushing of files and the clock of commits."""
    clock = _Clock(world)

    def asks(what: str, really: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            return world.do(what, lambda: really(*arguments, **options), writes=True)

        return operation

    with contextlib.ExitStack() as stack:
        for owner, name, new in (
            (DeltaTable, "create_write_transaction", asks("commit", DeltaTable.create_write_transaction)),
            (DeltaTable, "create", staticmethod(asks("create table", DeltaTable.create))),
            (DeltaTable, "vacuum", asks("vacuum", DeltaTable.vacuum)),
            (TableAlterer, "set_table_properties", asks("set properties", TableAlterer.set_table_properties)),
            (delta_table, "delta_table", _Table),
            (evolve, "write_deltalake", asks("set columns", deltalake.write_deltalake)),
            (commit, "time", clock),
            (listing, "lock", world),
            (built, "lock", world),
            (folder, "fsync", world.fsync),
            (local_files, "fsync", world.fsync),
            (recovery, "fsync", world.fsync),
        ):
            stack.enter_context(patch.object(owner, name, new))
        yield clock
