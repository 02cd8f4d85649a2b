"""Assembles the three pages over one store, and serves them."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import panel as pn
from panel.io.server import get_server

from dashboards.answers import warm
from dashboards.data import Store
from dashboards.liveness import LIVENESS
from dashboards.orders import Orders
from dashboards.page import Page
from dashboards.pipeline import Pipeline
from dashboards.queries import Queries
from dashboards.settings import DashboardSettings, dashboard_settings
from tpch_assets.lake import Lake
from tpch_assets.settings import SettingsError, current_settings

PAGES: tuple[type[Page], ...] = (Orders, Queries, Pipeline)


def routes(store: Store, settings: DashboardSettings) -> dict[str, Callable[[], pn.viewable.Viewable]]:
    """What is served under each path."""
    return {page.path.strip("/") or "/": _session(page, store, settings) for page in PAGES}


def _session(page: type[Page], store: Store, settings: DashboardSettings) -> Callable[[], pn.viewable.Viewable]:
    def make() -> pn.viewable.Viewable:
        made = page(store, settings, pn.state.location)
        view = made.view()
        document = pn.state.curdoc
        if document is not None:  # None in tests without a server.
            unsubscribe = store.subscribe(lambda: document.add_next_tick_callback(made.refresh))
            pn.state.on_session_destroyed(lambda _: unsubscribe())
        return view

    return make


def server(store: Store, settings: DashboardSettings, **options: object) -> object:
    """A server that is not started yet."""
    pn.extension("tabulator", js_files={"history": "./files/history.js"})
    given = settings.serve_options() | {"show": False, "start": False, "verbose": False}
    given["static_dirs"] = {"files": str(Path(__file__).parent / "static")}
    given["extra_patterns"] = [LIVENESS]
    return get_server(routes(store, settings), **(given | options))  # type: ignore[arg-type]


def main() -> None:
    """Serve until stopped; a bad setting is one sentence on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings, lake = dashboard_settings(), Lake(current_settings().lake)
    except SettingsError as error:
        sys.exit(f"dashboard: {error}")
    store = Store(lake, settings.poll_seconds, warm).start()
    running = server(store, settings)
    sys.stderr.write(f"Dashboard of {lake.uri}: http://{settings.address}:{settings.port}\n")
    running.start()  # type: ignore[attr-defined]
    running.io_loop.start()  # type: ignore[attr-defined]
