"""The chart of one day's answer: picks the form that suits it, and fills it.

How a form looks does not belong here, but in `forms`; figures over the days are in `history`.
"""

from typing import Literal

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource

from dashboards.charts import plots
from dashboards.charts.chart import MARKERS, PALETTE, Chart, Values
from dashboards.charts.figures import axis_code, with_unit
from dashboards.charts.forms import (
    Bars,
    Columns,
    Drawn,
    Form,
    Groups,
    Heatmap,
    Lines,
    LinesOverTime,
    Numbers,
    Points,
    PointsOverTime,
)
from dashboards.charts.views import View, as_text

Name = Literal[
    "bars", "columns", "numbers", "groups", "heatmap", "lines", "lines over time", "points", "points over time"
]

FORMS: dict[Name, type[Form]] = {
    "bars": Bars,
    "columns": Columns,
    "numbers": Numbers,
    "groups": Groups,
    "heatmap": Heatmap,
    "lines": Lines,
    "lines over time": LinesOverTime,
    "points": Points,
    "points over time": PointsOverTime,
}
ZOOMED: tuple[Name, ...] = ("numbers", "lines", "lines over time", "points", "points over time")
"""Forms that people zoom."""

NARROW = 28
"""Letters of a title above a heatmap, which has names at its left and colours at its right."""


class Results:
    """The charts of one session: one plot for each form and unit, filled again for each query."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[Name, str], tuple[Form, Chart]] = {}

    def draw(self, view: View, rows: pd.DataFrame, *, new: bool) -> Chart:
        """The chart of an answer.

        Args:
            new: Another query was drawn before, so do not keep the zoom.
        """
        name, points = points_of(view, rows)
        key = (name, view.unit)
        if key not in self._drawn or (new and name in ZOOMED):
            self._drawn[key] = _make(view, name, points)
        form, chart = self._drawn[key]
        form.fill(points)
        form.title.text = plots.wrapped(view.heading, NARROW if name == "heatmap" else plots.LETTERS)
        chart.source.data = dict(points.data)
        plots.describe(form.plot, _words(view, points))
        return chart


def points_of(view: View, rows: pd.DataFrame) -> tuple[Name, Drawn]:
    """The form that suits an answer, and what it draws."""
    found = view.points(rows)
    if view.kind in ("lines", "points"):
        return _along(view, found)
    x, by = list(found["x"]), list(found["by"])
    names, series = _unique(x), _unique(by)
    y, colour = found["y"].to_numpy(), [PALETTE[0]] * len(x)
    figure = [with_unit(value, _unit(view)) for value in y]
    data: dict[str, Values] = {"x": x, "y": y, "by": by, "name": x, "colour": colour, "figure": figure}
    if view.kind == "bars":
        short = [_shorten(name) for name in x]
        return "bars", Drawn(data | {"x": short}, short, series)
    if view.kind == "heatmap":
        return "heatmap", Drawn(data, names, series)
    if len(series) > 1:
        colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(series)}
        pairs = list(zip(x, by, strict=True))
        return "groups", Drawn(data | {"x": pairs, "colour": [colours[name] for name in by]}, names, series)
    if view.kind == "columns" and len(found) > 8 and found["x"].str.fullmatch(r"-?\d+(\.0)?").all():
        return "numbers", Drawn(data | {"x": [float(name) for name in x]}, names, series)
    return "columns", Drawn(data, names, series)


def _along(view: View, found: pd.DataFrame) -> tuple[Name, Drawn]:
    """Lines or points along an axis of numbers or of time."""
    time = pd.api.types.is_datetime64_any_dtype(found["x"])
    series = _unique(list(found["by"]))
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(series)}
    data: dict[str, Values] = {"x": found["x"].to_numpy(), "y": found["y"].to_numpy(), "by": list(found["by"])}
    data |= {"name": list(as_text(found["x"])), "colour": [colours[name] for name in found["by"]]}
    data |= {"marker": [MARKERS[series.index(name) % len(MARKERS)] for name in found["by"]]}
    data |= {"figure": [with_unit(value, _unit(view)) for value in found["y"]]}
    if view.kind == "lines":
        return "lines over time" if time else "lines", Drawn(data, (), series)
    return "points over time" if time else "points", Drawn(data, (), series)


def _make(view: View, name: Name, points: Drawn) -> tuple[Form, Chart]:
    source = ColumnDataSource(dict(points.data))
    form = FORMS[name](source, axis_code(_unit(view)))
    tips = [("", "@name"), ("", "@figure")]
    form.hover.tooltips = [*tips, ("", "@by")] if name in ("heatmap", "groups", *ZOOMED[1:]) else tips
    return form, Chart(form.plot, source, name)


def _unit(view: View) -> str:
    return "" if view.y is None else view.unit


def _words(view: View, points: Drawn) -> str:
    """The chart in words: how many figures, and the smallest and the largest one."""
    figures = np.asarray(points.data["y"], dtype=float)
    known = np.flatnonzero(~np.isnan(figures))
    if not len(known):
        return f"Chart without data: {view.heading}"

    def one(place: int) -> str:
        series = f" {points.data['by'][place]}" if len(points.series) > 1 else ""
        return f"{points.data['name'][place]}{series} with {points.data['figure'][place]}"

    least, most = (one(int(known[find(figures[known])])) for find in (np.argmin, np.argmax))
    count = f"{len(known)} figure{'s' * (len(known) != 1)}"
    return f"Chart: {view.heading}. {count}, from {least} to {most}. The table has all of them."


def _unique(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _shorten(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"
