"""Lakes and stores that the dashboard's tests share."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from dashboards import app
from dashboards.store.store import Store
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.conftest import browser_path
from tpch_assets_tests.dashboards.browsers import ARGUMENTS, Open, Served
from tpch_assets_tests.dashboards.lakes import fill_behind, fill_gold, fill_model, fill_pipeline


@pytest.fixture(scope="session", autouse=True)
def _no_dagster_home_of_the_checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pages read Dagster's runs. Tests that do not set DAGSTER_HOME must not see those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        yield


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A lake with three days of gold and a pipeline that is on time."""
    fill_gold(lake)
    fill_pipeline(lake, datetime.now(UTC) - timedelta(minutes=20))
    return lake


@pytest.fixture
def store(filled: Lake) -> Store:
    found = app.open_store(filled)
    found.poll()
    found.poll_raw()
    return found


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A lake with three days of gold. Tests read it and do not change it."""
    lake = Lake(str(tmp_path_factory.mktemp("full") / "lake"))
    fill_gold(lake)
    fill_pipeline(lake, datetime.now(UTC) - timedelta(minutes=16))
    fill_model(lake)
    served = Served(lake)
    yield served
    served.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = browser_path()
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens pages. At the end, no page may have had an error or have asked another host for anything."""
    said: list[str] = []
    contexts = []

    def go(url: str, width: int = 1280, height: int = 900, slowed: int = 1) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if foreign(request.url) else None)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowed})
        page.goto(url)
        return page

    yield go
    for context in contexts:
        context.close()
    assert said == []


def foreign(url: str) -> bool:
    return not re.match(r"(blob:)?(http|ws)://127\.0\.0\.1:|data:|blob:null|about:blank", url)


@pytest.fixture(scope="session")
def behind_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake whose answers lead to rows and raw lines. Tests read it and do not change it."""
    lake = Lake(str(tmp_path_factory.mktemp("behind") / "lake"))
    fill_behind(lake)
    return lake
