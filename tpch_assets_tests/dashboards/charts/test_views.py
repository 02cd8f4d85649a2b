"""Charts: as a query's header says, TPC-H's own, and the defaults for any other query."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboards.charts.looks import Look
from dashboards.charts.results import Results, points_of
from dashboards.charts.views import View
from dashboards.store import business
from dashboards.tpch.views import VIEWS
from tpch_assets.gold.presentation import Chart

DAYS = pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-03"])
ROWS = pd.DataFrame(
    {
        "nation": ["PERU", "CHINA", "KENYA"],
        "year": [1997, 1995, 1996],
        "day": DAYS,
        "revenue": [2.0, 3.0, 1.0],
        "cost": [1.5, 0.5, 1.0],
    }
)


def question(**says: Any) -> Any:
    """A query whose header says something about its looks, or nothing."""
    return SimpleNamespace(**{"name": "a_new_one", "chart": None, "units": {}, "titles": {}, "total": "", **says})


def view_of(rows: pd.DataFrame, **says: Any) -> View:
    return Look().view_of(question(**says), rows)


def test_every_query_of_tpch_has_a_view_of_its_own() -> None:
    own = {name for name, query in business.queries().items() if query.chart is None}
    assert set(VIEWS) == own, "the others say in their header how they look"


@pytest.mark.parametrize(
    ("columns", "kind", "x", "y"),
    [
        (["nation", "revenue"], "bars", ("nation",), "revenue"),
        (["nation", "year", "revenue"], "bars", ("nation",), "revenue"),
        (["day", "revenue"], "lines", ("day",), "revenue"),
        (["year", "revenue"], "columns", ("year",), "revenue"),
        (["nation"], "none", (), None),
        (["year"], "none", (), None),
    ],
)
def test_a_default_chart_suits_the_columns(columns: list[str], kind: str, x: tuple[str, ...], y: str | None) -> None:
    view = view_of(ROWS[columns])
    assert (view.kind, view.x, view.y) == (kind, x, y)


def test_few_lines_over_time_have_one_for_each_name() -> None:
    rows = pd.DataFrame({"day": [*DAYS, *DAYS], "room": ["attic"] * 3 + ["cellar"] * 3, "warmth": np.arange(6.0)})
    rows = pd.concat([rows, rows.assign(room="attic 2").head(1)])
    view = view_of(rows)
    assert (view.kind, view.x, view.by) == ("lines", ("day",), "room")
    many = pd.concat([rows.assign(room=f"room {i}") for i in range(7)])
    assert view_of(many).kind == "bars"


def test_an_answer_of_one_row_is_its_values() -> None:
    view = view_of(ROWS.head(1))
    assert (view.kind, view.y, view.more, view.x) == ("number", "revenue", ("cost",), ("nation", "day"))
    assert view.measure(ROWS.head(1)) == {"Revenue": 2.0}, "and not the number of rows"


@pytest.mark.parametrize(
    ("chart", "form", "first"),
    [
        (Chart("bars", "nation", ("revenue",)), "bars", ("CHINA", 3.0)),
        (Chart("bars", "nation", ("revenue", "cost")), "groups", (("PERU", "Revenue"), 2.0)),
        (Chart("bars", "year", ("revenue",)), "columns", ("1995", 3.0)),
        (Chart("bars", "day", ("revenue",)), "columns", ("2024-01-02", 2.0)),
        (Chart("lines", "day", ("revenue",)), "lines over time", (DAYS[1].to_numpy(), 3.0)),
        (Chart("lines", "year", ("revenue", "cost")), "lines", (1995, 3.0)),
        (Chart("lines", "nation", ("revenue",)), "columns", ("PERU", 2.0)),
        (Chart("points", "cost", ("revenue",)), "points", (0.5, 3.0)),
        (Chart("points", "day", ("revenue",)), "points over time", (DAYS[1].to_numpy(), 3.0)),
    ],
)
def test_a_header_names_the_chart(chart: Chart, form: str, first: tuple[object, float]) -> None:
    view = view_of(ROWS, chart=chart)
    name, drawn = points_of(view, ROWS)
    assert (name, (drawn.data["x"][0], drawn.data["y"][0])) == (form, first)
    title: Any = Results().draw(view, ROWS, new=True).plot.title
    assert title.text == view.title


def test_a_header_can_leave_out_the_chart_and_the_total() -> None:
    assert not view_of(ROWS, chart=Chart("none")).drawn
    few = view_of(ROWS[["nation", "revenue"]], total="none")
    assert few.measure(ROWS) == {"CHINA": 3.0, "PERU": 2.0, "KENYA": 1.0}
    assert view_of(ROWS[["day", "revenue"]], total="none").measure(ROWS) == {}


def test_a_header_names_columns_and_units() -> None:
    says = question(chart=Chart("bars", "nation", ("revenue",)), units={"revenue": "USD"}, titles={"revenue": "Lost"})
    view = Look().view_of(says, ROWS)
    assert (view.title, view.unit, view.y_label) == ("Lost (USD) by nation", "USD", "Lost")
    assert Look().of(says).heading("revenue") == "Lost (USD)" and Look().of(says).heading("cost") == "Cost"


def test_a_header_comes_before_a_business_view() -> None:
    look = Look({"a_new_one": View("bars", "Own", ("nation",), "cost")})
    assert look.view_of(question(), ROWS).title == "Own"
    assert look.view_of(question(chart=Chart("none")), ROWS).kind == "none"


def test_figures_that_are_missing_are_not_zero() -> None:
    rows = pd.DataFrame({"revenue": [None]}, dtype=float)
    assert np.isnan(view_of(rows).figure(rows))


def test_an_earlier_answer_without_the_column_is_not_followed() -> None:
    assert view_of(ROWS[["nation", "revenue"]]).measure(ROWS[["nation", "cost"]]) == {}
