"""The queries page: a query's answer, its chart, how it changed over the days, its parameters and its SQL.

It works for any query. How a particular query's chart looks does not belong here: pages are handed a `Look`.
"""

import re
from collections.abc import Callable

import pandas as pd
import panel as pn
import pyarrow as pa

from dashboards.bokeh_private import draw_at_once
from dashboards.charts.chart import Chart
from dashboards.charts.history import History, followed, heading
from dashboards.charts.looks import Look
from dashboards.charts.results import Results
from dashboards.charts.views import View
from dashboards.pages.ask import Answer, Ask
from dashboards.pages.beside import figure_of, side_by_side
from dashboards.pages.headline import figures
from dashboards.pages.highlight import highlighted
from dashboards.pages.layout import AnswerLayout
from dashboards.pages.links import links
from dashboards.pages.markup import cards, escape, in_dagster, sentence, unusable
from dashboards.pages.page import DayPage
from dashboards.pages.parts import block, choices_row, pane, place, replace_chart, select
from dashboards.pages.tables import cells, download, show_other, tabulator
from dashboards.pages.url import Location
from dashboards.settings import DashboardSettings
from dashboards.store import business
from dashboards.store.answers import days, frame, history
from dashboards.store.business import Query
from dashboards.store.store import Store
from dashboards.store.why import why_no_answer
from tpch_assets.lake.snapshot import Snapshot


def warm_up(look: Look) -> Callable[[Store, Snapshot], None]:
    """Returns a function that prepares what this page needs of a query's answers, before anybody asks."""

    def prepare(store: Store, source: Snapshot) -> None:
        kept = days(source)
        if kept:
            query = business.queries()[source.uri.rsplit("/", 1)[-1]]
            history(store, source, kept[0], look.view_of(query, frame(store, source, kept[0])))
            _code(query)

    return prepare


