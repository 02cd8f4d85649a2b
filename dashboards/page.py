"""What the three pages share: choices kept in the URL, following the lake, and the parts that they are made of."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import quote

import panel as pn

from dashboards.charts import Chart
from dashboards.data import LakeState, Store
from dashboards.settings import DashboardSettings
from dashboards.states import banner
from dashboards.text import css, escape
from tpch_assets.lake.delta import Snapshot
from tpch_assets.lake.lake import LakeError

PAGES = {"/": "Orders", "/queries": "Queries", "/pipeline": "Pipeline"}
LATEST = "latest"


class _Block(pn.pane.HTML):
    """HTML that is updated alone. Panel sends its style sheets along, for which Bokeh lays out the whole page anew."""

    def _update(self, ref: str, model: Any) -> None:
        properties = self._get_properties(model.document)
        model.update(**{name: value for name, value in properties.items() if name != "stylesheets"})


class _Select(pn.widgets.Select):
    """A choice that is answered at once. Panel waits 50 ms for more changes, of which a menu has none."""

    _debounce = 0


def block(content: str = "", margin: tuple[int, int] = (4, 0)) -> pn.pane.HTML:
    """HTML in the pages' style; whatever came from the lake must be escaped in it."""
    return _Block(content, stylesheets=[css("parts")], sizing_mode="stretch_width", margin=margin)


def grid(*parts: tuple[pn.viewable.Viewable, float]) -> pn.Row:
    """Parts side by side on wide screens, below each other on narrow ones, as (part, share of the width)."""
    for part, width in parts:
        part.styles = {"flex": f"{width:g} 1 {max(420, 80 * width):g}px", "min-width": "min(100%, 340px)"}
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
        self.head, self._as_of = block(), ""
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
        ready, state = self.ready(), self.store.state
        if ready:
            try:
                self.show()
            except LakeError as error:  # Tried again after the next poll.
                state = LakeState("unreachable", str(error))
        self.body.visible = ready and (state.kind != "unreachable" or bool(self._as_of))
        self.head.object = banner(state, self.store.lake.uri) + (self._as_of if ready else "")

    def tell(self, day: str | None, *sources: Snapshot) -> None:
        """Say which data the page shows."""
        of = f"Data as of <strong>{escape(day)}</strong>, " if day else ""
        versions = ", ".join(
            f"version <strong>{source.version}</strong> of {escape('/'.join(source.uri.rsplit('/', 2)[1:]))}"
            for source in sources
        )
        self._as_of = f'<p class="muted as-of">{of}{versions}. Times are UTC.</p>'

    def view(self) -> pn.Column:
        """The whole page."""
        self.refresh()
        return pn.Column(self.head, self.body, sizing_mode="stretch_width", margin=0)


def select(label: str, options: Sequence[str] | dict[str, str], value: str, width: int = 220) -> pn.widgets.Select:
    """A choice of one: the browser's own, which every keyboard and phone knows."""
    return _Select(
        label=label,
        options=options,
        value=value,
        margin=(0, 12, 4, 0),
        sizing_mode="stretch_width",
        max_width=width,
        styles={"flex": f"1 1 {160 if width <= 220 else 280}px"},
        stylesheets=[css("parts")],
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
    """Put a chart in its place, or hide the place. A new pane each time: a hidden one cannot be laid out."""
    where[:] = [] if chart is None else [pn.pane.Bokeh(chart.plot, sizing_mode="stretch_width", margin=0)]
    where.visible = chart is not None
