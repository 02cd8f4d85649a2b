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
DAY = 86_400_000
ZOOM = "xpan,box_zoom,xwheel_zoom,reset"
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
    """A figure and what tells whether new data fits into it as it is."""

    def __init__(self, plot: figure, source: ColumnDataSource, shape: Any = None) -> None:
        self.plot, self.source, self.shape = plot, source, shape

    def update(self, data: dict[str, Any], shape: Any = None) -> bool:
        """Draw other data in the same figure; False where another figure is needed."""
        if shape != self.shape or set(data) != set(self.source.data):
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


def result(view: View, rows: pd.DataFrame) -> tuple[str, dict[str, Any], Any]:
    """What the chart of a result is: its form, its data, and the shape that a figure for it has."""
    found = points(view, rows)
    if view.kind == "bars":
        names = [_cut(name) for name in found["x"]]
        return "bars", {"x": names, "y": found["y"], "by": found["by"], "name": found["x"]}, tuple(names)
    if view.kind == "heatmap":
        return (
            "heatmap",
            {name: found[name] for name in ("x", "y", "by")},
            (_in_order(found["x"]), _in_order(found["by"])),
        )
    series = _in_order(found["by"])
    if len(series) > 1:
        return (
            "groups",
            {"x": list(zip(found["x"], found["by"], strict=True)), "y": found["y"], "by": found["by"]},
            (
                _in_order(found["x"]),
                series,
            ),
        )
    numbers = view.kind == "columns" and len(found) > 8 and found["x"].str.fullmatch(r"-?\d+(\.0)?").all()
    x = found["x"].astype(float) if numbers else found["x"]
    return (
        "numbers" if numbers else "columns",
        {"x": x, "y": found["y"], "by": found["by"]},
        None if numbers else tuple(x),
    )


def draw(view: View, rows: pd.DataFrame) -> Chart:
    """The chart of a result."""
    form, data, shape = result(view, rows)
    source = ColumnDataSource(data)
    plot = _FORMS[form](view, source, shape)
    unit = "0.[00]%" if view.unit == "share" else "0,0.[00]"
    tips = [("", "@name" if form == "bars" else "@x"), ("", "@by"), ("", f"@y{{{unit}}}")]
    plot.add_tools(HoverTool(tooltips=tips[:1] + tips[1:] if form in ("heatmap", "groups") else [tips[0], tips[2]]))
    return Chart(plot, source, (form, shape))


def _bars(view: View, source: ColumnDataSource, names: tuple[str, ...]) -> figure:
    plot = _figure(view.title, max(180, 70 + 22 * len(names)), y_range=FactorRange(*reversed(names)))
    plot.hbar(y="x", right="y", height=0.75, source=source, color=PALETTE[0])
    plot.x_range.start = 0
    plot.xaxis.formatter = CustomJSTickFormatter(code=_COMPACT)
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=4)
    plot.ygrid.grid_line_color = None
    return plot


def _columns(view: View, source: ColumnDataSource, names: tuple[str, ...]) -> figure:
    plot = _figure(view.title, x_range=FactorRange(*names))
    plot.vbar(x="x", top="y", width=0.7, source=source, color=PALETTE[0])
    _upright(plot, view)
    if max(map(len, names), default=0) > 8:
        plot.xaxis.major_label_orientation = 0.6
    return plot


def _numbers(view: View, source: ColumnDataSource, _: None) -> figure:
    plot = _figure(view.title, tools=ZOOM)
    plot.vbar(x="x", top="y", width=0.85, source=source, color=PALETTE[0])
    _upright(plot, view)
    return plot


def _groups(view: View, source: ColumnDataSource, shape: tuple[Sequence[str], Sequence[str]]) -> figure:
    names, series = shape
    plot = _figure(view.title, x_range=FactorRange(*[(x, by) for x in names for by in series]))
    colours = {by: PALETTE[i % len(PALETTE)] for i, by in enumerate(series)}
    source.data["colour"] = [colours[by] for by in source.data["by"]]
    plot.vbar(x="x", top="y", width=0.85, source=source, color="colour", legend_field="by")
    plot.xaxis.major_label_text_alpha = 0  # The legend says it, with room for longer names.
    plot.xaxis.major_tick_line_color = None
    _legend(plot)
    _upright(plot, view)
    return plot


def _heatmap(view: View, source: ColumnDataSource, shape: tuple[Sequence[str], Sequence[str]]) -> figure:
    columns, lines = shape
    height = 90 + 19 * len(lines)
    plot = _figure(view.title, height, x_range=FactorRange(*columns), y_range=FactorRange(*sorted(lines, reverse=True)))
    values = np.asarray(source.data["y"])
    mapper = LinearColorMapper(HEAT, low=float(values.min()), high=float(values.max()))
    plot.rect("x", "by", 0.97, 0.95, source=source, fill_color={"field": "y", "transform": mapper}, line_color=None)
    plot.ygrid.grid_line_color = None
    plot.add_layout(
        ColorBar(color_mapper=mapper, formatter=CustomJSTickFormatter(code=_COMPACT), width=8, padding=4), "right"
    )
    return plot


def _upright(plot: figure, view: View) -> None:
    plot.y_range.start = 0
    plot.yaxis.formatter = CustomJSTickFormatter(code=_SHARE if view.unit == "share" else _COMPACT)


def _legend(plot: figure) -> None:
    """Above the plot, where it covers nothing."""
    legend = plot.legend[0]
    plot.add_layout(legend, "above")
    legend.location = "left"
    legend.orientation = "horizontal"
    legend.ncols = 2 if max(len(str(item.label)) for item in legend.items) > 32 else 4
    legend.spacing = 8
    legend.border_line_color = None
    legend.background_fill_alpha = 0
    legend.label_text_font_size = "12px"


_FORMS: dict[str, Any] = {
    "bars": _bars,
    "columns": _columns,
    "numbers": _numbers,
    "groups": _groups,
    "heatmap": _heatmap,
}


def days(title: str, rows: pd.DataFrame) -> Chart:
    """A line with points for each column but `day`."""
    data = series_data(rows)
    source = ColumnDataSource(data)
    plot = _figure(title, 260, ZOOM, x_axis_type="datetime")
    names = [name for name in data if name != "day"]
    for index, name in enumerate(names):
        legend = {"legend_label": name} if len(names) > 1 else {}
        plot.line("day", name, source=source, line_width=2, color=PALETTE[index % len(PALETTE)], **legend)
        dots = plot.scatter("day", name, source=source, size=7, color=PALETTE[index % len(PALETTE)], **legend)
        tips = [("", "@day{%F}"), (name, f"@{{{name}}}{{0,0.[00]}}")]
        plot.add_tools(HoverTool(renderers=[dots], tooltips=tips, formatters={"@day": "datetime"}))
    if len(names) > 1:
        _legend(plot)
    plot.xaxis.formatter = DatetimeTickFormatter(days="%d %b", months="%b %Y", hours="", hourmin="", minutes="")
    plot.xaxis.ticker.desired_num_ticks = 5
    plot.yaxis.formatter = CustomJSTickFormatter(code=_COMPACT)
    if len(rows) == 1:  # One point has no range of its own.
        plot.x_range.range_padding = DAY
        plot.x_range.range_padding_units = "absolute"
    return Chart(plot, source)


def series_data(rows: pd.DataFrame) -> dict[str, Any]:
    return {name: rows[name].to_numpy() for name in rows.columns}


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
