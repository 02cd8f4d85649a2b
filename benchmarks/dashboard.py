"""Measures how fast the dashboard is: first view, a change of query or segment, and 20 people at once.

    python -m benchmarks.dashboard [--lake FOLDER] [--days 30] [--people 20] [--seconds 20]

Copies a lake's newest gold to a temporary lake with `--days` days of it, serves it from another process, and asks it
as browsers do: for a page, a websocket, and the answer to a choice. If chromium is installed, it also times the first
view and changes in the browser, until people can read them, and counts what the first view transfers. What is computed
on the spot is computed from the lake's own silver.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.request import urlopen

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from dashboards.store import business
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.settings import current_settings, load_address

BROWSER = os.environ.get("BROWSER_PATH") or shutil.which("chromium")
ANSWER = 60  # Seconds after which a choice counts as not answered: the page failed.
THINK = (1.0, 4.0)  # Seconds a person reads an answer before the next choice.
VIEWS = 12  # New browser profiles, each with three choices of a kind.
PAUSE = 1000  # Milliseconds between choices of the one person whose browser is timed.
CHANGE = """async ([select, row, label]) => {
    const table = row.getRootNode(), before = row.innerText
    const begun = performance.now()
    select.value = [...select.options].find((option) => option.text === label).value
    select.dispatchEvent(new Event('change', {bubbles: true}))
    const frame = () => new Promise(requestAnimationFrame)
    do { await frame() } while ((table.querySelector('.tabulator-row')?.innerText ?? before) === before)
    await frame()
    return performance.now() - begun
}"""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", default=current_settings().lake, help="a lake with gold (default: TPCH_LAKE)")
    parser.add_argument("--days", type=int, default=30, help="days of gold (default: 30)")
    parser.add_argument("--people", type=int, default=20, help="people at once (default: 20)")
    parser.add_argument("--seconds", type=float, default=20, help="how long they go on (default: 20)")
    parser.add_argument("--port", type=int, default=5016)
    parser.add_argument("--processes", type=int, default=2, help="server processes (default: 2)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(f"{folder}/lake")
        rows = copy_gold(Lake(chosen.lake), lake, chosen.days)
        for layer in ("raw", "bronze", "silver"):  # What is computed on the spot is only read.
            if os.path.isdir(f"{chosen.lake}/{layer}"):
                os.symlink(os.path.abspath(f"{chosen.lake}/{layer}"), f"{folder}/lake/{layer}")
        say(f"{chosen.days} days of gold, {rows:,} rows; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(lake, chosen.port, chosen.processes))
        process.start()
        has_silver = os.path.exists(f"{folder}/lake/silver")
        server = Server(f"127.0.0.1:{chosen.port}", process.pid or 0, has_silver=has_silver)
        try:
            wait_for(server.url)
            if BROWSER:
                in_browser(server)
            asyncio.run(people(server, chosen.people, chosen.seconds))
        finally:
            process.terminate()
            process.join()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Server:
    """The served dashboard: its address, and the CPU seconds all its processes have used."""

    def __init__(self, url: str, pid: int, *, has_silver: bool) -> None:
        self.url, self._process, self.has_silver = url, psutil.Process(pid), has_silver

    def cpu(self) -> float:
        found = [self._process, *self._process.children(recursive=True)]
        return sum(times.user + times.system for times in (process.cpu_times() for process in found))


def report(what: str, seconds: list[float], cpu: float | None = None) -> None:
    """Print how long something took, and the server's CPU time for each, if measured."""
    if not seconds:
        say(f"{what:<44} none")
        return
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    each = f", {1000 * cpu / len(ordered):.0f} ms of the server's CPU each" if cpu is not None else ""
    say(f"{what:<44} median {statistics.median(ordered):6.3f} s   p95 {p95:6.3f} s   ({len(ordered)} times{each})")


def copy_gold(source: Lake, target: Lake, count: int) -> int:
    """Copy every query's newest answer, once for each of `count` days. Returns the number of rows written."""
    total = 0
    for query in business.queries():
        found = snapshot(source, source.table("gold", query))
        if not found.files:
            continue
        newest = max(found.by_partition())
        rows = read(found, found.of({newest}))
        rows = rows.drop_columns(["as_of"])
        uri, last = target.table("gold", query), date.fromisoformat(newest)
        written = []
        for day in (last - timedelta(days=i) for i in range(count)):
            dated = rows.append_column("as_of", pa.array([day] * len(rows), pa.date32()))
            write = write_file(target, uri, day.isoformat(), "{content}.parquet", _writer(dated))
            written.append(write)
            total += len(rows)
        commit(target, uri, written, [])
    return total


