"""Dashboards served by this process, and what people do in a browser."""

import threading
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from dashboards import app
from dashboards.settings import DashboardSettings
from tpch_assets.lake.lake import Lake

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # A container's may be too small for it.
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-quic",
]
POLL = 0.5
expect.set_options(timeout=20_000)
Open = Callable[..., Page]


class Served:
    """A dashboard over one lake, in a thread of this process."""

    def __init__(self, lake: Lake) -> None:
        self.lake, self.store = lake, app.open_store(lake, POLL)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    def _serve(self) -> None:
        import asyncio

        asyncio.set_event_loop(asyncio.new_event_loop())
        self._server: Any = app.server(self.store, DashboardSettings(), port=0, websocket_origin="*")
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.store.start()
        self._server.start()
        self._server.io_loop.add_callback(self._ready.set)
        self._server.io_loop.start()

    def stop(self) -> None:
        self._server.io_loop.add_callback(self._server.io_loop.stop)
        self._thread.join(10)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).select_option(label=option)
