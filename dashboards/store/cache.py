"""Keeps results in memory for all sessions, up to a number of bytes.

What a result means does not belong here.
"""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar, cast

from cachetools import LRUCache

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Entry:
    value: object
    size: int


class Cache:
    """Results by key. The least recently used ones go first. Safe to use from several threads.

    Several threads that ask for the same missing result at once build it once: one builds, the others wait.
    """

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._entries: LRUCache[Hashable, _Entry] = LRUCache(limit, getsizeof=lambda entry: entry.size)
        self._building: dict[Hashable, Future[object]] = {}

    def get(self, key: Hashable, build: Callable[[], Result], size: Callable[[Result], int]) -> Result:
        """Return the result under `key`, and build it first if it is not kept.

        Args:
            size: Returns the bytes a result takes. A result larger than the limit is returned, but not kept.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                return cast(Result, entry.value)
            future = self._building.get(key)
            if other_thread_builds := future is not None:
                pending = future
            else:
                pending = self._building[key] = Future()
        if other_thread_builds:
            return cast(Result, pending.result())
        return self._build(key, pending, build, size)

    def _build(
        self, key: Hashable, pending: Future[object], build: Callable[[], Result], size: Callable[[Result], int]
    ) -> Result:
        try:
            value = build()
            entry = _Entry(value, size(value))
        except BaseException as error:
            with self._lock:
                del self._building[key]
            pending.set_exception(error)
            raise
        with self._lock:
            if entry.size <= self._entries.maxsize:  # LRUCache refuses larger ones.
                self._entries[key] = entry
            del self._building[key]
        pending.set_result(value)
        return value
