"""The frame of a page: its head, its body, its choices in the address, and how it follows the lake.

What one page shows does not belong here; neither do the parts pages are made of, which are in `parts`.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import ClassVar

import panel as pn

from dashboards.charts.looks import Look
from dashboards.pages.markup import escape, in_dagster
from dashboards.pages.parts import block, select
from dashboards.pages.states import banner, unknown
from dashboards.pages.url import Location, Url
from dashboards.settings import DashboardSettings
from dashboards.store import business
from dashboards.store.answers import days
from dashboards.store.state import LakeState
from dashboards.store.store import Store
from tpch_assets.lake.lake import LakeError
from tpch_assets.lake.snapshot import Snapshot

LATEST = "latest"


class Page:
    """One page of one session. Subclasses fill `body`, draw in `show`, and name their choices.

    Args:
        look: How the business's answers look.
    """

    path: ClassVar[str]
    name: ClassVar[str]
    needs: ClassVar[Mapping[str, Collection[str]]] = {}
    """The queries whose answers the page shows, with the columns it needs of each. General pages need none."""
    stood_at_root: ClassVar[tuple[str, ...]] = ()
    """Choices by which old links to `/` are known as links to this page."""

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        self.store, self.settings, self.url, self.look = store, settings, Url(location), look or Look()
        self.head, self.as_of = block(), ""
        self.body = pn.Column(sizing_mode="stretch_width", margin=0)
        self._choosing = False
        self._lost: datetime | None = None

    @classmethod
    def offered(cls) -> bool:
        """Whether the business has what the page needs."""
        return all(set(columns) <= business.columns(query) for query, columns in cls.needs.items())

    def show(self) -> None:
        """Draw what is chosen from the store's newest versions. Draw nothing that did not change."""
        raise NotImplementedError

    def choices(self) -> Mapping[str, str | None]:
        """What is chosen, by its name in the address. None leaves a choice out."""
        raise NotImplementedError

    def read_choices(self) -> None:
        """Choose what the address says."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.store.tables)

    def view(self) -> pn.Column:
        """The whole page."""
        self.refresh()
        return pn.Column(self.head, self.body, sizing_mode="stretch_width", margin=0)

    def refresh(self) -> None:
        """Follow the store. Called once at the start and after each poll."""
        ready, state = self.ready(), self.store.state
        if ready:
            try:
                self.show()
            except LakeError as error:  # The next poll retries.
                self._lost = self._lost or datetime.now(UTC)
                state = LakeState("unreachable", str(error), self._lost, self.store.seen)
            else:
                self._lost = None
        self.body.visible = ready and (state.kind != "unreachable" or bool(self.as_of))
        asked = "".join(unknown(name, value, near) for name, (value, near) in self.url.unknown.items()) if ready else ""
        self.head.html = banner(state, self.store.lake.uri) + asked + (self.as_of if ready else "")

    def name_sources(self, day: str | None, *sources: Snapshot) -> None:
        """Name the data the page shows, in its head. Each table is a link to its asset in Dagster."""
        versions = (f"version <strong>{source.version}</strong> of {self.asset(source)}" for source in sources)
        self.name_data(day, ", ".join(versions))

    def asset(self, source: Snapshot) -> str:
        """A table as a link to its asset in Dagster."""
        return in_dagster(self.settings.dagster_url, "/".join(source.uri.rsplit("/", 2)[1:]))

    def name_data(self, day: str | None, source: str) -> None:
        """Name the data the page shows, in its head. `source` is HTML."""
        of = f"Data as of <strong>{escape(day)}</strong>, " if day else ""
        from_ = source if of or not source.startswith("version") else f"From {source}"
        self.as_of = f'<p class="muted as-of">{of}{from_}. Times are UTC.</p>'

    def follow_choices(self, *widgets: pn.widgets.Widget) -> None:
        """Show and write to the address what people choose, and choose what the address says after it changed."""
        for widget in widgets:
            widget.param.watch(lambda _: self.chosen(), "value")
        self.url.watch(self._address_changed)

    def chosen(self) -> None:
        """Show what somebody chose, and write it to the address."""
        if not self._choosing and self.ready():
            self.url.set(**self.choices())
            self.refresh()

    @contextmanager
    def choosing(self) -> Iterator[None]:
        """Change choices without taking that for somebody's choice."""
        outer, self._choosing = self._choosing, True
        try:
            yield
        finally:
            self._choosing = outer

    def _address_changed(self) -> None:
        with self.choosing():
            self.read_choices()
        self.refresh()


class DayPage(Page):
    """A page on which people choose the day of an answer."""

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        super().__init__(store, settings, location, look)
        self.day = select("Day", {"Latest": LATEST}, LATEST)

    def choices(self) -> Mapping[str, str | None]:
        return {"day": None if self.day.value == LATEST else self.day.value}

    def read_choices(self) -> None:
        self.day.value = self.url.get("day", list(self.day.options.values()), LATEST)

    def day_of(self, source: Snapshot) -> str:
        """The chosen day, or the latest one."""
        kept = days(source)
        return self.day.value if self.day.value in kept else kept[0]

    def offer_days(self, source: Snapshot) -> None:
        """Offer the days that gold holds. At first, choose the day in the address."""
        kept = days(source)
        offered = {f"Latest ({kept[0]})": LATEST} | {day: day for day in kept}
        if offered != self.day.options:
            value = self.day.value if self.day.value in kept else LATEST
            with self.choosing():
                self.day.param.update(options=offered, value=self.url.get("day", [LATEST, *kept], value))
