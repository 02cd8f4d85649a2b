"""The pipeline's state per layer and table, by the same rules as the asset checks. No Panel."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import pandas as pd

from dashboards.data import QUERIES, Store
from tpch_assets import layers as freshness
from tpch_assets.calendar import BATCH, DAY, WINDOW, batches_of, parse
from tpch_assets.lake.delta import Snapshot
from tpch_assets.tpch.tables import PAIRED, TABLE_NAMES, TABLES

State = Literal["green", "amber", "red", "none"]
LAYERS = ("raw", "bronze", "silver", "gold")
STEPS = {"raw": BATCH, "bronze": BATCH, "silver": WINDOW, "gold": DAY}
PARTITION = {"raw": "batch", "bronze": "batch", "silver": "window", "gold": "day"}
WORDS = {"green": "on time", "amber": "late", "red": "very late", "none": "not timed"}
_ORDER = ("none", "green", "amber", "red")


@dataclass(frozen=True)
class Health:
    """One table: its latest partition, lag, state, and size. `note` says why it is amber where that is no lag."""

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
    """The layer's tables."""
    return tuple(QUERIES) if layer == "gold" else TABLE_NAMES


def timed(layer: str, name: str) -> bool:
    """Whether a table must be fresh, as the asset checks choose: tables that come once need not."""
    if layer == "gold":
        return True
    return name in PAIRED if layer == "silver" else TABLES[name].arrives == "every batch"


def layer_health(store: Store, layer: str, now: datetime | None = None) -> list[Health]:
    """All tables of a layer."""
    moment = now or datetime.now(UTC)
    return [health(store, layer, name, moment) for name in names(layer)]


def health(store: Store, layer: str, name: str, now: datetime) -> Health:
    """One table's state now."""
    if layer == "raw":
        raw = store.raw.get(name)
        if raw is None:
            return _missing(layer, name)
        files, size = (sum(pair[i] for pair in raw.sizes.values()) for i in (0, 1))
        lag, state = _lag(layer, name, raw.latest, now)
        return Health(layer, name, raw.latest, lag, state, raw.batches, None, files, size)
    found = store.table(layer, name)
    if found is None or not found.files:
        return _missing(layer, name)
    latest = latest_of(found)
    lag, state = _lag(layer, name, latest, now)
    rejects, recent = rejects_of(store, name, latest) if layer == "bronze" else (0, 0)
    note = f"{recent} lines rejected in the last day" if recent else ""
    if recent and state in ("green", "none"):
        state = "amber"
    partitions, files = len(found.by_partition()), len(found.files)
    return Health(
        layer, name, latest, lag, state, partitions, found.rows, files, found.size, rejects, found.version, note
    )


def _missing(layer: str, name: str) -> Health:
    return Health(layer, name, "", None, "red" if timed(layer, name) else "none", 0, None, 0, 0, note="nothing yet")


def _lag(layer: str, name: str, latest: str, now: datetime) -> tuple[timedelta | None, State]:
    if not timed(layer, name):
        return None, "none"
    lag = freshness.lag(layer, latest, now)
    return lag, freshness.state(layer, lag)


def latest_of(found: Snapshot) -> str:
    """The latest partition; of silver's dimension tables, which have only one, the latest batch in it."""
    keys = {file.partition for file in found.files}
    if keys == {"latest"}:
        return max(str(file.greatest.get("_batch", "")) for file in found.files)
    return max(keys)


def rejects_of(store: Store, name: str, latest: str) -> tuple[int, int]:
    """Rejected lines of a bronze table: in all, and in the day before its latest batch."""
    found = store.table("bronze", f"{name}_rejects")
    if found is None:
        return 0, 0
    since = parse(latest) - DAY
    return found.rows, sum(file.rows for file in found.files if parse(file.partition) > since)


def worst(states: list[State]) -> State:
    return max(states, key=_ORDER.index, default="none")


def per_partition(store: Store, layer: str, name: str) -> pd.DataFrame:
    """Rows, bytes and files of each partition: columns time (its begin), rows, size, files."""
    columns = ["time", "rows", "size", "files"]
    if layer == "raw":
        raw = store.raw.get(name)
        found = [(parse(key), None, size, files) for key, (files, size) in (raw.sizes if raw else {}).items()]
        return _over_time(found, columns)
    table = store.table(layer, name)
    parts = table.by_partition() if table else {}
    return _over_time(
        [
            (parse(key), sum(f.rows for f in files), sum(f.size for f in files), len(files))
            for key, files in parts.items()
            if key != "latest"
        ],
        columns,
    )


def _over_time(found: list[tuple], columns: list[str]) -> pd.DataFrame:
    rows = pd.DataFrame(sorted(found), columns=columns)
    rows["time"] = pd.to_datetime(rows["time"], utc=True).dt.tz_localize(None)
    return rows


def compaction(store: Store, name: str) -> tuple[int, int] | None:
    """Files of a table before and after compaction: in bronze, and the silver files made of them."""
    bronze, silver = store.table("bronze", name), store.table("silver", name)
    if bronze is None or silver is None or not silver.files:
        return None
    if name not in PAIRED:
        return len(bronze.files), len(silver.files)
    batches = {batch for window in silver.by_partition() for batch in batches_of(window)}
    return len(bronze.of(batches)), len(silver.files)


def rejected_lines(store: Store, name: str, limit: int = 500) -> tuple[pd.DataFrame, int]:
    """The newest rejected lines of a table (at most about `limit`), and how many there are in all."""
    columns = ["_batch", "_file", "_line", "_reason", "_text"]
    found = store.table("bronze", f"{name}_rejects")
    if found is None or not found.rows:
        return pd.DataFrame(columns=columns), 0
    chosen, rows = [], 0
    for file in sorted(found.files, key=lambda file: file.path, reverse=True):
        chosen.append(file)
        rows += file.rows
        if rows >= limit:
            break
    lines = store.rows(found, chosen).select(columns).slice(0, limit)
    return lines.to_pandas().astype({name: object for name in columns if name != "_line"}), found.rows
