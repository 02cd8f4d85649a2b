"""The orders page of TPC-H: the unshipped orders of a market segment, and those worth the most.

This is the only page that names a query or column. Pages for any business are in `dashboards.pages`.
"""

from dataclasses import replace

import pandas as pd
import panel as pn
import pyarrow as pa
import pyarrow.compute as pc

from dashboards.bokeh_private import draw_at_once
from dashboards.charts.chart import HOUR, Chart, Data, over_time
from dashboards.charts.figures import short
from dashboards.charts.looks import Look
from dashboards.pages.links import links
from dashboards.pages.markup import cards, sentence
from dashboards.pages.page import DayPage
from dashboards.pages.parts import block, choices_row, grid, place, replace_chart, select
from dashboards.pages.tables import cells, download, tabulator
from dashboards.pages.text import change, moment, older, span
from dashboards.pages.url import Location
from dashboards.settings import DashboardSettings
from dashboards.store import business
from dashboards.store.answers import answer, day_before, days, frame
from dashboards.store.computed import Computed, computed
from dashboards.store.store import Store
from tpch_assets.lake.snapshot import Snapshot

QUERY = "unshipped_orders"
TOTALS = "unshipped_totals"
HIGHEST, OLDEST = "highest", "oldest"
LISTS = {"the highest revenue": HIGHEST, "the longest wait": OLDEST}
SHOWN, ALL = 50, 2**31 - 1
TITLES = {"ordertime": "Ordered (UTC)", "next_shiptime": "Next ships (UTC)"}


class Orders(DayPage):
    """People choose the segment and the day."""

    path, name = "/orders", "Orders"
    stood_at_root = ("segment", "day")
    needs = {
        QUERY: ("segment", "orderkey", "ordertime", "revenue", "lines", "next_shiptime"),
        TOTALS: ("segment", "ship_hour", "revenue", "orders", "oldest_ordertime"),
    }

    def __init__(
        self, store: Store, settings: DashboardSettings, location: Location | None = None, look: Look | None = None
    ) -> None:
        super().__init__(store, settings, location, look)
        self.segment = select("Market segment", [""], "")
        self.first = select("Orders with", LISTS, HIGHEST)
        self.csv = download(self.rows, "unshipped_orders.csv")
        self.figures, self.said, self.ships, self.place = block(), block(), place(), place()
        self._document = pn.state.curdoc
        self._exact: pa.Table | None = None
        self.table: pn.widgets.Tabulator | None = None
        self.chart: Chart | None = None
        self._drawn: tuple[object, ...] | None = None
        self.body[:] = [
            choices_row(self.segment, self.first, self.day, self.csv),
            self.figures,
            self.said,
            grid((self.place, 10), (self.ships, 4)),
        ]
        self.first.value = self.url.get("first", list(LISTS.values()), HIGHEST)
        self.follow_choices(self.segment, self.first, self.day)

    def ready(self) -> bool:
        found = self.store.table("gold", QUERY)
        return bool(found and found.files)

    def choices(self) -> dict[str, str | None]:
        first = None if self.first.value == HIGHEST else self.first.value
        return {"segment": self.segment.value, "first": first, **super().choices()}

    def read_choices(self) -> None:
        self.segment.value = self.url.get("segment", self.segment.options, self.segment.value)
        self.first.value = self.url.get("first", list(LISTS.values()), HIGHEST)
        super().read_choices()

    def rows(self) -> pa.Table:
        """The orders shown, exactly as gold holds them, or as they were computed."""
        assert self._exact is not None
        return self._exact.filter(pc.equal(self._exact["segment"], self.segment.value))

    def show(self) -> None:
        source, totals = self._source(), self.store.table("gold", TOTALS)
        self._offer_segments(source)
        self.offer_days(source)
        day = self.day_of(source)
        key, listed, said = self._listed(source, day)
        now = (source.uri, source.version, totals and totals.version, self.segment.value, day, key)
        self.said.html, self.said.visible = said, bool(said)
        if now == self._drawn or listed is None:
            return
        self._exact, rows = listed
        with draw_at_once(pn.state.curdoc):
            self._show_orders(rows[rows["segment"] == self.segment.value].reset_index(drop=True))
            self._show_totals(totals if totals and day in totals.by_partition() else None, day)
        self.csv.filename = f"unshipped_orders_{self.segment.value}_{day}.csv"
        self.name_sources(day, source, *([totals] if totals else []))
        self._drawn = now

    def _listed(self, source: Snapshot, day: str) -> tuple[object, Computed | None, str]:
        """What names the orders of all segments, the orders, and what to say while or why there are none."""
        if self.first.value == HIGHEST:
            return HIGHEST, (answer(self.store, source, day), frame(self.store, source, day)), ""
        key, outcome = computed(self.store, _oldest_of(business.queries()[QUERY]), day, {"top": ALL}, "", self._done)
        if outcome is None:
            return key, None, sentence("Computing the oldest orders …")
        return key, outcome.result, sentence(outcome.error) if outcome.error else ""

    def _done(self) -> None:
        if self._document is not None:
            self._document.add_next_tick_callback(self.refresh)

    def _source(self) -> Snapshot:
        source = self.store.table("gold", QUERY)
        assert source is not None
        return source

    def _of_segment(self, source: Snapshot, day: str) -> pd.DataFrame:
        """The segment's rows of a day's answer."""
        rows = frame(self.store, source, day)
        return rows[rows["segment"] == self.segment.value].reset_index(drop=True)

    def _offer_segments(self, source: Snapshot) -> None:
        """Offer the segments that gold holds. At first, choose the segment in the address."""
        segments = sorted(frame(self.store, source, days(source)[0])["segment"].unique()) or [""]
        if segments != self.segment.options:
            first = self.segment.value if self.segment.value in segments else segments[0]
            with self.choosing():
                self.segment.param.update(options=segments, value=self.url.get("segment", segments, first))

    def _show_orders(self, rows: pd.DataFrame) -> None:
        query = business.queries()[QUERY]
        shown, look = rows.drop(columns=["segment", "rank"], errors="ignore"), self.look.of(query)
        if self.table is None:
            self.table = tabulator(shown, look, titles=TITLES, stretch=True, links=links(query))
            self.place[:] = [self.table]
        else:
            self.table.value = cells(shown, look)

    def _show_totals(self, totals: Snapshot | None, day: str) -> None:
        if totals is None:
            self.figures.html = sentence(
                f"There are no totals of {day} yet. They come with gold/{TOTALS}, which `tpch-assets replay` or "
                "Dagster makes for days without them. The orders below are complete."
            )
            self.ships.visible = False  # Keep the zoom: a day's totals may come a moment after its orders.
            return
        rows, before = self._of_segment(totals, day), day_before(totals, day)
        self.figures.html = _figures(rows, self._of_segment(totals, before) if before else None, day, before)
        data = _by_hour(rows)
        if self.chart is None or not self.chart.update(data):
            self.chart = over_time("Revenue waiting by hour of shipment (USD)", HOUR, data, height=420)
            replace_chart(self.ships, self.chart)
        self.ships.visible = True


