"""The orders page: the unshipped orders that are worth the most, for a market segment."""

from typing import Any

import pandas as pd
import panel as pn
import pyarrow.compute as pc

from dashboards import charts
from dashboards.answers import answer, day_before, days, frame
from dashboards.page import LATEST, Page, block, choices, grid, place, put, select
from dashboards.tables import cells, download, tabulator
from dashboards.text import cards, change, moment, short, span

QUERY = "unshipped_orders"
TITLES = {
    "orderkey": "Order",
    "ordertime": "Ordered (UTC)",
    "lines": "Unshipped lines",
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
        self.figures, self.scope, self.ships, self.place = block(), block(), place(), place()
        self.table: pn.widgets.Tabulator | None = None
        self.chart: charts.Chart | None = None
        self.body[:] = [
            choices(self.segment, self.day, self.csv),
            self.figures,
            self.scope,
            grid((self.place, 8), (self.ships, 4)),
        ]
        self.segment.param.watch(lambda _: self._chosen(), "value")
        self.day.param.watch(lambda _: self._chosen(), "value")
        self.url.watch(self._from_url)
        self._choosing = False

    def ready(self) -> bool:
        found = self.store.table("gold", QUERY)
        return bool(found and found.files)

    def show(self) -> None:
        source = self.store.table("gold", QUERY)
        assert source is not None
        self._offer()
        day = self._day()
        now = (source.uri, source.version, self.segment.value, day)
        if now == self._told:
            return
        rows = self._of(day)
        before = day_before(source, day)
        self.figures.object = _figures(rows, self._of(before) if before else None, day)
        self.scope.object = _scope(rows, day)
        self._fill(rows)
        self._draw(_by_hour(rows))
        self.csv.filename = f"unshipped_orders_{self.segment.value}_{day}.csv"
        self.tell(source, day)
        self._told = now

    def _fill(self, rows: pd.DataFrame) -> None:
        shown = rows.drop(columns=["segment"])
        if self.table is None:
            self.table = tabulator(shown, titles=TITLES)
            self.place[:] = [self.table]
        else:
            self.table.value = cells(shown)

    def _draw(self, data: dict[str, Any]) -> None:
        if self.chart is None or not self.chart.update(data):
            self.chart = charts.times("Revenue waiting, by hour of the next shipment (UTC)", HOUR, data, height=420)
            put(self.ships, self.chart)

    def _of(self, day: str) -> pd.DataFrame:
        source = self.store.table("gold", QUERY)
        assert source is not None
        rows = frame(self.store, source, day)
        return rows[rows["segment"] == self.segment.value].reset_index(drop=True)

    def _rows(self) -> Any:
        source = self.store.table("gold", QUERY)
        assert source is not None
        rows = answer(self.store, source, self._day())
        return rows.filter(pc.equal(rows["segment"], self.segment.value))

    def _day(self) -> str:
        source = self.store.table("gold", QUERY)
        assert source is not None
        kept = days(source)
        return self.day.value if self.day.value in kept else kept[0]

    def _offer(self) -> None:
        """Fill the choices from what gold holds, and choose what the address says the first time."""
        source = self.store.table("gold", QUERY)
        assert source is not None
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


def _figures(rows: pd.DataFrame, before: pd.DataFrame | None, day: str) -> str:
    end = pd.Timestamp(day) + pd.Timedelta(days=1)
    oldest = rows["ordertime"].min() if len(rows) else None
    age = end - oldest if oldest is not None else None
    count, revenue = float(len(rows)), float(rows["revenue"].sum())
    earlier: tuple[float | None, float | None] = (None, None)
    oldest_before = "no day before to compare with"
    if before is not None:
        earlier = float(len(before)), float(before["revenue"].sum())
        if len(before):
            oldest_before = f"the day before: {span(end - pd.Timedelta(days=1) - before['ordertime'].min())}"
    return cards(
        [
            ("Unshipped orders listed", short(count), change(count, earlier[0])),
            ("Revenue waiting in them", short(revenue), change(revenue, earlier[1])),
            (
                "Oldest order",
                span(age) if age is not None else "—",
                f"ordered {moment(oldest)} UTC; {oldest_before}" if oldest is not None else "",
            ),
        ]
    )


def _scope(rows: pd.DataFrame, day: str) -> str:
    return (
        f'<p class="muted">These figures cover the {len(rows)} orders listed below: gold keeps, per segment and '
        f"day, the orders with the highest revenue that had lines still to be shipped at the end of {day}. "
        "Revenue is that of the unshipped lines, after discount.</p>"
    )


def _by_hour(rows: pd.DataFrame) -> dict[str, Any]:
    hours = rows.groupby(rows["next_shiptime"].dt.floor("h"))["revenue"].sum()
    middle = hours.index + pd.Timedelta(minutes=30)
    return {"time": middle.to_numpy(), "value": hours.to_numpy()}
