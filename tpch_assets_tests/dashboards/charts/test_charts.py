"""Charts, without a page."""

import pandas as pd

from dashboards.charts.history import History


def test_a_figure_that_never_changed_is_a_level_line() -> None:
    chart = History()
    days_ = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    chart.draw("Share", pd.DataFrame({"day": days_, "Mean": [0.1 + 0.2, 0.3, 0.3], "None": [0.0, 0.0, float("nan")]}))
    assert chart.lines()["Mean"] == [0.3, 0.3, 0.3]
    assert chart.plot.y_range.default_span == 0.3


def test_a_history_without_figures_is_an_empty_plot() -> None:
    chart = History()
    chart.draw("Nothing", pd.DataFrame({"day": pd.to_datetime(["2024-01-01"])}))
    assert chart.lines() == {}
