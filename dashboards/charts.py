"""The pages' charts. New data goes into a plot that is there already, so that its zoom stays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    CustomJSTickFormatter,
    DataRange1d,
    HBar,
    HoverTool,
    LinearColorMapper,
    MultiLine,
    Plot,
    Rect,
    Scatter,
    VBar,
)
from bokeh.models.annotations import ColorBar, Legend, LegendItem

from dashboards import plots
from dashboards.views import View, points

PALETTE = ("#2a7fc1", "#e08a00", "#159a76", "#c2659b", "#d1582b", "#7b6fd0")  # Told apart by colour-blind people too.
DAY = 86_400_000  # Milliseconds.
HEAT = ["#31507a", "#3a6c93", "#4788a5", "#5ba5b0", "#7ac1b5", "#a5dab7", "#d7f0bd"]


class Chart:
    """A plot, its data, and what it is of: only data of the same form fits into it."""

    def __init__(self, plot: Plot, source: ColumnDataSource, of: Any = None) -> None:
        self.plot, self.source, self.of = plot, source, of

    def update(self, data: dict[str, Any], of: Any = None) -> bool:
        """Draw other data in the same plot; False where another plot is needed."""
        if of != self.of or set(data) != set(self.source.data):
            return False
        self.source.data = data
        return True


class Results:
    """The chart of a session's results: one plot for each form, filled anew for each query.

    Making a plot costs ten times as much as filling one.
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
        plots.entitle(chart.plot, view.title)
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
    share = view.unit == "share"
    plot, hover = _FORMS[form](source, plots.SHARE if share else plots.COMPACT)
    tips = [("", "@name"), ("", f"@y{{{'0.[00]%' if share else '0,0.[00]'}}}")]
    hover.tooltips = [*tips, ("", "@by")] if form in ("heatmap", "groups") else tips
    return Chart(plot, source, form)


def _bars(source: ColumnDataSource, code: str) -> tuple[Plot, HoverTool]:
    plot, hover = plots.plot("", plots.from_zero(), plots.categories())
    plots.lay(plot, plots.figures(code, ticks=4), plots.names(), grid=False)
    plot.add_glyph(source, HBar(y="x", right="y", height=0.75, fill_color="colour", line_color=None))
    return plot, hover


def _fill_bars(plot: Any, data: dict[str, Any], names: Sequence[str]) -> None:
    plot.y_range.factors = list(reversed(names))
    plot.height = max(180, 70 + 22 * len(names))


def _columns(source: ColumnDataSource, code: str, width: float = 0.7) -> tuple[Plot, HoverTool]:
    plot, hover = plots.plot("", plots.categories(), plots.from_zero())
    plots.lay(plot, plots.names(), plots.figures(code))
    plot.add_glyph(source, VBar(x="x", top="y", width=width, fill_color="colour", line_color=None))
    return plot, hover


def _fill_columns(plot: Any, data: dict[str, Any], names: Sequence[str]) -> None:
    plot.x_range.factors = list(names)
    plot.below[0].major_label_orientation = 0.6 if max(map(len, names), default=0) > 8 else "horizontal"


def _numbers(source: ColumnDataSource, code: str) -> tuple[Plot, HoverTool]:
    plot, hover = plots.plot("", DataRange1d(), plots.from_zero(), zoom=True)
    plots.lay(plot, plots.figures(), plots.figures(code))
    plot.add_glyph(source, VBar(x="x", top="y", width=0.85, fill_color="colour", line_color=None))
    return plot, hover


def _groups(source: ColumnDataSource, code: str) -> tuple[Plot, HoverTool]:
    plot, hover = _columns(source, code, width=0.85)
    plot.below[0].update(major_label_text_alpha=0, major_tick_line_color=None)  # The legend has room for longer names.
    _legend(plot)
    return plot, hover


def _fill_groups(plot: Any, data: dict[str, Any], factors: Sequence[tuple[str, str]]) -> None:
    plot.x_range.factors = list(factors)


def _heatmap(source: ColumnDataSource, code: str) -> tuple[Plot, HoverTool]:
    plot, hover = plots.plot("", plots.categories(), plots.categories())
    plots.lay(plot, plots.names(), plots.names(), grid=False)
    mapper = LinearColorMapper(palette=HEAT)
    fill: Any = {"field": "y", "transform": mapper}
    plot.add_glyph(source, Rect(x="x", y="by", width=0.97, height=0.95, fill_color=fill, line_color=None))
    bar = ColorBar(color_mapper=mapper, formatter=CustomJSTickFormatter(code=code), width=8, padding=4)
    bar.background_fill_color = None
    plot.add_layout(bar, "right")
    return plot, hover


