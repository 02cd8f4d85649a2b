"""How long the runs took that made a table, from Dagster's own storage, where this process can see it. No Panel."""

import logging
import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tpch_assets.settings import PROJECT

LOG = logging.getLogger(__name__)
SECONDS = 30
LIMIT = 200


@dataclass(frozen=True)
class Run:
    """One finished run: when it ended, and for how long it ran (seconds)."""

    ended: datetime
    seconds: float


class Runs:
    """The newest runs of each table asked for. Asking never waits: a thread reads what is old, for the next time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[tuple[Path, str, str], float] = {}
        self._found: dict[tuple[Path, str, str], list[Run]] = {}

    def of(self, layer: str, name: str) -> list[Run]:
        """Runs that made one table and are known so far, oldest first; none where Dagster's storage is not here."""
        key = (home(), layer, name)
        with self._lock:
            if time.monotonic() >= self._due.get(key, 0):
                self._due[key] = time.monotonic() + SECONDS
                threading.Thread(target=self._refresh, args=(key,), name="runs", daemon=True).start()
            return self._found.get(key, [])

    def _refresh(self, key: tuple[Path, str, str]) -> None:
        try:
            self._found[key] = read(*key)
        except Exception as error:  # noqa: BLE001 - Dagster's storage is an extra: without it only durations miss
            LOG.warning("Dagster's runs cannot be read: %s", error)


def home() -> Path:
    """Where Dagster keeps its instance."""
    return Path(os.environ.get("DAGSTER_HOME") or PROJECT / ".dagster")


def read(home: Path, layer: str, name: str) -> list[Run]:
    """The runs behind an asset's newest materializations in the instance at `home`, oldest first."""
    if not (home / "dagster.yaml").is_file():
        return []
    import dagster as dg  # Slow to import, and needed only where there is an instance.

    with dg.DagsterInstance.from_config(str(home)) as instance:
        made = instance.fetch_materializations(dg.AssetKey([layer, name]), limit=LIMIT).records
        if not made:
            return []
        chosen = dg.RunsFilter(run_ids=sorted({record.run_id for record in made}))
        records = instance.get_run_records(filters=chosen)
        ended = [(record.start_time, record.end_time) for record in records]
    return sorted(
        (Run(datetime.fromtimestamp(end, UTC), end - start) for start, end in ended if start and end),
        key=lambda run: run.ended,
    )
