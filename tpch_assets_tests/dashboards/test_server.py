"""The dashboard as `python -m dashboards` serves it: signing in, which websockets it accepts, restarts and its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tpch_assets.lake.lake import Lake
from tpch_assets.settings import PROJECT
from tpch_assets_tests.conftest import left
from tpch_assets_tests.dashboards.lakes import fill_gold

SECRET = "0123456789abcdef0123456789abcdef"


class Command:
    """`python -m dashboards` on a free port, over a lake with gold."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.lake, self._said, self.temporary = Lake(str(folder / "lake")), folder / "said", folder / "temporary"
        self.temporary.mkdir()
        fill_gold(self.lake)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"PORT": str(self.port), "POLL_SECONDS": "0.5", "PROCESSES": "1"} | settings
        named = {f"TPCH_DASHBOARD_{name}": value for name, value in given.items()}
        ours = {"TPCH_LAKE": self.lake.uri, "PYTHONPATH": str(PROJECT), "TMPDIR": str(self.temporary)}
        self._environment = {**os.environ, **ours, **named}

    def start(self, *, page: bool = True) -> "Command":
        """Start it and wait, until its first page answers, or just its port."""
        self._run()
        deadline = time.monotonic() + 60
        while not (self.answers() if page else self.listens()):
            assert self.process.poll() is None and time.monotonic() < deadline, "the dashboard did not start"
            time.sleep(0.1)
        return self

    def refused(self) -> str:
        """What it says instead of starting."""
        self._run()
        assert self.process.wait(60) == 2
        return self.said()

    def _run(self) -> None:
        command = [sys.executable, "-m", "dashboards"]
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(command, env=self._environment, stderr=said, start_new_session=True)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(40)

    def ends_without_a_word(self, number: signal.Signals) -> None:
        """A terminal's Ctrl-C reaches all processes, a SIGTERM the first. A second one, of impatience, is no error."""
        for page in ("", "/queries", "/pipeline") * 2:  # These make DuckDB and threads that read the lake.
            with urlopen(f"{self.url}{page}") as answer:
                answer.read()
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children()]
        before = self.said()
        for _ in range(2):
            (os.killpg if number == signal.SIGINT else os.kill)(self.process.pid, number)
        assert self.process.wait(40) == 0
        assert not left(family, 0) and not self.listens()
        assert self.said() == before
        assert list(self.temporary.iterdir()) == []

    def said(self) -> str:
        return self._said.read_text()

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def answers(self) -> bool:
        try:
            with urlopen(self.url, timeout=10) as answer:
                return answer.status == 200
        except (URLError, ConnectionError):
            return False


@pytest.fixture
def locked(environment: Path) -> Iterator[Command]:
    """A dashboard that requires a name and a password."""
    users = environment / "users.json"
    users.write_text(json.dumps({"ada": "correct horse"}))
    command = Command(environment, BASIC_AUTH=str(users), COOKIE_SECRET=SECRET).start()
    yield command
    command.stop()


def sign_in(context: BrowserContext, url: str, password: str) -> None:
    page = context.new_page()
    page.goto(url)
    page.locator("input[name=username]").fill("ada")
    page.locator("input[name=password]").fill(password)
    page.locator("input[name=password]").press("Enter")


def test_only_the_right_password_lets_in(locked: Command, browser: Browser) -> None:
    context = browser.new_context()
    sign_in(context, locked.url, "wrong")
    page = context.pages[-1]
    expect(page.locator("body")).to_contain_text("Invalid username or password")
    page.goto(f"{locked.url}/queries")
    assert "/login" in page.url
    assert status(locked, locked.url, "", "") == 403, "a websocket without a cookie was let in"
    sign_in(context, locked.url, "correct horse")
    page = context.pages[-1]
    expect(page.locator(".as-of")).to_contain_text("Data as of 2024-01-03")
    page.goto(f"{locked.url}/queries?query=q05_local_supplier_volume")
    expect(page.locator(".tabulator-row").first).to_contain_text("CHINA")
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in context.cookies())
    html = context.request.get(locked.url).text()
    token = html.split('"token":"')[1].split('"')[0]
    assert status(locked, locked.url, cookies, token) == 101
    assert status(locked, "http://elsewhere.example", cookies, token) == 403
    context.close()


