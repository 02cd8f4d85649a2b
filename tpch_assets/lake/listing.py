"""The files of a table for who asks again and again, as sensors do: only what the log got since is read.

Opening a table of many files takes seconds, and nearly all of that for statistics, which a listing does not have. Where
the log is not as it was left, the table is opened anew; `snapshot.py` says what is wrong with one that cannot be.
"""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, snapshot

TABLES = 256  # So many tables this process knows at most; the longest unused go.
CHANGES = 256  # Commits back to which a listing knows what changed.
lock = threading.RLock()
"""Held while a listing is brought up to date, and by who reads one that others may bring up to date."""


@dataclass
class Listing:
    """A table that is followed.

    Attributes:
        source: The table now. Its files have no statistics.
        stamp: Of the newest commit: another one there means another table, or one that was restored.
        changes: By version the partitions that a commit changed.
    """

    source: Snapshot
    stamp: str
    changes: dict[int, frozenset[str]] = field(default_factory=dict)
    partitions: dict[str, dict[str, DataFile]] = field(default_factory=dict)
    _rows: tuple[int, dict[str, int]] = (-1, {})

    def rows(self) -> dict[str, int]:
        """Rows by partition, of those that have a file; counted once per version."""
        with lock:
            if self._rows[0] != self.source.version:
                held = {
                    key: sum(file.rows for file in files.values()) for key, files in self.partitions.items() if files
                }
                self._rows = self.source.version, held
            return self._rows[1]

    def changed_since(self, version: int) -> set[str] | None:
        """The partitions that changed since a version; None if that is not known."""
        versions = range(version + 1, self.source.version + 1)
        if any(number not in self.changes for number in versions):
            return None
        return set[str]().union(*(self.changes[number] for number in versions))


_known: OrderedDict[tuple[Lake, str], Listing] = OrderedDict()


def listed(lake: Lake, uri: str) -> Snapshot:
    """The table at `uri` now, without statistics.

    Raises:
        TableError: Its log cannot be read.
    """
    return listing(lake, uri).source


def listing(lake: Lake, uri: str) -> Listing:
    """The same, with what changed when.

    Raises:
        TableError: Its log cannot be read.
    """
    with lock:
        known = _known.pop((lake, uri), None)
        if known is None or not _follow(known):
            known = _opened(lake, uri)
        if known.stamp:
            _known[lake, uri] = known
            if len(_known) > TABLES:
                _known.popitem(last=False)
        return known


def _opened(lake: Lake, uri: str) -> Listing:
    source = snapshot(lake, uri)
    files = tuple(DataFile(file.path, file.size, file.rows, modified=file.modified) for file in source.files)
    stamp = lake.store.stamp(_commit(uri, source.version)) if source.version >= 0 else ""
    found = Listing(replace(source, files=files), stamp)
    for file in files:
        found.partitions.setdefault(file.partition, {})[file.path] = file
    return found


def _follow(known: Listing) -> bool:
    """Bring a listing up to date from the log; says whether that was possible."""
    source = known.source
    store, uri = source.lake.store, source.uri
    if store.stamp(_commit(uri, source.version)) != known.stamp:
        return False
    newest = _commit("", source.version).rsplit("/", 1)[-1]
    names = {name for name in store.names(f"{uri}/_delta_log", newest) if _is_commit(name)}
    versions = sorted(int(name[:20]) for name in names if name > newest)
    if versions != list(range(source.version + 1, source.version + 1 + len(versions))):
        return False
    commits = [_actions(store.content(_commit(uri, version))) for version in versions]
    if any(actions is None for actions in commits):
        return False
    for version, actions in zip(versions, commits, strict=True):
        assert actions is not None, "looked at above"
        added, removed = actions
        for path in removed:
            known.partitions.get(DataFile(path, 0, 0).partition, {}).pop(path, None)
        for file in added:
            known.partitions.setdefault(file.partition, {})[file.path] = file
        changed = {file.partition for file in (*added, *(DataFile(path, 0, 0) for path in removed))}
        known.changes[version] = frozenset(changed)
        known.changes.pop(version - CHANGES, None)
    if versions:
        files = tuple(file for files in known.partitions.values() for file in files.values())
        known.source = replace(source, version=versions[-1], files=files)
        known.stamp = store.stamp(_commit(uri, versions[-1]))
    return bool(known.stamp)


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
