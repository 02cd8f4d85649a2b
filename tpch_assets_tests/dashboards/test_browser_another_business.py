"""The dashboard of another business in a real browser, served alone: this process has one business at a time."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tpch_assets.lake.lake import Lake
from tpch_assets.schema.models import Model
from tpch_assets_tests.dashboards.another import QUERIES, fill, use_business
from tpch_assets_tests.dashboards.browsers import Open, Served, choose
from tpch_assets_tests.dashboards.lakes import gold
from tpch_assets_tests.models import toy
from tpch_assets_tests.serving.served import follower_of, serving

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


def test_it_has_a_front_page_of_its_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: Path, visit: Open
) -> None:
    use_business(monkeypatch, tmp_path / "queries", QUERIES)
    lake = Lake(str(tmp_path / "lake"))
    fill(lake)
    gold(lake, "warm_rooms", "2024-01-03", {"room": pa.array(["attic", "cellar"]), "celsius": pa.array([22.0, None])})
    served = Served(lake)
    try:
        page = visit(served.url, 390)
        expect(page.locator("header strong")).to_have_text("Rooms")
        expect(page.locator(".card", has_text="High ones")).to_contain_text("Nothing of sensor has arrived")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("link", name="The warmest").click()
        expect(page).to_have_url(re.compile("queries.query=warmest"))
        expect(page.locator(".cards")).to_contain_text("21.50 °C")
        choose(page, "Query", "Warm rooms")
        expect(page.locator("canvas").first).to_be_visible()
        expect(page.locator(".tabulator-col-title", has_text="Warmth (°C)")).to_be_visible()
        expect(page.locator(".tabulator-row", has_text="attic")).to_contain_text("22.00")
        expect(page.locator(".tabulator-row", has_text="cellar")).to_contain_text("—")
        expect(page.locator(".tabulator-footer")).to_be_hidden()  # There is one page.
        choose(page, "Query", "High ones")
        expect(page.locator("p.empty")).to_contain_text("No answer yet. Nothing of sensor has arrived")
    finally:
        served.stop()


def test_its_model_is_shown_and_asked_by_keyboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: Path, visit: Open
) -> None:
    models = (Model(toy.NAME, tmp_path, ("a",), "late"),)
    use_business(monkeypatch, tmp_path / "queries", QUERIES, models=models)
    lake = Lake(str(tmp_path / "lake"))
    fill(lake)
    toy.register(lake, toy.version("2026-01-01"))
    follower = follower_of(lake)
    follower.poll()
    served = Served(lake)
    try:
        with serving(follower) as server:
            monkeypatch.setenv("TPCH_SERVING_PORT", str(server.port))
            page = visit(f"{served.url}/model?theme=dark", 390)
            page.get_by_label("Weight").press("Tab")
            expect(page.get_by_label("Carrier")).to_be_focused()
            page.get_by_label("Promised").press("Tab")
            expect(page.get_by_role("button", name="Predict")).to_be_focused()
            page.keyboard.press("Enter")
            expect(page.get_by_role("status")).to_contain_text("decision: yes")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("does not answer")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert [found["id"] for found in Axe().run(page).response["violations"]] == []
        toy.register(lake, toy.version("2026-01-02"))
        expect(page.locator("p", has_text="Champion: version")).to_contain_text("2026-01-02")
    finally:
        served.stop()
