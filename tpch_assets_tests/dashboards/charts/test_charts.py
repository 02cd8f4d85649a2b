"""Charts, without a page."""

import pandas as pd
import pytest
from bokeh.models import DataRange1d, Range1d
from bokeh.models.annotations import Title

from dashboards.charts.chart import HOUR, over_time
from dashboards.charts.history import History, followed
from dashboards.charts.views import View


def test_a_figure_that_never_changed_is_a_level_line() -> None:
    chart = History()
    days_ = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    chart.draw("Share", pd.DataFrame({"day": days_, "Mean": [0.1 + 0.2, 0.3, 0.3], "None": [0.0, 0.0, float("nan")]}))
    assert chart.lines()["Mean"] == [0.3, 0.3, 0.3]
    assert isinstance(chart.plot.y_range, Range1d)
    assert (chart.plot.y_range.start, title(chart)) == (0, "Share")


def title(of: History) -> str:
    assert isinstance(of.plot.title, Title)
    return str(of.plot.title.text)


def test_a_history_that_does_not_begin_at_zero_says_so() -> None:
    chart, days_ = History(), pd.to_datetime(["2024-01-01", "2024-01-02"])
    chart.draw("Share", pd.DataFrame({"day": days_, "Mean": [0.50, 0.51]}), unit="share", from_zero=False)
    assert isinstance(chart.plot.y_range, Range1d)
    assert chart.plot.y_range.start == pytest.approx(0.4992)
    assert title(chart) == "Share\n(the axis does not begin at 0)"
    assert chart.plot.html_attributes["aria-label"].endswith("From 2024-01-01 to 2024-01-02: Mean from 50 % to 51 %.")
    chart.draw("Share", pd.DataFrame({"day": days_, "Mean": [0.1, 0.51]}), unit="share", from_zero=False)
    assert (chart.plot.y_range.start, title(chart)) == (0, "Share")


def test_names_that_come_and_go_are_followed_as_a_whole() -> None:
    view = View("bars", "Orders", ("name",), "value", labels=(("value", "Value"),))
    days_ = pd.to_datetime(["2024-01-01", "2024-01-02"])
    past = pd.DataFrame({"day": days_, "Value, total": [3.0, 4.0], "a": [1.0, 2.0], "b": [2.0, 2.0]})
    assert list(followed(view, past)) == ["day", "a", "b"]
    assert list(followed(view, past.assign(b=[2.0, float("nan")]))) == ["day", "Value, total"]


def test_a_history_without_figures_is_an_empty_plot() -> None:
    chart = History()
    chart.draw("Nothing", pd.DataFrame({"day": pd.to_datetime(["2024-01-01"])}))
    assert chart.lines() == {}


def test_a_single_point_in_time_has_an_hour_around_it() -> None:
    chart = over_time("Seconds", None, {"time": pd.to_datetime(["2024-01-01T12:00"]).to_numpy(), "value": [3.5]})
    assert isinstance(chart.plot.x_range, DataRange1d)
    assert chart.plot.x_range.default_span == HOUR
