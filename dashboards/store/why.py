"""Why a query has no answer yet, and what to do about it, in one sentence or two.

Why the whole lake is empty does not belong here, but in `pages.states`.
"""

from dashboards.store import business
from dashboards.store.business import Query
from dashboards.store.store import Store
from tpch_assets.layers import DAY, WINDOW

REPLAY = "`tpch-assets replay`"
WINDOWS = DAY // WINDOW


def why_no_answer(store: Store, query: Query) -> str:
    """What a query waits for: files, bronze, silver, the end of the day, or its own run."""
    if missing := [name for name in query.tables if not _arrived(store, name)]:
        return f"Nothing of {_and(missing)} has arrived, which it reads. {_how_to_deliver(missing[0])}"
    for layer, runs in (("bronze", "the bronze sensor reads new files"), ("silver", "silver follows each window")):
        if missing := [name for name in query.tables if not _filled(store, layer, name)]:
            return f"Nothing of {_and(missing)} is in {layer}, which it reads: {runs} in Dagster, or {REPLAY} does."
    days = {name: _windows(store, name) for name in query.tables if name in business.facts()}
    if days and not any(len(windows) >= WINDOWS for found in days.values() for windows in found.values()):
        name, found = next(iter(days.items()))
        day, windows = max(found.items())
        return (
            f"No day is complete: silver holds {len(windows)} of {WINDOWS} windows of {name} for {day}. The "
            f"answer comes with the next complete day; {REPLAY} replays a whole one."
        )
    return f"All that it reads is there: {REPLAY}, or materializing gold/{query.name} in Dagster, makes the answer."


def _how_to_deliver(table: str) -> str:
    if business.generates():
        return f"{REPLAY} delivers a day; `make dev` follows the clock."
    return f"Put JSON lines into raw/{table}/<batch>/, where a batch is a folder such as 2026-01-01T0015."


def _arrived(store: Store, name: str) -> bool:
    return name in store.raw or _filled(store, "bronze", name)


def _filled(store: Store, layer: str, name: str) -> bool:
    found = store.table(layer, name)
    return found is not None and bool(found.files)


def _windows(store: Store, name: str) -> dict[str, set[str]]:
    """The windows of a fact that silver holds, by day."""
    days: dict[str, set[str]] = {}
    found = store.table("silver", name)
    for window in found.by_partition() if found else ():
        days.setdefault(window[:10], set()).add(window)
    return days


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
