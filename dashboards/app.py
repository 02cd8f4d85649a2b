"""Assembles the pages over one store, and serves them.

What a page shows does not belong here.
"""

import gc
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import panel as pn
from bokeh.document import Document
from bokeh.server.server import BaseServer
from jinja2 import Environment, FileSystemLoader
from panel.io.server import get_server
from tornado.ioloop import PeriodicCallback

from dashboards.charts.tpch_views import TPCH
from dashboards.liveness import LIVENESS
from dashboards.pages.orders import Orders
from dashboards.pages.page import Page
from dashboards.pages.pipeline import Pipeline
from dashboards.pages.queries import Queries, warm_up
from dashboards.panel_private import serve_styles_locally
from dashboards.settings import DashboardSettings, dashboard_settings
from dashboards.store.store import Store
from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake
from tpch_assets.settings import SettingsError, current_settings

HERE = Path(__file__).parent
PAGES: tuple[type[Page], ...] = (Orders, Queries, Pipeline)
"""The pages, in their order in the menu. To add a page, write a subclass of `Page` and name it here."""

LOOK = TPCH
TITLE = "TPC-H"
FRAME = Environment(loader=FileSystemLoader(HERE / "pages"), autoescape=False).get_template("frame.html")

View = Callable[[], pn.viewable.Viewable]


def open_store(lake: Lake, seconds: float = 3) -> Store:
    """The store of a lake, which prepares what pages will ask for. Call `start` to make it follow the lake."""
    return Store(lake, seconds, warm_up(LOOK))


def routes(store: Store, settings: DashboardSettings) -> dict[str, View]:
    """What is served under each path."""
    return {_slug(page): _session(page, store, settings) for page in PAGES}


def server(store: Store, settings: DashboardSettings, **options: object) -> BaseServer:
    """A server that is not started yet. With several processes, this returns in each of them."""
    pn.extension("tabulator")
    # A page's HTML is the same for everybody, so it is sent at once. The process that the websocket reaches makes the
    # session when the websocket opens.
    pn.config.reuse_sessions = True
    pn.config.session_key_func = lambda request: request.path
    given = settings.serve_options() | {"show": False, "start": False, "verbose": False}
    given["extra_patterns"] = [LIVENESS]
    given["static_dirs"] = {"files": str(HERE / "static")}
    given["title"] = {_slug(page): f"{page.name} · {TITLE}" for page in PAGES}
    return get_server(routes(store, settings), **(given | options))  # type: ignore[arg-type]


def main() -> None:
    """Serve until stopped. A bad setting is one sentence on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings, lake = dashboard_settings(), Lake(current_settings().lake, partial(s3.connect, s3.IMPATIENT))
    except SettingsError as error:
        sys.stderr.write(f"dashboard: {error}\n")
        sys.exit(2)
    sys.stderr.write(f"Dashboard of {lake.uri}: http://{settings.address}:{settings.port}\n")
    serve(lake, settings)


def serve(lake: Lake, settings: DashboardSettings) -> None:
    """Serve a lake until stopped, in as many processes as the settings say."""
    store, parent = open_store(lake, settings.poll_seconds), os.getpid()
    with suppress(KeyboardInterrupt):  # Ctrl-C reaches the other processes by itself; this one only waits for them.
        running = server(store, settings, num_procs=settings.processes)
        if os.getpid() != parent:
            PeriodicCallback(lambda: running.io_loop.stop() if os.getppid() != parent else None, 1000).start()
        store.start()
        running.start()
        # Keep the collector from searching permanent objects for garbage again and again: a tenth of a second each.
        gc.collect()
        gc.freeze()
        running.io_loop.start()


def _slug(page: type[Page]) -> str:
    return page.path.strip("/") or "/"


def _session(page: type[Page], store: Store, settings: DashboardSettings) -> View:
    def make() -> pn.viewable.Viewable:
        made = page(store, settings, pn.state.location, LOOK)
        view = made.view()
        document = pn.state.curdoc
        if document is not None:  # None in tests without a server.
            document.template = FRAME
            menu = {other.path: other.name for other in PAGES}
            document.template_variables.update(brand=TITLE, pages=menu, path=page.path)
            serve_styles_locally(document)
            # Bokeh loses changes while the browser builds the page, so follow the lake only after that.
            pn.state.onload(partial(_follow, store, document, made.refresh))
        return view

    return make


def _follow(store: Store, document: Document, refresh: Callable[[], None]) -> None:
    """Refresh a page after each poll, and now: the lake may have changed while the browser built the page."""
    unsubscribe = store.subscribe(lambda: document.add_next_tick_callback(refresh))
    document.on_session_destroyed(lambda _: unsubscribe())
    refresh()
