"""Assembles the three pages over one store, and serves them."""

import gc
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document
from jinja2 import Environment, FileSystemLoader
from panel.io.resources import LOCAL_DIST
from panel.io.server import get_server
from tornado.ioloop import PeriodicCallback

from dashboards.answers import warm
from dashboards.data import Store
from dashboards.liveness import LIVENESS
from dashboards.orders import Orders
from dashboards.page import PAGES, Page
from dashboards.pipeline import Pipeline
from dashboards.queries import Queries
from dashboards.settings import DashboardSettings, dashboard_settings
from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake
from tpch_assets.settings import SettingsError, current_settings

HERE = Path(__file__).parent
CLASSES: tuple[type[Page], ...] = (Orders, Queries, Pipeline)
FRAME = Environment(loader=FileSystemLoader(HERE), autoescape=False).get_template("page.html")


def routes(store: Store, settings: DashboardSettings) -> dict[str, Callable[[], pn.viewable.Viewable]]:
    """What is served under each path."""
    return {_slug(page.path): _session(page, store, settings) for page in CLASSES}


def _slug(path: str) -> str:
    return path.strip("/") or "/"


def _session(page: type[Page], store: Store, settings: DashboardSettings) -> Callable[[], pn.viewable.Viewable]:
    def make() -> pn.viewable.Viewable:
        made = page(store, settings, pn.state.location)
        view = made.view()
        document = pn.state.curdoc
        if document is not None:  # None in tests without a server.
            document.template = FRAME
            # Without `dist_url`, stylesheets of a session that its websocket made come from Panel's CDN.
            document.template_variables.update(pages=PAGES, path=page.path, dist_url=LOCAL_DIST)
            # Bokeh loses what changes while the browser builds the page, so follow the lake from when it has.
            pn.state.onload(partial(_follow, store, document, made.refresh))
        return view

    return make


def _follow(store: Store, document: Document, refresh: Callable[[], None]) -> None:
    """Refresh a page after each poll, and now: the lake may have changed while the page was built."""
    unsubscribe = store.subscribe(lambda: document.add_next_tick_callback(refresh))
    document.on_session_destroyed(lambda _: unsubscribe())
    refresh()


def server(store: Store, settings: DashboardSettings, **options: object) -> Any:
    """A server that is not started yet. With several processes, this returns in each of them."""
    pn.extension("tabulator")
    # A page's HTML is the same for all, so it is sent at once; its session is made when the websocket opens, by the
    # process that the websocket reaches.
    pn.config.reuse_sessions = True
    pn.config.session_key_func = lambda request: request.path
    given = settings.serve_options() | {"show": False, "start": False, "verbose": False}
    given["extra_patterns"] = [LIVENESS]
    given["static_dirs"] = {"files": str(HERE / "static")}
    given["title"] = {_slug(path): f"{name} · TPC-H" for path, name in PAGES.items()}
    return get_server(routes(store, settings), **(given | options))  # type: ignore[arg-type]


def main() -> None:
    """Serve until stopped; a bad setting is one sentence on stderr and exit code 2."""
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
    store, parent = Store(lake, settings.poll_seconds, warm), os.getpid()
    with suppress(KeyboardInterrupt):  # Ctrl-C reaches the processes by themselves; this one only waits for them.
        running = server(store, settings, num_procs=settings.processes)
        if os.getpid() != parent:
            PeriodicCallback(lambda: running.io_loop.stop() if os.getppid() != parent else None, 1000).start()
        store.start()
        running.start()
        # What is there for good need not be looked through for garbage again and again, at a tenth of a second.
        gc.collect()
        gc.freeze()
        running.io_loop.start()
