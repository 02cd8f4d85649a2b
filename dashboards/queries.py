"""The queries page: any business query's answer, its chart, how it changed, its parameters and its SQL."""

from typing import Any

import pandas as pd
import panel as pn

from dashboards import charts, views
from dashboards.answers import answer, day_before, days, frame, history
from dashboards.data import QUERIES
from dashboards.page import LATEST, Page, at_once, block, choices, grid, place, put, select
from dashboards.states import empty
from dashboards.tables import cells, download, retable, tabulator
from dashboards.text import cards, change, definitions, escape, short
from tpch_assets.gold.queries import Query, parameters
from tpch_assets.lake.delta import Snapshot
from tpch_assets.settings import current_settings

CHOICES = {f"{name[:3].upper() + ' ' if query.source else ''}{query.title}": name for name, query in QUERIES.items()}


class Queries(Page):
    """Choices: query and day."""

    path = "/queries"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        first = next(iter(QUERIES))
        self.query = select("Query", CHOICES, self.url.get("query", list(QUERIES), first), 380)
        self.day = select("Day", {"Latest": LATEST}, LATEST)
        self.csv = download(self._rows, "answer.csv")
        self.heading, self.sql, self.figures, self.none = block(), block(), block(), block()
        self.parameters = block()
        self.place, self.chart_place = place(), place()
        self.results, self.past = charts.Results(), charts.Past()
        self.chart: charts.Chart | None = None
        self.table: pn.widgets.Tabulator | None = None
        past = pn.pane.Bokeh(self.past.plot, sizing_mode="stretch_width", margin=0)
        right = pn.Column(self.figures, self.chart_place, past, sizing_mode="stretch_width", margin=0)
        left = pn.Column(self.place, self.parameters, sizing_mode="stretch_width", margin=0)
        self.answer = grid((left, 6), (right, 6))
        self.body[:] = [
            choices(self.query, self.day, self.csv),
            self.heading,
            self.none,
            self.answer,
            self.sql,
        ]
        self._choosing = False
        self.query.param.watch(lambda _: self._chosen(), "value")
        self.day.param.watch(lambda _: self._chosen(), "value")
        self.url.watch(self._from_url)

    def ready(self) -> bool:
        return any(layer == "gold" for layer, _ in self.store.tables)

    def show(self) -> None:
        query, source = QUERIES[self.query.value], self.store.table("gold", self.query.value)
        if source is None or not source.files:
            return self._show_none(query)
        self._offer(source)
        day = self._day(source)
        now = (source.uri, source.version, day)
        if now == self._told:
            return None
        new = self._told is None or self._told[0] != source.uri
        rows = frame(self.store, source, day)
        self.none.visible, self.answer.visible, self.csv.visible = False, True, True
        if new:
            self._describe(query)
        self.parameters.object = _parameters(query, day)
        with at_once():
            self._draw(query, source, day, rows, new)
        self.csv.filename = f"{query.name}_{day}.csv"
        self.tell(day, source)
        self._told = now
        return None

    def _show_none(self, query: Query) -> None:
        self._describe(query)
        self.none.object = empty(
            "No answer yet: it comes with the next complete day. `tpch-assets replay` makes missing ones."
        )
        self.none.visible, self.answer.visible, self.csv.visible = True, False, False
        self._as_of, self._told = "", None

    def _draw(self, query: Query, source: Snapshot, day: str, rows: pd.DataFrame, new: bool) -> None:
        if self.table is None:
            self.table = tabulator(rows)
            self.place[:] = [self.table]
        elif new:
            retable(self.table, rows)
        else:
            self.table.value = cells(rows)
        view = views.view_of(query.name, rows)
        past = history(self.store, source, day, view)
        before = day_before(source, day)
        earlier = views.figure(view, frame(self.store, source, before)) if before else None
        self._draw_chart(view, rows, earlier, new)
        name = view.y and views.label(view.y)
        title = f"{name or 'Rows'} over the past days" if len(past) > 1 else f"{name or 'Rows'}, the first day kept"
        self.past.draw(title, past)

    def _draw_chart(self, view: views.View, rows: pd.DataFrame, earlier: float | None, new: bool) -> None:
        total = views.figure(view, rows) if len(rows) else None
        unit = {"%": " %", "share": ""}.get(view.unit, "")
        title = view.title if view.kind == "number" else f"{views.measure_name(view)}: {view.title}"
        self.figures.object = cards([(title, short(total) + unit, change(total, earlier, unit=unit))])
        if view.kind == "number" or rows.empty:
            self.chart = None
            put(self.chart_place, None)
            return
        chart = self.results.draw(view, rows, new=new)
        if chart is not self.chart:
            self.chart = chart
            put(self.chart_place, chart)

    def _describe(self, query: Query) -> None:
        source = f' <span class="muted">({escape(query.source)})</span>' if query.source else ""
        self.heading.object = f'<h2>{escape(query.title)}{source}</h2><p class="question">{escape(query.question)}</p>'
        self.sql.object = _sql(query)

    def _rows(self) -> Any:
        source = self.store.table("gold", self.query.value)
        assert source is not None
        return answer(self.store, source, self._day(source))

    def _day(self, source: Snapshot) -> str:
        kept = days(source)
        return self.day.value if self.day.value in kept else kept[0]

    def _offer(self, source: Snapshot) -> None:
        kept = days(source)
        offered = {f"Latest ({kept[0]})": LATEST} | {day: day for day in kept}
        if offered == self.day.options:
            return
        self._choosing = True
        try:
            value = self.day.value if self.day.value in kept else LATEST
            self.day.param.update(options=offered, value=self.url.get("day", kept, value))
        finally:
            self._choosing = False

    def _chosen(self) -> None:
        if self._choosing or not self.ready():
            return
        self.url.set(query=self.query.value, day=None if self.day.value == LATEST else self.day.value)
        self.refresh()

    def _from_url(self) -> None:
        self._choosing = True
        try:
            self.query.value = self.url.get("query", list(QUERIES), self.query.value)
            self.day.value = self.url.get("day", list(self.day.options.values()), LATEST)
        finally:
            self._choosing = False
        self.refresh()


def _parameters(query: Query, day: str) -> str:
    values = parameters(query, current_settings().scale_factor, pd.Timestamp(day).date())
    used = [(name, values[name]) for name in (*query.param_expressions, "as_of")]
    return f"<h2>Parameters</h2>{definitions(used)}"


def _sql(query: Query) -> str:
    parts = []
    if query.partial:
        parts.append(
            "<details open><summary>SQL over each pair of orders and lines (partial)</summary>"
            f'<pre tabindex="0">{escape(query.partial)}</pre></details>'
        )
    parts.append(
        f"<details open><summary>SQL of the answer{' over all partials (combine)' if query.partial else ''}</summary>"
        f'<pre tabindex="0">{escape(query.combine)}</pre></details>'
    )
    return "".join(parts)
