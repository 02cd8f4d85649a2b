"""An answer in a few figures: the whole of it, and its highest row, each with what the day brought.

Whole answers do not belong here, but in charts and tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dashboards.charts.figures import with_unit
from dashboards.charts.looks import Look
from dashboards.charts.views import View
from dashboards.pages.text import change, shown


@dataclass(frozen=True)
class Figure:
    """A figure of an answer.

    Attributes:
        brought: What the day brought. Empty if the figure is not followed over the days.
        of: The row that the figure is of, if it is not of the whole answer.
    """

    title: str
    value: str
    brought: str = ""
    of: str = ""

    @property
    def card(self) -> tuple[str, str, str]:
        """The title, the figure and the note of a card."""
        return self.title, self.value, self.brought or self.of


def figures(view: View, look: Look, answers: Sequence[pd.DataFrame], day: str) -> list[Figure]:
    """The figures of an answer.

    Args:
        look: That of the query.
        answers: The answer of `day`, and then those of the days before it, as far as they are kept. Two are used.
    """
    rows = answers[0]
    if rows.empty:
        return []
    if view.kind == "number":
        return _of_one_row(view, look, answers, day)
    found = [] if view.total == "none" else _of_all_rows(view, answers, day)
    return [*found, *_highest(view, rows)]


def _of_one_row(view: View, look: Look, answers: Sequence[pd.DataFrame], day: str) -> list[Figure]:
    """Each value of an answer of one row."""
    rows = answers[0]
    if view.counts:
        return [_followed(view, None, answers, day)]
    row = rows.iloc[0]
    others = [name for name in view.x if name in rows]
    return [
        *(_followed(view, column, answers, day) for column in view.figures),
        *(Figure(view.label(name), shown(row[name], name=look.names_things(name))) for name in others),
    ]


def _of_all_rows(view: View, answers: Sequence[pd.DataFrame], day: str) -> list[Figure]:
    columns = (None,) if view.counts else view.figures
    return [_followed(view, column, answers, day) for column in columns]


def _followed(view: View, column: str | None, answers: Sequence[pd.DataFrame], day: str) -> Figure:
    """One figure, and what the day brought."""
    unit = view.unit_of(column) if column and not view.counts else ""
    now, before, earlier = (
        view.figure(rows, column) if rows is not None and len(rows) and view.fits(rows) else None
        for rows in (*answers[:3], None, None, None)[:3]
    )
    return Figure(view.figure_name(column), with_unit(now, unit), change(now, before, earlier, day=day, unit=unit))


def _highest(view: View, rows: pd.DataFrame) -> list[Figure]:
    """The highest figure that is drawn, and what it is of; of an answer without a total the lowest too."""
    if view.y is None or view.counts or view.more or not view.drawn or len(rows) < 2:
        return []
    points = view.points(rows).dropna(subset=["y"])
    if len(points) < 2:
        return []
    found = {"highest": points.nlargest(1, "y")}
    if view.total == "none":
        found["lowest"] = points.nsmallest(1, "y")
    unit, name = view.unit_of(view.y), view.label(view.y)
    return [
        Figure(f"{name}, {which}", with_unit(float(one["y"].iloc[0]), unit), of=_of(view, one))
        for which, one in found.items()
    ]


def _of(view: View, one: pd.DataFrame) -> str:
    """What a figure that is drawn is of, in words. Numbers need the name of their column."""
    x = shown(one["x"].iloc[0], name=True)
    numbered = len(view.x) == 1 and x.replace(".", "").isdigit()
    words = f"{view.label(view.x[0])} {x}" if numbered else x
    return f"{words}, {one['by'].iloc[0]}" if view.by else words
