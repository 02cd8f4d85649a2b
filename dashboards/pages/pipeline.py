"""The pipeline page: the state of each layer and table, read from the Delta logs alone.

It works for any tables and queries. Its HTML is in `pipeline_markup`; further panels are named in `panels`.
"""

from datetime import UTC, datetime

import pandas as pd
import panel as pn

from dashboards.bokeh_private import draw_at_once
from dashboards.charts.chart import Chart, Data, over_time
from dashboards.charts.looks import Look
from dashboards.pages import alerts, costs, panels, timeline, trouble
from dashboards.pages import pipeline_markup as markup
from dashboards.pages.markup import escape, sentence
from dashboards.pages.page import Page
from dashboards.pages.parts import block, grid, place, replace_chart, select
from dashboards.pages.tables import cells, tabulator
from dashboards.pages.text import moment
from dashboards.pages.url import Location
from dashboards.settings import DashboardSettings
from dashboards.store import business, health
from dashboards.store.health import LAYERS, Health
from dashboards.store.partitions import compaction, per_partition, rejected_lines
from dashboards.store.runs import Checks
from dashboards.store.slow import Slow, blocked_parts, held_windows, landing
from dashboards.store.store import Store
from dashboards.store.timeline import timeline as timeline_of
from tpch_assets.bronze.latency import BatchLatency
from tpch_assets.lake.faults import Fault
from tpch_assets.layers import LAYERS as RULES

REJECT_TITLES = {"_batch": "Batch", "_file": "File", "_line": "Line", "_reason": "Reason", "_text": "Text"}
COMMITS = 8
CHECKS = Checks()


