"""Bokeh figures for the pages. New data goes into a figure that is there already, so that its zoom stays.

Plain Bokeh, not hvPlot: a page's models are what it costs to open, and these are the fewest that draw the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    CustomJSTickFormatter,
    DatetimeTickFormatter,
    FactorRange,
    HoverTool,
    LinearColorMapper,
)
from bokeh.plotting import figure

from dashboards.views import View, points

PALETTE = ("#2a7fc1", "#e08a00", "#159a76", "#c2659b", "#d1582b", "#7b6fd0")  # Told apart by colour-blind people too.
HEAT = ["#31507a", "#3a6c93", "#4788a5", "#5ba5b0", "#7ac1b5", "#a5dab7", "#d7f0bd"]
ZOOM = "xpan,xbox_zoom,xwheel_zoom,reset"  # Only along x: the height always fits what is shown.
DATES = {"hours": "%H:%M", "hourmin": "%H:%M", "minutes": "%H:%M", "days": "%d %b", "months": "%b %Y"}
_COMPACT = "return new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 2}).format(tick)"
_SHARE = "return new Intl.NumberFormat('en', {style: 'percent', maximumFractionDigits: 2}).format(tick)"
_BYTES = """
    const units = ['B', 'kB', 'MB', 'GB', 'TB']
    let unit = 0
    while (Math.abs(tick) >= 1000 && unit < 4) { tick /= 1000; unit += 1 }
    return `${+tick.toFixed(1)} ${units[unit]}`
"""


class Chart:
    """A figure, its data, and what it is of: only data of the same form fits into it."""

    def __init__(self, plot: figure, source: ColumnDataSource, of: Any = None) -> None:
        self.plot, self.source, self.of = plot, source, of

    def update(self, data: dict[str, Any], of: Any = None) -> bool:
        """Draw other data in the same figure; False where another figure is needed."""
        if of != self.of or set(data) != set(self.source.data):
            return False
        self.source.data = data
        return True


def _figure(title: str, height: int = 340, tools: str = "", **options: Any) -> figure:
    plot = figure(
        title=title,
        height=height,
        sizing_mode="stretch_width",
        tools=tools,
        toolbar_location="above" if tools else None,
        **options,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.min_border_right = 16
    plot.outline_line_color = None
    plot.xgrid.grid_line_color = None
    return plot


class Results:
    """The chart of a session's results: one figure for each form, filled anew for each query.

    Making a figure costs ten times as much as filling one.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Chart] = {}

    def draw(self, view: View, rows: pd.DataFrame, *, new: bool) -> Chart:
        """The chart of a result; `new` says that it is of another query, so that a zoom goes."""
        form, data, shape = result(view, rows)
        key = (form, view.unit)
        if key not in self._made or (new and form == "numbers"):
            self._made[key] = _make(view, form, data)
        chart = self._made[key]
        _FILL[form](chart.plot, data, shape)
        chart.plot.title.text = view.title
        chart.source.data = data
        return chart


def result(view: View, rows: pd.DataFrame) -> tuple[str, dict[str, Any], Any]:
    """What the chart of a result is: its form, its data, and its categories."""
    found = points(view, rows)
    data: dict[str, Any] = {name: found[name].to_numpy() for name in ("x", "y", "by")}
    data |= {"name": data["x"], "colour": [PALETTE[0]] * len(found)}
    names, series = _in_order(found["x"]), _in_order(found["by"])
    if view.kind == "bars":
        data["x"] = [_cut(name) for name in found["x"]]
        return "bars", data, tuple(data["x"])
    if view.kind == "heatmap":
        return "heatmap", data, (names, series)
    if len(series) > 1:
        colours = {by: PALETTE[i % len(PALETTE)] for i, by in enumerate(series)}
        data["colour"] = [colours[by] for by in found["by"]]
        data["x"] = list(zip(found["x"], found["by"], strict=True))
        return "groups", data, [(name, by) for name in names for by in series]
    if view.kind == "columns" and len(found) > 8 and found["x"].str.fullmatch(r"-?\d+(\.0)?").all():
        return "numbers", data | {"x": found["x"].astype(float).to_numpy()}, None
    return "columns", data, names


