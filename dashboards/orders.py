"""The orders page: what waits to be shipped in a market segment, and the orders that are worth the most."""

from typing import Any

import pandas as pd
import panel as pn
import pyarrow.compute as pc

from dashboards import charts
from dashboards.answers import answer, day_before, days, frame
from dashboards.page import LATEST, Page, at_once, block, choices, grid, place, put, select
from dashboards.states import empty
from dashboards.tables import cells, download, tabulator
from dashboards.text import cards, change, moment, older, short, span
from tpch_assets.lake.delta import Snapshot

QUERY = "unshipped_orders"
TOTALS = "unshipped_totals"
TITLES = {
    "orderkey": "Order",
    "ordertime": "Ordered (UTC)",
    "lines": "Lines",
    "next_shiptime": "Next ships (UTC)",
}
HOUR = 3_600_000


class Orders(Page):
    """Choices: segment and day."""

    path = "/"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.segment = select("Market segment", [""], "")
        self.day = select("Day", {"Latest": LATEST}, LATEST)
        self.csv = download(self._rows, "unshipped_orders.csv")
        self.figures, self.ships, self.place = block(), place(), place()
        self.table: pn.widgets.Tabulator | None = None
        self.chart: charts.Chart | None = None
        self.body[:] = [
            choices(self.segment, self.day, self.csv),
            self.figures,
            grid((self.place, 10), (self.ships, 4)),
        ]
        self.segment.param.watch(lambda _: self._chosen(), "value")
        self.day.param.watch(lambda _: self._chosen(), "value")
        self.url.watch(self._from_url)
        self._choosing = False

    def ready(self) -> bool:
        found = self.store.table("gold", QUERY)
        return bool(found and found.files)

    def show(self) -> None:
        source, totals = self._source(), self.store.table("gold", TOTALS)
        self._offer(source)
        day = self._day(source)
        now = (source.uri, source.version, totals and totals.version, self.segment.value, day)
        if now == self._told:
            return
        with at_once():
            self._fill(self._of(source, day))
            self._show_totals(totals if totals and day in totals.by_partition() else None, day)
        self.csv.filename = f"unshipped_orders_{self.segment.value}_{day}.csv"
        self.tell(day, source, *([totals] if totals else []))
        self._told = now

    def _show_totals(self, totals: Snapshot | None, day: str) -> None:
        if totals is None:
            self.figures.object = empty(
                f"The totals of {day} are not there: they come with gold/{TOTALS}, which `tpch-assets replay` or "
                "Dagster makes for days that miss it. The orders below are complete."
            )
            self.ships.visible = False  # Kept with its zoom: a day's totals may come a moment after its orders.
            return
        rows, before = self._of(totals, day), day_before(totals, day)
        self.figures.object = _figures(rows, self._of(totals, before) if before else None, day, before)
        data = _by_hour(rows)
        if self.chart is None or not self.chart.update(data):
            self.chart = charts.over_time("Revenue waiting by hour of shipment", HOUR, data, height=420)
            put(self.ships, self.chart)
        self.ships.visible = True

    def _fill(self, rows: pd.DataFrame) -> None:
        shown = rows.drop(columns=["segment"])
        if self.table is None:
            self.table = tabulator(shown, titles=TITLES, stretch=True)
            self.place[:] = [self.table]
        else:
            self.table.value = cells(shown)

    def _source(self) -> Snapshot:
        source = self.store.table("gold", QUERY)
        assert source is not None
        return source

    def _of(self, source: Snapshot, day: str) -> pd.DataFrame:
        """The segment's rows of a day's answer."""
        rows = frame(self.store, source, day)
        return rows[rows["segment"] == self.segment.value].reset_index(drop=True)

    def _rows(self) -> Any:
        source = self._source()
        rows = answer(self.store, source, self._day(source))
        return rows.filter(pc.equal(rows["segment"], self.segment.value))

    def _day(self, source: Snapshot) -> str:
        kept = days(source)
        return self.day.value if self.day.value in kept else kept[0]

    def _offer(self, source: Snapshot) -> None:
        """Fill the choices from what gold holds, and choose what the address says the first time."""
        kept = days(source)
        segments = sorted(frame(self.store, source, kept[0])["segment"].unique()) or [""]
        offered = {f"Latest ({kept[0]})": LATEST} | {day: day for day in kept}
        self._choosing = True
        try:
            if segments != self.segment.options:
                first = self.segment.value if self.segment.value in segments else segments[0]
                self.segment.param.update(options=segments, value=self.url.get("segment", segments, first))
            if offered != self.day.options:
                value = self.day.value if self.day.value in kept else LATEST
                self.day.param.update(options=offered, value=self.url.get("day", kept, value))
        finally:
            self._choosing = False

    def _chosen(self) -> None:
        if self._choosing or not self.ready():
            return
        self.url.set(segment=self.segment.value, day=None if self.day.value == LATEST else self.day.value)
        self.refresh()

    def _from_url(self) -> None:
        self._choosing = True
        try:
            self.segment.value = self.url.get("segment", self.segment.options, self.segment.value)
            self.day.value = self.url.get("day", list(self.day.options.values()), LATEST)
        finally:
            self._choosing = False
        self.refresh()


def _figures(rows: pd.DataFrame, before: pd.DataFrame | None, day: str, day_before: str | None) -> str:
    """The segment's totals, each with its change against the day before."""
    count, revenue = float(rows["orders"].sum()), float(rows["revenue"].sum())
    counted, earned = (
        (float(before["orders"].sum()), float(before["revenue"].sum())) if before is not None else [None] * 2
    )
    oldest, age = _oldest(rows, day)
    _, age_before = _oldest(before, day_before) if before is not None and day_before else (None, None)
    note = f"ordered {moment(oldest)} UTC; {older(age, age_before)}" if age is not None and oldest is not None else ""
    return cards(
        [
            ("Unshipped orders", f"{count:,.0f}", change(count, counted)),
            ("Revenue waiting", short(revenue), change(revenue, earned)),
            ("Oldest order", span(age) if age is not None else "—", note),
        ]
    )


def _oldest(rows: pd.DataFrame, day: str) -> tuple[pd.Timestamp | None, pd.Timedelta | None]:
    """When the oldest order was placed, and its age at the day's end."""
    oldest = rows["oldest_ordertime"].min()
    if pd.isna(oldest):
        return None, None
    return oldest, pd.Timestamp(day) + pd.Timedelta(days=1) - oldest


def _by_hour(rows: pd.DataFrame) -> dict[str, Any]:
    middle = rows["ship_hour"] + pd.Timedelta(minutes=30)
    return {"time": middle.to_numpy(), "value": rows["revenue"].to_numpy()}
