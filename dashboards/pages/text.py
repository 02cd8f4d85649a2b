"""Figures, times and changes as people read them.

Markup does not belong here, but in `markup`.
"""

import numbers
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from dashboards.charts.figures import SHARE, missing, with_unit
from tpch_assets.calendar import parse


def shown(value: object, most: int = 40, *, unit: str = "", name: bool = False) -> str:
    """One value of an answer. Text is cut to `most` letters.

    Args:
        name: A whole number names something, such as an order, so it is written as it is.
    """
    if value is pd.NaT or value is pd.NA or missing(value):
        return "—"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else moment(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_):
        return str(value) if name else with_unit(float(value), unit)
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def size(count: float) -> str:
    """A number of bytes: 3.4 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def span(length: timedelta) -> str:
    """A length of time: 3 h 20 min."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 0:
        return "0 min"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def moment(value: datetime | date | str) -> str:
    """A point in time in UTC, to the minute. Accepts partition keys too."""
    if isinstance(value, str):
        if len(value) == 10:
            return value
        value = parse(value)
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else f"{value:%Y-%m-%d}"


def change(
    now: float | None,
    before: float | None,
    earlier: float | None = None,
    *,
    day: str,
    unit: str = "",
    share: bool = False,
) -> str:
    """What a day brought, beside what the day before brought.

    Args:
        before: The figure of the day before.
        earlier: That of the day before that one.
        share: Also say which share of the day before's figure this is.
    """
    if missing(now) or missing(before):
        return "no day before to compare with"
    assert now is not None and before is not None
    brought = _brought(now, before, unit)
    percent = f" ({(now - before) / abs(before) * 100:+.1f} %)" if share and before and brought else ""
    after = ""
    if not missing(earlier):
        assert earlier is not None
        past = _brought(before, earlier, unit)
        if not brought and not past:
            return "as on the two days before"
        after = f", {past or 'nothing'} the day before"
    return f"{brought or 'nothing new'}{percent} on {day}{after}"


def _brought(now: float, before: float, unit: str) -> str:
    """The difference between two days, with its sign. Empty if there is none."""
    difference = now - before
    if abs(difference) <= 1e-9 * abs(before):  # Sums of floats differ in their last digits.
        return ""
    points = {SHARE: 100.0, "%": 1.0}.get(unit)  # Percentage points.
    figure = f"{abs(difference) * points:.2f} points" if points else with_unit(abs(difference), unit)
    return ("+" if difference > 0 else "-") + figure


def older(age: timedelta, before: timedelta | None) -> str:
    """How an age compares with that of the day before."""
    if before is None:
        return "no day before to compare with"
    difference = age - before
    if abs(difference) < timedelta(minutes=1):
        return "as old as the day before"
    return f"{span(abs(difference))} {'older' if difference > timedelta(0) else 'younger'} than the day before"
