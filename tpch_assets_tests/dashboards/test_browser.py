"""The dashboard in a real browser: what people do on each page, and what they see when the lake changes."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.browsers import Open, Served, choose
from tpch_assets_tests.dashboards.lakes import BEHIND, EVIL, fill_gold, fill_pipeline, gold, orders_of, totals_of

# Bokeh and Panel call pandas 3.1 the old way.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")


@pytest.fixture(scope="module")
def behind(behind_lake: Lake) -> Iterator[Served]:
    """A lake whose answers lead to rows and raw lines."""
    served = Served(behind_lake)
    yield served
    served.stop()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """A folder without a lake."""
    served = Served(Lake(str(tmp_path / "lake")))
    yield served
    served.stop()


def shown(page: Page) -> Any:
    """The line that names the data shown."""
    return expect(page.locator(".as-of"))


def test_orders_by_segment_and_day(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/orders")
    shown(page).to_contain_text("Data as of 2024-01-03, version")
    expect(page.locator(".cards")).to_contain_text("Revenue waiting")
    expect(page.locator("canvas").first).to_be_visible()
    choose(page, "Market segment", "BUILDING")
    expect(page).to_have_url(re.compile("segment=BUILDING"))
    choose(page, "Day", "2024-01-02")
    shown(page).to_contain_text("2024-01-02")
    again = visit(page.url)
    shown(again).to_contain_text("2024-01-02")
    expect(again.get_by_role("combobox", name="Market segment")).to_have_value("BUILDING")
    page.go_back()
    shown(page).to_contain_text("2024-01-03")


def test_a_table_sorts_filters_pages_and_downloads(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/orders")
    first = page.locator(".tabulator-row").first
    expect(first).to_contain_text("Customer#000000001")
    page.locator(".tabulator-page", has_text="2").click()
    expect(first).to_contain_text("Customer#000000016")
    page.locator(".tabulator-page", has_text="1").click()
    page.locator(".tabulator-col-title", has_text="Revenue").click()
    expect(first).to_contain_text("Customer#000000020")
    page.locator(".tabulator-col[tabulator-field=customer] input").press_sequentially("0007")
    expect(page.locator(".tabulator-row")).to_have_count(1)
    with page.expect_download() as started:
        page.get_by_text("Download CSV").click()
    lines = Path(started.value.path()).read_text().splitlines()
    assert started.value.suggested_filename == "unshipped_orders_AUTOMOBILE_2024-01-03.csv"
    assert len(lines) == 21 and "4900.0000" in lines[1]


def test_the_queries_page_shows_answers_and_charts(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/queries?query=q05_local_supplier_volume")
    expect(page.get_by_role("heading", name="Local supplier volume")).to_be_visible()
    expect(page.locator(".tabulator-row").first).to_contain_text("CHINA")
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.locator("pre").first).to_contain_text("SELECT")
    choose(page, "Query", "Q06 Forecasting revenue change")
    expect(page.locator(".cards")).to_contain_text("4.50 M")
    expect(page).to_have_url(re.compile("query=q06_forecasting_revenue_change"))
    choose(page, "Query", "Q01 Pricing summary report")
    expect(page.locator("p.empty")).to_contain_text("No answer yet")


def test_the_pipeline_shows_rejects_and_links_to_dagster(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/pipeline?layer=bronze&table=orders")
    line = page.get_by_role("row").filter(has=page.get_by_role("link", name="orders", exact=True))
    expect(line.locator(".state.amber")).to_contain_text("2 lines rejected")
    link = page.get_by_role("link", name="open bronze/orders in Dagster")
    expect(link).to_have_attribute("href", "http://127.0.0.1:3000/assets/bronze/orders")
    expect(page.locator(".tabulator-row").first).to_contain_text(EVIL)
    assert page.title() != "broken"
    choose(page, "Layer", "silver")
    shown(page).to_contain_text("silver/orders")
    expect(page).to_have_url(re.compile("layer=silver"))
    expect(page.locator(".cards").last).to_contain_text(re.compile("4 → [12]"))


def test_a_choice_by_link_stays_where_it_is(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/pipeline?layer=bronze&table=orders&theme=dark", height=500)
    expect(page.get_by_role("img", name=re.compile("^silver, by 6 hours"))).not_to_have_count(0)
    expect(page.get_by_role("link", name="2 lines of orders")).to_be_visible()
    page.evaluate("window.same = true")
    page.get_by_role("link", name="not JSON").click()
    expect(page).to_have_url(re.compile("reason=not.JSON&theme=dark"))
    expect(page.get_by_text("alone. Show all reasons")).to_be_visible()
    page.get_by_role("link", name="lineitem", exact=True).click()
    shown(page).to_contain_text(re.compile("bronze/lineitem|raw/"))
    expect(page.get_by_role("combobox", name="Table")).to_have_value("lineitem")
    assert page.evaluate("window.same && window.scrollY > 0"), "the page was loaded anew"
    page.go_back()
    expect(page.get_by_role("combobox", name="Table")).to_have_value("orders")


def test_from_an_answer_to_the_raw_line(behind: Served, visit: Open) -> None:
    page = visit(f"{behind.url}/queries?query=q18_large_volume_customer")
    page.locator(".tabulator-row").get_by_role("link", name="1", exact=True).click()
    expect(page).to_have_url(re.compile("/rows.table=orders&key=1"))
    expect(page.get_by_role("heading", name="orders 1")).to_be_visible()
    expect(page.get_by_text("rows.json.gz, line 1").first).to_be_visible()
    expect(page.locator("pre").first).to_contain_text('"o_comment": "again"')
    page.get_by_role("link", name="7", exact=True).first.click()
    expect(page.get_by_role("heading", name="customer 7")).to_be_visible()
    assert page.title() != "broken"
    page.get_by_label(re.compile("^Key")).fill("8")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Neither silver nor bronze has a row of customer with c_custkey = 8.")).to_be_visible()


def test_a_parameter_a_range_and_another_day(behind: Served, visit: Open) -> None:
    page = visit(f"{behind.url}/queries?query=q06_forecasting_revenue_change")
    field = page.get_by_label("discount (decimal(3,2))")
    expect(field).to_have_value("0.06")
    field.fill("0.09")
    page.keyboard.press("Enter")
    shown(page).to_contain_text("discount = 0.09")
    expect(page).to_have_url(re.compile("p.discount=0.09"))
    field.fill("0.05")
    page.keyboard.press("Enter")
    shown(page).to_contain_text("discount = 0.05")
    expect(page.locator(".tabulator-row").first).to_contain_text("48.00")
    choose(page, "Facts since", BEHIND[1])
    expect(page.locator(".tabulator-row").first).to_contain_text("24.00")
    again = visit(page.url)
    shown(again).to_contain_text(f"since {BEHIND[1]}")
    choose(again, "Beside it", BEHIND[0])
    expect(again.locator(".tabulator-col-title", has_text="change")).to_be_visible()


def test_what_is_not_there_is_said_in_the_frame(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/orders?segment=BUILDINGS")
    expect(page.get_by_text("Did you mean BUILDING?")).to_be_visible()
    choose(page, "Market segment", "BUILDING")
    expect(page.get_by_text("which is not there")).to_be_hidden()
    lost = page.context.new_page()  # Its console notes the 404.
    answer = lost.goto(f"{full.url}/pipelines/x")
    assert answer is not None and answer.status == 404
    expect(lost.get_by_role("heading", name="There is no page here")).to_be_visible()
    lost.get_by_role("link", name="Pipeline").last.click()
    shown(lost).to_contain_text("Data as of")


def test_a_first_view_transfers_less_than_a_megabyte_and_the_next_one_next_to_nothing(
    full: Served, visit: Open
) -> None:
    page = visit("about:blank")
    first, again = (transferred(page, f"{full.url}/queries?query=q05_local_supplier_volume") for _ in range(2))
    assert 100_000 < first < 1_000_000 and again < 60_000, (first, again)


def transferred(page: Page, url: str) -> int:
    """The bytes that came over HTTP for a page, as they came."""
    client, sizes = page.context.new_cdp_session(page), list[int]()
    client.send("Network.enable")
    client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url)
    shown(page).to_contain_text("Data as of")
    page.wait_for_load_state("networkidle")
    client.detach()
    return sum(sizes)


def test_an_empty_place_says_what_to_run_and_fills_by_itself(fresh: Served, visit: Open) -> None:
    page = visit(fresh.url)
    expect(page.get_by_role("heading", name="There is no lake yet")).to_be_visible()
    expect(page.locator(".banner")).to_contain_text("make demo")
    fill_pipeline(fresh.lake, datetime.now(UTC))
    expect(page.get_by_role("heading", name="No results yet")).to_be_visible()
    fill_gold(fresh.lake)
    shown(page).to_contain_text("2024-01-03")
    expect(page.locator(".banner")).to_be_hidden()


def test_a_lake_that_goes_away_and_comes_back(fresh: Served, visit: Open) -> None:
    fill_gold(fresh.lake)
    page = visit(f"{fresh.url}/orders")
    shown(page).to_contain_text("2024-01-03")
    place = Path(fresh.lake.uri)
    place.rename(f"{place}.away")
    place.write_text("not a folder")
    said = re.compile(r"not reachable since \d\d:\d\d, showing \d\d:\d\d")
    expect(page.get_by_role("heading", name=said)).to_be_visible()
    expect(page.locator(".tabulator-row").first).to_be_visible()
    place.unlink()
    Path(f"{place}.away").rename(place)
    expect(page.locator(".banner")).to_be_hidden()
    expect(page.locator(".tabulator-row").first).to_be_visible()


def test_gold_that_comes_while_a_page_is_built_appears(fresh: Served, visit: Open) -> None:
    later = Lake(f"{fresh.lake.uri}-later")
    fill_gold(later)

    def document_arrives(frame: str | bytes) -> None:
        if "PULL-DOC-REPLY" in str(frame):
            Path(later.uri).rename(fresh.lake.uri)
            fresh.store.poll()

    page = visit("about:blank", slowed=6)
    page.on("websocket", lambda socket: socket.on("framereceived", document_arrives))
    page.goto(f"{fresh.url}/orders")
    expect(page.locator(".tabulator-row").first).to_be_visible()


def test_a_gold_commit_appears_and_disturbs_nothing(fresh: Served, visit: Open) -> None:
    fill_gold(fresh.lake)
    page = visit(f"{fresh.url}?segment=BUILDING")
    shown(page).to_contain_text("2024-01-03")
    first = page.locator(".tabulator-row").first
    expect(first).to_contain_text("Customer#000000001")
    page.locator(".tabulator-col-title", has_text="Revenue").click()
    expect(first).to_contain_text("Customer#000000020")
    page.locator(".tabulator-page", has_text="2").click()
    expect(first).to_contain_text("Customer#000000005")
    zoom(page)
    before = x_range(page)
    begun = time.monotonic()
    gold(fresh.lake, "unshipped_orders", "2024-01-04", orders_of("2024-01-04", revenue=9000))
    shown(page).to_contain_text("2024-01-04")
    assert time.monotonic() - begun < 10
    expect(page.locator("p.empty")).to_contain_text("There are no totals of 2024-01-04 yet")
    gold(fresh.lake, "unshipped_totals", "2024-01-04", totals_of("2024-01-04", 9))
    expect(page.locator(".cards")).to_contain_text("189.00 M")
    expect(page.locator("canvas").first).to_be_visible()
    expect(first).to_contain_text("Customer#000000005")
    expect(first).to_contain_text("10,500.00")
    expect(page.locator(".tabulator-page.active")).to_have_text("2")
    expect(page.get_by_role("combobox", name="Market segment")).to_have_value("BUILDING")
    assert x_range(page) == pytest.approx(before)


_RANGE = """() => {
    for (const model of Bokeh.documents[0]._all_models.values())
        if (model.type === 'Plot') return [model.x_range.start, model.x_range.end]
}"""


def x_range(page: Page) -> list[float]:
    return page.evaluate(_RANGE)


def zoom(page: Page) -> None:
    """Pan the chart by its range, as dragging does."""
    page.evaluate("""() => {
        for (const model of Bokeh.documents[0]._all_models.values())
            if (model.type === 'Plot') {
                model.x_range.have_updated_interactively = true
                model.x_range.setv({start: model.x_range.start + 3.6e6, end: model.x_range.end - 3.6e6})
            }
    }""")


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        ("2024-01-01T02:00", "2024-01-01T22:00", ["06:00\n1 Jan", "12:00", "18:00"]),
        ("2024-01-01T20:00", "2024-01-02T10:00", ["21:00", "2 Jan", "03:00", "06:00", "09:00"]),
        ("2024-01-01T11:24:20", "2024-01-01T12:24:20", ["11:30\n1 Jan", "11:45", "12:00", "12:15"]),
        ("2024-01-01T11:54:19", "2024-01-01T11:54:41", ["11:54:20\n1 Jan", "11:54:30", "11:54:40"]),
        ("2024-01-01T00:00", "2024-01-08T00:00", ["2 Jan", "4 Jan", "6 Jan", "8 Jan"]),
    ],
)
def test_an_axis_of_time_names_the_day(full: Served, visit: Open, start: str, end: str, labels: list[str]) -> None:
    page = visit(f"{full.url}/orders")
    expect(page.locator("canvas").first).to_be_visible()
    assert page.evaluate(_LABELS, [start, end]) == labels


_LABELS = """([start, end]) => {
    for (const {type, ticker, formatter} of Bokeh.documents[0]._all_models.values())
        if (type === 'LinearAxis' && ticker.type === 'CustomJSTicker') {
            const range = {start: Date.parse(`${start}Z`), end: Date.parse(`${end}Z`)}
            return formatter.doFormat(ticker.get_ticks(range.start, range.end, range, NaN).major, {loc: 0})
        }
}"""


def test_the_button_has_the_frame_of_the_menus_beside_it(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/orders")
    button, menu = page.locator(".bk-btn"), page.get_by_role("combobox", name="Day")
    expect(button).to_be_visible()
    light = frame(menu)
    assert frame(button) == light
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_function("one => getComputedStyle(document.body).backgroundColor !== one", arg="rgb(255, 255, 255)")
    assert frame(button) == frame(menu) != light


def frame(of: Any) -> str:
    return of.evaluate("one => getComputedStyle(one).border")


@pytest.mark.parametrize("path", ["", "/orders", "/queries?query=q09_product_type_profit", "/pipeline"])
@pytest.mark.parametrize("width", [390, 1920])
def test_pages_fit_both_widths_and_themes(full: Served, visit: Open, path: str, width: int) -> None:
    page = visit(full.url + path, width, 844 if width == 390 else 1080)
    shown(page).to_contain_text("Data as of")
    expect(page.locator("canvas, .sparkline").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    too_wide = page.locator(".cards, select, .as-of, canvas").evaluate_all(
        "(found, width) => found.filter(one => one.getBoundingClientRect().right > width + 1).length", width
    )
    assert too_wide == 0
    light = background(page)
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_function("before => getComputedStyle(document.body).backgroundColor !== before", arg=light)
    assert contrast(page.locator(".as-of")) > 4.5


def background(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def contrast(of: Any) -> float:
    """Contrast of a text with the page's background, as WCAG counts it."""
    return of.evaluate("""one => {
        const pixel = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
        const light = colours => {
            for (const colour of colours) { pixel.fillStyle = colour; pixel.fillRect(0, 0, 1, 1) }
            const [r, g, b] = [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3)
                .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        const under = getComputedStyle(document.body).backgroundColor
        const [a, b] = [light([under, getComputedStyle(one).color]), light([under])]
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    }""")


def test_the_keyboard_reaches_everything(full: Served, visit: Open) -> None:
    page = visit(f"{full.url}/orders")
    shown(page).to_contain_text("Data as of")
    reached: set[str] = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(_FOCUSED))
        if page.evaluate(_FOCUSED) == "Market segment":
            page.keyboard.press("ArrowDown")
            expect(page).to_have_url(re.compile("segment=BUILDING"))
    assert {"Orders", "Queries", "Pipeline", "Dark theme", "Market segment", "Day", "Download CSV"} <= reached


_FOCUSED = """() => {
    let one = document.activeElement
    while (one && one.shadowRoot && one.shadowRoot.activeElement) one = one.shadowRoot.activeElement
    if (!one) return ''
    const by = one.getAttribute('aria-labelledby')
    const label = by && one.getRootNode().getElementById(by.split(' ')[0])
    if (one.labels && one.labels.length) return one.labels[0].textContent.trim()
    return one.getAttribute('aria-label') || (label && label.textContent.trim()) || one.textContent.trim()
}"""
