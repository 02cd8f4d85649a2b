"""Everybody can use every page: WCAG 2.2 AA as axe checks it, by keyboard alone, and with charts in words."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tpch_assets_tests.dashboards.browsers import Open, Served

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")

WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
QUERY = "/queries?query=q09_product_type_profit"
PAGES = {
    "": ".sparkline",
    "/orders": ".tabulator-row",
    QUERY: ".tabulator-row",
    "/queries?query=q06_forecasting_revenue_change": "canvas",
    "/queries?query=q01_pricing_summary": "p.empty",
    "/rows": "main a",
    "/model": "canvas",
    "/pipeline?layer=bronze&table=orders": ".tabulator-row",
}
"""What is there once a page is drawn."""
NOWHERE = "/pipelines/x"


def violations(page: Page, only: dict[str, Any] = WCAG) -> list[str]:
    found = Axe().run(page, options={"runOnly": only, "resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def mended(page: Page) -> None:
    """Wait until the page has drawn its tables and mended their roles."""
    expect(page.locator(".tabulator-tableholder:not([role=grid])")).to_have_count(0)


def dark(page: Page) -> None:
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_meets_wcag_in_both_themes(full: Served, visit: Open, path: str) -> None:
    page = visit("about:blank")
    page.goto(full.url + path)
    expect(page.locator(PAGES[path]).first).to_be_attached()
    mended(page)
    assert violations(page) == []
    dark(page)
    assert violations(page, COLOURS) == []


@pytest.mark.parametrize("path", ["", QUERY, "/model"])
@pytest.mark.parametrize("width", [390, 1920])
def test_a_page_meets_wcag_at_other_widths(full: Served, visit: Open, path: str, width: int) -> None:
    page = visit(full.url + path, width)
    expect(page.locator(PAGES[path]).first).to_be_visible()
    mended(page)
    assert violations(page) == []


def test_the_page_of_an_address_that_leads_nowhere_meets_wcag(full: Served, visit: Open) -> None:
    page = visit("about:blank").context.new_page()  # Its console notes the 404.
    page.goto(full.url + NOWHERE)
    for width in (390, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
    dark(page)
    assert violations(page, COLOURS) == []


FOCUSED = """() => {
    let one = document.activeElement
    while (one && one.shadowRoot && one.shadowRoot.activeElement) one = one.shadowRoot.activeElement
    return [one.tagName, one.className, one.getAttribute('aria-label') ?? one.textContent.trim()].join(' ').slice(0, 90)
}"""


def test_the_keyboard_goes_through_a_table_without_a_stop_at_each_cell(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}{QUERY}")
    expect(page.locator(".tabulator-row").first).to_contain_text("FRANCE")
    mended(page)
    page.locator(".bk-btn").first.focus()
    reached = [tabbed(page) for _ in range(16)]
    table = [place for place, name in enumerate(reached) if "tabulator" in name or "INPUT  " in name]
    assert len(table) == 7, "three headings, three filters and the rows"
    assert not any(name.startswith("BODY") for name in reached[: table[-1] + 2]), reached
    assert any(name.startswith("PRE") for name in reached[table[-1] :]), reached
    back = [tabbed(page, "Shift+Tab") for _ in reached]
    assert any("Nation: contains" in name for name in back) and any("Download CSV" in name for name in back), back


def tabbed(page: Page, key: str = "Tab") -> str:
    page.keyboard.press(key)
    return str(page.evaluate(FOCUSED))


def test_a_table_is_sorted_and_filtered_by_keyboard(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/queries?query=q05_local_supplier_volume")
    first = page.locator(".tabulator-row").first
    expect(first).to_contain_text("CHINA")
    mended(page)
    page.locator(".tabulator-col[tabulator-field=revenue]").focus()
    page.keyboard.press("Enter")
    expect(first).to_contain_text("INDIA")
    page.get_by_label("Nation: contains").focus()
    page.keyboard.type("CHI")
    expect(first).to_contain_text("CHINA")
    expect(page.locator(".tabulator-row")).to_have_count(1)


def test_a_chart_is_told_in_words(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/queries?query=q05_local_supplier_volume")
    chart = page.get_by_role("figure", name=re.compile("Chart: Revenue by nation"))
    expect(chart).to_have_attribute("aria-label", re.compile("from INDIA with 300 USD to CHINA with 600 USD"))
    history = page.get_by_role("figure", name=re.compile("Line chart: Revenue"))
    expect(history).to_have_attribute("aria-label", re.compile("CHINA from 200 USD to 600 USD"))


def test_the_menu_can_be_skipped(full: Served, visit: Open) -> None:
    page = visit(full.url)
    expect(page.locator(".sparkline").first).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_controls_stand_out_from_the_paper(full: Served, visit: Open, theme: str) -> None:
    page = visit(f"{full.url}/orders?theme={theme}")
    expect(page.locator(".tabulator-row").first).to_be_visible()
    for control in (page.get_by_role("combobox").first, page.locator(".bk-btn").first, page.locator("input").first):
        assert control.evaluate(EDGE) >= 3, control


EDGE = """one => {
    const pixel = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
    const light = colour => {
        pixel.fillStyle = colour
        pixel.fillRect(0, 0, 1, 1)
        const [r, g, b] = [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3)
            .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const [a, b] = [getComputedStyle(one).borderTopColor, getComputedStyle(document.body).backgroundColor].map(light)
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}"""
