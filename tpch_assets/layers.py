"""How old data may be, layer by layer: one rule for the asset checks and the dashboard. No Dagster."""

from datetime import datetime, timedelta
from typing import Literal

from tpch_assets.calendar import BATCH, DAY, WINDOW, parse

State = Literal["green", "amber", "red"]

STEPS: dict[str, timedelta] = {"raw": BATCH, "bronze": BATCH, "silver": WINDOW, "gold": DAY}

# Lag of the latest partition's end against now: (amber after, red after). A layer's own cadence, plus time to run.
ALLOWED: dict[str, tuple[timedelta, timedelta]] = {
    "raw": (timedelta(minutes=30), timedelta(minutes=60)),
    "bronze": (timedelta(minutes=30), timedelta(minutes=60)),
    "silver": (timedelta(hours=7), timedelta(hours=9)),
    "gold": (timedelta(hours=25), timedelta(hours=30)),
}


def lag(layer: str, latest: str, now: datetime) -> timedelta:
    """Time since the end of a layer's latest partition."""
    return now - (parse(latest) + STEPS[layer])


def state(layer: str, lag: timedelta) -> State:
    """Green, amber or red, for a lag."""
    amber, red = ALLOWED[layer]
    return "red" if lag > red else "amber" if lag > amber else "green"
