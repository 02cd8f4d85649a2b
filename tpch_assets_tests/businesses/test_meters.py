"""Meters: one fact without dimensions, whose keys are long texts that come back in every window."""

from decimal import Decimal

import pytest

from tpch_assets_tests.businesses.delivery import BATCHES, Row, bad_lines, good
from tpch_assets_tests.businesses.meters import READINGS
from tpch_assets_tests.businesses.settled import BusinessTests, Settled, changed_shards, moment
from tpch_assets_tests.days import Place

COMMON = "urn:example:electricity:meter:north-west:district-11:"
METERS, TEMPORARY = 60, 500


class Meters(Settled):
    """The day of the meters: some are read in every window, and many in one window only."""

    name = "meters"

    def deliver(self) -> None:
        chance = self.chance
        for batch in BATCHES:
            names = [f"{COMMON}{number:03}'\"" for number in range(METERS)]
            if batch > BATCHES[3]:  # Windows of their own.
                names = [f"{COMMON}{batch // 24}-{number:05}" for number in range(TEMPORARY)]
            rows = [self._reading(name, batch, minute) for name in names for minute in range(2 + batch % 2)]
            rows += [{**rows[3], "value": Decimal("0.0001")}]
            wrong: Row = {"value": "much", "at": "2026-02-30T00:00:00Z", "by": False}
            lines = [good(row, colour=None) if chance.random() < 0.01 else good(row) for row in rows]
            self.delivery.spread(chance, "readings", batch, [*lines, *bad_lines(rows[0], READINGS, wrong)])

    def deliver_late(self) -> None:
        late = {**self._reading(f"{COMMON}3-00001", BATCHES[6], 30), "value": Decimal("1234567890123456.7891")}
        self.delivery.put("readings", BATCHES[6], "late.json", [good(late)])

    def _reading(self, meter: str, batch: int, minute: int) -> Row:
        value = Decimal(self.chance.randrange(10**20)).scaleb(-4)
        at = moment(batch * 15 + minute)
        return {
            "meter": meter,
            "at": f"{at:%Y-%m-%d %H:%M:%S}+00:00",
            "value": value,
            "by": self.chance.choice(["A", "a\0b", None]),
        }


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return Meters(Place(tmp_path_factory.mktemp("meters")))


class TestMeters(BusinessTests):
    """The tests that hold for any business."""


def test_a_late_reading_changes_one_shard(settled: Settled) -> None:
    window = sorted(settled.before["readings"])[3]
    assert len(settled.before["readings"][window]) > 1, "windows are cut"
    assert {
        w: len(shards) for w, shards in changed_shards(settled.before["readings"], settled.shards("readings")).items()
    } == {window: 1}
