"""The forms in which an answer is drawn: bars, columns, numbers, groups, heatmap, lines and points.

A form is one plot that is filled again and again: making it costs ten times as much as filling it. Which form suits an
answer does not belong here, but in `results`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from bokeh.core.property.vectorization import Field
from bokeh.models import (
    ColumnDataSource,
    CustomJSTickFormatter,
    DataRange1d,
    FactorRange,
    HBar,
    HoverTool,
    LinearColorMapper,
    MultiLine,
    NoOverlap,
    Plot,
    Rect,
    Scatter,
    VBar,
)
from bokeh.models.annotations import ColorBar, Title
from bokeh.models.glyph import Glyph

from dashboards.charts import plots
from dashboards.charts.chart import Data

HEAT = ["#31507a", "#3a6c93", "#4788a5", "#5ba5b0", "#7ac1b5", "#a5dab7", "#d7f0bd"]


@dataclass(frozen=True)
class Drawn:
    """What a form draws: the data, its categories (`names`), and its series in their order."""

    data: Data
    names: Sequence[str]
    series: Sequence[str]


class Form(Protocol):
    """One way to draw an answer."""

    plot: Plot
    hover: HoverTool
    title: Title

    def __init__(self, source: ColumnDataSource, code: str) -> None:
        """Make the plot. `code` formats figures."""

    def fill(self, points: Drawn) -> None:
        """Fit the ranges and the size to new data. The caller fills the source."""


class Bars:
    """One bar for each category, from left to right."""

    def __init__(self, source: ColumnDataSource, code: str) -> None:
        self._names, self.title = FactorRange(), plots.title()
        self.plot, self.hover = plots.plot(self.title, plots.from_zero(), self._names)
        plots.add_axes(self.plot, plots.number_axis(code, ticks=4), plots.name_axis(), grid=False)
        self.plot.add_glyph(source, HBar(y="x", right="y", height=0.75, fill_color=Field("colour"), line_color=None))

    def fill(self, points: Drawn) -> None:
        self._names.factors = list(reversed(points.names))
        self.plot.height = max(180, 70 + 22 * len(points.names))


class Columns:
    """One column for each category."""

    def __init__(self, source: ColumnDataSource, code: str) -> None:
        self._names, self._axis, self.title = FactorRange(), plots.name_axis(), plots.title()
        self.plot, self.hover = plots.plot(self.title, self._names, plots.from_zero())
        plots.add_axes(self.plot, self._axis, plots.number_axis(code))
        self.plot.add_glyph(source, VBar(x="x", top="y", width=0.7, fill_color=Field("colour"), line_color=None))

    def fill(self, points: Drawn) -> None:
        self._names.factors = list(points.names)
        long = max(map(len, points.names), default=0) > 8
        self._axis.major_label_orientation = 0.6 if long else "horizontal"


class Numbers:
    """One column for each of many numbers, along an axis of figures."""

    def __init__(self, source: ColumnDataSource, code: str) -> None:
        self.title = plots.title()
        self.plot, self.hover = plots.plot(self.title, DataRange1d(), plots.from_zero(), zoom=True)
        plots.add_axes(self.plot, plots.number_axis(), plots.number_axis(code))
        self.plot.add_glyph(source, VBar(x="x", top="y", width=0.85, fill_color=Field("colour"), line_color=None))

    def fill(self, points: Drawn) -> None:
        """The ranges fit by themselves."""


class Groups:
    """For each category, one column for each series."""

    def __init__(self, source: ColumnDataSource, code: str) -> None:
        self._pairs, axis, self.title = FactorRange(), plots.name_axis(), plots.title()
        self.plot, self.hover = plots.plot(self.title, self._pairs, plots.from_zero())
        plots.add_axes(self.plot, axis, plots.number_axis(code))
        axis.update(major_label_text_alpha=0, major_tick_line_color=None)  # The legend has room for longer names.
        glyph: Glyph = VBar(x="x", top="y", width=0.85, fill_color=Field("colour"), line_color=None)
        plots.add_legend(self.plot, self.plot.add_glyph(source, glyph), "by")

    def fill(self, points: Drawn) -> None:
        self._pairs.factors = [(name, series) for name in points.names for series in points.series]


class Heatmap:
    """A field for each category and series, whose colour is the figure."""

    def __init__(self, source: ColumnDataSource, code: str) -> None:
        self._names, self._series, self.title = FactorRange(), FactorRange(), plots.title()
        self._colours = LinearColorMapper(palette=HEAT)
        self.plot, self.hover = plots.plot(self.title, self._names, self._series)
        below = plots.name_axis()
        below.major_label_policy = NoOverlap(min_distance=4)
        plots.add_axes(self.plot, below, plots.name_axis(), grid=False)
        fill = Field("y", transform=self._colours)
        self.plot.add_glyph(source, Rect(x="x", y="by", width=0.97, height=0.95, fill_color=fill, line_color=None))
        formatter = CustomJSTickFormatter(code=code)
        bar = ColorBar(color_mapper=self._colours, formatter=formatter, width=8, padding=4, background_fill_color=None)
        self.plot.add_layout(bar, "right")

    def fill(self, points: Drawn) -> None:
        self._names.factors = list(points.names)
        self._series.factors = sorted(points.series, reverse=True)
        self.plot.height = 90 + 19 * len(points.series)
        figures = np.asarray(points.data["y"], dtype=float)
        self._colours.update(low=float(figures.min()), high=float(figures.max()))


class Points:
    """A point for each figure, along an axis of numbers or of time."""

    time = False

    def __init__(self, source: ColumnDataSource, code: str) -> None:
        self.title, self._y = plots.title(), DataRange1d()
        self.plot, self.hover = plots.plot(self.title, DataRange1d(), self._y, zoom=True)
        along = plots.time_axis() if self.time else plots.number_axis()
        plots.add_axes(self.plot, along, plots.number_axis(code))
        dots: Glyph = Scatter(
            x="x", y="y", size=7, fill_color=Field("colour"), line_color=Field("colour"), marker=Field("marker")
        )
        drawn = self.plot.add_glyph(source, dots)
        self._legend = plots.add_legend(self.plot, drawn, "by")
        self.hover.renderers = [drawn]

    def fill(self, points: Drawn) -> None:
        self._legend.visible = len(points.series) > 1


class Lines(Points):
    """Points that a line joins, one for each series."""

    def __init__(self, source: ColumnDataSource, code: str) -> None:
        super().__init__(source, code)
        self._lines = ColumnDataSource({"x": [], "y": [], "colour": []})
        self.plot.add_glyph(self._lines, MultiLine(xs="x", ys="y", line_width=2, line_color="colour"))

    def fill(self, points: Drawn) -> None:
        super().fill(points)
        by, found = np.asarray(points.data["by"], dtype=object), {name: np.asarray(points.data[name]) for name in "xy"}
        of = [by == series for series in points.series]
        colours = np.asarray(points.data["colour"], dtype=object)
        lines = {name: [values[one] for one in of] for name, values in found.items()}
        self._lines.data = {**lines, "colour": [colours[one][0] for one in of]}


class PointsOverTime(Points):
    """Points along an axis of time."""

    time = True


class LinesOverTime(Lines):
    """Lines along an axis of time."""

    time = True
