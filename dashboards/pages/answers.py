"""The front page of any business: every question with its latest answer, and whether that is fresh.

A whole answer does not belong here, but on the queries page, to which each question links.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd

from dashboards.charts.looks import Look
from dashboards.pages.markup import escape, sentence, unusable
from dashboards.pages.page import Page
from dashboards.pages.parts import block
from dashboards.pages.pipeline_markup import WORDS
from dashboards.pages.text import shown, span
from dashboards.pages.url import Location
from dashboards.settings import DashboardSettings
from dashboards.store import business, health
from dashboards.store.answers import days, frame
from dashboards.store.business import Query
from dashboards.store.store import Store
from dashboards.store.why import why_no_answer

SHOWN = 3  # Values of an answer's first row.


class Answers(Page):
    """People choose a question."""

    path, name = "/", "Answers"

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        super().__init__(store, settings, location, look)
        self.list = block()
        self.body[:] = [self.list, block(unusable(business.broken()))]

    def choices(self) -> Mapping[str, str | None]:
        return {}

    def read_choices(self) -> None:
        """There are none."""

    def show(self) -> None:
        now, queries = datetime.now(UTC), business.queries()
        if not queries:
            self.list.html = sentence(
                f"This business asks nothing yet. Put one .sql file per question into {business.queries_folder()}."
            )
            return
        found = [self._card(query, health.health(self.store, "gold", query.name, now)) for query in queries.values()]
        self.list.html = f'<div class="cards wide">{"".join(found)}</div>'
        latest = max((key for (layer, _), found in self.store.tables.items() if layer == "gold" for key in days(found)))
        self.name_data(latest, f"{len(queries)} question{'s' * (len(queries) != 1)}")

    def ready(self) -> bool:
        return any(layer == "gold" for layer, _ in self.store.tables) or not business.queries()

    def _card(self, query: Query, state: health.Health) -> str:
        link = f'<h2><a href="./queries?query={escape(query.name)}">{escape(query.title)}</a></h2>'
        question = f'<p class="muted">{escape(query.question)}</p>'
        source = self.store.table("gold", query.name)
        if source is None or not source.files:
            words = f'<p class="note">{escape(why_no_answer(self.store, query))}</p>'
            return _card(link, question, words, '<span class="state none">no answer yet</span>')
        day = days(source)[0]
        lag = f", for {span(state.lag)}" if state.lag and state.state in ("amber", "red") else ""
        fresh = f'<span class="state {state.state}">{escape(WORDS[state.state] + lag)}</span>, as of {escape(day)}'
        return _card(link, question, self._answer(query, frame(self.store, source, day)), fresh)

    def _answer(self, query: Query, rows: pd.DataFrame) -> str:
        """An answer of one row as its values; of a longer one the number of rows, and the first one."""
        look = self.look.of(query)
        if rows.empty:
            return '<p class="figure">no rows</p>'
        first = [(name, shown(rows[name].iloc[0]) + unit(look, name)) for name in list(rows.columns)[:SHOWN]]
        if len(rows) == 1:
            (name, figure), *others = first
            rest = "".join(f" · {escape(look.label(other))} {escape(text)}" for other, text in others)
            return f'<p class="figure">{escape(figure)}</p><p class="note">{escape(look.label(name))}{rest}</p>'
        values = " · ".join(f"{escape(look.label(name))} <strong>{escape(text)}</strong>" for name, text in first)
        return f'<p class="note">{len(rows):,} rows, the first:<br>{values}</p>'


def _card(*parts: str) -> str:
    return f'<div class="card">{"".join(parts)}</div>'


def unit(look: Look, column: str) -> str:
    """A column's unit, to stand behind a figure."""
    return f" {look.units[column]}" if column in look.units else ""
