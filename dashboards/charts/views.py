"""What a chart draws of an answer: which columns, in which form, and which figures are followed over the days.

Views of particular queries do not belong here: a query's header or a business's own module names them. Bokeh does not
belong here either.
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dashboards.charts.figures import SHARE
from dashboards.charts.labels import label

Kind = Literal["bars", "columns", "heatmap", "lines", "points", "number", "none"]
Total = Literal["sum", "mean", "rows", "none"]
TOP = 20
SERIES = 6


@dataclass(frozen=True)
class View:
    """A chart of an answer.

    Attributes:
        kind: `number` and `none` draw no chart; a `number` is an answer of one row.
        x: Columns that name categories; several are joined.
        y: The column of figures. None counts rows.
        by: The column of series, such as the colours of groups.
        more: Further columns of figures, each a series of its own.
        top: Draw only the first categories.
        unit: Of the figures. `share` shows them in percent.
        total: How an answer becomes one figure, to be followed over the days.
        rows: What rows are called where they are counted.
        lasting: Whether the categories are the same every day, so that each is followed by itself. Orders are not.
        labels: Names of columns as people read them.
        units: Units of columns.
    """

    kind: Kind
    title: str
    x: tuple[str, ...] = ()
    y: str | None = None
    by: str | None = None
    more: tuple[str, ...] = ()
    top: int | None = None
    unit: str = ""
    total: Total = "sum"
    rows: str = "Rows"
    lasting: bool = True
    labels: tuple[tuple[str, str], ...] = ()
    units: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> set[str]:
        """The columns an answer needs for this view."""
        return {*self.x, *self.more, *filter(None, (self.y, self.by))}

    @property
    def drawn(self) -> bool:
        """Whether there is a chart."""
        return self.kind not in ("number", "none")

    @property
    def heading(self) -> str:
        """The chart's title, with the unit of its figures."""
        named = self.unit in ("", SHARE) or self.y is None or f"({self.unit})" in self.title
        return self.title if named else f"{self.title} ({self.unit})"

    @property
    def counts(self) -> bool:
        """Whether the answer's figure is its number of rows."""
        return self.y is None or self.total == "rows"

    @property
    def from_zero(self) -> bool:
        """Whether figures over the days are amounts, whose axis begins at zero, and not shares or means."""
        return self.counts or (self.total == "sum" and self.unit not in (SHARE, "%"))

    @property
    def y_label(self) -> str:
        """The figure's name."""
        return self.label(self.y) if self.y and not self.counts else self.rows

    @property
    def history_unit(self) -> str:
        """The unit of what is followed over the days."""
        return "" if self.counts else self.unit

    @property
    def figures(self) -> tuple[str, ...]:
        """The columns of figures."""
        return () if self.y is None else (self.y, *self.more)

    def label(self, column: str) -> str:
        """A column's name as a heading."""
        return dict(self.labels).get(column) or label(column)

    def unit_of(self, column: str) -> str:
        """A column's unit; empty if it has none."""
        return dict(self.units).get(column, self.unit if column == self.y else "")

    def fits(self, rows: pd.DataFrame) -> bool:
        """Whether an answer has all columns of this view."""
        return self.columns <= set(rows.columns)

    def points(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What the chart draws: columns `x`, `y` and `by`. `x` is text, but for lines and points."""
        if self.kind == "number":
            return pd.DataFrame({"x": [""], "y": [self.figure(rows)], "by": [""]})
        found = self._all_points(rows)
        if self.kind != "points":
            found = found.groupby(["x", "by"], sort=False, as_index=False)[["y"]].sum()
        if self.kind in ("lines", "points"):
            return found.sort_values("x", kind="stable")
        if self.kind == "bars":
            found = found.sort_values("y", ascending=False, kind="stable")
        elif not self.x or pd.api.types.is_numeric_dtype(rows[self.x[0]]):
            found = found.assign(key=found["x"].astype(float)).sort_values(["key", "by"], kind="stable")
            found = found.drop(columns="key")
        return found.head(self.top) if self.top else found

    def figure(self, rows: pd.DataFrame, column: str | None = None) -> float:
        """One figure for a whole answer: of `column`, by default of `y`."""
        if self.counts:
            return float(len(rows))
        values = rows[column or self.y].astype(float)
        return float(values.mean() if self.total == "mean" else values.sum(min_count=min(len(rows), 1)))

    def figure_name(self, column: str | None = None) -> str:
        """What `figure` is called."""
        if self.counts:
            return self.rows
        name = self.label(column or self.y or "")
        return name if self.kind == "number" else f"{name}, {'mean' if self.total == 'mean' else 'total'}"

    def measure(self, rows: pd.DataFrame) -> dict[str, float]:
        """What is followed over the days: the figures of the whole answer, and then that of each series, if few.

        Nothing is, of an answer that lacks columns because its query was another one that day.
        """
        if not self.fits(rows):
            return {}
        whole: dict[str, float] = {}
        if self.counts:
            whole = {self.rows: self.figure(rows)}
        elif self.total != "none":
            columns = self.figures if self.drawn else self.figures[:1]
            whole = {self.figure_name(column): self.figure(rows, column) for column in columns}
        return whole | self._series(rows)

    def whole(self) -> tuple[str, ...]:
        """The names in `measure` of the figures of the whole answer."""
        if self.counts:
            return (self.rows,)
        columns = self.figures if self.drawn else self.figures[:1]
        return () if self.total == "none" else tuple(self.figure_name(column) for column in columns)

    def _series(self, rows: pd.DataFrame) -> dict[str, float]:
        """The figure of each category, if they are few and last."""
        if self.kind not in ("columns", "bars") or self.counts or self.more or not self.lasting or not len(rows):
            return {}
        found = self.points(rows)
        if len(found) > SERIES:
            return {}
        names = found["x"] + (" " + found["by"] if self.by else "")
        return dict(zip(names, found["y"], strict=True))

    def _all_points(self, rows: pd.DataFrame) -> pd.DataFrame:
        along = self.kind in ("lines", "points")
        x = rows[self.x[0]] if along else as_text(rows[self.x[0]])
        for name in self.x[1:]:
            x = x + " " + as_text(rows[name])
        by = as_text(rows[self.by]) if self.by else self.y_label
        figures = 1.0 if self.y is None else rows[self.y].astype(float)
        parts = [pd.DataFrame({"x": x, "y": figures, "by": by})]
        for name in self.more:
            parts.append(pd.DataFrame({"x": x, "y": rows[name].astype(float), "by": self.label(name)}))
        return pd.concat(parts, ignore_index=True).dropna(subset=["x"] if along else [])


def as_text(column: pd.Series) -> pd.Series:
    """Values as people read them: times without seconds, and days without a time of day."""
    if pd.api.types.is_datetime64_any_dtype(column):
        days = (column.dropna().dt.normalize() == column.dropna()).all()
        return column.dt.strftime("%Y-%m-%d" if days else "%Y-%m-%d %H:%M").astype(object)
    return column.astype(str)
