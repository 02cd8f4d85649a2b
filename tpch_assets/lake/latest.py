"""A table as it is now, remembered by this process while its newest commit is the same.

For what asks every few seconds and mostly finds no news: then two looks at the log replace reading it. Whoever asks
once uses `snapshot`.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, snapshot

ValueT = TypeVar("ValueT")


class Latest(Generic[ValueT]):
    """What `derive` makes of the newest snapshot of each table; made again only when the table changes."""

    def __init__(self, derive: Callable[[Snapshot], ValueT]) -> None:
        self._derive = derive
        self._kept: dict[str, tuple[str, Snapshot, ValueT]] = {}

    def of(self, lake: Lake, uri: str) -> tuple[Snapshot, ValueT]:
        """The table at `uri` now, and what was made of it."""
        kept = self._kept.get(uri)
        if kept is not None and _is_newest(lake, kept[1], kept[0]):
            return kept[1], kept[2]
        found = snapshot(lake, uri)
        stamp = "" if found.version < 0 else lake.store.stamp(_commit(found, found.version))
        made = self._derive(found)
        if stamp:
            self._kept[uri] = stamp, found, made
        return found, made


def _is_newest(lake: Lake, known: Snapshot, stamp: str) -> bool:
    """Whether the commit of a snapshot is still there as it was, and none has come after it."""
    return lake.store.stamp(_commit(known, known.version)) == stamp and not lake.store.exists(
        _commit(known, known.version + 1)
    )


def _commit(known: Snapshot, version: int) -> str:
    return f"{known.uri}/_delta_log/{version:020}.json"