class Pipeline(Page):
    """People choose the layer and the table."""

    path, name = "/pipeline", "Pipeline"

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        super().__init__(store, settings, location, look)
        self.layer = select("Layer", list(LAYERS), self.url.get("layer", LAYERS, "bronze"))
        self.table = select("Table", [""], "", 380)
        self._document = pn.state.curdoc
        self.states, self.timeline, self.trouble = block(), block(), block()
        self.overview, self.figures, self.commits, self.costs = (block() for _ in range(4))
        self._held, self._blocked = Slow[dict[str, str]](), Slow[list[Fault]]()
        self._landing = Slow[list[BatchLatency]]()
        self._reason = self.url.text("reason")
        self.reject_reasons, self.rejects_place = block(), place()
        self.rejects: pn.widgets.Tabulator | None = None
        self.places = {name: place() for name in ("rows", "size", "files", "landing")}
        self.charts: dict[str, Chart] = {}
        self.panels = [make() for make in panels.PANELS]
        self._drawn: tuple[object, ...] | None = None
        self._landed: object = None
        self.body[:] = [
            self.states,
            self.timeline,
            self.trouble,
            pn.Row(self.layer, margin=(12, 0, 4, 0)),
            self.overview,
            pn.Row(self.table, margin=(12, 0, 0, 0)),
            self.figures,
            grid(*((where, 7.5) for where in (*self.places.values(), *(panel.view for panel in self.panels)))),
            self.reject_reasons,
            self.rejects_place,
            self.commits,
            self.costs,
        ]
        self._offer_tables()
        self.layer.param.watch(lambda _: self._offer_tables(), "value")
        self.follow_choices(self.layer, self.table)

    def ready(self) -> bool:
        return bool(self.store.tables or self.store.raw)

    def choices(self) -> dict[str, str | None]:
        return {"layer": self.layer.value, "table": self.table.value, "reason": None}

    def read_choices(self) -> None:
        layer = self.url.get("layer", LAYERS, self.layer.value)
        offered = list(health.names(layer))
        self.layer.value, self._reason = layer, self.url.text("reason")
        self.table.param.update(options=offered, value=self.url.get("table", offered, _first(offered)))

    def show(self) -> None:
        now = datetime.now(UTC)
        layers = {layer: health.layer_health(self.store, layer, now) for layer in LAYERS}
        layer, name = self.layer.value, self.table.value
        item = next(item for item in layers[layer] if item.name == name)
        self._show_health(layers, item)
        self._show_trouble(layers["bronze"], now)
        self._show_landing(layer, name)
        self.costs.html = costs.panel(self.store)
        for panel in self.panels:
            panel.show(layer, name)
        self._name_source(item)
        drawn = layer, name, item.version, item.latest, item.size, item.rejects, self._reason
        if drawn == self._drawn:
            return
        with draw_at_once(pn.state.curdoc):
            self._show_charts(layer, name)
            self._show_rejects(layer, name, item)
        self.commits.html = self._commits(layer, name)
        self._drawn = drawn

    def _show_health(self, layers: dict[str, list[Health]], item: Health) -> None:
        self.states.html = markup.layer_cards(layers) + alerts.panel(self.store, self.settings.dagster_url)
        silver = item.layer == "silver"
        compactions = {one.name: compaction(self.store, one.name) for one in layers["silver"]} if silver else {}
        self.overview.html = markup.overview(item.layer, layers[item.layer], compactions, self.settings.dagster_url)
        found = compaction(self.store, item.name) if item.layer in ("bronze", "silver") else None
        self.figures.html = markup.table_cards(item, found)

    def _show_trouble(self, bronze: list[Health], now: datetime) -> None:
        self.timeline.html = timeline.panel(timeline_of(self.store, now), now)
        held = held_windows(self.store, self._held, self._done)
        blocked = blocked_parts(self.store, self._blocked, self._done)
        self.trouble.html = trouble.panel(held, blocked, CHECKS.failed(), bronze, self.settings.dagster_url)

    def _show_landing(self, layer: str, name: str) -> None:
        """Draw how long batches took from landing to bronze, once that is known."""
        shown = layer == "bronze"
        found = landing(self.store, name, self._landing, self._done) if shown else []
        times = pd.DatetimeIndex([one.landed for one in found or []]).tz_localize(None)
        data: Data = {"time": times.to_numpy(), "value": [one.seconds for one in found or []]}
        if found is not None and (layer, name, len(found), found[-1:]) != self._landed:
            self._landed = layer, name, len(found), found[-1:]
            self._show_chart("landing", "Seconds from landing to bronze, by batch", None, 3, (layer, name), data)

    def _done(self) -> None:
        if self._document is not None:
            self._document.add_next_tick_callback(self.refresh)

    def _name_source(self, item: Health) -> None:
        source = self.store.table(item.layer, item.name)
        if source is not None:
            self.name_sources(moment(item.latest) if item.latest else None, source)
        else:
            latest = moment(item.latest) if item.latest else "—"
            self.name_data(latest, f"raw/{escape(item.name)}: files have no version")

    def _show_charts(self, layer: str, name: str) -> None:
        sizes = per_partition(self.store, layer, name)
        width = RULES[layer].step.total_seconds() * 1000
        middle = sizes["time"] + pd.Timedelta(milliseconds=width / 2)
        for key, title, colour in (("rows", "Rows", 0), ("size", "Bytes", 2), ("files", "Files", 1)):
            known = sizes[key].notna()
            data = {"time": middle[known].to_numpy(), "value": sizes[key][known].astype(float).to_numpy()}
            self._show_chart(key, f"{title} per {markup.STEP[layer]}", width, colour, (layer, name), data)

    def _show_chart(
        self, key: str, title: str, width: float | None, colour: int, of: tuple[str, str], data: Data
    ) -> None:
        """Put new data into the chart. Make a new one for another table, and none if there is no data."""
        if not len(data["time"]):
            self.charts.pop(key, None)
            replace_chart(self.places[key], None)
            return
        chart = self.charts.get(key)
        if chart is None or not chart.update(data, of):
            chart = over_time(title, width, data, colour=colour, bytes_axis=key == "size", whole=True, of=of)
            self.charts[key] = chart
            replace_chart(self.places[key], chart)

    def _show_rejects(self, layer: str, name: str, item: Health) -> None:
        self.reject_reasons.visible = layer == "bronze"
        self.rejects_place.visible = layer == "bronze" and item.rejects > 0
        if layer != "bronze":
            return
        if not item.rejects:
            self.reject_reasons.html = "<h2>Rejected lines</h2>" + sentence("No line of this table was rejected.")
            return
        lines, total = rejected_lines(self.store, name)
        self.reject_reasons.html = markup.reject_reasons(lines, total, name, self._reason)
        if self._reason in set(lines["_reason"]):
            lines = lines[lines["_reason"] == self._reason].reset_index(drop=True)
        if self.rejects is None:
            self.rejects = tabulator(lines, self.look, titles=REJECT_TITLES, page_size=10, stretch=True)
            self.rejects_place[:] = [self.rejects]
        else:
            self.rejects.value = cells(lines, self.look)

    def _commits(self, layer: str, name: str) -> str:
        source = self.store.table(layer, name)
        return markup.newest_commits(self.store.commits(source)[:COMMITS], layer, name) if source else ""

    def _offer_tables(self) -> None:
        """Offer the layer's tables. At first, choose the table in the address."""
        offered = list(health.names(self.layer.value))
        if offered != self.table.options:
            first = self.table.value if self.table.value in offered else _first(offered)
            with self.choosing():
                self.table.param.update(options=offered, value=self.url.get("table", offered, first))


def _first(offered: list[str]) -> str:
    """The table a page shows at first: the first fact, if it is offered."""
    return next((name for name in business.facts() if name in offered), offered[0])
