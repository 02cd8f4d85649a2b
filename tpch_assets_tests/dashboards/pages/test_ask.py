"""What people ask beyond the answers that gold keeps: parameters, a range of days, two days side by side."""

import math
import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dashboards.pages.beside import side_by_side
from dashboards.pages.queries import Queries
from dashboards.pages.rows import Rows
from dashboards.store.on_the_spot import OnTheSpot
from dashboards.store.store import Store
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets_tests.dashboards.lakes import BEHIND, EVIL
from tpch_assets_tests.dashboards.pages.opened import open_page

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")
Q6 = "?query=q06_forecasting_revenue_change"


@pytest.fixture
def opened(behind_lake: Lake, environment: Path) -> Store:
    store = Store(behind_lake)
    store.poll()
    return store


def settle(page: Any, pending: str) -> Any:
    """Refresh a page, as its session does when something is computed, until it shows that."""
    deadline = time.monotonic() + 20
    while pending in str(page.body[:]) + "".join(part.html for part in _blocks(page)):
        assert time.monotonic() < deadline, "it was not computed"
        time.sleep(0.01)
        page.refresh()
    return page


def _blocks(page: Any) -> list[Any]:
    return [part for part in (getattr(page, "none", None), getattr(page, "content", None)) if part is not None]


def test_a_parameter_is_computed_on_the_spot_and_nothing_is_written(opened: Store) -> None:
    before = sorted(str(path) for path in Path(opened.lake.uri).rglob("*"))
    page = open_page(Queries, opened, Q6)
    assert list(page.table.value["revenue"]) == [48.0], "as gold has it"
    page.ask.parameters.fields["quantity"].value = "10"
    settle(page, "Computing")
    assert list(page.table.value["revenue"].fillna(0)) == [0.0]
    page.ask.parameters.fields["quantity"].value = "11"
    settle(page, "Computing")
    assert list(page.table.value["revenue"]) == [48.0]
    assert "computed on the spot" in page.head.html and "quantity = 11" in page.head.html
    assert "p.quantity=11" in page.url.location.search
    page.ask.parameters.fields["quantity"].value = "24"
    assert "version" in page.head.html and "p.quantity" not in page.url.location.search
    assert sorted(str(path) for path in Path(opened.lake.uri).rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("quantity", "few", "'few' is no INTEGER"), ("date", "2024-13-01", "is no DATE"), ("discount", EVIL, "is no DEC")],
)
def test_a_value_that_cannot_be_read_is_said(opened: Store, name: str, text: str, words: str) -> None:
    page = open_page(Queries, opened, Q6)
    page.ask.parameters.fields[name].value = text
    assert (
        words in page.ask.parameters.errors.html.replace("&#x27;", "'") and EVIL not in page.ask.parameters.errors.html
    )
    assert list(page.table.value["revenue"]) == [48.0], "what was shown stays"
    page.query.value = "q18_large_volume_customer"
    assert page.ask.parameters.errors.html == "" and "p." not in page.url.location.search


def test_a_range_counts_its_days_alone(opened: Store) -> None:
    page = settle(open_page(Queries, opened, f"{Q6}&since={BEHIND[1]}"), "Computing")
    assert list(page.table.value["revenue"]) == [24.0] and f"since {BEHIND[1]}" in page.head.html
    assert page.rows()["revenue"].to_pylist()[0] == 24
    page.ask.since.value = ""
    assert list(page.table.value["revenue"]) == [48.0]


def test_two_days_stand_side_by_side(opened: Store) -> None:
    page = open_page(Queries, opened, f"{Q6}&beside={BEHIND[0]}")
    (table,) = page.beside_place
    assert table.value.iloc[0].tolist() == [48.0, 24.0, 24.0]
    assert table.titles["revenue change"].endswith("change")
    assert not page.table_place.visible
    page.ask.beside.value = ""
    assert page.table_place.visible and not page.beside_place.visible


def test_rows_about_the_same_stand_side_by_side() -> None:
    now = pd.DataFrame({"year": [1995, 1996, 1996], "nation": ["A", "A", "B"], "profit": [1.0, 2.0, 3.0]})
    then = pd.DataFrame({"year": [1996, 1995], "nation": ["A", "A"], "profit": [5.0, 1.0]})
    found = side_by_side(now, then, "today", "then")
    assert found is not None
    rows = {(row["nation"], row["year"]): row for row in found[0].to_dict("records")}
    assert [rows["A", 1996][name] for name in ("profit", "profit then", "profit change")] == [2.0, 5.0, -3.0]
    assert rows["B", 1996]["profit"] == 3.0 and math.isnan(rows["B", 1996]["profit then"])
    lists = pd.DataFrame({"of": [[1], [2]], "x": [1.5, 2.5]})
    assert side_by_side(lists, lists, "a", "b") is None
    numbers = pd.DataFrame({"orderkey": [1, 2], "x": [1.5, 2.5]})
    found = side_by_side(numbers, numbers, "a", "b", lambda name: name == "orderkey")
    assert found is not None and list(found[0]) == ["orderkey", "x", "x b", "x change"]
    assert side_by_side(pd.DataFrame({"x": [1.5, 1.5]}), pd.DataFrame({"x": [1.5]}), "a", "b") is None


def test_a_row_by_its_address(opened: Store) -> None:
    page = settle(open_page(Rows, opened, "?table=orders&key=1"), "Looking for it")
    html = page.content.html
    assert "orders 1" in html and "./rows?table=customer&amp;key=7" in html and "rows.json.gz, line 1" in html
    assert EVIL not in html and "&lt;img" in html
    page.table.value = "lineitem"
    assert page.key.value == "" and "Write the value of l_orderkey and l_linenumber" in page.content.html
    page.key.value = "x,1"
    settle(page, "Looking for it")
    assert "is no BIGINT" in page.content.html or wait_for(page, "is no BIGINT")


def wait_for(page: Any, words: str) -> bool:
    deadline = time.monotonic() + 20
    while words not in page.content.html and time.monotonic() < deadline:
        time.sleep(0.01)
        page.refresh()
    return words in page.content.html


def test_a_computation_that_takes_too_long_or_too_much_is_ended(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboards.store import on_the_spot
    from tpch_assets.compute.database import cursor

    monkeypatch.setattr(on_the_spot, "SECONDS", 0.2)
    spot = OnTheSpot("1GiB")

    def forever(running: Any) -> None:
        with cursor() as connection:
            running(connection.interrupt)
            connection.execute("SELECT count(*) FROM range(10000000000) a, range(1000000) b")

    assert outcome(spot, "forever", forever).error.startswith("This takes longer than")
    assert outcome(spot, "fails", refuse).error == "it refuses"
    assert outcome(spot, "works", lambda running: os.getpid()).result == os.getpid(), "the thread goes on"


def refuse(running: Any) -> None:
    raise LakeError("it refuses")


def outcome(spot: OnTheSpot, key: str, compute: Any) -> Any:
    deadline = time.monotonic() + 20
    while (found := spot.ask(key, compute, lambda: None)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found
