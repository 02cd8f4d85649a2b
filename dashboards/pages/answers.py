"""The front page of any business: every question with its latest answer, and whether that is fresh.

A whole answer does not belong here, but on the queries page, to which each question links.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd

from dashboards.charts.looks import Look
from dashboards.pages.markup import escape, sentence, table
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
        self.body[:] = [self.list]

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
        lines = [self._line(query, health.health(self.store, "gold", query.name, now)) for query in queries.values()]
        self.list.html = table(["Question", "Latest answer", "As of", "State"], lines, "Business questions")
        latest = max((key for (layer, _), found in self.store.tables.items() if layer == "gold" for key in days(found)))
        self.name_data(latest, f"{len(queries)} question{'s' * (len(queries) != 1)}")

    def ready(self) -> bool:
        return any(layer == "gold" for layer, _ in self.store.tables) or not business.queries()

    def _line(self, query: Query, state: health.Health) -> list[str]:
        link = f'<a href="./queries?query={escape(query.name)}"><strong>{escape(query.title)}</strong></a>'
        question = f'<div class="wrap">{link}<br><span class="muted">{escape(query.question)}</span></div>'
        source = self.store.table("gold", query.name)
        if source is None or not source.files:
            words = f'<div class="wrap muted">{escape(why_no_answer(self.store, query))}</div>'
            return [question, words, "—", '<span class="state none">no answer yet</span>']
        day = days(source)[0]
        answer = self._answer(query, frame(self.store, source, day))
        lag = f"{WORDS[state.state]}, {span(state.lag)} since" if state.lag else WORDS[state.state]
        return [question, answer, escape(day), f'<span class="state {state.state}">{escape(lag)}</span>']

    def _answer(self, query: Query, rows: pd.DataFrame) -> str:
        """An answer of one row as its values; of a longer one the number of rows, and the first one."""
        look = self.look.of(query)
        if rows.empty:
            return '<span class="muted">no rows</span>'
        values = [
            f'<span class="muted">{escape(look.label(name))}</span> {escape(shown(rows[name].iloc[0]))}'
            f"{escape(unit(look, name))}"
            for name in list(rows.columns)[:SHOWN]
        ]
        count = "" if len(rows) == 1 else f'<span class="muted">{len(rows):,} rows; the first:</span><br>'
        return f"<div>{count}{' · '.join(values)}</div>"


def unit(look: Look, column: str) -> str:
    """A column's unit, to stand behind a figure."""
    return f" {look.units[column]}" if column in look.units else ""
