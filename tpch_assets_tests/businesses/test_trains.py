"""Trains: a fact cut by a time without a zone, and dimensions that are cut by dates or have a boolean key."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tpch_assets.gold.queries import load_queries
from tpch_assets_tests import days
from tpch_assets_tests.businesses.delivery import BATCHES, Row, bad_lines, good
from tpch_assets_tests.businesses.settled import DAY, BusinessTests, Settled, changed_shards, moment
from tpch_assets_tests.days import Place

MINUTES = 350  # A batch tells of departures of so many minutes.
CALENDAR, LINES = 3_000, 1_300

FAR = ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00", "1582-10-10T00:00:00+00:00"]


class Trains(Settled):
    """The day of the trains. Each window has times of its own, but for one that two windows tell of."""

    name = "trains"

    def deliver(self) -> None:
        chance, table = self.chance, self.business.table
        kinds = [{"day": str(date(2020, 1, 1) + timedelta(number)), "kind": "school"} for number in range(CALENDAR)]
        kinds += [{"day": day, "kind": "far"} for day in ("0001-01-01", "9999-12-31")]
        bad = bad_lines(kinds[0], table("calendar"), {"day": "2026-02-30", "kind": {}})
        self.delivery.put("calendar", BATCHES[0], "years.json", [*map(good, kinds), *bad])
        for batch in BATCHES[1:]:
            some = [{**row, "kind": chance.choice(["holiday", "weekend"])} for row in chance.sample(kinds, 30)]
            self.delivery.put("calendar", batch, "changes.json.gz", [good(row, colour=1) for row in some])
        lines = [self._line(electric, f"R{number}") for number in range(LINES) for electric in (True, False)]
        bad = bad_lines(lines[0], table("lines"), {"electric": "true", "stops": [{"name": "A", "km": "far"}]})
        self.delivery.put("lines", BATCHES[0], "lines.json", [*map(good, lines), *bad])
        for batch in BATCHES:
            rows = [
                self._departure(batch, minute, place) for minute in range(MINUTES) for place in "ABCD"[: 2 + batch % 3]
            ]
            wrong: Row = {"planned": "24:00", "passengers": 40_000, "electric": None, "left": "2026-01-01T00:00:00Z"}
            self.delivery.spread(
                chance, "departures", batch, [*map(good, rows), *bad_lines(rows[0], table("departures"), wrong)]
            )
            self._signal(batch)
        early = self._departure(BATCHES[0], 3, "A")
        self.delivery.put("departures", BATCHES[3], "again.json", [good({**early, "line": "R1", "passengers": 1})])

    def _signal(self, batch: int) -> None:
        """Signals of a batch; in the third window also some of times as far away as times can be."""
        times = [moment(batch * 15 + index / 60).isoformat() for index in range(900)]
        times += FAR if batch == BATCHES[4] else []
        rows = [
            {"at": at, "signal": self.chance.randrange(3) * 10**17, "green": self.chance.random() < 0.5} for at in times
        ]
        bad = bad_lines(rows[0], self.business.table("signals"), {"at": None, "green": "green", "signal": 10**19})
        self.delivery.spread(self.chance, "signals", batch, [*map(good, rows), *bad])

    def deliver_late(self) -> None:
        late = {"at": f"{moment(BATCHES[2] * 15 + 1).isoformat()[:19]}.000001Z", "signal": -1, "green": True}
        self.delivery.put("signals", BATCHES[2], "late.json", [good(late)])
        late = self._departure(BATCHES[6], 100, "late")
        self.delivery.put("departures", BATCHES[6], "late.json", [good(late)])

    def _line(self, electric: bool, line: str) -> Row:
        stops: list[Row] = [
            {"name": f"stop {index}", "km": Decimal(index * 3).scaleb(-1)} for index in range(self.chance.randint(0, 3))
        ]
        return {"electric": electric, "line": line, "stops": [{**stop, "km": float(stop["km"])} for stop in stops]}

    def _departure(self, batch: int, minute: int, station: str) -> Row:
        chance = self.chance
        planned = moment(batch * 15 + minute).replace(tzinfo=None)
        return {
            "planned": planned.isoformat(" "),
            "station": station,
            "left": (planned + timedelta(seconds=chance.randint(0, 3_000), microseconds=1)).isoformat(),
            "line": f"R{chance.randrange(9)}",
            "electric": chance.random() < 0.5,
            "passengers": chance.choice([None, 0, -1, 32_767]),
        }


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return Trains(Place(tmp_path_factory.mktemp("trains")))


class TestTrains(BusinessTests):
    """The tests that hold for any business."""


@pytest.mark.parametrize(("fact", "number"), [("departures", 3), ("signals", 1)])
def test_a_late_row_changes_one_shard(settled: Settled, fact: str, number: int) -> None:
    window = sorted(settled.before[fact])[number]
    assert len(settled.before[fact][window]) > 1, "windows are cut"
    changed = changed_shards(settled.before[fact], settled.shards(fact))
    assert {window: len(shards) for window, shards in changed.items()} == {window: 1}


def test_a_large_dimension_is_cut_by_its_date(settled: Settled) -> None:
    files = days.tables_of(settled.place.lake)["silver/calendar"].files
    assert len(files) > 2
    assert all(isinstance(file.least["day"], date) for file in files)


def test_shards_of_the_past_are_skipped_by_a_live_query(settled: Settled) -> None:
    assert load_queries(settled.business)["expected_trains"].live == "left"
    partials = [name for name in days.partial_files(settled.place.lake) if name.startswith("expected_trains/")]
    shards = sum(map(len, settled.shards("departures").values()))
    assert 0 < len(partials) < shards
    assert DAY
