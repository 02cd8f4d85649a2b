"""How long the runs of each table took, from Dagster's own storage, if this process can read it.

Launching or changing runs does not belong here. Charts of runs are in `pages.durations`.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tpch_assets.settings import PROJECT

LOG = logging.getLogger(__name__)
SECONDS = 30  # Between two reads of the same table's runs.

Key = tuple[Path, str, str]
"""Home of the Dagster instance, layer, and name of the table."""


@dataclass(frozen=True)
class Run:
    """One finished run: when it ended, and how many seconds it took."""

    ended: datetime
    seconds: float


@dataclass(frozen=True)
class FailedCheck:
    """A check that failed when it last ran.

    Attributes:
        error: It is an error, not a warning.
        words: What it found.
    """

    asset: str
    name: str
    error: bool
    time: datetime
    words: str
    run: str


class Checks:
    """The checks that failed. `failed` never waits: a thread reads again what is old, for the next call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[Path, float] = {}
        self._found: dict[Path, list[FailedCheck] | None] = {}

    def failed(self) -> list[FailedCheck] | None:
        """Those known, the newest first. None if Dagster's storage is elsewhere, or not read yet."""
        home = dagster_home()
        with self._lock:
            if time.monotonic() >= self._due.get(home, 0):
                self._due[home] = time.monotonic() + SECONDS
                threading.Thread(target=self._refresh, args=(home,), name="checks", daemon=True).start()
            return self._found.get(home)

    def _refresh(self, home: Path) -> None:
        try:
            self._found[home] = read_failed_checks(home)
        except Exception as error:  # noqa: BLE001 - without Dagster's storage pages only lack checks
            LOG.warning("Dagster's checks cannot be read: %s", error)


class Runs:
    """The newest runs of each table. `of` never waits: a thread reads again what is old, for the next call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[Key, float] = {}
        self._found: dict[Key, list[Run]] = {}

    def of(self, layer: str, name: str) -> list[Run]:
        """The known runs of one table, oldest first. Empty if Dagster's storage is elsewhere."""
        key = (dagster_home(), layer, name)
        with self._lock:
            if time.monotonic() >= self._due.get(key, 0):
                self._due[key] = time.monotonic() + SECONDS
                threading.Thread(target=self._refresh, args=(key,), name="runs", daemon=True).start()
            return self._found.get(key, [])

    def _refresh(self, key: Key) -> None:
        try:
            self._found[key] = read_runs(*key)
        except Exception as error:  # noqa: BLE001 - without Dagster's storage pages only lack durations
            LOG.warning("Dagster's runs cannot be read: %s", error)


def dagster_home() -> Path:
    """Where Dagster keeps its instance."""
    return Path(os.environ.get("DAGSTER_HOME") or PROJECT / ".dagster")


def read_runs(home: Path, layer: str, name: str) -> list[Run]:
    """Read the runs behind an asset's newest materializations, oldest first."""
    if not (home / "dagster.yaml").is_file():
        return []
    # Dagster is slow to import, and needed only if there is an instance.
    from tpch_assets.orchestration.run_times import run_times

    found = [Run(datetime.fromtimestamp(end, UTC), end - begin) for begin, end in run_times(home, layer, name)]
    return sorted(found, key=lambda run: run.ended)


def read_failed_checks(home: Path) -> list[FailedCheck] | None:
    """Read the checks that failed when they last ran, the newest first. None if there is no Dagster instance."""
    if not (home / "dagster.yaml").is_file():
        return None
    from tpch_assets.orchestration.run_times import failed_checks

    return [
        FailedCheck(asset, name, error, datetime.fromtimestamp(when, UTC), words, run)
        for asset, name, error, when, words, run in failed_checks(home)
    ]
