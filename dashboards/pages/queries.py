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
from dashboards.pages.headline import figures
from dashboards.pages.highlight import highlighted
from dashboards.pages.layout import AnswerLayout
from dashboards.pages.markup import cards, definitions, escape, sentence, unusable
from dashboards.pages.page import DayPage
from dashboards.pages.parts import block, choices_row, pane, place, replace_chart, select
from dashboards.pages.tables import cells, download, show_other, tabulator
from dashboards.pages.url import Location
from dashboards.settings import DashboardSettings
from dashboards.store import business
from dashboards.store.answers import answer, days, frame, history
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
        self.parameters, self.sql = block(), block()
        self.table_place, self.chart_place, self.history_place = place(), place(), place()
        self.results, self.history = Results(), History()
        self.chart: Chart | None = None
        self.table: pn.widgets.Tabulator | None = None
        self._drawn: tuple[str, int, str] | None = None
        self.answer = AnswerLayout(self.figures, self.chart_place, self.history_place, self.table_place)
        self.body[:] = [
            choices_row(self.query, self.day, self.csv),
            self.heading,
            self.none,
            self.answer.view,
            self.parameters,
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
        return {"query": self.query.value, **super().choices()}

    def read_choices(self) -> None:
        self.query.value = self.url.get("query", list(business.queries()), self.query.value)
        super().read_choices()

    def rows(self) -> pa.Table:
        """The answer shown, exactly as gold holds it."""
        source = self.store.table("gold", self.query.value)
        assert source is not None
        return answer(self.store, source, self.day_of(source))

    def show(self) -> None:
        query, source = business.queries()[self.query.value], self.store.table("gold", self.query.value)
        if source is None or not source.files:
            self._show_none(query)
            return
        self.offer_days(source)
        day = self.day_of(source)
        now = (source.uri, source.version, day)
        if now == self._drawn:
            return
        new = self._drawn is None or self._drawn[0] != source.uri
        rows = frame(self.store, source, day)
        self.none.html = sentence(f"No row answers this question as of {day}.") if rows.empty else ""
        self.none.visible, self.answer.view.visible, self.csv.visible = rows.empty, True, True
        if new:
            self._show_query(query)
        self.table_place.visible = not rows.empty
        self.parameters.html, self.parameters.visible = _parameters(query, day), True
        with draw_at_once(pn.state.curdoc):
            self._show_rows(self.look.of(query), rows, new)
            self._show_charts(query, source, day, rows, new)
        self.csv.filename = f"{query.name}_{day}.csv"
        self.name_sources(day, source)
        self._drawn = now

    def _show_none(self, query: Query) -> None:
        self._show_query(query)
        self.none.html = sentence(f"No answer yet. {why_no_answer(self.store, query)}")
        self.none.visible, self.answer.view.visible, self.csv.visible = True, False, False
        self.parameters.visible = False
        self.as_of, self._drawn = "", None

    def _show_query(self, query: Query) -> None:
        source = f' <span class="muted">({escape(query.source)})</span>' if query.source else ""
        self.heading.html = f'<h2>{escape(query.title)}{source}</h2><p class="question">{escape(query.question)}</p>'
        language = "python" if query.function else "sql"
        self.sql.html = "".join(
            f"<details open><summary>{escape(what)}</summary>{highlighted(sql, language)}</details>"
            for what, sql in business.statements(query).items()
        )

    def _show_rows(self, look: Look, rows: pd.DataFrame, new: bool) -> None:
        if self.table is None:
            self.table = tabulator(rows, look)
            self.table_place[:] = [self.table]
        elif new:
            show_other(self.table, rows, look)
        else:
            self.table.value = cells(rows)

    def _show_charts(self, query: Query, source: Snapshot, day: str, rows: pd.DataFrame, new: bool) -> None:
        view = self.look.view_of(query, rows)
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
        self.answer.fit(rows, self.look.of(query), drawn=self.chart is not None, followed=shown)

    def _show_chart(self, view: View, rows: pd.DataFrame, new: bool) -> None:
        chart = self.results.draw(view, rows, new=new) if view.drawn and not rows.empty else None
        if chart is None or chart is not self.chart:
            self.chart = chart
            replace_chart(self.chart_place, chart)


def _option(query: Query) -> str:
    """A query in the menu, with its number if it has one: Q05 Local supplier volume."""
    number = re.match(r"q\d+(?=_)", query.name)
    return f"{number[0].upper()} {query.title}" if number and query.source else query.title


def _parameters(query: Query, day: str) -> str:
    return f"<h2>Parameters</h2>{definitions(business.parameters(query, pd.Timestamp(day).date()))}"
