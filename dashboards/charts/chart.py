"""A chart that takes new data without being made anew, so that a zoom stays, and columns over time.

The charts of answers do not belong here, but in `results` and `history`.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from bokeh.models import ColumnDataSource, DataRange1d, Plot, Scatter, VBar
from bokeh.models.annotations import Title

from dashboards.charts import plots
from dashboards.charts.figures import COMPACT, short

Values = Sequence[object] | np.ndarray
"""A column that a chart draws."""

Data = Mapping[str, Values]
"""The columns a chart draws."""

PALETTE = ("#2484c0", "#909000", "#8430fc", "#cc7884", "#0c7800", "#a84878")
"""Colours that colour-blind people can tell apart too, each with a contrast of 3:1 to the paper of both themes."""

MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex")
"""The shape of each series' points, so that no series is told by its colour alone."""

HOUR = 3_600_000  # Milliseconds.


class Chart:
    """A plot, its data, and what the data is of. Only data of the same thing fits into the plot."""

    def __init__(self, plot: Plot, source: ColumnDataSource, of: Hashable = None) -> None:
        self.plot, self.source, self.of = plot, source, of

    def update(self, data: Data, of: Hashable = None) -> bool:
        """Draw other data in the same plot. Returns False if it needs another plot."""
        if of != self.of or set(data) != set(self.source.data):
            return False
        self.source.data = dict(data)
        describe_times(self.plot, data)
        return True


def over_time(
    title: str,
    width_ms: float | None,
    data: Data,
    *,
    height: int = 260,
    colour: int = 0,
    bytes_axis: bool = False,
    whole: bool = False,
    of: Hashable = None,
) -> Chart:
    """Columns over time.

    Args:
        width_ms: The width of a column. None draws points.
        data: `time`, the middle of each column, and `value`.
        whole: Figures are whole numbers.
        of: Names what is drawn.
    """
    source = ColumnDataSource(dict(data))
    times = DataRange1d(default_span=HOUR)  # Around a single point.
    plot, hover = plots.plot(plots.title(title), times, plots.from_zero(), height=height, zoom=True)
    figures = plots.number_axis(plots.BYTES if bytes_axis else COMPACT, least=1 if whole else 0)
    plots.add_axes(plot, plots.time_axis(), figures)
    fill = PALETTE[colour]
    if width_ms is None:
        plot.add_glyph(source, Scatter(x="time", y="value", size=8, fill_color=fill, line_color=None))
    else:
        bars = VBar(x="time", top="value", width=width_ms * 0.9, fill_color=fill, line_color=None)
        plot.add_glyph(source, bars)
    number = "0,0" if bytes_axis else "0,0.[00]"
    hover.update(
        tooltips=[("", "@time{%F %H:%M}"), ("", f"@value{{{number}}}{' bytes' if bytes_axis else ''}")],
        formatters={"@time": "datetime"},
    )
    describe_times(plot, data)
    return Chart(plot, source, of)


def describe_times(plot: Plot, data: Data) -> None:
    """Say in words what columns over time show."""
    values, name = np.asarray(data["value"], dtype=float), plot.title.text if isinstance(plot.title, Title) else ""
    name = " ".join(str(name).split())
    found = values[~np.isnan(values)]
    if not len(found):
        plots.describe(plot, f"Chart without data: {name}")
        return
    times = np.asarray(data["time"], dtype="datetime64[m]")
    first, last = (str(times[place]).replace("T", " ") for place in (0, -1))
    words = f"{len(values)} columns from {first} to {last} UTC, between {short(found.min())} and {short(found.max())}"
    plots.describe(plot, f"Chart: {name}. {words}, the last {short(values[-1])}.")
