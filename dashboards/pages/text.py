"""Figures, times and changes as people read them.

Markup does not belong here, but in `markup`.
"""

import math
import numbers
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from tpch_assets.calendar import parse


def short(value: float | Decimal | None) -> str:
    """A figure for a card: 1.23 M."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "—"
    value = float(value)
    for limit, unit in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= limit:
            return f"{value / (limit if unit != ' k' else 1e3):,.{1 if unit == ' k' else 2}f}{unit}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4f}"


def shown(value: object, most: int = 40) -> str:
    """One value of an answer. Text is cut to `most` letters."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "—"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else moment(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_):
        return short(float(value))
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


def change(now: float | None, before: float | None, *, unit: str = "") -> str:
    """The change since the day before, in words and with its sign."""
    if now is None or before is None:
        return "no day before to compare with"
    difference = now - before
    if abs(difference) <= 1e-9 * abs(before):  # Sums of floats differ in their last digits.
        return "as the day before"
    share = f" ({difference / abs(before):+.1%})" if before else ""
    sign = "+" if difference > 0 else "-"
    return f"{sign}{short(abs(difference))}{unit}{share} against the day before"


def older(age: timedelta, before: timedelta | None) -> str:
    """How an age compares with that of the day before."""
    if before is None:
        return "no day before to compare with"
    difference = age - before
    if abs(difference) < timedelta(minutes=1):
        return "as old as the day before"
    return f"{span(abs(difference))} {'older' if difference > timedelta(0) else 'younger'} than the day before"
