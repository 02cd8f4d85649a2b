"""What all pages share: states of the lake, choices in the address, and that nothing from it goes unchecked."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dashboards.pages.page import Page
from dashboards.pages.pipeline import Pipeline
from dashboards.pages.queries import Queries
from dashboards.pages.states import banner
from dashboards.pages.url import Url
from dashboards.store import business
from dashboards.store import store as store_module
from dashboards.store.state import LakeState
from dashboards.store.store import Store
from dashboards.tpch.orders import Orders
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import EVIL, SEGMENTS, fill_gold, fill_pipeline, gold, orders_of
from tpch_assets_tests.dashboards.pages.opened import Location, open_page

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


def test_without_a_lake_a_page_says_what_to_run(lake: Lake) -> None:
    store = Store(lake)
    assert "Reading" in banner(store.state, lake.uri)
    store.poll()
    assert store.state.kind == "no lake"
    page = open_page(Orders, store)
    assert "make demo" in page.head.html and not page.body.visible


def test_without_gold_a_page_says_so(lake: Lake) -> None:
    fill_pipeline(lake, datetime.now(UTC))
    store = Store(lake)
    store.poll()
    store.poll_raw()
    assert store.state.kind == "no gold"
    assert not open_page(Orders, store).body.visible
    assert "No results yet" in open_page(Queries, store).head.html
    assert open_page(Pipeline, store).body.visible


@pytest.mark.parametrize(
    ("hide", "restore"),
    [
        pytest.param(lambda place: place.write_text("not a folder"), Path.unlink, id="not a folder"),
        pytest.param(lambda place: None, lambda place: None, id="renamed"),
        pytest.param(Path.mkdir, Path.rmdir, id="unmounted"),
    ],
)
def test_a_page_reports_an_unreachable_lake_and_recovers(
    filled: Lake, hide: Callable[[Path], object], restore: Callable[[Path], object]
) -> None:
    store = Store(filled)
    store.poll()
    page = open_page(Orders, store)
    os.rename(filled.uri, f"{filled.uri}.away")
    hide(Path(filled.uri))
    store.poll()
    page.refresh()
    state = store.state
    assert state.kind == "unreachable" and state.since is not None and state.seen is not None
    assert f"since {state.since:%H:%M}, showing {state.seen:%H:%M} (UTC)" in page.head.html
    assert page.body.visible and "<strong>2024-01-03</strong>" in page.head.html
    store.poll()
    assert store.state.since == state.since, "an outage begins once"
    restore(Path(filled.uri))
    os.rename(f"{filled.uri}.away", filled.uri)
    store.poll()
    page.refresh()
    assert store.state == LakeState("ok") and "banner" not in page.head.html


def test_a_page_reports_rows_it_cannot_read_and_shows_them_later(filled: Lake) -> None:
    store = Store(filled)
    store.poll()
    page = open_page(Orders, store)
    source = store.tables["gold", "unshipped_orders"]
    (file,) = source.of({"2024-01-02"})
    path = Path(source.uri) / file.path
    path.rename(path.with_suffix(".away"))
    page.day.value = "2024-01-02"
    assert "FileNotFoundError" in page.head.html and page.body.visible
    assert "<strong>2024-01-03</strong>" in page.head.html, "what is shown was read before"
    path.with_suffix(".away").rename(path)
    page.refresh()
    assert "banner" not in page.head.html and "<strong>2024-01-02</strong>" in page.head.html


def test_the_first_poll_after_an_outage_reads_what_came_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.state = LakeState("unreachable", "it is away")
    gold(store.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04"))
    store.poll()
    assert store.state == LakeState("ok")
    monkeypatch.setattr(pq, "ParquetFile", None)
    assert "<strong>2024-01-04</strong>" in open_page(Orders, store).head.html


@pytest.mark.parametrize("page", [Orders, Queries, Pipeline])
def test_a_page_opened_during_an_outage_does_not_read_the_lake(
    store: Store, page: type[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.state = LakeState("unreachable", "it is away")
    with monkeypatch.context() as patch:
        patch.setattr(pq, "ParquetFile", None)
        patch.setattr(store_module, "DeltaTable", None)
        opened = open_page(page, store)
    assert "it is away" in opened.head.html
    store.poll()
    opened.refresh()
    assert opened.body.visible and "banner" not in opened.head.html


def test_a_page_shows_a_lake_that_appears(lake: Lake) -> None:
    store = Store(lake)
    store.poll()
    page = open_page(Orders, store)
    fill_gold(lake)
    store.poll()
    page.refresh()
    assert page.body.visible and "2024-01-03" in page.head.html and "version" in page.head.html


def test_a_choice_goes_into_the_address_and_back(store: Store) -> None:
    page = open_page(Orders, store, "?theme=dark")
    page.segment.value = "BUILDING"
    location = page.url.location
    assert location.query_params == {"theme": "dark", "segment": "BUILDING"}
    location.search = "?segment=AUTOMOBILE&day=2024-01-01"
    assert (page.segment.value, page.day.value) == ("AUTOMOBILE", "2024-01-01")
    assert "2024-01-01" in page.head.html


@pytest.mark.parametrize("value", ["../../etc", "' OR 1=1", "BUILDING'--", EVIL, "", "0"])
def test_an_address_that_is_not_allowed_is_ignored(store: Store, value: str) -> None:
    orders = open_page(Orders, store, f"?segment={value}&day={value}")
    assert orders.segment.value in SEGMENTS and orders.day.value == "latest"
    queries = open_page(Queries, store, f"?query={value}&day={value}")
    assert queries.query.value in business.queries()
    pipeline = open_page(Pipeline, store, f"?layer={value}&table={value}")
    assert (pipeline.layer.value, pipeline.table.value) == ("bronze", "orders")


def test_an_address_that_names_what_is_not_there_says_so_until_somebody_chooses(store: Store) -> None:
    page = open_page(Orders, store, "?segment=BUILDINGS&day=2024-02-30")
    assert "segment <strong>BUILDINGS</strong>, which is not there" in page.head.html
    assert "Did you mean <strong>BUILDING</strong>?" in page.head.html
    assert "day <strong>2024-02-30</strong>" in page.head.html
    page.segment.value = "BUILDING"
    assert "which is not there" not in page.head.html
    page = open_page(Queries, store, f"?query={EVIL}")
    assert "&lt;img" in page.head.html and EVIL not in page.head.html
    assert "which is not there" not in open_page(Orders, store, "?segment=BUILDING&day=latest").head.html


def test_url_takes_only_what_is_allowed() -> None:
    url = Url(Location(search="?a=x&b=y"))
    assert url.get("a", ["x"], "d") == "x"
    assert url.get("b", ["x"], "d") == url.get("c", ["x"], "d") == "d"
    url.set(a=None, c="p/q")
    assert url.location is not None and url.location.search == "?b=y&c=p%2Fq"
    assert Url().get("a", ["x"], "d") == "d"


@pytest.mark.parametrize(("page", "choice"), [(Orders, "segment"), (Queries, "query"), (Pipeline, "table")])
def test_a_choice_refreshes_the_page_once(
    store: Store, page: type[Page], choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_page(page, store)
    refreshed: list[int] = []
    monkeypatch.setattr(opened, "refresh", lambda: refreshed.append(1))
    widget = getattr(opened, choice)
    options = list(widget.options.values() if isinstance(widget.options, dict) else widget.options)
    widget.value = next(option for option in options if option != widget.value)
    assert refreshed == [1] and f"{choice}={widget.value}" in opened.url.location.search


def test_a_layer_chosen_refreshes_the_page_once_with_its_tables(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_page(Pipeline, store)
    refreshed: list[int] = []
    monkeypatch.setattr(opened, "refresh", lambda: refreshed.append(1))
    opened.layer.value = "gold"
    assert refreshed == [1] and opened.table.options == list(business.queries())
