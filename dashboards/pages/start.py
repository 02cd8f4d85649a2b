"""The start page of any business: whether all is well, and each question with its latest answer.

A whole answer does not belong here, but on the queries page, to which each question links.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from dashboards.charts.history import followed
from dashboards.charts.looks import Look
from dashboards.charts.views import View
from dashboards.pages.headline import Figure, figures
from dashboards.pages.markup import escape, figure, sentence, unusable
from dashboards.pages.page import Page
from dashboards.pages.parts import block, search_field
from dashboards.pages.pipeline_markup import WORDS
from dashboards.pages.sparkline import sparkline
from dashboards.pages.text import shown, span
from dashboards.pages.url import Location
from dashboards.pages.wellbeing import wellbeing
from dashboards.settings import DashboardSettings
from dashboards.store import business, health
from dashboards.store.answers import days, frame, history
from dashboards.store.business import Query
from dashboards.store.store import Store
from dashboards.store.why import why_no_answer
from tpch_assets.lake.snapshot import Snapshot

VALUES = 3
"""Values of an answer's first row, where it has no figures."""
LONGEST = 100
"""Letters of a search."""


@dataclass(frozen=True)
class _Card:
    """A question's card as HTML, and the words that find it, in small letters."""

    html: str
    words: str


class Start(Page):
    """People search and choose a question."""

    path, name = "/", "Start"

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        super().__init__(store, settings, location, look)
        self.state, self.found, self.list = block(), block(), block()
        self.search = search_field("Search the questions", self.url.text("search")[:LONGEST], LONGEST)
        self._cards: list[_Card] = []
        self._made: dict[tuple[object, ...], tuple[str, str]] = {}
        self.body[:] = [self.state, self.search, self.found, self.list, block(unusable(business.broken()))]
        self.search.param.watch(lambda _: self._list(), "value_input")
        self.search.param.watch(lambda _: self.url.set(**self.choices()), "value")
        self.url.watch(self._address_changed)

    def choices(self) -> Mapping[str, str | None]:
        return {"search": self.search.value or None}

    def read_choices(self) -> None:
        asked = self.url.text("search")[:LONGEST]
        self.search.param.update(value=asked, value_input=asked)

    def show(self) -> None:
        now, queries = datetime.now(UTC), business.queries()
        self.search.visible = bool(queries)
        if not queries:
            self.list.html = sentence(
                f"This business asks nothing yet. Put one .sql file per question into {business.queries_folder()}."
            )
            return
        found = {name: health.health(self.store, "gold", name, now) for name in queries}
        self.state.html = wellbeing(self.store, list(found.values()), now)
        self._cards = [self._card(queries[name], state) for name, state in found.items()]
        self._list()
        kept = (days(table) for (layer, _), table in self.store.tables.items() if layer == "gold")
        self.name_data(max((one[0] for one in kept if one), default=None), f"{len(queries)} questions")

    def ready(self) -> bool:
        return any(layer == "gold" for layer, _ in self.store.tables) or not business.queries()

    def _list(self) -> None:
        """List the questions in which each word of the search occurs."""
        words = (self.search.value_input or "").lower().split()
        found = [card.html for card in self._cards if all(word in card.words for word in words)]
        count = f"{len(found)} of {len(self._cards)} questions have {' and '.join(words)}." if words else ""
        self.found.html = f'<p class="muted" role="status">{escape(count)}</p>'
        self.list.html = f'<ul class="cards wide">{"".join(found)}</ul>'

    def _card(self, query: Query, state: health.Health) -> _Card:
        source = self.store.table("gold", query.name)
        link = f'<h3><a href="./queries?query={escape(query.name)}">{escape(query.title)}</a></h3>'
        question = f'<p class="question muted">{escape(query.question)}</p>'
        if source is None or not source.files:
            middle, words = f'<p class="note">{escape(why_no_answer(self.store, query))}</p>', ""
            fresh = '<span class="state none">no answer yet</span>'
        else:
            middle, words = self._answer(query, source)
            lag = f", for {span(state.lag)}" if state.lag and state.state in ("amber", "red") else ""
            fresh = f'<span class="state {state.state}">{escape(WORDS[state.state] + lag)}</span> as of '
            fresh += escape(days(source)[0])
        html = f'<li class="card">{link}{question}{middle}<p class="note fresh">{fresh}</p></li>'
        return _Card(html, " ".join((query.name, query.title, query.question, query.source or "", words)).lower())

    def _answer(self, query: Query, source: Snapshot) -> tuple[str, str]:
        """The latest answer as HTML, and its columns' names. Made once for each version."""
        key = (source.uri, source.version)
        if key not in self._made:
            self._made = {other: kept for other, kept in self._made.items() if other[0] != source.uri}
            self._made[key] = self._new_answer(query, source)
        return self._made[key]

    def _new_answer(self, query: Query, source: Snapshot) -> tuple[str, str]:
        kept, look = days(source)[:3], self.look.of(query)
        answers = [frame(self.store, source, day) for day in kept]
        rows = answers[0]
        view = self.look.view_of(query, rows)
        words = " ".join(look.label(name) for name in rows.columns)
        if rows.empty:
            return '<p class="figure">no rows</p>', words
        found = figures(view, look, answers, kept[0])
        past = history(self.store, source, kept[0], view)
        return (_headline(found, _line(view, past)) if found else _first_row(look, rows)), words


def _headline(found: list[Figure], line: str) -> str:
    """The first figure with what the day brought, and the next one."""
    first, *others = found
    notes = [first.brought or first.of]
    notes += [f"{other.title} {other.value}{f': {other.of}' if other.of else ''}" for other in others[:1]]
    return (
        f'<p class="what">{escape(first.title)}</p>'
        f'<div class="headline"><p class="figure">{figure(first.value)}</p>{line}</div>'
        + "".join(f'<p class="note">{escape(words)}</p>' for words in notes)
    )


def _first_row(look: Look, rows: pd.DataFrame) -> str:
    """An answer without figures: how many rows, and the first one."""
    first = [
        (name, shown(rows[name].iloc[0], name=look.names_things(name), unit=look.units.get(name, "")))
        for name in list(rows.columns)[:VALUES]
    ]
    values = " · ".join(f"{escape(look.label(name))} <strong>{escape(text)}</strong>" for name, text in first)
    return f'<p class="note">{len(rows):,} rows, the first:<br>{values}</p>'


def _line(view: View, past: pd.DataFrame) -> str:
    lines = followed(view, past)
    names = [name for name in (*view.whole(), *lines.columns) if name != "day" and name in past]
    return sparkline(list(past[names[0]]), from_zero=view.from_zero) if names else ""
