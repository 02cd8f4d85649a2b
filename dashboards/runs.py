"""How long runs took, from Dagster's own run storage, where this process can see it. No Panel."""

import logging
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tpch_assets.settings import PROJECT

LOG = logging.getLogger(__name__)
SECONDS = 30
LIMIT = 400


@dataclass(frozen=True)
class Run:
    """One finished run: which assets it made, as `layer/table`, when, and for how long (seconds)."""

    assets: frozenset[str]
    ended: datetime
    seconds: float
    run_id: str


class Runs:
    """The newest successful runs. Asking never waits: what is old is read again in a thread, for the next time."""

    def __init__(self) -> None:
        self._due, self._lock = 0.0, threading.Lock()
        self._found: list[Run] = []

    def of(self, layer: str, name: str) -> list[Run]:
        """Runs that made one asset, newest first."""
        return [run for run in self.latest() if f"{layer}/{name}" in run.assets]

    def latest(self) -> list[Run]:
        """All runs known so far, newest first; empty where Dagster's storage is not here."""
        with self._lock:
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + SECONDS
                threading.Thread(target=self._refresh, name="runs", daemon=True).start()
            return self._found

    def _refresh(self) -> None:
        try:
            self._found = list(_read())
        except Exception as error:  # noqa: BLE001 - Dagster's storage is an extra: without it only durations miss
            LOG.warning("Dagster's runs cannot be read: %s", error)


def home() -> Path:
    """Where Dagster keeps its instance."""
    return Path(os.environ.get("DAGSTER_HOME") or PROJECT / ".dagster")


def _read() -> Iterable[Run]:
    if not (home() / "dagster.yaml").is_file():
        return
    import dagster as dg  # Slow to import, and needed only where there is an instance.

    with dg.DagsterInstance.from_config(str(home())) as instance:
        finished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
        for record in instance.get_run_records(filters=finished, limit=LIMIT):
            run = record.dagster_run
            if record.start_time and record.end_time:
                assets = frozenset("/".join(key.path) for key in run.asset_selection or ())
                ended = datetime.fromtimestamp(record.end_time, UTC)
                yield Run(assets, ended, record.end_time - record.start_time, run.run_id)
