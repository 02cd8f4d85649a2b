"""The rows page: one row of silver, what belongs to it, and the raw lines that delivered it. It works for any tables.

Finding rows does not belong here, but in `store.rows_behind`; their HTML is in `rows_markup`.
"""

from functools import partial

import panel as pn

from dashboards.charts.looks import Look
from dashboards.pages import rows_markup as markup
from dashboards.pages.markup import css, sentence
from dashboards.pages.page import Page
from dashboards.pages.parts import block, choices_row, select
from dashboards.pages.url import Location
from dashboards.settings import DashboardSettings
from dashboards.store import business
from dashboards.store.rows_behind import Behind, behind
from dashboards.store.store import Store

LONGEST = 500


class Rows(Page):
    """People choose the table and write the key, or come by a link from a row elsewhere."""

    path, name = "/rows", "Rows"

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        super().__init__(store, settings, location, look)
        self._document = pn.state.curdoc
        names = business.table_names()
        first = next(iter(business.facts()), names[0])
        self.table = select("Table", list(names), self.url.get("table", names, first))
        self.key = pn.widgets.TextInput(
            label="Key", max_length=LONGEST, width=320, margin=(0, 12, 4, 0), stylesheets=[css("parts")]
        )
        self.key.value = self.url.text("key")[:LONGEST]
        self.content = block()
        self._drawn: object = None
        self.body[:] = [choices_row(self.table, self.key), self.content]
        self.table.param.watch(lambda _: self._forget_key(), "value")
        self.follow_choices(self.table, self.key)

    def choices(self) -> dict[str, str | None]:
        return {"table": self.table.value, "key": self.key.value or None}

    def read_choices(self) -> None:
        names = business.table_names()
        self.table.value = self.url.get("table", names, self.table.value)
        self.key.value = self.url.text("key")[:LONGEST]

    def show(self) -> None:
        name, key = self.table.value, str(self.key.value).strip()
        table = business.table(name)
        self.key.label = f"Key ({', '.join(table.key)})"
        if not key:
            self._draw((name,), markup.asks(table, self._examples()))
            self.as_of = ""
            return
        versions = tuple(
            (layer, found.name, source.id, source.version)
            for layer in ("silver", "bronze")
            for found in business.tables_near(table)
            if (source := self.store.table(layer, found.name))
        )
        wanted = ("row", name, key, versions)
        outcome = self.store.spot.ask(wanted, partial(behind, name, key, self.store.table), self._done)
        if outcome is None:
            if not self._drawn:
                self._draw((), sentence("Looking for it …"))
        elif outcome.result is None:
            self._draw((wanted, outcome.error), sentence(outcome.error))
            self.as_of = ""
        else:
            self._show_row(wanted, outcome.result)

    def _show_row(self, wanted: object, found: Behind) -> None:
        self._draw(wanted, markup.page(found, self.look))
        if source := self.store.table("silver", found.table.name):
            self.name_sources(None, source)

    def _draw(self, what: object, html: str) -> None:
        if what != self._drawn:
            self.content.html, self._drawn = html, what

    def _examples(self) -> list[str]:
        """Queries whose answers name rows."""
        return [name for name, query in business.queries().items() if business.rows_in(query)]

    def _forget_key(self) -> None:
        """A key of another table means nothing."""
        if not self._choosing:
            with self.choosing():
                self.key.value = ""

    def _done(self) -> None:
        if self._document is not None:
            self._document.add_next_tick_callback(self.refresh)
