"""What the lake holds now, followed by one thread for all sessions. No Panel, and nothing is ever written.

Versions are polled; rows are read when a version changed, kept by file (files never change), and shared.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from tpch_assets.calendar import is_batch
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.delta import DataFile, Snapshot, snapshot
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.tpch.tables import TABLE_NAMES, TableName

Key = tuple[str, str]
Kind = Literal["loading", "ok", "no lake", "no gold", "unreachable"]

LOG = logging.getLogger(__name__)
QUERIES = load_queries()
HISTORY_DAYS = 30
RAW_SECONDS = 20  # Raw folders have no version to look at, and listing many of them takes a while.
RAW_WHOLE = 180  # Every so many looks is at all of them, once an hour: a late folder may be anywhere.
RAW_BATCHES = 96
ROWS_KEPT = 512 << 20
# Delta's own client would go on for three minutes.
IMPATIENT = {"connect_timeout": "3s", "timeout": "4s", "max_retries": "1", "retry_timeout": "8s"}

KEYS: tuple[Key, ...] = (
    *(("gold", name) for name in QUERIES),
    *(("silver", name) for name in TABLE_NAMES),
    *(("bronze", name) for name in TABLE_NAMES),
    *(("bronze", f"{name}_rejects") for name in TABLE_NAMES),
    ("operations", "costs"),
)


@dataclass(frozen=True)
class LakeState:
    """How the lake is to be found, and why not."""

    kind: Kind
    reason: str = ""


@dataclass(frozen=True)
class Seen:
    """A table as last read, and the stamp (time and size, or ETag) of its newest commit."""

    snapshot: Snapshot
    stamp: str


@dataclass(frozen=True)
class Raw:
    """A table's raw files: how many batches there are, and files and bytes of the newest ones by batch."""

    batches: int
    latest: str
    sizes: dict[str, tuple[int, int]]


