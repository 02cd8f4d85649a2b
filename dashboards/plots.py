"""The parts that every chart is made of: a plot with its axes and tools, from as few Bokeh models as will draw it.

Each model costs a page about a millisecond to make and to send. `bokeh.plotting.figure` makes twice as many, and
hvPlot makes a figure for each. Colours of text and lines are the page's (`--bk-…` in static/page.css), so that a plot
is the same model in light and dark.
"""

from typing import Any

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
    Toolbar,
    WheelZoomTool,
    ZoomInTool,
    ZoomOutTool,
)
from bokeh.models.annotations import Title

COMPACT = "return new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 2}).format(tick)"
SHARE = "return new Intl.NumberFormat('en', {style: 'percent', maximumFractionDigits: 2}).format(tick)"
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
_TIME = """
    const moment = new Date(tick)
    if (tick % 60e3) return moment.toISOString().slice(11, 19)
    if (tick % 86400e3) return moment.toISOString().slice(11, 16)
    return moment.toLocaleDateString('en-GB', {day: 'numeric', month: 'short', timeZone: 'UTC'})
"""


def plot(
    title: str, x_range: Range, y_range: Range, *, height: int = 340, zoom: bool = False, pad: int = 16
) -> tuple[Plot, HoverTool]:
    """A plot without axes, and the tool whose tooltips the caller fills in. `zoom`: along x, the height always fits."""
    hover = HoverTool()
    tools: list[Any] = [hover]
    if zoom:
        along: Any = {"dimensions": "width"}
        tools += [PanTool(**along), WheelZoomTool(**along), ZoomInTool(**along), ZoomOutTool(**along), ResetTool()]
    made = Plot(
        title=Title(text=title),
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


def _scale(of: Range) -> CategoricalScale | LinearScale:
    return CategoricalScale() if isinstance(of, FactorRange) else LinearScale()


def figures(code: str = COMPACT, ticks: int = 6) -> Axis:
    """An axis of figures."""
    return _axis(BasicTicker(desired_num_ticks=ticks), code)


def times(least: float = 0) -> Axis:
    """An axis of time in UTC: the hours of a day, and days. Ticks are at least `least` milliseconds apart."""
    return _axis(CustomJSTicker(args={"least": least}, major_code=_TIME_TICKS), _TIME)


def _axis(ticker: Ticker, code: str) -> Axis:
    parts: dict[str, Any] = {"ticker": ticker, "formatter": CustomJSTickFormatter(code=code)}
    return LinearAxis(**parts)


def names() -> Axis:
    """An axis of names."""
    return CategoricalAxis(ticker=CategoricalTicker())


def categories() -> FactorRange:
    """A range of names, filled in with the data."""
    return FactorRange()


def from_zero() -> DataRange1d:
    """A range that begins at nothing."""
    return DataRange1d(start=0)


def lay(made: Plot, below: Any, left: Any, *, grid: bool = True) -> None:
    """Put the axes on a plot, and lines across it at the left one's ticks."""
    made.add_layout(below, "below")
    made.add_layout(left, "left")
    if grid:
        made.add_layout(Grid(dimension=1, axis=left))


def entitle(made: Plot, text: str) -> None:
    """Give a plot another title."""
    title: Any = made.title
    title.text = text