def _make(view: View, form: str, data: dict[str, Any]) -> Chart:
    source = ColumnDataSource(data)
    plot = _FORMS[form](source)
    share = view.unit == "share"
    if form in ("columns", "numbers", "groups"):
        plot.y_range.start = 0
        plot.yaxis.formatter = CustomJSTickFormatter(code=_SHARE if share else _COMPACT)
    tips = [("", "@name"), ("", f"@y{{{'0.[00]%' if share else '0,0.[00]'}}}")]
    plot.add_tools(HoverTool(tooltips=[*tips, ("", "@by")] if form in ("heatmap", "groups") else tips))
    return Chart(plot, source, form)


def _bars(source: ColumnDataSource) -> figure:
    plot = _figure("", y_range=FactorRange())
    plot.hbar(y="x", right="y", height=0.75, source=source, color="colour")
    plot.x_range.start = 0
    plot.xaxis.formatter = CustomJSTickFormatter(code=_COMPACT)
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=4)
    plot.ygrid.grid_line_color = None
    return plot


def _fill_bars(plot: figure, data: dict[str, Any], names: Sequence[str]) -> None:
    plot.y_range.factors = list(reversed(names))
    plot.height = max(180, 70 + 22 * len(names))


def _columns(source: ColumnDataSource) -> figure:
    plot = _figure("", x_range=FactorRange())
    plot.vbar(x="x", top="y", width=0.7, source=source, color="colour")
    return plot


def _fill_columns(plot: figure, data: dict[str, Any], names: Sequence[str]) -> None:
    plot.x_range.factors = list(names)
    plot.xaxis.major_label_orientation = 0.6 if max(map(len, names), default=0) > 8 else "horizontal"


def _numbers(source: ColumnDataSource) -> figure:
    plot = _figure("", tools=ZOOM)
    plot.vbar(x="x", top="y", width=0.85, source=source, color="colour")
    return plot


def _groups(source: ColumnDataSource) -> figure:
    plot = _figure("", x_range=FactorRange())
    plot.vbar(x="x", top="y", width=0.85, source=source, color="colour", legend_field="by")
    plot.xaxis.major_label_text_alpha = 0  # The legend says it, with room for longer names.
    plot.xaxis.major_tick_line_color = None
    _legend(plot)
    return plot


def _fill_groups(plot: figure, data: dict[str, Any], factors: Sequence[tuple[str, str]]) -> None:
    plot.x_range.factors = list(factors)


def _heatmap(source: ColumnDataSource) -> figure:
    plot = _figure("", x_range=FactorRange(), y_range=FactorRange())
    mapper = LinearColorMapper(HEAT)
    plot.rect("x", "by", 0.97, 0.95, source=source, fill_color={"field": "y", "transform": mapper}, line_color=None)
    plot.ygrid.grid_line_color = None
    formatter = CustomJSTickFormatter(code=_COMPACT)
    plot.add_layout(ColorBar(color_mapper=mapper, formatter=formatter, width=8, padding=4), "right")
    return plot


def _fill_heatmap(plot: figure, data: dict[str, Any], shape: tuple[Sequence[str], Sequence[str]]) -> None:
    columns, lines = shape
    plot.x_range.factors, plot.y_range.factors = list(columns), sorted(lines, reverse=True)
    plot.height = 90 + 19 * len(lines)
    plot.right[0].color_mapper.update(low=float(min(data["y"])), high=float(max(data["y"])))


_FORMS: dict[str, Any] = {
    "bars": _bars,
    "columns": _columns,
    "numbers": _numbers,
    "groups": _groups,
    "heatmap": _heatmap,
}
_FILL: dict[str, Any] = {
    "bars": _fill_bars,
    "columns": _fill_columns,
    "numbers": lambda plot, data, shape: None,
    "groups": _fill_groups,
    "heatmap": _fill_heatmap,
}


