"""How the answers of a business look: its own views and labels, and defaults for everything it does not name.

The views of a particular business do not belong here, but in a module of their own, such as `tpch_views`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from dashboards.charts import labels
from dashboards.charts.views import TOP, View


@dataclass(frozen=True)
class Look:
    """The choices of a business. Without any, every answer still gets a chart that suits its columns.

    Attributes:
        views: Charts by query.
        prefixes: Beginnings of columns' names that labels leave out.
        identifiers: Endings of columns whose whole numbers name things rather than count them.
    """

    views: Mapping[str, View] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ("key", "id", "year", "rank", "line")

    def label(self, column: str) -> str:
        """A column's name as a heading."""
        return labels.label(column, self.prefixes)

    def view_of(self, query: str, rows: pd.DataFrame) -> View:
        """The chart of a query's answer."""
        view = self.views.get(query)
        if view is None or not view.columns <= set(rows.columns):
            view = self._default_view(rows)
        return replace(view, prefixes=self.prefixes)

    def _default_view(self, rows: pd.DataFrame) -> View:
        figures = [name for name in rows.columns if pd.api.types.is_float_dtype(rows[name])]
        figures += [name for name in rows.columns if pd.api.types.is_integer_dtype(rows[name])]
        names = [name for name in rows.columns if rows[name].dtype == object]
        if figures and names and len(rows) != 1:
            title = f"{self.label(figures[0])} by {self.label(names[0])}"
            return View("bars", title, (names[0],), figures[0], top=TOP)
        title, figure = (self.label(figures[0]), figures[0]) if figures else ("Rows", None)
        return View("number", title, (), figure, total="rows")
