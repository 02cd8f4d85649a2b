"""Charts, without a page."""

import pandas as pd
from bokeh.models import DataRange1d

from dashboards.charts.chart import HOUR, over_time
from dashboards.charts.history import History


def test_a_figure_that_never_changed_is_a_level_line() -> None:
    chart = History()
    days_ = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    chart.draw("Share", pd.DataFrame({"day": days_, "Mean": [0.1 + 0.2, 0.3, 0.3], "None": [0.0, 0.0, float("nan")]}))
    assert chart.lines()["Mean"] == [0.3, 0.3, 0.3]
    assert isinstance(chart.plot.y_range, DataRange1d)
    assert chart.plot.y_range.default_span == 0.3


def test_a_history_without_figures_is_an_empty_plot() -> None:
    chart = History()
    chart.draw("Nothing", pd.DataFrame({"day": pd.to_datetime(["2024-01-01"])}))
    assert chart.lines() == {}


def test_a_single_point_in_time_has_an_hour_around_it() -> None:
    chart = over_time("Seconds", None, {"time": pd.to_datetime(["2024-01-01T12:00"]).to_numpy(), "value": [3.5]})
    assert isinstance(chart.plot.x_range, DataRange1d)
    assert chart.plot.x_range.default_span == HOUR
