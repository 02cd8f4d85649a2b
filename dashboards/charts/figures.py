"""Figures as people read them, spelled alike in cards, charts and their axes: 1.23 M.

Changes and times in words do not belong here, but in `pages.text`.
"""

import math
from decimal import Decimal

SHARE = "share"
"""The unit of a fraction, which is shown in percent."""

_STEPS = ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k"))
_SHORTENED = 1e4  # Smaller figures are whole.

# What `short` does, for the axes, which browsers label. A tick needs no zeros at its end.
_SHORT_JS = """
    const short = (value) => {
        const size = Math.abs(value)
        if (size >= 1e4)
            for (const [step, unit] of [[1e12, ' T'], [1e9, ' B'], [1e6, ' M'], [1e3, ' k']])
                if (size >= step) return +(value / step).toFixed(2) + unit
        return value.toLocaleString('en', {maximumFractionDigits: 4})
    }
"""
COMPACT = f"{_SHORT_JS} return short(tick)"
PERCENT = "return +(tick * 100).toFixed(2) + ' %'"


def short(value: float | Decimal | None) -> str:
    """A figure for a card: 1.23 M."""
    if missing(value):
        return "—"
    value = float(value)  # type: ignore[arg-type]
    if abs(value) >= _SHORTENED:
        step, unit = next(pair for pair in _STEPS if abs(value) >= pair[0] * 0.9995)
        return f"{value / step:,.{1 if unit == ' k' else 2}f}{unit}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4f}"


def with_unit(value: float | Decimal | None, unit: str = "") -> str:
    """A figure and its unit: 1.23 M USD; shares in percent: 6.57 %."""
    if missing(value):
        return "—"
    if unit == SHARE:
        return f"{short(float(value) * 100)} %"  # type: ignore[arg-type]
    return f"{short(value)} {unit}".rstrip()


def missing(value: object) -> bool:
    """Whether there is no figure."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def axis_code(unit: str) -> str:
    """The JavaScript that labels an axis of figures of a unit."""
    return PERCENT if unit == SHARE else COMPACT
