"""The model page: figures beside baselines, versions with reasons, and a form that asks the model's server."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboards import app
from dashboards.pages.model import Model
from dashboards.store.predictions import predict
from dashboards.store.store import Store
from serving.follow import Follower
from tpch_assets.lake.lake import Lake
from tpch_assets.models.registry import ModelVersion
from tpch_assets.schema import models as schema
from tpch_assets_tests.dashboards.another import QUERIES, fill, use_business
from tpch_assets_tests.dashboards.pages.opened import open_page, words
from tpch_assets_tests.models import toy
from tpch_assets_tests.serving.served import follower_of, serving

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")
WHY = "worse than the champion: AUC 0.7000 (0.9000)"


def version(day: str, auc: float, status: Any = "champion") -> ModelVersion:
    """The toy's version of a day."""
    made = toy.version(day, status)
    baselines = {"majority": {"auc": 0.5}, "rule": {"auc": 0.8}, "champion": {"auc": 0.9}}
    reason = WHY if status == "kept back" else ""
    return replace(made, metrics={**made.metrics, "auc": auc}, baselines=baselines, reason=reason)


@pytest.fixture
def store(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """A lake of a business with a model, and three of its versions."""
    use_business(monkeypatch, tmp_path / "queries", QUERIES, models=(schema.Model(toy.NAME, tmp_path, ("a",), "late"),))
    fill(lake)
    for made in (version("2026-01-01", 0.85), version("2026-01-02", 0.9), version("2026-01-03", 0.7, "kept back")):
        toy.register(lake, made)
    found = app.open_store(lake)
    found.poll()
    return found


def press(page: Any) -> str:
    """What the form says after somebody asked."""
    asyncio.run(page.what_if._ask(None))
    return words(page.what_if.answer.html)


def test_figures_stand_beside_the_baselines_of_the_day(store: Store) -> None:
    page = open_page(Model, store)
    assert page.history.lines() == {"Model": [0.85, 0.9, 0.7], "Majority": [0.5, 0.5, 0.5], "Rule": [0.8, 0.8, 0.8]}
    assert "AUC0.900majority 0.500, rule 0.800; higher is better" in words(page.cards.html)
    assert len(page.calibration) == len(page.importance) == 1
    assert "Champion: version 2026-01-02-0005" in words(page.heading.html)
    page.figure.value = "log_loss"
    assert page.history.lines() == {"Model": [0.4, 0.4, 0.4]}
    assert page.url.location.search == "?figure=log_loss"


def test_versions_say_why_they_do_not_serve(store: Store) -> None:
    read = words(open_page(Model, store).table.html)
    assert f"kept back0.7000.4001.0 %—{WHY}" in read
    assert "challenger0.8500.4001.0 %—replaced by 2026-01-02-0005" in read
    assert read.index("2026-01-03") < read.index("2026-01-02") < read.index("2026-01-01")


def test_the_form_begins_with_a_usual_case(store: Store) -> None:
    page = open_page(Model, store)
    begun = {name: field.value for name, field in page.what_if.fields.items()}
    assert begun == {"weight": "12.5", "carrier": "SEA", "ordered": "2026-01-01", "promised": "2026-01-03"}
    assert "The form begins with a usual case" in words(page.what_if.heading.html)
    page.what_if.fields["weight"].value = "7"
    said: dict[str, str | float] = {"weight": 3, "ordered": "2026-01-02"}
    usual = tuple(replace(one, typical=said.get(one.name)) for one in toy.FEATURES)
    toy.register(store.lake, replace(version("2026-01-04", 0.91), features=usual))
    store.poll()
    page.refresh()
    begun = {name: field.value for name, field in page.what_if.fields.items()}
    assert begun == {"weight": "7", "carrier": "—", "ordered": "2026-01-02", "promised": ""}


def test_a_new_champion_is_shown_and_the_form_keeps_what_was_written(store: Store) -> None:
    page = open_page(Model, store)
    page.what_if.fields["weight"].value = "7"
    toy.register(store.lake, version("2026-01-04", 0.91))
    store.poll()
    page.refresh()
    assert "Champion: version 2026-01-04-0005" in words(page.heading.html)
    assert page.what_if.fields["weight"].value == "7"


def test_answers_are_not_mistaken_for_the_registry(store: Store) -> None:
    assert ("gold", "models") not in store.tables
    assert store.registry is not None


def test_without_versions_the_page_says_so(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_business(monkeypatch, tmp_path / "queries", QUERIES, models=(schema.Model(toy.NAME, tmp_path, ("a",), "late"),))
    fill(lake)
    store = app.open_store(lake)
    store.poll()
    page = open_page(Model, store)
    assert "No version of Late parcels yet." in page.none.html and page.none.visible
    assert not page.champion.visible


def test_without_models_there_is_no_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: Path) -> None:
    use_business(monkeypatch, tmp_path / "queries", QUERIES)
    assert Model not in app.pages()


def test_the_form_asks_the_server(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page(Model, store)
    monkeypatch.setenv("TPCH_SERVING_PORT", "1")
    assert "http://127.0.0.1:1 does not answer" in press(page) and "make serve" in press(page)
    follower: Follower = follower_of(store.lake)
    follower.poll()
    with serving(follower, token="a-token-of-the-tests") as served:
        monkeypatch.setenv("TPCH_SERVING_PORT", str(served.port))
        assert "refuses the token" in press(page)
        monkeypatch.setenv("TPCH_SERVING_TOKEN", "a-token-of-the-tests")
        page.what_if.fields["ordered"].value = "2026-01-01"
        page.what_if.fields["promised"].value = "2026-01-03"
        page.what_if.fields["carrier"].value = "AIR"
        told = press(page)
        assert "decision: yes, since it is yes from 50% on; by version 2026-01-02-0005" in told
        page.what_if.fields["weight"].value = "<b>heavy"
        assert 'Weight "<b>heavy" is no number: send a number' in press(page)
        assert "<b>" not in page.what_if.answer.html
        page.what_if.fields["weight"].value = ""
        assert "Weight is missing: send a number" in press(page)
        assert "serves another model, late_parcels" in asyncio.run(predict("another", RECORD)).trouble


RECORD = {"weight": 1, "carrier": "AIR", "ordered": "2026-01-01", "promised": "2026-01-03"}
