"""What a chart draws of an answer: which columns, in which form, and which figure is followed over the days.

Views of particular queries do not belong here, but in `tpch_views`. Bokeh does not belong here either.
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dashboards.charts.labels import label

Kind = Literal["bars", "columns", "heatmap", "number"]
TOP = 20
SERIES = 6


@dataclass(frozen=True)
class View:
    """A chart of an answer.

    Attributes:
        x: Columns that name categories; several are joined.
        y: The column of figures. None counts rows.
        by: The column of series, such as the colours of groups.
        more: Further columns of figures, each a series of its own.
        top: Draw only the first categories.
        total: How an answer becomes one figure, to be followed over the days.
        prefixes: Beginnings of columns' names that labels leave out.
    """

    kind: Kind
    title: str
    x: tuple[str, ...] = ()
    y: str | None = None
    by: str | None = None
    more: tuple[str, ...] = ()
    top: int | None = None
    unit: str = ""
    total: Literal["sum", "mean", "rows"] = "sum"
    prefixes: tuple[str, ...] = ()

    @property
    def columns(self) -> set[str]:
        """The columns an answer needs for this view."""
        return {*self.x, *self.more, *filter(None, (self.y, self.by))}

    @property
    def y_label(self) -> str:
        """The figure's name."""
        return label(self.y or "rows", self.prefixes)

    @property
    def measure_name(self) -> str:
        """The name of the one figure for a whole answer."""
        if self.y is None or self.total == "rows":
            return "Rows"
        return {"sum": "Total", "mean": "Mean"}[self.total] if self.kind != "number" else self.y_label

    def points(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What the chart draws: columns `x`, `y` and `by`."""
        if self.kind == "number":
            return pd.DataFrame({"x": [""], "y": [self.figure(rows)], "by": [""]})
        found = self._all_points(rows).groupby(["x", "by"], sort=False, as_index=False)[["y"]].sum()
        if self.kind == "bars":
            found = found.sort_values("y", ascending=False, kind="stable")
        elif not self.x or rows[self.x[0]].dtype != object:
            found = found.assign(key=found["x"].astype(float)).sort_values(["key", "by"], kind="stable")
            found = found.drop(columns="key")
        return found.head(self.top) if self.top else found

    def figure(self, rows: pd.DataFrame) -> float:
        """One figure for a whole answer."""
        if self.y is None or self.total == "rows":
            return float(len(rows))
        values = rows[self.y].astype(float)
        return float(values.mean() if self.total == "mean" else values.sum())

    def measure(self, rows: pd.DataFrame) -> dict[str, float]:
        """What is followed over the days: the figure of each series if there are few, else of the whole answer."""
        if self.kind in ("columns", "bars") and self.y and not self.more and self.total == "sum" and len(rows):
            found = self.points(rows)
            names = found["x"] + (" " + found["by"] if self.by else "")
            if len(found) <= SERIES:
                return dict(zip(names, found["y"], strict=True))
        return {self.measure_name: self.figure(rows)}

    def _all_points(self, rows: pd.DataFrame) -> pd.DataFrame:
        x = rows[self.x[0]].astype(str)
        for name in self.x[1:]:
            x = x + " " + rows[name].astype(str)
        by = rows[self.by].astype(str) if self.by else self.y_label
        figures = 1.0 if self.y is None else rows[self.y].astype(float)
        parts = [pd.DataFrame({"x": x, "y": figures, "by": by})]
        for name in self.more:
            more = {"x": x, "y": rows[name].astype(float), "by": label(name, self.prefixes)}
            parts.append(pd.DataFrame(more))
        return pd.concat(parts)
