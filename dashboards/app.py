"""Assembles the pages over one store, and serves them.

What a page shows does not belong here.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from socket import gaierror

import panel as pn
import psutil
from bokeh.document import Document
from bokeh.server.server import BaseServer
from panel.io.server import get_server
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import PeriodicCallback
from tornado.iostream import IOStream
from tornado.process import task_id

from dashboards.bokeh_private import serve_first
from dashboards.frame import TEMPLATES, not_found
from dashboards.liveness import LIVENESS
from dashboards.own import own
from dashboards.pages.model import Model
from dashboards.pages.page import Page
from dashboards.pages.pipeline import Pipeline
from dashboards.pages.queries import Queries, warm_up
from dashboards.pages.rows import Rows
from dashboards.pages.start import Start
from dashboards.panel_private import serve_styles_locally
from dashboards.settings import DashboardSettings
from dashboards.static_files import rules
from dashboards.store.store import Store
from tpch_assets.lake import s3
from tpch_assets.lake.lake import Lake
from tpch_assets.settings import DASHBOARD_PREFIX, SettingsError, current_settings, load_address

HERE = Path(__file__).parent
PAGES: tuple[type[Page], ...] = (Start, Queries, Rows, Model, Pipeline)
"""The pages of any business, in their order in the menu. To add a page, write a subclass of `Page` and name it here.

A page about one business belongs in a module that the business names (see `dashboards.own`).
"""

FRAME = TEMPLATES.get_template("frame.html")

STOPS = (signal.SIGINT, signal.SIGTERM)
View = Callable[[], pn.viewable.Viewable]


def pages() -> tuple[type[Page], ...]:
    """The pages on offer, in their order in the menu: the start page, the business's own, and then the general ones."""
    found: dict[str, type[Page]] = {}
    for page in (*own().pages, *PAGES):
        if page.offered():
            found.setdefault(page.path, page)
    return tuple(sorted(found.values(), key=lambda page: page.path != "/"))


def open_store(lake: Lake, seconds: float = 3, memory: str = "1GiB") -> Store:
    """The store of a lake, which prepares what pages will ask for. Call `start` to make it follow the lake."""
    return Store(lake, seconds, warm_up(own().look), memory)


def routes(store: Store, settings: DashboardSettings) -> dict[str, View]:
    """What is served under each path."""
    return {_slug(page): _session(page, store, settings) for page in pages()}


def server(store: Store, settings: DashboardSettings, **options: object) -> BaseServer:
    """A server that is not started yet. With several processes, this returns in each of them."""
    pn.extension("tabulator")
    # A page's HTML is the same for everybody, so it is sent at once. The process that the websocket reaches makes the
    # session when the websocket opens.
    pn.config.reuse_sessions = True
    pn.config.session_key_func = _session_key
    given = settings.serve_options() | {"show": False, "start": False, "verbose": False}
    given["extra_patterns"] = [LIVENESS]
    given["compress_response"] = True
    given["default_handler_class"] = not_found(own().title, {} if settings.signs_in else _menu())
    given["title"] = {_slug(page): f"{page.name} · {own().title}" for page in pages()}
    made = get_server(routes(store, settings), **(given | options))  # type: ignore[arg-type]
    serve_first(made, rules(HERE / "static"))
    return made


def main() -> None:
    """Serve until stopped. A bad setting is one sentence on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings, lake = (
            load_address(DashboardSettings),
            Lake(current_settings().lake, partial(s3.connect, s3.IMPATIENT)),
        )
        serve(lake, settings)
    except SettingsError as error:
        sys.stderr.write(f"dashboard: {error}\n")
        sys.exit(2)


def serve(lake: Lake, settings: DashboardSettings) -> None:
    """Serve a lake until stopped, in as many processes as the settings say.

    Raises:
        SettingsError: Nothing can listen on the port.
    """
    store, parent = open_store(lake, settings.poll_seconds, settings.memory), os.getpid()
    for signal_ in STOPS:  # With several processes, this one waits until it is interrupted.
        signal.signal(signal_, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            running = _listen(store, settings)
            running.io_loop.add_callback(_stop_at_signals)
            if os.getpid() != parent:
                PeriodicCallback(lambda: running.io_loop.stop() if os.getppid() != parent else None, 1000).start()
            store.start()
            running.start()
            if not task_id():  # Of several processes the first one speaks.
                sys.stderr.write(f"Dashboard of {lake.uri}: http://{settings.address}:{settings.port}\n")
            # Keep the collector from searching permanent objects for garbage again and again: a tenth of a second each.
            gc.collect()
            gc.freeze()
            running.io_loop.start()
    finally:
        for signal_ in STOPS:  # The end has begun, so a second Ctrl-C changes nothing.
            signal.signal(signal_, signal.SIG_IGN)
        _end_children()
    # Of several processes, one that is stopped alone has failed: another takes its place.
    _end_early(0 if os.getpid() == parent else 1)


def _stop_at_signals() -> None:
    loop = asyncio.get_running_loop()
    for signal_ in STOPS:
        loop.add_signal_handler(signal_, loop.stop)


def _listen(store: Store, settings: DashboardSettings) -> BaseServer:
    try:
        return server(store, settings, num_procs=settings.processes)
    except OSError as error:
        setting, port = f"{DASHBOARD_PREFIX}PORT", settings.port
        if error.errno == EADDRINUSE:
            raise SettingsError(f"port {port} is in use: set {setting} or stop the other program") from None
        if error.errno in (EACCES, EADDRNOTAVAIL) or isinstance(error, gaierror):
            why = f"port {port} of {settings.address} cannot be used ({error.strerror})"
            raise SettingsError(f"{why}: set {setting} or {DASHBOARD_PREFIX}ADDRESS") from None
        raise


def _end_early(code: int) -> None:
    """End this process once it has cleared up, before Python takes itself apart.

    In that, threads that still read the lake crash, and DuckDB's binding complains of what is left.
    """
    Finalize(None, os._exit, args=(code,), exitpriority=-101)  # -100 is the last of all others.


def _end_children() -> None:
    children = psutil.Process().children()
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.terminate()
    for child in psutil.wait_procs(children, 2)[1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _session_key(request: HTTPServerRequest) -> tuple[int, str]:
    """What a page's HTML belongs to: the port, since Panel keeps it for all servers of a process, and the path."""
    stream: IOStream = request.connection.stream  # type: ignore[union-attr]
    return stream.socket.getsockname()[1], request.path


def _menu() -> dict[str, str]:
    """Names of pages by path."""
    return {page.path: page.name for page in pages()}


def _slug(page: type[Page]) -> str:
    return page.path.strip("/") or "/"


def _session(page: type[Page], store: Store, settings: DashboardSettings) -> View:
    def make() -> pn.viewable.Viewable:
        made = page(store, settings, pn.state.location, own().look)
        view = made.view()
        document = pn.state.curdoc
        if document is not None:  # None in tests without a server.
            document.template = FRAME
            moved = {choice: other.path for other in pages() for choice in other.stood_at_root}
            document.template_variables.update(
                brand=own().title,
                pages=_menu(),
                path=page.path,
                name=page.name,
                root=".",
                moved=moved if page.path == "/" else {},
            )
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
