"""How answers look: as a query's header says, else as the business's own views do, else as suits the columns.

The views of a particular business do not belong here, but in a module of their own (see `dashboards.own`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

import pandas as pd

from dashboards.charts import labels
from dashboards.charts.figures import SHARE
from dashboards.charts.views import SERIES, TOP, Kind, Total, View


class Chart(Protocol):
    """A chart that a query's header names."""

    @property
    def kind(self) -> str:
        """`bars`, `lines`, `points` or `none`."""

    @property
    def x(self) -> str:
        """The column along the chart."""

    @property
    def y(self) -> tuple[str, ...]:
        """The columns of figures."""


class Question(Protocol):
    """What a query says of its answer's looks."""

    @property
    def name(self) -> str: ...

    @property
    def chart(self) -> Chart | None: ...

    @property
    def units(self) -> Mapping[str, str]: ...

    @property
    def titles(self) -> Mapping[str, str]: ...

    @property
    def total(self) -> str: ...


@dataclass(frozen=True)
class Look:
    """The choices of a business, or of one query. Without any, every answer gets a chart that suits its columns.

    Attributes:
        views: Charts by query.
        prefixes: Beginnings of columns' names that labels leave out.
        identifiers: Endings of columns whose whole numbers name things rather than count them.
        passing: Endings of columns that name things which come and go, such as orders.
        titles: Headings by column.
        units: Units of figures by column.
    """

    views: Mapping[str, View] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ("key", "id", "year", "rank", "line")
    passing: tuple[str, ...] = ("key", "id", "rank", "line", "number")
    titles: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def of(self, question: Question) -> "Look":
        """This look with a query's own headings and units."""
        return replace(self, titles={**self.titles, **question.titles}, units={**self.units, **question.units})

    def label(self, column: str) -> str:
        """A column's name as people read it."""
        return self.titles.get(column) or labels.label(column, self.prefixes)

    def heading(self, column: str) -> str:
        """A column's name and unit. Shares are written in percent, so their headings need none."""
        unit = self.units.get(column, SHARE)
        return self.label(column) if unit == SHARE else f"{self.label(column)} ({unit})"

    def names_things(self, column: str) -> bool:
        """Whether a column's whole numbers name things rather than count them."""
        return column.lower().endswith(self.identifiers)

    def subject(self, rows: pd.DataFrame) -> str | None:
        """The column that says what a row is about: the first one that is no figure."""
        figures, _, _ = self._sorted_columns(rows)
        return next((name for name in rows.columns if name not in figures), None)

    def view_of(self, question: Question, rows: pd.DataFrame) -> View:
        """The chart of a query's answer."""
        look, own = self.of(question), self.views.get(question.name)
        if question.chart is not None:
            view = look._header_view(question.chart, rows)
        else:
            view = own if own and own.fits(rows) else look._default_view(rows)
        return replace(
            view,
            unit=view.unit or look.units.get(view.y or "", ""),
            total=cast(Total, question.total) or view.total,
            lasting=not any(name.lower().endswith(self.passing) for name in view.x),
            labels=tuple((name, look.label(name)) for name in rows.columns),
            units=tuple((name, look.units[name]) for name in rows.columns if name in look.units),
        )

    def _header_view(self, chart: Chart, rows: pd.DataFrame) -> View:
        if chart.kind == "none":
            return replace(self._default_view(rows), kind="number" if len(rows) == 1 else "none")
        return self._view(chart.kind, rows, chart.x, *chart.y)

    def _view(self, kind: str, rows: pd.DataFrame, x: str, y: str, *more: str, by: str | None = None) -> View:
        figures, along = [self.heading(name) for name in (y, *more)], self.label(x)
        title = f"{' and '.join(figures)} by {along if along[1:2].isupper() else along[:1].lower() + along[1:]}"
        numbers, times = pd.api.types.is_numeric_dtype(rows[x]), pd.api.types.is_datetime64_any_dtype(rows[x])
        form: Kind = "bars"
        if kind in ("lines", "points") and (numbers or times):
            form = "lines" if kind == "lines" else "points"
        elif kind != "bars" or numbers or times or more:
            form = "columns"
        return View(form, title, (x,), y, by=by, more=more, top=TOP if form == "bars" else None)

    def _default_view(self, rows: pd.DataFrame) -> View:
        figures, times, names = self._sorted_columns(rows)
        if len(rows) == 1:
            y = figures[0] if figures else None
            return View("number", self.label(y or "rows"), (*names, *times), y, more=tuple(figures[1:]))
        if figures and times and (not names or _few(rows, names[0], times[0])):
            return self._view("lines", rows, times[0], figures[0], by=names[0] if names else None)
        if figures and names:
            return self._view("bars", rows, names[0], figures[0])
        # Nothing names the rows but a number, such as a year.
        numbers = [name for name in rows.columns if _is_number(rows[name]) and name not in figures]
        if figures and numbers:
            return self._view("bars", rows, numbers[0], figures[0])
        return View("none", "Rows", total="rows")

    def _sorted_columns(self, rows: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
        """The columns of figures, those with fractions first; of times; and of names."""
        figures = [name for name in rows.columns if pd.api.types.is_float_dtype(rows[name])]
        figures += [name for name in rows.columns if pd.api.types.is_integer_dtype(rows[name])]
        figures = [name for name in figures if not self.names_things(name)]
        times = [name for name in rows.columns if pd.api.types.is_datetime64_any_dtype(rows[name])]
        return figures, times, [name for name in rows.columns if not _is_number(rows[name]) and name not in times]


def _few(rows: pd.DataFrame, name: str, time: str) -> bool:
    """Whether lines over time, one for each name, can be told apart."""
    return rows[name].astype(str).nunique() <= SERIES < len(rows) and not rows.duplicated([name, time]).any()


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