def _figures(rows: pd.DataFrame, before: pd.DataFrame | None, day: str, day_before: str | None) -> str:
    """The segment's totals, each with its change since the day before."""
    count, revenue = float(rows["orders"].sum()), float(rows["revenue"].sum())
    counted, earned = (
        (float(before["orders"].sum()), float(before["revenue"].sum())) if before is not None else (None, None)
    )
    oldest, age = _oldest(rows, day)
    _, age_before = _oldest(before, day_before) if before is not None and day_before else (None, None)
    note = f"ordered {moment(oldest)} UTC; {older(age, age_before)}" if age is not None and oldest is not None else ""
    return cards(
        [
            ("Unshipped orders", f"{count:,.0f}", change(count, counted, day=day, share=True)),
            ("Revenue waiting", f"{short(revenue)} USD", change(revenue, earned, day=day, unit="USD", share=True)),
            ("Oldest order", span(age) if age is not None else "—", note),
        ]
    )


def _oldest_of(query: business.Query) -> business.Query:
    """The same orders by how long they have waited. Gold does not keep these: they are computed on the spot."""
    rank = "row_number() OVER (PARTITION BY segment ORDER BY ordertime, orderkey)"
    ranked = f"SELECT * REPLACE ({rank} AS rank)\nFROM (\n{query.plain}\n)\nQUALIFY {rank} <= {SHOWN}"
    statement = f"{ranked}\nORDER BY segment, rank"
    return replace(query, name=f"{query.name} by age", plain=statement, partial=None, combine=None)


def _oldest(rows: pd.DataFrame, day: str) -> tuple[pd.Timestamp | None, pd.Timedelta | None]:
    """When the oldest order was placed, and its age at the end of the day."""
    oldest = rows["oldest_ordertime"].min()
    if pd.isna(oldest):
        return None, None
    return oldest, pd.Timestamp(day) + pd.Timedelta(days=1) - oldest


def _by_hour(rows: pd.DataFrame) -> Data:
    middle = rows["ship_hour"] + pd.Timedelta(minutes=30)
    return {"time": middle.to_numpy(), "value": rows["revenue"].to_numpy()}
