"""Where the parts of an answer stand, so that no page is half empty whatever its answer's size."""

import pandas as pd
import panel as pn

from dashboards.charts.looks import Look
from dashboards.pages.parts import column, wrapping_row

LETTER, CELL = 8, 34
"""Pixels of a letter in a table, and of a cell's margins."""
NARROW = 800
"""Pixels. A table up to this width stands beside the charts if there is room, a wider one always below them."""


class AnswerLayout:
    """Figures above, then charts and the table side by side as far as there is room."""

    def __init__(
        self, figures: pn.viewable.Viewable, chart: pn.Column, history: pn.Column, table: pn.viewable.Viewable
    ) -> None:
        self._table = table
        for part in (chart, history):
            part.styles = _flex("400px")
        self.view = column(figures, wrapping_row(chart, history, table, gap="16px 24px"))
        self._basis = ""

    def fit(self, rows: pd.DataFrame, look: Look, *, beside: bool) -> None:
        """Put the table of `rows` beside the charts or below them.

        Args:
            beside: There are charts.
        """
        width = width_of(rows, look)
        basis = f"{max(width, 340)}px" if beside and width <= NARROW else "100%"
        if basis != self._basis:
            self._table.styles = _flex(basis)
            self._basis = basis


def width_of(rows: pd.DataFrame, look: Look) -> int:
    """Roughly how many pixels a table takes."""
    first = rows.head(50)
    letters = [max(6, len(look.heading(name)), *(len(str(value)) for value in first[name])) for name in rows.columns]
    return sum(CELL + LETTER * count for count in letters)


def _flex(basis: str) -> dict[str, str]:
    return {"flex": f"1 1 {basis}", "min-width": "min(100%, 320px)"}