def _fill_heatmap(plot: Any, data: dict[str, Any], shape: tuple[Sequence[str], Sequence[str]]) -> None:
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


def _legend(plot: Any, field: str = "by") -> Legend:
    """Of the plot's first glyph, above the plot, where it covers nothing."""
    label: Any = {"field": field}
    legend = Legend(
        items=[LegendItem(label=label, renderers=[plot.renderers[0]])],
        location="left",
        orientation="horizontal",
        ncols=3,
        spacing=1,
        border_line_color=None,
        background_fill_color=None,
        label_text_font_size="12px",
        stylesheets=[".bk-item .bk-label { color: var(--ink); }"],
    )
    legend.update(padding=2)
    plot.add_layout(legend, "above")
    return legend


class Past:
    """How figures changed over the days: a line with points for each, in one plot whatever their number."""

    def __init__(self) -> None:
        self._lines = ColumnDataSource({"day": [], "y": [], "name": [], "colour": []})
        self._dots = ColumnDataSource({"day": [], "y": [], "name": [], "colour": []})
        self.plot, hover = plots.plot("", DataRange1d(), DataRange1d(), height=260, zoom=True)
        plots.lay(self.plot, plots.times(least=DAY), plots.figures())
        self.plot.add_glyph(self._lines, MultiLine(xs="day", ys="y", line_width=2, line_color="colour"))
        dots = self.plot.add_glyph(
            self._dots, Scatter(x="day", y="y", size=7, fill_color="colour", line_color="colour")
        )
        hover.update(
            renderers=[dots],
            tooltips=[("", "@day{%F}"), ("", "@name"), ("", "@y{0,0.[00]}")],
            formatters={"@day": "datetime"},
        )
        self._legend = _legend(self.plot, "name")

    def draw(self, title: str, rows: pd.DataFrame) -> None:
        """Fill it: column `day` and one more for each line."""
        names = [name for name in rows.columns if name != "day"]
        days = rows["day"].to_numpy()
        colours = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
        values = [_rounded(rows[name].to_numpy(float)) for name in names]
        everything = np.concatenate(values)
        plots.entitle(self.plot, title)
        # Around what never changed there is to be some room: of its own size, not of Bokeh's 2.
        self.plot.y_range.update(default_span=float(np.nanmax(np.abs(everything), initial=0)) or 1.0)
        self._legend.update(visible=len(names) > 1, ncols=2 if sum(map(len, names)) > 30 else 3)
        self._lines.data = {
            "day": [days] * len(names),
            "y": values,
            "name": names,
            "colour": colours,
        }
        self._dots.data = {
            "day": np.tile(days, len(names)),
            "y": everything,
            "name": np.repeat(np.array(names, dtype=object), len(rows)),
            "colour": np.repeat(np.array(colours, dtype=object), len(rows)),
        }

    def lines(self) -> dict[str, list[float]]:
        """What is drawn, by name."""
        return {name: list(y) for name, y in zip(self._lines.data["name"], self._lines.data["y"], strict=True)}


def over_time(
    title: str,
    width_ms: float | None,
    data: dict[str, Any],
    *,
    height: int = 260,
    colour: int = 0,
    bytes_axis: bool = False,
    of: Any = None,
) -> Chart:
    """Columns over time, or points where there is no width.

    Args:
        data: `time`, the middle of each column, and `value`.
        of: Names what is drawn.
    """
    source = ColumnDataSource(data)
    plot, hover = plots.plot(title, DataRange1d(), plots.from_zero(), height=height, zoom=True)
    plots.lay(plot, plots.times(), plots.figures(plots.BYTES if bytes_axis else plots.COMPACT))
    style: Any = {"fill_color": PALETTE[colour], "line_color": None}
    if width_ms is None:
        plot.add_glyph(source, Scatter(x="time", y="value", size=8, **style))
    else:
        plot.add_glyph(source, VBar(x="time", top="value", width=width_ms * 0.9, **style))
    number = "0,0" if bytes_axis else "0,0.[00]"
    hover.update(
        tooltips=[("", "@time{%F %H:%M}"), ("", f"@value{{{number}}}{' bytes' if bytes_axis else ''}")],
        formatters={"@time": "datetime"},
    )
    return Chart(plot, source, of)


def _rounded(values: np.ndarray) -> np.ndarray:
    """To twelve digits: sums of floats differ in the last ones from day to day, and lines must not show that."""
    return np.array([float(f"{value:.12g}") for value in values])


def _in_order(values: pd.Series) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _cut(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"
