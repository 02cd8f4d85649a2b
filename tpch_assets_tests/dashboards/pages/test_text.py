"""Figures and changes in words."""

import pytest

from dashboards.charts.figures import short, with_unit
from dashboards.pages import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (12_345, "12.3 k"),
        (4.2e6, "4.20 M"),
        (999_990, "1.00 M"),
        (0.0286, "0.0286"),
        (None, "—"),
    ],
)
def test_figures_are_short(value: float | None, shown: str) -> None:
    assert short(value) == shown


def test_a_figure_has_its_unit() -> None:
    assert with_unit(4.2e6, "USD") == "4.20 M USD"
    assert with_unit(0.0657, "share") == "6.57 %" and with_unit(None, "USD") == "—"


def test_what_a_day_brought_is_in_words() -> None:
    day = "2024-01-03"
    assert text.change(3, 2, 0, day=day) == "+1 on 2024-01-03, +2 the day before"
    assert text.change(3, 2, day=day, share=True) == "+1 (+50.0 %) on 2024-01-03"
    assert text.change(2, 2, 2, day=day) == "as on the two days before"
    assert text.change(2, 2, 1, day=day) == "nothing new on 2024-01-03, +1 the day before"
    assert text.change(0.1 + 0.2, 0.3, day=day) == "nothing new on 2024-01-03"
    assert text.change(0.04, 0.0632, day=day, unit="share") == "-2.32 points on 2024-01-03"
    assert text.change(2, None, day=day) == "no day before to compare with"