class Queries(DayPage):
    """People choose the query and the day."""

    path, name = "/queries", "Queries"

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        super().__init__(store, settings, location, look)
        names = list(business.queries())
        options = {_option(query): name for name, query in business.queries().items()}
        self.query = select("Query", options, self.url.get("query", names, names[0] if names else ""), 380)
        self.csv = download(self.rows, "answer.csv")
        self.heading, self.none, self.figures = block(), block(), block()
        self.sql, self.beside_place = block(), place()
        self.ask = Ask(store, self.url, self.chosen, self.refresh)
        self.table_place, self.chart_place, self.history_place = place(), place(), place()
        self.results, self.history = Results(), History()
        self.chart: Chart | None = None
        self.table: pn.widgets.Tabulator | None = None
        self._drawn: tuple[object, ...] | None = None
        self._exact: Callable[[], pa.Table] | None = None
        self.layout = AnswerLayout(self.figures, self.chart_place, self.history_place, self.table_place)
        self.answer = self.layout.view
        self.body[:] = [
            choices_row(self.query, self.day, self.ask.since, self.ask.beside, self.csv),
            self.heading,
            self.none,
            self.answer,
            self.beside_place,
            self.ask.parameters.view,
            self.sql,
            block(unusable(business.broken())),
        ]
        self.follow_choices(self.query, self.day)

    @classmethod
    def offered(cls) -> bool:
        return bool(business.queries())

    def ready(self) -> bool:
        return any(layer == "gold" for layer, _ in self.store.tables)

    def choices(self) -> dict[str, str | None]:
        return {"query": self.query.value, **super().choices(), **self.ask.choices(self.query.value)}

    def read_choices(self) -> None:
        self.query.value = self.url.get("query", list(business.queries()), self.query.value)
        super().read_choices()
        self.ask.read()

    def rows(self) -> pa.Table:
        """The answer shown, exactly as gold holds it, or as it was computed."""
        assert self._exact is not None
        return self._exact()

    def show(self) -> None:
        with draw_at_once(pn.state.curdoc):
            self._show()

    def _show(self) -> None:
        query, source = business.queries()[self.query.value], self.store.table("gold", self.query.value)
        if source is None or not source.files:
            self._show_none(query)
            return
        self.offer_days(source)
        day = self.day_of(source)
        self.ask.offer(query, source, day)
        found = self.ask.answer(query, source, day)
        other = self.ask.answer(query, source, self.ask.beside.value) if self.ask.beside.value else None
        now = (source.uri, source.version, day, found.key, self.ask.beside.value, other and other.key)
        if now == self._drawn:
            return
        new = self._drawn is None or self._drawn[0] != source.uri
        if new:
            self._show_query(query)
        rows = found.rows
        if rows is None:  # What was drawn before stays, unless it is another question's.
            self.none.html = f'<p class="empty" role="status">{found.words}</p>'
            self.none.visible = True
            if new:
                self.answer.visible = self.csv.visible = False
            return
        self.none.html = sentence(f"No row answers this question as of {day}.") if rows.empty else ""
        self.none.visible, self.answer.visible, self.csv.visible = rows.empty, True, True
        self._show_rows(query, rows, new)
        self._show_charts(query, source, day, found, new)
        self._show_beside(query, day, rows, other.rows if other else None)
        self.csv.filename, self._exact = f"{query.name}_{day}.csv", found.table
        if found.computed:
            self.name_data(day, found.words)
        else:
            self.name_sources(day, source)
        self._drawn = now

    def _show_beside(self, query: Query, day: str, rows: pd.DataFrame, other: pd.DataFrame | None) -> None:
        """Show the answer of another day beside this one instead of this one alone, if somebody chose one."""
        other_day = self.ask.beside.value
        self.table_place.visible = other is None and not rows.empty
        self.beside_place.visible = other is not None
        if other is None:
            self.beside_place[:] = []
            return
        found = side_by_side(rows, other, day, other_day, self.look.names_things)
        if found is None:
            words = (
                f"Nothing tells which row of {day} belongs to which of {other_day}: below is the answer of {other_day}."
            )
            self.table_place.visible = True
            self.beside_place[:] = [block(sentence(words)), tabulator(other, self.look.of(query))]
            return
        both, headings = found
        look = self.look.of(query)
        titles = {name: words.format(look.label(figure_of(name, other_day))) for name, words in headings.items()}
        self.beside_place[:] = [tabulator(both, look, titles=titles)]

    def _show_none(self, query: Query) -> None:
        self._show_query(query)
        asset = in_dagster(self.settings.dagster_url, f"gold/{query.name}")
        self.none.html = sentence(f"No answer yet. {why_no_answer(self.store, query)}") + f"<p>In Dagster: {asset}</p>"
        self.none.visible, self.answer.visible, self.csv.visible = True, False, False
        self.ask.since.visible = self.ask.beside.visible = self.ask.parameters.view.visible = False
        self.as_of, self._drawn = "", None

    def _show_query(self, query: Query) -> None:
        source = f' <span class="muted">({escape(query.source)})</span>' if query.source else ""
        self.heading.html = f'<h2>{escape(query.title)}{source}</h2><p class="question">{escape(query.question)}</p>'
        self.sql.html = _code(query)

    def _show_rows(self, query: Query, rows: pd.DataFrame, new: bool) -> None:
        look = self.look.of(query)
        if self.table is None:
            self.table = tabulator(rows, look, links=links(query))
            self.table_place[:] = [self.table]
        elif new:
            show_other(self.table, rows, look, links(query))
        else:
            self.table.value = cells(rows, look)

    def _show_charts(self, query: Query, source: Snapshot, day: str, found: Answer, new: bool) -> None:
        rows = found.rows
        assert rows is not None
        view = self.look.view_of(query, rows)
        if found.computed:  # It has no history, and no day before.
            self.figures.html = cards(
                [(one.title, one.value, one.of) for one in figures(view, self.look.of(query), [rows], day)]
            )
            self._show_chart(view, rows, new)
            self.history_place.visible = False
            self.layout.fit(rows, self.look.of(query), beside=self.chart is not None)
            return
        past = history(self.store, source, day, view)
        answers = [frame(self.store, source, one) for one in days(source) if one <= day][:3]
        self.figures.html = cards([figure.card for figure in figures(view, self.look.of(query), answers, day)])
        self._show_chart(view, rows, new)
        lines = followed(view, past)
        self.history.draw(heading(view, past), lines, unit=view.history_unit, from_zero=view.from_zero)
        shown = len(past) > 1 and bool(lines.drop(columns="day").fillna(0).to_numpy().any())
        if shown != self.history_place.visible or not self.history_place.objects:
            self.history_place[:] = [pane(self.history.plot)] if shown else []
            self.history_place.visible = shown
        self.layout.fit(rows, self.look.of(query), beside=self.chart is not None or shown)

    def _show_chart(self, view: View, rows: pd.DataFrame, new: bool) -> None:
        chart = self.results.draw(view, rows, new=new) if view.drawn and not rows.empty else None
        if chart is None or chart is not self.chart:
            self.chart = chart
            replace_chart(self.chart_place, chart)


def _code(query: Query) -> str:
    """What a query runs, as HTML."""
    language = "python" if query.function else "sql"
    return "".join(
        f"<details open><summary>{escape(what)}</summary>{highlighted(code, language)}</details>"
        for what, code in business.statements(query).items()
    )


def _option(query: Query) -> str:
    """A query in the menu, with its number if it has one: Q05 Local supplier volume."""
    number = re.match(r"q\d+(?=_)", query.name)
    return f"{number[0].upper()} {query.title}" if number and query.source else query.title
