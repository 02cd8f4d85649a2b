"""The chart of figures over the days.

The chart of one day's answer does not belong here, but in `results`.
"""

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, DataRange1d, MultiLine, Range1d, Scatter
from bokeh.models.glyph import Glyph

from dashboards.charts import plots
from dashboards.charts.chart import MARKERS, PALETTE
from dashboards.charts.figures import SHARE, axis_code, with_unit
from dashboards.charts.views import SERIES, View

DAY = 86_400_000  # Milliseconds.


def followed(view: View, past: pd.DataFrame) -> pd.DataFrame:
    """Of all figures over the days (column `day` and one for each), those that a chart follows.

    These are the series if each has a figure every day, else those of the whole answer.
    """
    whole = [name for name in view.whole() if name in past]
    series = [name for name in past.columns if name != "day" and name not in view.whole()]
    if 1 < len(series) <= SERIES and past[series].notna().all(axis=None):
        return past[["day", *series]]
    return past[["day", *(whole or series[:SERIES])]]


def heading(view: View, past: pd.DataFrame) -> str:
    """What the chart is called."""
    unit = f" ({view.history_unit})" if view.history_unit not in ("", SHARE) else ""
    return f"{view.y_label}{unit} over {len(past)} day{'s' * (len(past) != 1)}"


class History:
    """A line with points for each figure, all in one plot, which is filled again for each query."""

    def __init__(self) -> None:
        self._lines = ColumnDataSource({"day": [], "y": [], "name": [], "colour": []})
        self._dots = ColumnDataSource({"day": [], "y": [], "name": [], "colour": [], "marker": [], "figure": []})
        self._title = plots.title()
        self._y, self._axis = Range1d(start=0, end=1), plots.number_axis()
        self.plot, hover = plots.plot(self._title, DataRange1d(), self._y, height=300, zoom=True)
        plots.add_axes(self.plot, plots.time_axis(least=DAY), self._axis)
        lines: Glyph = MultiLine(xs="day", ys="y", line_width=2, line_color="colour")
        self.plot.add_glyph(self._lines, lines)
        dots: Glyph = Scatter(x="day", y="y", size=8, fill_color="colour", line_color="colour", marker="marker")
        drawn = self.plot.add_glyph(self._dots, dots)
        self._legend = plots.add_legend(self.plot, drawn, "name")
        hover.update(
            renderers=[drawn],
            tooltips=[("", "@day{%F}"), ("", "@name"), ("", "@figure")],
            formatters={"@day": "datetime"},
        )

    def draw(self, title: str, rows: pd.DataFrame, *, unit: str = "", from_zero: bool = True) -> None:
        """Fill the plot from column `day` and one more column for each line.

        Args:
            from_zero: Begin the axis of figures at zero. Otherwise the title says that it does not.
        """
        names = [name for name in rows.columns if name != "day"]
        days = rows["day"].to_numpy()
        colours = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
        values = [_rounded(rows[name].to_numpy(float)) for name in names]
        everything = np.concatenate([np.empty(0), *values])
        known = everything[~np.isnan(everything)]
        zero = from_zero or not len(known) or 0 <= known.min() < known.max() / 2
        low, high = _ends(known, from_zero=zero)
        self._y.update(start=low, end=high)
        told = title if zero else f"{title}\n(the axis does not begin at 0)"
        self._title.text = plots.wrapped(told)
        self._axis.formatter.update(code=axis_code(unit))
        self._legend.update(visible=len(names) > 1, ncols=2 if sum(map(len, names)) > 30 else 3)
        self._lines.data = {"day": [days] * len(names), "y": values, "name": names, "colour": colours}
        self._dots.data = {
            "day": np.tile(days, len(names)),
            "y": everything,
            "name": np.repeat(np.array(names, dtype=object), len(rows)),
            "colour": np.repeat(np.array(colours, dtype=object), len(rows)),
            "marker": np.repeat(np.array([MARKERS[i % len(MARKERS)] for i in range(len(names))]), len(rows)),
            "figure": [with_unit(value, unit) for value in everything],
        }
        plots.describe(self.plot, _words(told.replace("\n", " "), rows, names, unit))

    def lines(self) -> dict[str, list[float]]:
        """The figures drawn, by name."""
        return {name: list(y) for name, y in zip(self._lines.data["name"], self._lines.data["y"], strict=True)}


def _ends(known: np.ndarray, *, from_zero: bool) -> tuple[float, float]:
    """Where the axis of figures begins and ends. Around a figure that never changed is room of its own size."""
    low, high = float(known.min(initial=0)), float(known.max(initial=0))
    if from_zero:
        return low * 1.08, high * 1.08 or (0.0 if low else 1.0)
    low, high = float(known.min()), float(known.max())
    room = 0.08 * (high - low) or abs(high) / 2 or 1.0
    return low - room, high + room


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round to twelve digits. Sums of floats differ in the last ones from day to day, and lines must not show that."""
    return np.array([float(f"{value:.12g}") for value in values])


def _words(title: str, rows: pd.DataFrame, names: list[str], unit: str) -> str:
    """The chart in words: what each line begins and ends with."""
    if not names or rows.empty:
        return f"Chart without data: {title}"
    ends = "; ".join(
        f"{name} from {with_unit(float(rows[name].iloc[0]), unit)} to {with_unit(float(rows[name].iloc[-1]), unit)}"
        for name in names
    )
    first, last = rows["day"].iloc[0], rows["day"].iloc[-1]
    return f"Line chart: {title}. From {first:%Y-%m-%d} to {last:%Y-%m-%d}: {ends}."
