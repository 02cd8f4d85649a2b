"""The chart of figures over the days.

The chart of one day's answer does not belong here, but in `results`.
"""

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, DataRange1d, MultiLine, Scatter
from bokeh.models.glyph import Glyph

from dashboards.charts import plots
from dashboards.charts.chart import PALETTE

DAY = 86_400_000  # Milliseconds.


class History:
    """A line with points for each figure, all in one plot, which is filled again for each query."""

    def __init__(self) -> None:
        self._lines = ColumnDataSource({"day": [], "y": [], "name": [], "colour": []})
        self._dots = ColumnDataSource({"day": [], "y": [], "name": [], "colour": []})
        self._title = plots.title()
        self._y = DataRange1d()
        self.plot, hover = plots.plot(self._title, DataRange1d(), self._y, height=260, zoom=True)
        plots.add_axes(self.plot, plots.time_axis(least=DAY), plots.number_axis())
        lines: Glyph = MultiLine(xs="day", ys="y", line_width=2, line_color="colour")
        self._legend = plots.add_legend(self.plot, self.plot.add_glyph(self._lines, lines), "name")
        dots = Scatter(x="day", y="y", size=7, fill_color="colour", line_color="colour")
        hover.update(
            renderers=[self.plot.add_glyph(self._dots, dots)],
            tooltips=[("", "@day{%F}"), ("", "@name"), ("", "@y{0,0.[00]}")],
            formatters={"@day": "datetime"},
        )

    def draw(self, title: str, rows: pd.DataFrame) -> None:
        """Fill the plot from column `day` and one more column for each line."""
        names = [name for name in rows.columns if name != "day"]
        days = rows["day"].to_numpy()
        colours = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
        values = [_rounded(rows[name].to_numpy(float)) for name in names]
        everything = np.concatenate([np.empty(0), *values])
        self._title.text = title
        # Leave room around a figure that never changed: its own size. Bokeh's default is 2.
        self._y.default_span = float(np.nanmax(np.abs(everything), initial=0)) or 1.0
        self._legend.update(visible=len(names) > 1, ncols=2 if sum(map(len, names)) > 30 else 3)
        self._lines.data = {"day": [days] * len(names), "y": values, "name": names, "colour": colours}
        self._dots.data = {
            "day": np.tile(days, len(names)),
            "y": everything,
            "name": np.repeat(np.array(names, dtype=object), len(rows)),
            "colour": np.repeat(np.array(colours, dtype=object), len(rows)),
        }

    def lines(self) -> dict[str, list[float]]:
        """The figures drawn, by name."""
        return {name: list(y) for name, y in zip(self._lines.data["name"], self._lines.data["y"], strict=True)}


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round to twelve digits. Sums of floats differ in the last ones from day to day, and lines must not show that."""
    return np.array([float(f"{value:.12g}") for value in values])
