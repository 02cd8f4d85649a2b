"""The start page."""

import pytest

from dashboards import app
from dashboards.charts.looks import Look
from dashboards.pages.sparkline import sparkline
from dashboards.pages.start import Start
from dashboards.store import business
from dashboards.store.store import Store
from dashboards.tpch.views import LOOK
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import EVIL, fill_gold
from tpch_assets_tests.dashboards.pages.opened import open_page, words

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


def test_every_question_stands_with_its_answer_and_what_the_day_brought(store: Store) -> None:
    page = open_page(Start, store)
    assert page.list.html.count("<li ") == len(business.queries())
    read = words(page.list.html)
    assert "Revenue, total900 USD+300 USD on 2024-01-03, +300 USD the day beforeRevenue, highest 600 USD: CHINA" in read
    assert "Revenue forgone4.50 M USD+1.50 M USD on 2024-01-03" in read
    assert "no answer yet" in read and "as of 2024-01-03" in read


def test_the_state_of_all_is_one_sentence_with_a_link_to_the_pipeline(store: Store) -> None:
    page = open_page(Start, store)
    read = words(page.state.html)
    assert "Something is very late" in read and 'href="./pipeline"' in page.state.html
    assert "6 of 25 answers are late" in read and "19 of 25 questions have no answer yet" in read
    assert "bronze/orders (2 lines rejected in the last day)" in read


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("local supplier", "Local supplier volume"),
        ("q13", "Customer distribution"),
        ("TPC-H Q9", "Product type profit measure"),
        ("forgone", "Forecasting revenue change"),
    ],
)
def test_words_search_titles_questions_names_and_columns(store: Store, search: str, found: str) -> None:
    page = open_page(Start, store)
    page.search.value_input = search
    assert f">{found}</a>" in page.list.html and page.list.html.count("<li ") < len(business.queries())
    page.search.value = search
    assert "search=" in page.url.location.search


def test_a_search_in_the_address_is_words_and_nothing_else(store: Store) -> None:
    page = open_page(Start, store, f"?search={EVIL.replace('=', '')}")
    assert page.list.html.count("<li ") == 0 and "<img" not in page.found.html
    assert words(page.found.html).startswith("0 of 25 questions have")


def test_an_answer_is_made_once_for_each_version(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_gold(lake)
    store = app.open_store(lake)
    store.poll()
    page = open_page(Start, store)
    before = page.list.html
    monkeypatch.setattr(Look, "view_of", None)
    page.refresh()
    assert words(page.list.html) == words(before)


def test_a_sparkline_needs_two_figures_and_ends_at_the_last_one() -> None:
    assert sparkline([1.0, float("nan")], from_zero=True) == ""
    assert 'cx="117.0" cy="3.0"' in sparkline([1.0, 2.0], from_zero=True)
    assert sparkline([5.0, 5.0], from_zero=False).count("29.0") == 3


def test_no_answer_of_tpch_has_two_columns_of_one_name_and_money_has_its_currency() -> None:
    for query in business.queries().values():
        look = LOOK.of(query)
        headings = [look.heading(name) for name, _ in query.columns]
        assert len(set(headings)) == len(headings), query.name
        money = [name for name, _ in query.columns if any(word in name for word in ("revenue", "price", "acctbal"))]
        assert all(name in query.units for name in money), query.name
