"""Which stretch of the newest days is in which layer, and in what state: told from the tables' versions alone.

How it is drawn does not belong here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from dashboards.store import business
from dashboards.store.health import LAYERS
from dashboards.store.store import Store
from tpch_assets import layers
from tpch_assets.calendar import batch_key, day_key, floor, parse, window_key, window_of
from tpch_assets.lake.snapshot import DataFile, Snapshot
from tpch_assets.layers import BATCH, DAY, WINDOW
from tpch_assets.schema import Group
from tpch_assets.silver.inputs import stale_windows_of

DAYS = 3
HOUR = timedelta(hours=1)
CELLS: Mapping[str, timedelta] = {"raw": HOUR, "bronze": HOUR, "silver": WINDOW, "gold": DAY}
"""How long a stretch is that is drawn as one; of batches several."""

State = Literal["whole", "rejects", "stale", "partly", "missing", "due", "unknown"]
"""`due`: it is not time yet. `stale`: it was built from other files than there are now. `unknown`: not listed."""
_WORST_LAST: tuple[State, ...] = ("unknown", "due", "whole", "rejects", "stale", "partly", "missing")


@dataclass(frozen=True)
class Cell:
    """One stretch of a layer: its state, and what there is of how much."""

    begin: datetime
    end: datetime
    state: State
    words: str


@dataclass(frozen=True)
class Timeline:
    """The newest days, oldest first, each with the cells of every layer."""

    days: dict[str, dict[str, list[Cell]]]


def timeline(store: Store, now: datetime) -> Timeline:
    """The newest days that any layer holds, up to today if the lake follows the clock."""
    newest = _newest(store)
    if newest is None:
        return Timeline({})
    last = floor(now if now - newest < 2 * DAY else newest, DAY)
    days = [last - (DAYS - 1 - number) * DAY for number in range(DAYS)]
    first = _oldest(store)
    kept = [day for day in days if first is None or day + DAY > first]
    states = {layer: _STATES[layer](store, kept, now) for layer in LAYERS}
    return Timeline({day_key(day): {layer: states[layer](day) for layer in LAYERS} for day in kept})


def next_due(layer: str, now: datetime) -> tuple[datetime, datetime]:
    """When the partition that is on its way ends, and from when on it is late."""
    rule = layers.LAYERS[layer]
    end = floor(now, rule.step) + rule.step
    return end, end + rule.amber - rule.step


def _newest(store: Store) -> datetime | None:
    keys = [raw.latest for raw in store.raw.values()]
    keys += [
        max(table.by_partition()) for (layer, _), table in store.tables.items() if layer == "bronze" and table.files
    ]
    return max(map(parse, keys), default=None)


def _oldest(store: Store) -> datetime | None:
    tables = (table for (layer, name), table in store.tables.items() if layer == "bronze" and _streams(name))
    return min((parse(min(table.by_partition())) for table in tables if table.files), default=None)


def _streams(name: str) -> bool:
    return name in business.table_names() and business.arrives_with_every_batch(name)


Cells = Callable[[datetime], list[Cell]]
"""The cells of a day."""


def _raw(store: Store, days: list[datetime], now: datetime) -> Cells:
    have = {name: set(raw.sizes) for name, raw in store.raw.items() if _streams(name)}
    listed = min((min(batches) for batches in have.values() if batches), default="")

    def state(batch: str, over: bool) -> tuple[State, int, int]:
        count = sum(batch in batches for batches in have.values())
        if not listed or batch < listed:
            return "unknown", 0, 0
        return _state(count, len(have), over), count, len(have)

    return _of_batches("raw", state, now)


def _bronze(store: Store, days: list[datetime], now: datetime) -> Cells:
    raw = {name: set(found.sizes) for name, found in store.raw.items() if _streams(name)}
    names = [name for name in business.table_names() if _streams(name) and store.table("bronze", name)]
    have = {name: set(found.by_partition()) for name in names if (found := store.table("bronze", name))}
    rejected = {
        file.partition for name in names for file in _files(store.table("bronze", f"{name}_rejects")) if file.rows
    }

    def state(batch: str, over: bool) -> tuple[State, int, int]:
        wanted = [name for name in have if batch in raw.get(name, ()) or batch in have[name]]
        count = sum(batch in have[name] for name in wanted)
        found = _state(count, len(wanted) or len(have), over)
        return ("rejects" if found == "whole" and batch in rejected else found), count, len(wanted) or len(have)

    return _of_batches("bronze", state, now)


def _of_batches(layer: str, state: Callable[[str, bool], tuple[State, int, int]], now: datetime) -> Cells:
    allowed = layers.LAYERS[layer].amber - BATCH

    def cells(day: datetime) -> list[Cell]:
        found = []
        for begin in _steps(day, CELLS[layer]):
            batches = [batch_key(begin + number * BATCH) for number in range(CELLS[layer] // BATCH)]
            states = [state(batch, parse(batch) + BATCH + allowed <= now) for batch in batches]
            worst = max((one for one, _, _ in states), key=_WORST_LAST.index)
            there, wanted = sum(count for _, count, _ in states), sum(count for _, _, count in states)
            if worst == "missing" and there:
                worst = "partly"
            found.append(Cell(begin, begin + CELLS[layer], worst, f"{there} of {wanted} batches of tables"))
        return found

    return cells


def _silver(store: Store, days: list[datetime], now: datetime) -> Cells:
    windows = {window_key(begin) for day in days for begin in _steps(day, WINDOW)}
    have = {name: set(found.by_partition()) for name in business.facts() if (found := store.table("silver", name))}
    stale = {window for group in business.groups() for window in _stale(store, group, windows)}
    allowed = layers.LAYERS["silver"].amber - WINDOW

    def cells(day: datetime) -> list[Cell]:
        found = []
        for begin in _steps(day, WINDOW):
            window = window_key(begin)
            count = sum(window in partitions for partitions in have.values())
            state = _state(count, len(business.facts()), begin + WINDOW + allowed <= now)
            if state == "whole" and window in stale:
                state = "stale"
            found.append(Cell(begin, begin + WINDOW, state, f"{count} of {len(business.facts())} tables"))
        return found

    return cells


def _stale(store: Store, group: Group, windows: set[str]) -> list[str]:
    """Those windows of a group whose silver is not made of the bronze that there is."""
    bronze, silver = ({name: store.table(layer, name) for name in group.names} for layer in ("bronze", "silver"))
    if not all(bronze.values()) or not all(silver.values()):
        return []
    some = {name: _part(table, lambda key: window_of(key) in windows) for name, table in bronze.items() if table}
    others = {name: _part(table, lambda key: key in windows) for name, table in silver.items() if table}
    return stale_windows_of(group, some, others)


def _part(table: Snapshot, wanted: Callable[[str], bool]) -> Snapshot:
    return replace(table, files=tuple(file for file in table.files if wanted(file.partition)))


def _gold(store: Store, days: list[datetime], now: datetime) -> Cells:
    names = list(business.queries())
    have = {name: set(found.by_partition()) for name in names if (found := store.table("gold", name))}
    allowed = layers.LAYERS["gold"].amber - DAY

    def cells(day: datetime) -> list[Cell]:
        count = sum(day_key(day) in partitions for partitions in have.values())
        state = _state(count, len(names), day + DAY + allowed <= now)
        return [Cell(day, day + DAY, state, f"{count} of {len(names)} answers")]

    return cells


_STATES: Mapping[str, Callable[[Store, list[datetime], datetime], Cells]] = {
    "raw": _raw,
    "bronze": _bronze,
    "silver": _silver,
    "gold": _gold,
}


def _state(count: int, wanted: int, over: bool) -> State:
    if wanted and count >= wanted:
        return "whole"
    if not over:
        return "due"
    return "partly" if count else "missing"


def _steps(day: datetime, step: timedelta) -> Iterable[datetime]:
    return (day + number * step for number in range(DAY // step))


def _files(table: Snapshot | None) -> Sequence[DataFile]:
    return table.files if table else ()