def _writer(rows: pa.Table) -> Callable[[str], object]:
    return lambda path: pq.write_table(rows, path)


def serve(lake: Lake, port: int, processes: int) -> None:
    """Serve the dashboard as `python -m dashboards` does."""
    from dashboards import app
    from dashboards.settings import DashboardSettings

    app.serve(lake, load_address(DashboardSettings, port=port, processes=processes))


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            for page in ("", "orders", "queries", "pipeline") * 4:  # Ask each process for each page, to warm it.
                urlopen(f"http://{url}/{page}", timeout=30).read()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the dashboard did not start")


def in_browser(server: Server) -> None:
    """Time a real browser until people can read what they asked for."""
    from playwright.sync_api import sync_playwright

    url = f"http://{server.url}"

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-quic"]
    views, sizes, segments, queries, computed = [], [], [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=arguments)
        for _ in range(VIEWS):
            page = browser.new_context().new_page()
            sizes.append(_transferred(page))
            begun = time.perf_counter()
            page.goto(url)
            page.locator(".sparkline").first.wait_for()
            views.append(time.perf_counter() - begun)
            page.wait_for_load_state("networkidle")
            page.goto(f"{url}/orders")
            page.locator(".tabulator-row").first.wait_for()
            segments += _changes(page, "Market segment", ["BUILDING", "FURNITURE", "MACHINERY"])
            page.goto(f"{url}/queries")
            page.locator(".tabulator-row").first.wait_for()
            titles = ["Q05 Local supplier volume", "Q09 Product type profit measure", "Q16 Parts/supplier relationship"]
            queries += _changes(page, "Query", titles)
            if server.has_silver:
                page.goto(f"{url}/queries?query=q06_forecasting_revenue_change")
                page.locator(".tabulator-row").first.wait_for()
                computed += [_computed(page, value) for value in random.sample(range(25, 60), 3)]
            page.context.close()
        browser.close()
    report("first view, new browser profile", views)
    over_http, over_websocket = ([size[kind] for size in sizes] for kind in ("http", "websocket"))
    after = f"{max(over_websocket) / 1e6:.2f} MB over the websocket"
    say(f"{'first view, transferred':<44} {max(over_http) / 1e6:.2f} MB over HTTP, {after}")
    report("change of segment, in the browser", segments)
    report("change of query, in the browser", queries)
    report("a parameter, computed on the spot", computed)


def _transferred(page: Any) -> dict[str, int]:
    """Counts the bytes that reach the browser until the first page is idle; filled as they come."""
    found, client = {"http": 0, "websocket": 0}, page.context.new_cdp_session(page)
    counting = [True]

    def add(kind: str, count: float) -> None:
        if counting[0]:
            found[kind] += int(count)

    client.send("Network.enable")
    client.on("Network.loadingFinished", lambda event: add("http", event["encodedDataLength"]))
    client.on("Network.webSocketFrameReceived", lambda event: add("websocket", len(event["response"]["payloadData"])))
    page.on("framenavigated", lambda frame: counting.__setitem__(0, frame.url.rstrip("/").count("/") == 2))
    return found


def _computed(page: Any, quantity: int) -> float:
    """Seconds from another value of a parameter, which the query itself does not use, to the answer with it."""
    page.wait_for_timeout(PAUSE)
    field = page.get_by_label("quantity (integer)")
    field.fill(str(quantity))
    begun = time.perf_counter()
    field.press("Enter")
    page.locator(".as-of", has_text=f"quantity = {quantity}").wait_for()
    return time.perf_counter() - begun


def _changes(page: Any, choice: str, options: list[str]) -> list[float]:
    """Seconds from a choice to the frame with the answer's first row. The page times itself: asking it costs time."""
    took = []
    for option in options:
        page.wait_for_timeout(PAUSE)
        select = page.get_by_role("combobox", name=choice).element_handle()
        row = page.locator(".tabulator-row").first.element_handle()
        took.append(page.evaluate(CHANGE, [select, row, option]) / 1000)
    return took