def _legend(plot: figure) -> None:
    """Above the plot, where it covers nothing."""
    legend = plot.legend[0]
    plot.add_layout(legend, "above")
    legend.location = "left"
    legend.orientation = "horizontal"
    legend.ncols = 3
    legend.spacing = 8
    legend.border_line_color = None
    legend.background_fill_alpha = 0
    legend.label_text_font_size = "12px"


class Past:
    """How figures changed over the days: a line with points for each, in one figure whatever their number."""

    def __init__(self) -> None:
        self._lines = ColumnDataSource({"day": [], "y": [], "name": [], "colour": []})
        self._dots = ColumnDataSource({"day": [], "y": [], "name": [], "colour": []})
        self.plot = _figure("", 260, ZOOM, x_axis_type="datetime")
        self.plot.multi_line("day", "y", source=self._lines, line_width=2, line_color="colour", legend_field="name")
        dots = self.plot.scatter("day", "y", source=self._dots, size=7, color="colour")
        tips = [("", "@day{%F}"), ("", "@name"), ("", "@y{0,0.[00]}")]
        self.plot.add_tools(HoverTool(renderers=[dots], tooltips=tips, formatters={"@day": "datetime"}))
        self.plot.xaxis.formatter = DatetimeTickFormatter(
            days="%d %b", months="%b %Y", hours="", hourmin="", minutes=""
        )
        self.plot.xaxis.ticker.desired_num_ticks = 5
        self.plot.yaxis.formatter = CustomJSTickFormatter(code=_COMPACT)
        _legend(self.plot)

    def draw(self, title: str, rows: pd.DataFrame) -> None:
        """Fill it: column `day` and one more for each line."""
        names = [name for name in rows.columns if name != "day"]
        days = rows["day"].to_numpy()
        colours = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
        self.plot.title.text = title
        self.plot.legend.visible = len(names) > 1
        self.plot.legend.ncols = 2 if sum(map(len, names)) > 30 else 3
        self._lines.data = {
            "day": [days] * len(names),
            "y": [rows[name].to_numpy(float) for name in names],
            "name": names,
            "colour": colours,
        }
        self._dots.data = {
            "day": np.tile(days, len(names)),
            "y": np.concatenate([rows[name].to_numpy(float) for name in names]),
            "name": np.repeat(np.array(names, dtype=object), len(rows)),
            "colour": np.repeat(np.array(colours, dtype=object), len(rows)),
        }

    def lines(self) -> dict[str, list[float]]:
        """What is drawn, by name."""
        return {name: list(y) for name, y in zip(self._lines.data["name"], self._lines.data["y"], strict=True)}


def times(
    title: str,
    width_ms: float,
    data: dict[str, Any],
    *,
    height: int = 260,
    colour: int = 0,
    bytes_axis: bool = False,
    of: Any = None,
) -> Chart:
    """Columns over time: data with `time`, the middle of each column, and `value`. `of` names what is drawn."""
    source = ColumnDataSource(data)
    plot = _figure(title, height, ZOOM, x_axis_type="datetime")
    plot.vbar(x="time", top="value", width=width_ms * 0.9, source=source, color=PALETTE[colour])
    number = "0,0" if bytes_axis else "0,0.[00]"
    tips = [("", "@time{%F %H:%M}"), ("", f"@value{{{number}}}{' bytes' if bytes_axis else ''}")]
    plot.add_tools(HoverTool(tooltips=tips, formatters={"@time": "datetime"}))
    plot.xaxis.formatter = DatetimeTickFormatter(**DATES)
    plot.xaxis.ticker.desired_num_ticks = 5
    plot.y_range.start = 0
    plot.yaxis.formatter = CustomJSTickFormatter(code=_BYTES if bytes_axis else _COMPACT)
    return Chart(plot, source, of)


def _in_order(values: pd.Series) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _cut(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"
