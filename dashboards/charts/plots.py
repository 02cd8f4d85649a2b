"""The parts every chart is made of: a plot with its axes and tools, from as few Bokeh models as will draw it.

Each model costs a page about a millisecond to make and to send. `bokeh.plotting.figure` makes twice as many models, and
hvPlot makes a figure for each chart. Text and lines take their colours from the page (`--bk-…` in static/page.css), so
a plot is the same model in light and dark. What a chart shows does not belong here.
"""

import textwrap

from bokeh.core.property.vectorization import Field
from bokeh.models import (
    Axis,
    BasicTicker,
    CategoricalAxis,
    CategoricalScale,
    CategoricalTicker,
    CustomJSTicker,
    CustomJSTickFormatter,
    DataRange1d,
    FactorRange,
    Grid,
    HoverTool,
    LinearAxis,
    LinearScale,
    PanTool,
    Plot,
    Range,
    ResetTool,
    Ticker,
    Tool,
    Toolbar,
    WheelZoomTool,
    ZoomInTool,
    ZoomOutTool,
)
from bokeh.models.annotations import Legend, LegendItem, Title
from bokeh.models.glyph import Glyph
from bokeh.models.renderers import GlyphRenderer
from bokeh.models.tools import ToolProxy

from dashboards.charts.figures import COMPACT

LETTERS = 42
"""So many letters of a title fit beside the axis of a chart on a phone."""
BYTES = """
    const units = ['B', 'kB', 'MB', 'GB', 'TB']
    let unit = 0
    while (Math.abs(tick) >= 1000 && unit < 4) { tick /= 1000; unit += 1 }
    return `${+tick.toFixed(1)} ${units[unit]}`
"""
# Bokeh's own axis of time is thirteen tickers.
_TIME_TICKS = """
    const {start, end} = cb_data.range
    const second = 1e3, minute = 60e3, hour = 3600e3, day = 86400e3
    const within = [second, 10 * second, minute, 5 * minute, 15 * minute, hour, 3 * hour, 6 * hour, 12 * hour]
    const steps = [...within, day, 2 * day, 7 * day, 28 * day].filter((step) => step >= least)
    const step = steps.find((step) => (end - start) / step <= 6) ?? Math.ceil((end - start) / 6 / day) * day
    const ticks = []
    for (let tick = Math.ceil(start / step) * step; tick <= end; tick += step) ticks.push(tick)
    return ticks
"""
# Where no tick is a day's begin, the first one names the day too.
_TIME = """
    const moment = new Date(tick), day = 86400e3
    const date = moment.toLocaleDateString('en-GB', {day: 'numeric', month: 'short', timeZone: 'UTC'})
    if (tick % day === 0) return date
    const time = moment.toISOString().slice(11, tick % 60e3 ? 19 : 16)
    return index === 0 && ticks.every((other) => other % day) ? `${time}\\n${date}` : time
"""


def plot(
    title: Title, x_range: Range, y_range: Range, *, height: int = 340, zoom: bool = False, pad: int = 16
) -> tuple[Plot, HoverTool]:
    """A plot without axes, and its hover tool, whose tooltips the caller fills in.

    Args:
        zoom: Offer to pan and zoom along x. The height always fits.
    """
    hover = HoverTool()
    tools: list[Tool | ToolProxy] = [hover]
    if zoom:
        tools += [
            PanTool(dimensions="width"),
            WheelZoomTool(dimensions="width"),
            ZoomInTool(dimensions="width"),
            ZoomOutTool(dimensions="width"),
            ResetTool(),
        ]
    made = Plot(
        title=title,
        x_range=x_range,
        y_range=y_range,
        x_scale=_scale(x_range),
        y_scale=_scale(y_range),
        height=height,
        sizing_mode="stretch_width",
        min_border_right=pad,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        toolbar=Toolbar(tools=tools, logo=None, autohide=True),
        toolbar_location="above" if zoom else None,
    )
    return made, hover


def number_axis(code: str = COMPACT, ticks: int = 6, *, least: float = 0) -> LinearAxis:
    """An axis of figures, which `code` formats. Ticks are at least `least` apart."""
    return _axis(BasicTicker(desired_num_ticks=ticks, min_interval=least), code)


def time_axis(least: float = 0) -> LinearAxis:
    """An axis of time in UTC. Ticks are at least `least` milliseconds apart."""
    return _axis(CustomJSTicker(args={"least": least}, major_code=_TIME_TICKS), _TIME)


def name_axis() -> CategoricalAxis:
    """An axis of names."""
    return CategoricalAxis(ticker=CategoricalTicker())


def title(text: str = "") -> Title:
    """A plot's title. Keep it to change its text later, `wrapped`."""
    return Title(text=wrapped(text))


def wrapped(text: str, letters: int = LETTERS) -> str:
    """A title in lines that a phone has room for."""
    return "\n".join(textwrap.fill(line, letters, break_on_hyphens=False) for line in text.splitlines())


def from_zero() -> DataRange1d:
    """A range that begins at zero."""
    return DataRange1d(start=0)


def describe(made: Plot, words: str) -> None:
    """Say what a plot shows to those who do not see it."""
    made.html_attributes = {"role": "figure", "aria-label": words}


def add_axes(made: Plot, below: Axis, left: Axis, *, grid: bool = True) -> None:
    """Add the axes to a plot, and lines across it at the left one's ticks."""
    made.add_layout(below, "below")
    made.add_layout(left, "left")
    if grid:
        made.add_layout(Grid(dimension=1, axis=left))


def add_legend(made: Plot, glyph: "GlyphRenderer[Glyph]", column: str) -> Legend:
    """Add a legend of a glyph's values in `column` above the plot, where it covers nothing."""
    legend = Legend(
        items=[LegendItem(label=Field(column), renderers=[glyph])],
        location="left",
        orientation="horizontal",
        ncols=3,
        spacing=10,
        border_line_color=None,
        background_fill_color=None,
        label_text_font_size="12px",
        stylesheets=[".bk-item .bk-label { color: var(--ink); }"],
    )
    legend.update(padding=2)
    made.add_layout(legend, "above")
    return legend


def _scale(of: Range) -> CategoricalScale | LinearScale:
    return CategoricalScale() if isinstance(of, FactorRange) else LinearScale()


def _axis(ticker: Ticker, code: str) -> LinearAxis:
    # Bokeh's types only allow the default ticker and formatter.
    return LinearAxis(ticker=ticker, formatter=CustomJSTickFormatter(code=code))  # type: ignore[arg-type]