def status(command: Command, origin: str, cookies: str, token: str) -> int:
    """The status a websocket gets whose page came from `origin`: 101 lets it in."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": f"bokeh, {token}"}
    connection = HTTPConnection("127.0.0.1", command.port, timeout=30)
    try:
        connection.request("GET", "/ws", headers={"Origin": origin, "Cookie": cookies, **upgrade, **key})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_page_comes_back_when_the_server_does(environment: Path, browser: Browser) -> None:
    command = Command(environment).start()
    page = browser.new_context().new_page()
    page.goto(f"{command.url}?segment=BUILDING")
    expect(page.locator(".as-of")).to_contain_text("Data as of")
    page.wait_for_function("Bokeh.documents.length === 1")
    page.wait_for_timeout(1500)  # The page looks for the end of its websocket from a second after it was loaded on.
    command.stop()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    command.start()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("combobox", name="Market segment")).to_have_value("BUILDING")
    expect(page.locator(".tabulator-row").first).to_be_visible()
    page.context.close()
    command.stop()


def test_several_processes_serve_and_end_together(environment: Path, browser: Browser) -> None:
    command = Command(environment, PROCESSES="2", ORIGINS="lake.example.org").start()
    children = psutil.Process(command.process.pid).children()
    assert len(children) == 2
    for _ in range(4):  # Whichever process the page and its websocket reach.
        page = browser.new_context().new_page()
        page.goto(f"{command.url}?segment=BUILDING")
        expect(page.locator(".as-of")).to_contain_text("Data as of 2024-01-03")
        expect(page.get_by_role("combobox", name="Market segment")).to_have_value("BUILDING")
        page.context.close()
    with urlopen(command.url) as answer:
        token = answer.read().decode().split('"token":"')[1].split('"')[0]
    assert status(command, "http://lake.example.org", "", token) == 101
    assert status(command, "http://elsewhere.example", "", token) == 403
    command.ends_without_a_word(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_word(environment: Path, number: signal.Signals) -> None:
    command = Command(environment).start()
    command.ends_without_a_word(number)
    assert command.said() == f"Dashboard of {command.lake.uri}: {command.url}\n"


def test_a_process_that_was_stopped_alone_is_replaced_and_ctrl_c_ends_all_of_them(environment: Path) -> None:
    command = Command(environment, PROCESSES="2").start()
    try:
        first = psutil.Process(command.process.pid)
        stopped, other = first.children()
        stopped.terminate()
        stopped.wait(40)
        deadline = time.monotonic() + 60
        while len(first.children()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(first.children()) == 2 and other in first.children() and command.answers()
        command.ends_without_a_word(signal.SIGINT)
    finally:
        command.stop()


def test_a_port_in_use_is_one_sentence(environment: Path) -> None:
    command = Command(environment, PROCESSES="2")
    with socket.create_server(("127.0.0.1", command.port)):
        assert command.refused() == (
            f"dashboard: port {command.port} is in use: set TPCH_DASHBOARD_PORT or stop the other program\n"
        )


def test_an_address_of_another_machine_is_one_sentence(environment: Path) -> None:
    command = Command(environment, ADDRESS="192.0.2.1")
    assert command.refused() == (
        f"dashboard: port {command.port} of 192.0.2.1 cannot be used (Cannot assign requested address): "
        "set TPCH_DASHBOARD_PORT or TPCH_DASHBOARD_ADDRESS\n"
    )


def test_oauth_sends_people_to_their_provider(environment: Path) -> None:
    back = "https://lake.example.org/login"
    oauth = {"OAUTH_PROVIDER": "github", "OAUTH_KEY": "our-id", "OAUTH_SECRET": "s", "OAUTH_REDIRECT_URI": back}
    command = Command(environment, COOKIE_SECRET=SECRET, **oauth)
    command.start(page=False)
    try:
        assert redirect(command, "/").startswith("./login")
        provider = redirect(command, "/login")
        assert provider.startswith("https://github.com/login/oauth/authorize?")
        assert "client_id=our-id" in provider and f"redirect_uri={quote(back, safe='')}" in provider
        assert status(command, command.url, "", "") == 403
    finally:
        command.stop()


def redirect(command: Command, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", command.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 302
        return answer.headers["Location"]
    finally:
        connection.close()
