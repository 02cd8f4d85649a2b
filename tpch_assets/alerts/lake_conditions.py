"""What the lake and its disk show to be wrong: layers that are late, too many rejects, answers that are missing.

Each look costs two requests per table that has not changed. What Dagster's runs and checks show is found in
`orchestration/alerts.py`.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tpch_assets.alerts.conditions import Condition
from tpch_assets.bronze import arrivals
from tpch_assets.calendar import batch_key, parse
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listing
from tpch_assets.layers import DAY, GOLD, LAYERS
from tpch_assets.schema import Business


def _partitions(lake: Lake, layer: str, name: str) -> dict[str, int]:
    """A table's rows by partition."""
    return listing(lake, lake.table(layer, name)).rows()


def late(lake: Lake, business: Business, now: datetime) -> Iterator[Condition]:
    """Tables whose newest partition ended too long ago, by the rules in `layers`; none that has nothing yet."""
    streams, facts = [table.name for table in business.streams], [table.name for table in business.facts]
    names = {"raw": streams, "bronze": streams, "silver": facts, "gold": list(load_queries(business))}
    for layer in LAYERS.values():
        for name in names[layer.name]:
            key = _newest(lake, layer.name, name, now)
            if key and layer.state(layer.lag(parse(key), now)) != "green":
                since = parse(key) + layer.step + layer.amber
                detail = f"its newest {layer.partition} is {key}"
                path = f"/assets/{layer.name}/{name}"
                yield Condition("late", layer.name, f"{layer.name}/{name}", since, "", detail, path)


def _newest(lake: Lake, layer: str, name: str, now: datetime) -> str | None:
    if layer == "raw":
        return arrivals.latest(lake, name, now)
    rows = _partitions(lake, layer, name)
    # An answer without rows is one; elsewhere what is empty is no data.
    return max((key for key, count in rows.items() if count or layer == "gold"), default=None)


def rejects(lake: Lake, business: Business, rate: float) -> Iterator[Condition]:
    """Tables of which more than a share of the newest day's lines is rejected."""
    for name in business.names:
        rows, rejected = _partitions(lake, "bronze", name), _partitions(lake, "bronze", f"{name}_rejects")
        if not rejected:
            continue
        after = batch_key(parse(max({**rows, **rejected})) - DAY)
        bad = {batch: count for batch, count in rejected.items() if batch > after and count}
        lines = sum(count for batch, count in rows.items() if batch > after) + sum(bad.values())
        if bad and sum(bad.values()) > rate * lines:
            detail = f"{sum(bad.values()):,} of {lines:,} lines of the newest day"
            path = f"/assets/bronze/{name}"
            yield Condition("rejects", "bronze", f"bronze/{name}", parse(min(bad)), "", detail, path)


def answers_missing(lake: Lake, business: Business, now: datetime) -> Iterator[Condition]:
    """Answers of a day that other questions have been answered for; none while gold may still be at it."""
    held = {name: _partitions(lake, "gold", name) for name in load_queries(business)}
    done = {day for days in held.values() for day in days if GOLD.lag(parse(day), now) > GOLD.amber - DAY}
    for name, days in held.items():
        for day in sorted(done - days.keys()):
            since = parse(day) + GOLD.amber
            yield Condition("answer missing", "gold", f"gold/{name}", since, day, "", f"/assets/gold/{name}")


def disks(lake: Lake, home: str, share: float, now: datetime) -> Iterator[Condition]:
    """Disks of the lake and of Dagster's home that are fuller than a share."""
    places = {"the Dagster home": home} if lake.remote else {"the lake": lake.uri, "the Dagster home": home}
    seen = set()
    for name, path in places.items():
        there = next((one for one in (Path(path), *Path(path).parents) if one.exists()), None)
        if there is None or (device := os.stat(there).st_dev) in seen:
            continue
        seen.add(device)
        disk = shutil.disk_usage(there)
        used = 1 - disk.free / disk.total
        if used > share:
            yield Condition("disk", "this machine", name, now, "", f"more than {share:.0%} is used")
