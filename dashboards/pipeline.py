"""The pipeline page: how each layer and table stands, read from the Delta logs alone."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import panel as pn

from dashboards import charts, costs, health, panels
from dashboards.data import Store
from dashboards.health import LAYERS, PARTITION, WORDS, Health
from dashboards.page import Page, at_once, block, grid, place, put, select
from dashboards.states import empty
from dashboards.tables import cells, tabulator
from dashboards.text import cards, escape, moment, short, size, span, table

REJECT_TITLES = {"_batch": "Batch", "_file": "File", "_line": "Line", "_reason": "Reason", "_text": "Text"}
COMMITS = 8


class Pipeline(Page):
    """Choices: layer and table."""

    path = "/pipeline"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.layer = select("Layer", list(LAYERS), self.url.get("layer", LAYERS, "bronze"))
        self.table = select("Table", [""], "", 380)
        self.overview, self.states, self.figures, self.commits = block(), block(), block(), block()
        self.rejects_words, self.none_rows, self.none_runs = block(), block(), block()
        self.rejects_place = place()
        self.rejects: pn.widgets.Tabulator | None = None
        self.places = {name: place() for name in ("rows", "size", "files")}
        self.charts: dict[str, charts.Chart] = {}
        self.panels = [make() for make in panels.PANELS]
        self.body[:] = [
            self.states,
            pn.Row(self.layer, margin=(12, 0, 4, 0)),
            self.overview,
            pn.Row(self.table, margin=(12, 0, 0, 0)),
            self.figures,
            grid(*((where, 7.5) for where in (*self.places.values(), *(panel.view for panel in self.panels)))),
            self.rejects_words,
            self.rejects_place,
            self.commits,
        ]
        self.costs = block()
        self.body.append(self.costs)
        self._choosing = False
        self._tables()
        self.layer.param.watch(lambda _: self._layer_chosen(), "value")
        self.table.param.watch(lambda _: self._chosen(), "value")
        self.url.watch(self._from_url)

    def ready(self) -> bool:
        return bool(self.store.tables or self.store.raw)

    def show(self) -> None:
        now = datetime.now(UTC)
        tables = {layer: health.layer_health(self.store, layer, now) for layer in LAYERS}
        self.states.object = _layers(tables)
        layer, name = self.layer.value, self.table.value
        self.overview.object = self._overview(tables[layer], layer)
        one = next(item for item in tables[layer] if item.name == name)
        self.figures.object = _figures(self.store, one)
        self.costs.object = costs.panel(self.store)
        for panel in self.panels:
            panel.show(layer, name)
        self._tell_of(one)
        told = layer, name, one.version, one.latest, one.size, one.rejects
        if told == self._told:
            return
        with at_once():
            self._charts(layer, name)
            self._rejects(layer, name, one)
        self.commits.object = self._commits(layer, name)
        self._told = told

    def _tell_of(self, one: Health) -> None:
        source = self.store.table(one.layer, one.name)
        if source is not None:
            self.tell(moment(one.latest) if one.latest else None, source)
        else:
            said = moment(one.latest) if one.latest else "—"
            self._as_of = (
                f'<p class="muted as-of">Data as of <strong>{escape(said)}</strong>, raw/{escape(one.name)}: '
                "files have no version. Times are UTC.</p>"
            )

    def _overview(self, tables: list[Health], layer: str) -> str:
        headings = ["Table", "State", f"Latest {PARTITION[layer]}", "Lag", "Rows", "Files", "Bytes"]
        headings += {"bronze": ["Rejects"], "silver": ["Files before → after"]}.get(layer, [])
        rows = [self._line(item) for item in tables]
        return table([*headings, "Dagster"], rows, f"Tables of the layer {layer}")

    def _line(self, item: Health) -> list[str]:
        address = f"{self.settings.dagster_url}/assets/{item.layer}/{item.name}"
        cells_ = [
            f'<a href="?layer={item.layer}&amp;table={escape(item.name)}">{escape(item.name)}</a>',
            _state(item),
            escape(moment(item.latest)) if item.latest else "—",
            span(item.lag) if item.lag is not None else "—",
            f"{item.rows:,}" if item.rows is not None else "—",
            f"{item.files:,}",
            size(item.size),
        ]
        if item.layer == "bronze":
            cells_.append(f"{item.rejects:,}")
        if item.layer == "silver":
            found = health.compaction(self.store, item.name)
            cells_.append(f"{found[0]:,} → {found[1]:,}" if found else "—")
        name = f"{item.layer}/{item.name} in Dagster"
        return [
            *cells_,
            f'<a href="{escape(address)}" target="_blank" rel="noopener" aria-label="{escape(name)}">open ↗</a>',
        ]

    def _charts(self, layer: str, name: str) -> None:
        per = health.per_partition(self.store, layer, name)
        width = health.STEPS[layer].total_seconds() * 1000
        middle = per["time"] + pd.Timedelta(milliseconds=width / 2)
        word = PARTITION[layer]
        for key, title, colour in (("rows", "Rows", 0), ("size", "Bytes", 2), ("files", "Files", 1)):
            known = per[key].notna()
            data = {"time": middle[known].to_numpy(), "value": per[key][known].astype(float).to_numpy()}
            self._chart(key, f"{title} per {word}", width, colour, (layer, name), data)

    def _chart(self, key: str, title: str, width: float, colour: int, of: Any, data: dict[str, Any]) -> None:
        """New data into the chart that is there; a new chart where it is of another table, none where there is none."""
        if not len(data["time"]):
            self.charts.pop(key, None)
            put(self.places[key], None)
            return
        chart = self.charts.get(key)
        if chart is None or not chart.update(data, of):
            chart = self.charts[key] = charts.over_time(
                title, width, data, colour=colour, bytes_axis=key == "size", of=of
            )
            put(self.places[key], chart)

    def _rejects(self, layer: str, name: str, one: Health) -> None:
        self.rejects_words.visible = layer == "bronze"
        self.rejects_place.visible = layer == "bronze" and one.rejects > 0
        if layer != "bronze":
            return
        if not one.rejects:
            self.rejects_words.object = "<h2>Rejected lines</h2>" + empty("No line of this table was rejected.")
            return
        lines, total = health.rejected_lines(self.store, name)
        self.rejects_words.object = _reasons(lines, total)
        if self.rejects is None:
            self.rejects = tabulator(lines, titles=REJECT_TITLES, page_size=10, stretch=True)
            self.rejects_place[:] = [self.rejects]
        else:
            self.rejects.value = cells(lines)

    def _commits(self, layer: str, name: str) -> str:
        source = self.store.table(layer, name)
        if source is None:
            return ""
        found = self.store.commits(source)[:COMMITS]
        rows = [
            [
                str(commit.get("version", "")),
                escape(f"{datetime.fromtimestamp(commit['timestamp'] / 1000, UTC):%Y-%m-%d %H:%M:%S}"),
                escape(str(commit.get("operation", "")).lower()),
            ]
            for commit in found
        ]
        return "<h2>Newest commits</h2>" + table(["Version", "Time (UTC)", "Operation"], rows, f"Of {layer}/{name}")

    def _tables(self) -> None:
        """Offer the layer's tables."""
        offered = list(health.names(self.layer.value))
        if offered == self.table.options:
            return
        first = self.table.value if self.table.value in offered else self._first(offered)
        self._choosing = True
        try:
            self.table.param.update(options=offered, value=self.url.get("table", offered, first))
        finally:
            self._choosing = False

    @staticmethod
    def _first(offered: list[str]) -> str:
        return "orders" if "orders" in offered else offered[0]

    def _layer_chosen(self) -> None:
        if not self._choosing:
            self._tables()
            self._chosen()

    def _chosen(self) -> None:
        if self._choosing:
            return
        self.url.set(layer=self.layer.value, table=self.table.value)
        self.refresh()

    def _from_url(self) -> None:
        layer = self.url.get("layer", LAYERS, self.layer.value)
        offered = list(health.names(layer))
        name = self.url.get("table", offered, self._first(offered))
        self._choosing = True
        try:
            self.layer.value = layer
            self.table.param.update(options=offered, value=name)
        finally:
            self._choosing = False
        self.refresh()


