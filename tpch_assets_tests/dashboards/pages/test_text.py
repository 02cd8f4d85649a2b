"""Figures and changes in words."""

import pytest

from dashboards.pages import text


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (999, "999"), (12_345, "12.3 k"), (4.2e6, "4.20 M"), (0.0286, "0.0286"), (None, "—")]
)
def test_figures_are_short(value: float | None, shown: str) -> None:
    assert text.short(value) == shown


def test_changes_are_in_words() -> None:
    assert text.change(3, 2) == "+1 (+50.0%) against the day before"
    assert text.change(2, 2) == "as the day before"
    assert text.change(0.1 + 0.2, 0.3) == "as the day before"
    assert text.change(2, None) == "no day before to compare with"
