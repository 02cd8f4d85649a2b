"""The lake as all sessions see it, kept current by two threads.

Versions are polled. Rows are read after a version changed, kept by file (files never change), and shared by sessions.
What an answer or a state means does not belong here, but in `answers` and `health`.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Hashable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from dashboards.store import business
from dashboards.store.cache import Cache
from dashboards.store.on_the_spot import OnTheSpot
from dashboards.store.raw import RawFiles
from dashboards.store.state import Commit, Key, LakeState, Raw
from dashboards.store.versions import Versions
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import DataFile, Snapshot
from tpch_assets.models import registry

Result = TypeVar("Result")
WarmUp = Callable[["Store", Snapshot], None]

LOG = logging.getLogger(__name__)
RAW_SECONDS = 20  # Listing many raw folders takes a while.
CACHE_BYTES = 512 << 20
COMMITS_KEPT = 50
REGISTRY: Key = ("gold", registry.TABLE)
"""The registry of models. It has no days, so it is not among the tables of answers."""
# Delta's own client would retry for three minutes.
IMPATIENT = {"connect_timeout": "3s", "timeout": "4s", "max_retries": "1", "retry_timeout": "8s"}


def table_keys() -> tuple[Key, ...]:
    """The Delta tables that pages show."""
    names = business.table_names()
    return (
        *(("gold", name) for name in business.queries()),
        *(("silver", name) for name in names),
        *(("bronze", name) for name in names),
        *(("bronze", f"{name}_rejects") for name in names),
        ("operations", "costs"),
        *([REGISTRY] if business.models() else []),
        ("operations", "alerts"),
    )


class Store:
    """The state of the lake, and one consistent version of each table.

    Args:
        seconds: Time between two polls.
        warm_up: Called with each gold table that changed, to prepare what pages will ask for.
        memory: Of this process for what is computed on the spot.
    """

    def __init__(
        self,
        lake: Lake,
        seconds: float = 3,
        warm_up: WarmUp = lambda store, source: None,
        memory: str = "1GiB",
    ) -> None:
        self.lake, self.seconds, self._warm_up = lake, seconds, warm_up
        self.spot = OnTheSpot(memory)
        self.state = LakeState("loading")
        self.seen: datetime | None = None
        self.tables: dict[Key, Snapshot] = {}
        self.registry: Snapshot | None = None
        self.raw: dict[str, Raw] = {}
        self._versions = Versions(lake, table_keys())
        self._raw_files = RawFiles(lake, business.table_names())
        self._polls = 0
        self._cache = Cache(CACHE_BYTES)
        self._listeners: set[Callable[[], object]] = set()
        self._lock = threading.Lock()

    def start(self) -> "Store":
        """Follow the lake from now on, in threads that end with the process."""
        threading.Thread(target=_repeat, args=(self.poll, self.seconds), name="lake", daemon=True).start()
        threading.Thread(target=_repeat, args=(self.poll_raw, RAW_SECONDS), name="raw", daemon=True).start()
        return self

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` after every poll, even if nothing changed: lags grow. Returns a function that ends this."""
        with self._lock:
            self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def table(self, layer: str, name: str) -> Snapshot | None:
        """A table at its newest known version, or None if it does not exist."""
        return self.tables.get((layer, name))

    def poll(self) -> None:
        """Check every version once, and read what changed. A failure becomes the state, and the next poll retries."""
        try:
            self._refresh()
            self.seen = datetime.now(UTC)
        except Exception as error:  # noqa: BLE001 - any storage error: pages show it, and the next poll retries
            if self.state.kind != "unreachable":
                LOG.warning("The lake cannot be read: %s", error)
            since = self.state.since if self.state.kind == "unreachable" else datetime.now(UTC)
            self.state = LakeState("unreachable", self._reason(error).splitlines()[0][:300], since, self.seen)
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:  # noqa: BLE001 - a session that is going away must not stop the others
                self._listeners.discard(listener)

    def poll_raw(self) -> None:
        """List the raw files once."""
        try:
            self.raw = self._raw_files.refresh()
        except Exception as error:  # noqa: BLE001 - `poll` reports what is wrong with the storage
            LOG.warning("The raw files cannot be listed: %s", error)

    def rows(self, source: Snapshot, files: Collection[DataFile]) -> pa.Table:
        """The rows of some of a snapshot's files. Each file is read once, then kept."""
        tables = [self._file(source, file) for file in files]
        if not tables:
            return (source.schema or pa.schema([])).empty_table()
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")

    def cached(
        self, key: Hashable, build: Callable[[], Result], size: Callable[[Result], int] = lambda _: 4096
    ) -> Result:
        """A result that depends on immutable files alone, built once for all sessions."""
        return self._cache.get(key, build, size)

    def commits(self, source: Snapshot) -> list[Commit]:
        """The newest commits of a table, newest first."""
        key = ("commits", source.uri, source.version)
        return self.cached(key, lambda: self._read(lambda: self._history(source)))

    def _history(self, source: Snapshot) -> list[Commit]:
        options = self.lake.store.options | (IMPATIENT if self.lake.remote else {})
        table = DeltaTable(source.uri, version=source.version, storage_options=options)
        return [
            Commit(
                int(entry.get("version", -1)),
                datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                str(entry.get("operation", "")).lower(),
            )
            for entry in table.history(COMMITS_KEPT)
        ]

    def _file(self, source: Snapshot, file: DataFile) -> pa.Table:
        uri = f"{source.uri}/{file.path}"

        def read() -> pa.Table:
            return pq.ParquetFile(self.lake.store.local(uri)).read()

        return self._cache.get(uri, lambda: self._read(read), lambda table: table.nbytes)

    def _read(self, read: Callable[[], Result]) -> Result:
        """Read from the storage. All pages wait meanwhile, so do not even try while the storage is unreachable.

        Raises:
            LakeError: It cannot be read now.
        """
        if self.state.kind == "unreachable":
            raise LakeError(self.state.reason)
        try:
            return read()
        except (OSError, DeltaError, BotoCoreError, ClientError) as error:
            LOG.warning("The lake cannot be read: %s", error)
            raise LakeError(f"{type(error).__name__}: {error}") from error

    def _reason(self, error: Exception) -> str:
        """Why a read failed. The lake's own check knows what to do about it, so its words come first."""
        if isinstance(error, LakeError):
            return str(error)
        try:
            self.lake.check()
        except LakeError as found:
            return str(found)
        return f"{type(error).__name__}: {error}"

    def _is_gone(self) -> bool:
        place = Path(self.lake.uri)
        return not place.is_dir() or next(place.iterdir(), None) is None

    def _refresh(self) -> None:
        thorough = self.state.kind != "ok" or not self.lake.remote or self._polls % 20 == 0
        self._polls += 1
        if thorough:
            self.lake.check()
        if not self.lake.remote and self._is_gone():
            if self.tables:  # Whether it was moved, unmounted or deleted: what was read stays on the pages.
                raise LakeError(f"{self.lake.uri} is gone or empty: {len(self.tables)} tables were there")
            self._versions.forget()
            self.state = LakeState("no lake")
            return
        changed = self._versions.refresh(check_stamps=thorough)
        if changed:
            found = self._versions.snapshots()
            self.registry = found.pop(REGISTRY, None)
            self.tables = found
        if any(layer == "gold" for layer, _ in self.tables):
            self.state = LakeState("ok")
        else:
            self.state = LakeState(
                "no gold" if self.tables or self.lake.store.names(self.lake.path("raw")) else "no lake"
            )
        for key in changed:
            if key[0] == "gold" and key in self.tables:
                self._warm_up(self, self.tables[key])


def _repeat(poll: Callable[[], None], seconds: float) -> None:
    while True:
        begun = time.monotonic()
        poll()
        # Ask a slow storage less often, never back to back.
        time.sleep(max(seconds, time.monotonic() - begun))
