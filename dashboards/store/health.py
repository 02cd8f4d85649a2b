"""The state of each table, by the same rules as the asset checks.

Words and colours do not belong here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from dashboards.store import business
from dashboards.store.store import Store
from tpch_assets import layers
from tpch_assets.calendar import parse
from tpch_assets.lake.snapshot import Snapshot
from tpch_assets.layers import DAY

State = Literal["green", "amber", "red", "none"]
"""`none` is the state of a table that need not be fresh."""

LAYERS = tuple(layers.LAYERS)
_WORST_LAST: tuple[State, ...] = ("none", "green", "amber", "red")


@dataclass(frozen=True)
class Health:
    """One table: its latest partition, lag, state, and size.

    `note` explains a state that has another reason than the lag.
    """

    layer: str
    name: str
    latest: str
    lag: timedelta | None
    state: State
    partitions: int
    rows: int | None
    files: int
    size: int
    rejects: int = 0
    version: int | None = None
    note: str = ""


def names(layer: str) -> tuple[str, ...]:
    """The tables of a layer."""
    return tuple(business.queries()) if layer == "gold" else business.table_names()


def must_be_fresh(layer: str, name: str) -> bool:
    """Whether the asset checks watch a table's lag. Tables that arrive once need not be fresh."""
    if layer == "gold":
        return True
    return name in business.facts() if layer == "silver" else business.arrives_with_every_batch(name)


def layer_health(store: Store, layer: str, now: datetime | None = None) -> list[Health]:
    """The state of each table of a layer."""
    moment = now or datetime.now(UTC)
    return [health(store, layer, name, moment) for name in names(layer)]


def health(store: Store, layer: str, name: str, now: datetime) -> Health:
    """The state of one table."""
    if layer == "raw":
        return _raw_health(store, name, now)
    found = store.table(layer, name)
    if found is None or not found.files:
        return _missing(layer, name)
    latest = latest_partition(found)
    lag, state = _lag(layer, name, latest, now)
    rejects, recent = rejects_of(store, name, latest) if layer == "bronze" else (0, 0)
    note = f"{recent} lines rejected in the last day" if recent else ""
    if recent and state in ("green", "none"):
        state = "amber"
    partitions, files = len(found.by_partition()), len(found.files)
    return Health(
        layer, name, latest, lag, state, partitions, found.rows, files, found.size, rejects, found.version, note
    )


def worst(states: list[State]) -> State:
    """The worst of some states."""
    return max(states, key=_WORST_LAST.index, default="none")


def latest_partition(found: Snapshot) -> str:
    """The latest partition. Dimensions in silver have only one, so this is the latest batch in it."""
    keys = {file.partition for file in found.files}
    if keys == {"latest"}:
        return max(str(file.greatest.get("_batch", "")) for file in found.files)
    return max(keys)


def rejects_of(store: Store, name: str, latest: str) -> tuple[int, int]:
    """Rejected lines of a bronze table: all, and those of the day before its latest batch."""
    found = store.table("bronze", f"{name}_rejects")
    if found is None:
        return 0, 0
    since = parse(latest) - DAY
    return found.rows, sum(file.rows for file in found.files if parse(file.partition) > since)


def _raw_health(store: Store, name: str, now: datetime) -> Health:
    raw = store.raw.get(name)
    if raw is None:
        return _missing("raw", name)
    files, size = (sum(pair[i] for pair in raw.sizes.values()) for i in (0, 1))
    lag, state = _lag("raw", name, raw.latest, now)
    return Health("raw", name, raw.latest, lag, state, raw.batches, None, files, size)


def _missing(layer: str, name: str) -> Health:
    state: State = "red" if must_be_fresh(layer, name) else "none"
    return Health(layer, name, "", None, state, 0, None, 0, 0, note="nothing yet")


def _lag(layer: str, name: str, latest: str, now: datetime) -> tuple[timedelta | None, State]:
    if not must_be_fresh(layer, name):
        return None, "none"
    rule = layers.LAYERS[layer]
    lag = rule.lag(parse(latest), now)
    return lag, rule.state(lag)