def _state(item: Health) -> str:
    words = item.note or WORDS[item.state]
    return f'<span class="state {item.state}">{escape(words)}</span>'


def _layers(tables: dict[str, list[Health]]) -> str:
    found = []
    for layer, items in tables.items():
        state = health.worst([item.state for item in items])
        late = sum(item.state in ("amber", "red") for item in items)
        words = {"none": "not timed", "green": "all on time"}.get(state, f"{late} of {len(items)} need a look")
        lags = [item.lag for item in items if item.lag is not None]
        lag = f"longest lag {span(max(lags))}" if lags else "no lag to tell"
        bytes_ = size(sum(item.size for item in items))
        more = f"; {bytes_} in the newest {96} batches" if layer == "raw" else f"; {bytes_}"
        found.append(
            f'<div class="card"><h3>{layer}</h3><p><span class="state {state}">{escape(words)}</span></p>'
            f'<p class="note">{escape(lag + more)}</p></div>'
        )
    return f'<div class="cards">{"".join(found)}</div>'


def _figures(store: Store, one: Health) -> str:
    found = health.compaction(store, one.name) if one.layer in ("bronze", "silver") else None
    items = [
        (f"Latest {PARTITION[one.layer]}", moment(one.latest) if one.latest else "—", one.note or WORDS[one.state]),
        ("Lag", span(one.lag) if one.lag is not None else "—", "since the end of the latest one" if one.lag else ""),
        ("Rows", short(one.rows) if one.rows is not None else "—", f"{one.partitions:,} partitions, {size(one.size)}"),
    ]
    if found:
        items.append(("Files before → after compaction", f"{found[0]:,} → {found[1]:,}", "in bronze → in silver"))
    else:
        items.append(("Files", f"{one.files:,}", ""))
    return cards(items)


def _reasons(lines: pd.DataFrame, total: int) -> str:
    counts = lines["_reason"].value_counts().head(8)
    rows = [[escape(f"{count:,}"), f"<span>{escape(reason)}</span>"] for reason, count in counts.items()]
    scope = f"{total:,} lines" if total <= len(lines) else f"the newest {len(lines):,} of {total:,} lines"
    return "<h2>Rejected lines</h2>" + table(["Lines", "Reason"], rows, f"Reasons of {scope}")
