"""What the three pages share: frame, navigation, choices kept in the URL, and following the lake."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import panel as pn
import panel_material_ui as pmui
from panel.util import edit_readonly

from dashboards.charts import Chart
from dashboards.data import Store
from dashboards.settings import DashboardSettings
from dashboards.states import banner
from dashboards.text import escape
from tpch_assets.delta import Snapshot

PAGES = {"/": "Orders", "/queries": "Queries", "/pipeline": "Pipeline"}
LATEST = "latest"
_SELECT = """
select.bk-input {
  appearance: none; font-size: 0.95rem; padding-right: 26px !important; text-overflow: ellipsis;
  color: var(--panel-on-background-color); background-color: var(--panel-background-color);
  background-image: linear-gradient(45deg, transparent 50%, currentColor 50%),
    linear-gradient(135deg, currentColor 50%, transparent 50%) !important;
  background-position: right 14px center, right 9px center !important;
  background-size: 5px 5px !important; background-repeat: no-repeat !important;
}
"""


@cache
def css() -> str:
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def block(content: str = "", margin: tuple[int, int] = (4, 0)) -> pn.pane.HTML:
    """HTML in the pages' style; whatever came from the lake must be escaped in it."""
    return pn.pane.HTML(content, stylesheets=[css()], sizing_mode="stretch_width", margin=margin)


def grid(*parts: tuple[pn.viewable.Viewable, int]) -> pn.Row:
    """Parts side by side on wide screens, below each other on narrow ones, as (part, share of the width)."""
    for part, width in parts:
        part.styles = {"flex": f"{width} 1 {max(420, 80 * width)}px", "min-width": "min(100%, 340px)"}
    return _wrapping(*(part for part, _ in parts), gap="24px")


def at_once() -> AbstractContextManager[Any]:
    """Bokeh walks all of a page's models after each change of one; within this, once."""
    document = pn.state.curdoc
    return document.models.freeze() if document else nullcontext()


class Url:
    """The page's address as choices. Only values that are allowed are ever taken from it."""

    def __init__(self, location: Any = None) -> None:
        self._location = location

    def get(self, name: str, allowed: Sequence[str], default: str) -> str:
        """The value in the address, if it is one of `allowed`."""
        value = str((self._location.query_params if self._location else {}).get(name, default))
        return value if value in allowed else default

    def set(self, **choices: str | None) -> None:
        """Put choices in the address; None leaves one out."""
        if not self._location:
            return
        kept = {name: str(value) for name, value in self._location.query_params.items() if name not in choices}
        wanted = kept | {name: value for name, value in choices.items() if value is not None}
        if wanted != {name: str(value) for name, value in self._location.query_params.items()}:
            self._location.search = "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in wanted.items())

    def watch(self, callback: Callable[[], None]) -> None:
        """Call when the address changes: back, forward, or edited by hand."""
        if self._location:
            self._location.param.watch(lambda _: callback(), "search")


class Page:
    """One page of one session. Subclasses fill `body` and say in `show` what is drawn."""

    path = "/"

    def __init__(self, store: Store, settings: DashboardSettings, location: Any = None) -> None:
        self.store, self.settings, self.url = store, settings, Url(location)
        self.banner, self.as_of, self.navigation = block(), block(), block()
        self.dark = self.url.get("theme", ("dark", "light"), "light") == "dark"
        self.body = pn.Column(sizing_mode="stretch_width", margin=0)
        self._told: Any = None

    def show(self) -> None:
        """Draw what is chosen, from the store's newest versions; do nothing where nothing changed."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.store.tables)

    def refresh(self) -> None:
        """Follow the store: after each poll, and once at the start."""
        words = banner(self.store.state, self.store.lake.uri)
        self.banner.object = words
        self.banner.visible = bool(words)
        ready = self.ready()
        self.body.visible = ready
        if ready:
            self.show()

    def tell(self, source: Snapshot, day: str | None) -> None:
        """Say which data the page shows."""
        of = f"Data as of <strong>{escape(day)}</strong>, " if day else ""
        name = escape("/".join(source.uri.rsplit("/", 2)[1:]))
        self.as_of.object = (
            f'<p class="muted as-of">{of}version <strong>{source.version}</strong> of {name}. Times are UTC.</p>'
        )

    def view(self) -> pmui.Page:
        """The whole page."""
        self._navigate()
        self.refresh()
        column = pn.Column(self.banner, self.as_of, self.body, sizing_mode="stretch_width", margin=(12, 16))
        page = pmui.Page(
            title="TPC-H",
            header=[self.navigation],
            main=[column],
            main_width={"xs": "100%", "xl": "1840px"},
            dark_theme=self.dark,
            theme_config={"palette": {"primary": {"main": "#1f4e79"}}},
            meta_title=f"{PAGES[self.path]} · TPC-H",
            meta_description="Orders, business queries and the pipeline behind them.",
            busy_indicator=None,
        )
        # Linked by default: whenever anyone's choice is worked on, every open page would be updated, at 10 ms each.
        with edit_readonly(page):
            page.busy = False
        page.param.watch(self._themed, "dark_theme")
        return page

    def _themed(self, event: Any) -> None:
        self.dark = event.new
        self.url.set(theme="dark" if self.dark else None)
        self._navigate()

    def _navigate(self) -> None:
        theme = "?theme=dark" if self.dark else ""
        links = "".join(
            f'<a href=".{path}{theme}"{" aria-current=page" if path == self.path else ""}>{name}</a>'
            for path, name in PAGES.items()
        )
        self.navigation.object = f'<nav aria-label="Pages">{links}</nav>'


def select(label: str, options: Sequence[str] | dict[str, str], value: str, width: int = 220) -> pn.widgets.Select:
    """A choice of one: the browser's own, since the keyboard cannot open panel-material-ui 0.16's."""
    return pn.widgets.Select(
        label=label,
        options=options,
        value=value,
        margin=(0, 12, 4, 0),
        sizing_mode="stretch_width",
        max_width=width,
        styles={"flex": "1 1 160px"},
        stylesheets=[_SELECT],
    )


def choices(*widgets: Any) -> pn.Row:
    """The page's choices in a row that wraps."""
    return _wrapping(*widgets, gap="0", align="flex-end")


def _wrapping(*parts: Any, gap: str, align: str = "flex-start") -> pn.Row:
    """A row that wraps; plain CSS, since pn.FlexBox and pmui.Grid cost several times as much per page."""
    styles = {"flex-wrap": "wrap", "gap": gap, "align-items": align}
    return pn.Row(*parts, styles=styles, sizing_mode="stretch_width", margin=0)


def place() -> pn.Column:
    """Where something is put that comes, changes and goes."""
    return pn.Column(sizing_mode="stretch_width", margin=0)


def put(where: pn.Column, chart: Chart | None) -> None:
    """Put a chart, or nothing, in its place. A new pane each time: a hidden one cannot be laid out."""
    where[:] = [] if chart is None else [pn.pane.Bokeh(chart.plot, sizing_mode="stretch_width", margin=0)]
