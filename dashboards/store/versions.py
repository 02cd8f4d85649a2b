"""Follows the versions of the lake's Delta tables.

Reading rows does not belong here, but in `store.store`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dashboards.store.state import Key
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, snapshot


@dataclass(frozen=True)
class _Seen:
    """A table as last read, and the stamp (time and size, or ETag) of its newest commit."""

    snapshot: Snapshot
    stamp: str


class Versions:
    """The newest version of each table, read again only after it changed."""

    def __init__(self, lake: Lake, keys: Iterable[Key]) -> None:
        self._lake, self._keys = lake, tuple(keys)
        self._seen: dict[Key, _Seen] = {}
        self._first = True

    def forget(self) -> None:
        """Start anew: the lake is gone."""
        self._seen = {}
        self._first = False

    def refresh(self, *, check_stamps: bool) -> list[Key]:
        """Read the tables that changed, and return their keys.

        Args:
            check_stamps: Also notice a table that was made anew at the same version.
        """
        changed = [key for key in self._keys if self._changed(key, check_stamps)]
        for key in changed:
            self._open(key)
        self._first = False
        return changed

    def snapshots(self) -> dict[Key, Snapshot]:
        """All tables that exist."""
        return {key: seen.snapshot for key, seen in self._seen.items()}

    def _changed(self, key: Key, check_stamps: bool) -> bool:
        seen = self._seen.get(key)
        if seen is None:
            # A log older than this process may begin with a checkpoint. A log that appears later begins with commit 0.
            return self._first or self._lake.store.exists(self._commit(key, 0))
        if self._lake.store.exists(self._commit(key, seen.snapshot.version + 1)):
            return True
        return check_stamps and self._lake.store.stamp(self._commit(key, seen.snapshot.version)) != seen.stamp

    def _open(self, key: Key) -> None:
        found = snapshot(self._lake, self._lake.table(*key))
        if found.version < 0:
            self._seen.pop(key, None)
        else:
            self._seen[key] = _Seen(found, self._lake.store.stamp(self._commit(key, found.version)))

    def _commit(self, key: Key, version: int) -> str:
        return f"{self._lake.table(*key)}/_delta_log/{version:020}.json"