class Person:
    """One person on one page, who opens it, chooses again and again, and notes how long answers took."""

    def __init__(self, url: str, path: str, choice: str) -> None:
        self.url, self.path, self.choice = url, path, choice
        self.opened, self.changed = 0.0, []  # type: float, list[float]
        self._number = 0

    async def open(self) -> None:
        begun = time.perf_counter()
        loop = asyncio.get_running_loop()
        address = f"http://{self.url}/{self.path}"
        html = await loop.run_in_executor(None, lambda: urlopen(address, timeout=60).read().decode())
        token = html.split('"token":"')[1].split('"')[0]
        request = HTTPRequest(
            f"ws://{self.url}/{self.path + '/' if self.path else ''}ws",
            connect_timeout=60,
            request_timeout=60,
            headers={"Origin": f"http://{self.url}", "Sec-WebSocket-Protocol": f"bokeh, {token}"},
        )
        self.socket = await websocket_connect(request, subprotocols=["bokeh", token], max_message_size=1 << 28)
        await self._message()  # ACK
        await self._send("PULL-DOC-REQ", {})
        document = (await self._reply("PULL-DOC-REPLY"))["doc"]
        self.opened = time.perf_counter() - begun
        self.model = next(
            found for found in _models(document) if self.choice in (found.get("title"), found.get("label"))
        )
        self.chosen = self.model["value"]

    async def go_on(self, until: float) -> None:
        options = [value if isinstance(value, str) else value[1] for value in self.model["options"]]
        while time.perf_counter() < until:
            await asyncio.sleep(random.uniform(*THINK))
            self.chosen = random.choice([option for option in options if option != self.chosen])
            begun = time.perf_counter()
            await self._choose(self.chosen)
            self.changed.append(time.perf_counter() - begun)

    async def _choose(self, value: str) -> None:
        """Choose, and wait for what the server sends last, after table and charts: the name of the download."""
        event = {"kind": "ModelChanged", "model": {"id": self.model["id"]}, "attr": "value", "new": value}
        await self._send("PATCH-DOC", {"events": [event]})
        async with asyncio.timeout(ANSWER):
            while all(event.get("attr") != "filename" for event in (await self._reply("PATCH-DOC"))["events"]):
                pass

    async def _send(self, kind: str, content: dict[str, Any]) -> None:
        self._number += 1
        header = {"msgid": f"{id(self):x}{self._number}", "msgtype": kind}
        for part in (header, {}, content):
            await self.socket.write_message(json.dumps(part))

    async def _reply(self, kind: str) -> dict[str, Any]:
        while True:
            header, content = await self._message()
            if header["msgtype"] == "ERROR":
                raise RuntimeError(content)
            if header["msgtype"] == kind:
                return content

    async def _message(self) -> tuple[dict[str, Any], dict[str, Any]]:
        header, _, content = [json.loads(await self._fragment()) for _ in range(3)]
        for _ in range(header.get("num_buffers", 0)):
            await self._fragment()
            await self._fragment()
        return header, content

    async def _fragment(self) -> Any:
        found = await self.socket.read_message()
        if found is None:
            raise ConnectionError("the server closed the connection")
        return found


def _models(part: Any) -> Any:
    """Every model in a document, as its properties and its id."""
    if isinstance(part, dict):
        if part.get("type") == "object" and "id" in part:
            attributes = part.get("attributes", {})
            yield {"id": part["id"], **attributes}
        for child in part.values():
            yield from _models(child)
    elif isinstance(part, list):
        for child in part:
            yield from _models(child)


async def people(server: Server, count: int, seconds: float) -> None:
    """`count` people arrive one after the other, then all choose at once."""
    choices = (("queries", "Query"), ("orders", "Market segment"))
    everyone = [Person(server.url, *choices[number % 2]) for number in range(count)]
    before = server.cpu()
    for person in everyone:
        await person.open()
    used = server.cpu() - before
    report("a page's document, people coming in turn", [person.opened for person in everyone], used)
    until, before = time.perf_counter() + seconds, server.cpu()
    await asyncio.gather(*(person.go_on(until) for person in everyone))
    used = server.cpu() - before
    report(f"a choice, {count} people at once", [took for person in everyone for took in person.changed], used)
    at_once = [Person(server.url, person.path, person.choice) for person in everyone]
    before = server.cpu()
    await asyncio.gather(*(person.open() for person in at_once))
    used = server.cpu() - before
    report(f"a page's document, {count} people in one instant", [person.opened for person in at_once], used)


if __name__ == "__main__":
    main()
