"""The files of a table for who asks again and again, as sensors do: only what the log got since is read.

Opening a table of many files takes seconds, and nearly all of that for statistics, which a listing does not have. Where
the log is not as it was left, the table is opened anew; `snapshot.py` says what is wrong with one that cannot be.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import unquote

from tpch_assets.lake.file_list import DataFile, FileList, partition_of
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, without_statistics

TABLES = 256  # So many tables this process knows at most; the longest unused go.
CHANGES = 256  # Commits back to which a listing knows what changed.
lock = threading.RLock()
"""Held while a listing is brought up to date, and by who reads one that others may bring up to date."""


class Listing:
    """A table that is followed. Its files are read when they are asked for.

    Attributes:
        version: Of the table now; -1 if it does not exist.
        stamp: Of the newest commit: another one there means another table, or one that was restored.
        changes: By version the partitions that a commit changed.
    """

    def __init__(self, lake: Lake, uri: str, version: int, stamp: str, source: Snapshot | None = None) -> None:
        self.lake, self.uri, self.version, self.stamp = lake, uri, version, stamp
        self.changes: dict[int, frozenset[str]] = {}
        self._source = source
        self._rows: tuple[int, dict[str, int]] = (-1, {})

    @property
    def source(self) -> Snapshot:
        """The table now. Its files have no statistics."""
        with lock:
            if self._source is None:
                self._source = without_statistics(self.lake, self.uri, self.version)
            return self._source

    @property
    def files(self) -> FileList:
        """Its files."""
        found = self.source.files
        return found if isinstance(found, FileList) else FileList.of_none()

    def rows(self) -> dict[str, int]:
        """Rows by partition, of those that have a file; counted once per version."""
        with lock:
            if self._rows[0] != self.version:
                self._rows = self.version, self.files.rows()
            return self._rows[1]

    def changed_since(self, version: int) -> set[str] | None:
        """The partitions that changed since a version; None if that is not known."""
        versions = range(version + 1, self.version + 1)
        if len(versions) > CHANGES or self.version < version:
            return None
        for number in versions:
            if number not in self.changes:  # From before it was followed.
                actions = _actions(self.lake.store.content(_commit(self.uri, number)))
                if actions is None:
                    return None
                self.changes[number] = _partitions(*actions)
        return set[str]().union(*(self.changes[number] for number in versions))

    def follow(self) -> bool:
        """Bring it up to date from the log; says whether that was possible."""
        store, uri = self.lake.store, self.uri
        if not self.stamp or store.stamp(_commit(uri, self.version)) != self.stamp:
            return False
        newest = _commit("", self.version).rsplit("/", 1)[-1]
        names = {name for name in store.names(f"{uri}/_delta_log", newest) if _is_commit(name)}
        versions = sorted(int(name[:20]) for name in names if name > newest)
        if versions != list(range(self.version + 1, self.version + 1 + len(versions))):
            return False
        commits = [_actions(store.content(_commit(uri, version))) for version in versions]
        for version, actions in zip(versions, commits, strict=True):
            if actions is None:
                return False
            self._take(version, *actions)
        if versions:
            self.stamp = store.stamp(_commit(uri, versions[-1]))
        return bool(self.stamp)

    def _take(self, version: int, added: list[DataFile], removed: list[str]) -> None:
        self.changes[version] = _partitions(added, removed)
        self.changes.pop(version - CHANGES, None)
        self.version = version
        if self._source is not None:
            files = self.files.with_changes(added, removed) if added or removed else self.files
            self._source = replace(self._source, version=version, files=files)


_known: OrderedDict[tuple[Lake, str], Listing] = OrderedDict()


def listed(lake: Lake, uri: str) -> Snapshot:
    """The table at `uri` now, without statistics.

    Raises:
        TableError: Its log cannot be read.
    """
    return listing(lake, uri).source


def listing(lake: Lake, uri: str, seen: tuple[int, str] | None = None) -> Listing:
    """The same, with what changed when.

    Args:
        seen: A version that another process has seen, and its stamp: if that is still so, the table is followed from
            there on.

    Raises:
        TableError: Its log cannot be read.
    """
    with lock:
        known = _known.pop((lake, uri), None) or (Listing(lake, uri, *seen) if seen else None)
        if known is None or not known.follow():
            known = _opened(lake, uri)
        if known.stamp:
            _known[lake, uri] = known
            if len(_known) > TABLES:
                _known.popitem(last=False)
        return known


def _opened(lake: Lake, uri: str) -> Listing:
    if not lake.store.names(f"{uri}/_delta_log"):  # Cheaper than opening what is not there, again and again.
        return Listing(lake, uri, -1, "", Snapshot(lake, uri, -1))
    source = without_statistics(lake, uri)
    return Listing(lake, uri, source.version, stamp_of(lake, uri, source.version), source)


def stamp_of(lake: Lake, uri: str, version: int) -> str:
    """The stamp of a table's commit; empty if it does not exist."""
    return lake.store.stamp(_commit(uri, version)) if version >= 0 else ""


def commit_content(lake: Lake, uri: str, version: int) -> bytes:
    """What a table's commit says; empty if it does not exist (any more)."""
    return (lake.store.content(_commit(uri, version)) if version >= 0 else None) or b""


def _partitions(added: Iterable[DataFile], removed: Iterable[str]) -> frozenset[str]:
    return frozenset({file.partition for file in added} | set(map(partition_of, removed)))


def _commit(uri: str, version: int) -> str:
    return f"{uri}/_delta_log/{version:020}.json"


def _is_commit(name: str) -> bool:
    return len(name) == 25 and name.endswith(".json") and name[:20].isdecimal()


def _actions(content: bytes | None) -> tuple[list[DataFile], list[str]] | None:
    """The files that a commit added, and the paths of those that it removed; None if it did more, or is damaged."""
    try:
        actions = [json.loads(line) for line in (content or b"").splitlines() if line.strip()]
        if not actions or any("metaData" in action or "protocol" in action for action in actions):
            return None
        added = [_file(action["add"]) for action in actions if "add" in action]
        return added, [unquote(action["remove"]["path"]) for action in actions if "remove" in action]
    except (ValueError, KeyError, TypeError):
        return None


def _file(add: dict[str, object]) -> DataFile:
    rows = json.loads(str(add["stats"]))["numRecords"]
    return DataFile(
        unquote(str(add["path"])), int(str(add["size"])), int(rows), modified=int(str(add["modificationTime"]))
    )
