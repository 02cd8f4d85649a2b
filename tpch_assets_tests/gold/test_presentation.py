"""What a query's header says of its looks."""

import pytest

from tpch_assets.gold.presentation import Chart, Presentation, parse

COLUMNS = ("nation", "revenue", "cost")


def test_a_header_without_a_word_leaves_all_to_the_dashboard() -> None:
    assert parse({"source": "TPC-H", "live": "o_ordertime"}, COLUMNS) == Presentation()


def test_a_header_says_all() -> None:
    fields = {"chart": "bars nation revenue  cost", "unit revenue": "USD", "title cost": "Cost of it", "total": "none"}
    assert parse(fields, COLUMNS) == Presentation(
        Chart("bars", "nation", ("revenue", "cost")), {"revenue": "USD"}, {"cost": "Cost of it"}, total="none"
    )
    assert parse({"chart": "none"}, COLUMNS).chart == Chart("none")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"chart": "pie nation revenue"}, "chart is pie; allowed are bars, lines, points, none"),
        ({"chart": "bars nation"}, "write a kind and two columns or more"),
        ({"chart": "none nation"}, "write a kind and two columns or more"),
        ({"chart": "bars nation revenu"}, "chart names revenu; the answer's columns are nation, revenue, cost"),
        ({"unit price": "USD"}, "unit names price"),
        ({"title price": "Price"}, "title names price"),
        ({"total": "max"}, "total is max; allowed are sum, mean"),
    ],
)
def test_a_mistake_is_one_sentence(fields: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(fields, COLUMNS)