class Recent:
    """Results by key, up to a number of bytes; the least recently used go first. Safe for threads."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size, self._lock = limit, 0, threading.Lock()
        self._items: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any], size: Callable[[Any], int]) -> Any:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key][0]
        value = make()
        with self._lock:
            if key not in self._items:
                self._items[key] = (value, size(value))
                self._size += self._items[key][1]
            while self._size > self._limit and len(self._items) > 1:
                self._size -= self._items.popitem(last=False)[1][1]
        return value


class Store:
    """The lake as all sessions see it: its state, and one consistent version of each table."""

    def __init__(
        self, lake: Lake, seconds: float = 3, warm: Callable[["Store", Snapshot], None] = lambda store, found: None
    ) -> None:
        self.lake, self.seconds, self._warm = lake, seconds, warm
        self.state = LakeState("loading")
        self.tables: dict[Key, Snapshot] = {}
        self.raw: dict[str, Raw] = {}
        self._seen: dict[Key, Seen] = {}
        self._turn = self._raw_turn = 0
        self._rows = Recent(ROWS_KEPT)
        self._listeners: set[Callable[[], object]] = set()
        self._lock = threading.Lock()

    def start(self) -> "Store":
        """Follow the lake from now on, in a thread that ends with the process."""
        threading.Thread(target=self._follow, args=(self.poll, self.seconds), name="lake", daemon=True).start()
        threading.Thread(target=self._follow, args=(self.poll_raw, RAW_SECONDS), name="raw", daemon=True).start()
        return self

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` after every poll (also where nothing changed: lags grow). Returns what ends that."""
        with self._lock:
            self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def table(self, layer: str, name: str) -> Snapshot | None:
        """A table at its newest version known, or None where there is none."""
        return self.tables.get((layer, name))

    def poll(self) -> None:
        """Look at every version once; read what is new. Whatever fails becomes the state, and is tried again."""
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - any storage error: shown to people, and tried again
            if self.state.kind != "unreachable":
                LOG.warning("The lake cannot be read: %s", error)
            self.state = LakeState("unreachable", self._reason(error).splitlines()[0][:300])
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:  # noqa: BLE001 - a session that is going away must not stop the others
                self._listeners.discard(listener)

    def _reason(self, error: Exception) -> str:
        """A failed read in the words of the lake's check, which knows what to do about it, unless it finds nothing."""
        if isinstance(error, LakeError):
            return str(error)
        try:
            self.lake.check()
        except LakeError as found:
            return str(found)
        return f"{type(error).__name__}: {error}"

    def rows(self, source: Snapshot, files: Collection[DataFile]) -> pa.Table:
        """The rows of some of a snapshot's files; each file is read once and kept."""
        tables = [self._file(source, file) for file in files]
        if not tables:
            return (source.schema or pa.schema([])).empty_table()
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")

    def kept(self, key: Hashable, make: Callable[[], Any], size: Callable[[Any], int] = lambda _: 4096) -> Any:
        """A result derived from immutable files, made once for all sessions."""
        return self._rows.get(key, make, size)

    def _read(self, make: Callable[[], Any]) -> Any:
        """What a page needs from the storage. All pages wait meanwhile, so a storage that is away is not asked.

        Raises:
            LakeError: It cannot be read now.
        """
        if self.state.kind == "unreachable":
            raise LakeError(self.state.reason)
        try:
            return make()
        except (OSError, DeltaError, BotoCoreError, ClientError) as error:
            LOG.warning("The lake cannot be read: %s", error)
            raise LakeError(f"{type(error).__name__}: {error}") from error

    def commits(self, source: Snapshot, count: int = 50) -> list[dict[str, Any]]:
        """The newest commits of a table, newest first."""

        def make() -> list[dict[str, Any]]:
            options = self.lake.options | (IMPATIENT if self.lake.remote else {})
            return DeltaTable(source.uri, version=source.version, storage_options=options).history(count)

        return self.kept(("commits", source.uri, source.version), lambda: self._read(make))

    def _file(self, source: Snapshot, file: DataFile) -> pa.Table:
        uri = f"{source.uri}/{file.path}"

        def make() -> pa.Table:
            return pq.ParquetFile(self.lake.local(uri)).read()

        return self._rows.get(uri, lambda: self._read(make), lambda table: table.nbytes)

    def poll_raw(self) -> None:
        """Look at the raw folders once: at all now and then, else at the newest known and what came behind them."""
        try:
            self.raw = {name: found for name in TABLE_NAMES if (found := self._raw(name))}
            self._raw_turn += 1
        except Exception as error:  # noqa: BLE001 - the versions' poll says what is wrong with the storage
            LOG.warning("The raw files cannot be listed: %s", error)

    def _raw(self, name: TableName) -> Raw | None:
        known = self.raw.get(name)
        if known and self._raw_turn % RAW_WHOLE:
            since = sorted(known.sizes)[-2:][0]
            older = known.batches - sum(batch >= since for batch in known.sizes)
            sizes = {batch: size for batch, size in known.sizes.items() if batch < since}
        else:
            batches = [batch for batch in self.lake.raw_batches(name) if is_batch(batch)]
            since, older, sizes = (batches or [""])[-RAW_BATCHES:][0], max(len(batches) - RAW_BATCHES, 0), {}
        found = {
            batch: (len(files), sum(file.size for file in files))
            for batch, files in self.lake.deliveries(name, since)
            if is_batch(batch)
        }
        if known and not found:  # The lake is another one now.
            self.raw.pop(name)
            return self._raw(name)
        newest = sorted((sizes | found).items())[-RAW_BATCHES:]
        return Raw(older + len(found), newest[-1][0], dict(newest)) if newest else None

    @staticmethod
    def _follow(look: Callable[[], None], seconds: float) -> None:
        while True:
            begun = time.monotonic()
            look()
            # A slow storage is asked less often, never back to back.
            time.sleep(max(seconds, time.monotonic() - begun))

    def _look(self) -> None:
        again = self.state.kind != "ok" or not self.lake.remote or self._turn % 20 == 0
        self._turn += 1
        if again:
            self.lake.check()
        if not self.lake.remote and not Path(self.lake.uri).is_dir():
            self._seen, self.tables = {}, {}
            self.state = LakeState("no lake")
            return
        changed = [key for key in KEYS if self._changed(key, again)]
        for key in changed:
            self._open(key)
        if changed:
            self.tables = {key: seen.snapshot for key, seen in self._seen.items()}
        if any(layer == "gold" for layer, _ in self.tables):
            self.state = LakeState("ok")
        else:
            self.state = LakeState("no gold" if self.tables or self.lake.names(self.lake.path("raw")) else "no lake")
        for key in changed:
            if key[0] == "gold" and key in self.tables:
                self._warm(self, self.tables[key])

    def _changed(self, key: Key, again: bool) -> bool:
        seen = self._seen.get(key)
        if seen is None:
            # A log that was there before us may begin with a checkpoint; one that appears now begins with 0.
            return self._turn == 1 or self.lake.exists(self._commit(key, 0))
        if self.lake.exists(self._commit(key, seen.snapshot.version + 1)):
            return True
        return again and self._stamp(self._commit(key, seen.snapshot.version)) != seen.stamp

    def _open(self, key: Key) -> None:
        found = snapshot(self.lake, self.lake.table(*key))
        if found.version < 0:
            self._seen.pop(key, None)
        else:
            self._seen[key] = Seen(found, self._stamp(self._commit(key, found.version)))

    def _commit(self, key: Key, version: int) -> str:
        return f"{self.lake.table(*key)}/_delta_log/{version:020}.json"

    def _stamp(self, uri: str) -> str:
        return self.lake.stamp(uri)
