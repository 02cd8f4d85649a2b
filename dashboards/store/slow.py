"""What the pipeline page shows beyond the tables' versions, for which raw has to be listed: never on a page's time.

How it is shown does not belong here.
"""

import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from dashboards.store import business
from dashboards.store.on_the_spot import Compute, Outcome
from dashboards.store.store import Store
from tpch_assets.bronze.latency import BatchLatency, latencies
from tpch_assets.calendar import batch_key, parse
from tpch_assets.lake.faults import Fault
from tpch_assets.layers import DAY
from tpch_assets.silver.stale import due_windows

SECONDS = 60  # After which raw is listed again.
DAYS = 3

Result = TypeVar("Result")


class Slow(Generic[Result]):
    """The newest known result of something slow. Until the next one is known, the last one stays."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Result] = {}

    def of(
        self, store: Store, about: Hashable, versions: Hashable, compute: Compute[Result], done: Callable[[], object]
    ) -> Result | None:
        """What is known; None if nothing is yet. Asks again after a version has changed, and now and then.

        Args:
            done: Called when there is something new.
        """
        outcome: Outcome[Result] | None = store.spot.ask(
            (about, versions, int(time.monotonic() // SECONDS)), compute, done
        )
        if outcome is not None and outcome.result is not None:
            self._known[about] = outcome.result
        return self._known.get(about)


def held_windows(store: Store, known: Slow[dict[str, str]], done: Callable[[], object]) -> dict[str, str] | None:
    """By window that is not built, why; None until that is known."""
    names = [name for group in business.groups() for name in group.names]
    tables = [store.table(layer, name) for name in names for layer in ("bronze", "silver")]
    versions = tuple(table.version if table else -1 for table in tables)

    def compute(running: object) -> dict[str, str]:
        now, found = datetime.now(UTC), dict[str, str]()
        for group in business.groups():
            if any(store.table("bronze", name) for name in group.names):
                found |= due_windows(store.lake, group, now).held
        return found

    return known.of(store, "held", versions, compute, done)


def blocked_parts(store: Store, known: Slow[list[Fault]], done: Callable[[], object]) -> list[Fault] | None:
    """What a blocking check found wrong, and gold waits for; None until that is known."""
    versions = tuple((uri, table.version) for (_, uri), table in store.tables.items())
    return known.of(store, "blocked", versions, lambda running: business.open_faults(store.lake), done)


def landing(
    store: Store, name: str, known: Slow[list[BatchLatency]], done: Callable[[], object]
) -> list[BatchLatency] | None:
    """How long the newest batches of a table took from landing to bronze; None until that is known."""
    table = store.table("bronze", name)
    if table is None or not table.files:
        return []
    since = batch_key(parse(max(table.by_partition())) - DAYS * DAY)

    def compute(running: object) -> list[BatchLatency]:
        return latencies(store.lake, business.table(name), table, since)

    return known.of(store, ("landing", name), table.version, compute, done)
