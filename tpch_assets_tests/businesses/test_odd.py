"""Tables named like words of SQL and Dagster; one stays empty as all of its lines are bad, and some never come."""

from pathlib import Path
from typing import Any

import pytest

from tpch_assets_tests import days
from tpch_assets_tests.businesses.delivery import BATCHES, Line, Row, good
from tpch_assets_tests.businesses.settled import BusinessTests, Settled, moment
from tpch_assets_tests.days import Place

PLACES: tuple[Any, ...] = (None, [], [None, {"x": None, "names": ["a", None]}], [{"x": 0.5, "names": None}])


class Odd(Settled):
    """A day of few orders. In the last window they led to nothing."""

    name = "odd"
    waits = ("holidays", "strikes")

    def deliver(self) -> None:
        types = [{"type": number, "in": f"type {number}"} for number in range(3)]
        self.delivery.put("type", BATCHES[0], "types.json", [good(row) for row in types])
        self.delivery.put("user", BATCHES[0], "users.json", [Line(b'{"user": "a"}'), Line(b"nobody")])
        for batch in BATCHES:
            orders: list[Row] = [{"number": batch * 100 + n, "order": n, "type": n % 4, "user": "a"} for n in range(20)]
            self.delivery.put("order", batch, "orders.json", [good(row, colour="red") for row in orders])
            if batch < BATCHES[6]:
                outputs = [self._output(row["number"], row["order"], batch) for row in orders]
                self.delivery.put("output", batch, "outputs.json", [good(row) for row in outputs])

    def _output(self, number: int, order: int, batch: int) -> Row:
        at = f"{moment(batch * 15):%Y-%m-%dT%H:%M:%S}"
        return {"number": number, "at": at, "value": [order / 4, 0.5], "place": PLACES[order % len(PLACES)]}

    def deliver_late(self) -> None:
        self.delivery.put("type", BATCHES[3], "types.json", [good({"type": 0, "in": "renamed"})])
        # Dimensions are merged along with stale windows; alone they wait for the schedule.
        self.delivery.put("order", BATCHES[4], "late.json", [good({"number": 1, "order": 1, "type": 0, "user": "b"})])


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return Odd(Place(tmp_path_factory.mktemp("odd")))


class TestOdd(BusinessTests):
    """The tests that hold for any business."""


def test_a_replay_makes_the_same_lake(settled: Settled, tmp_path: Path) -> None:
    replayed = Place(tmp_path)
    settled.delivery.land_all(replayed)
    process = replayed.start("replay", "--batches", "96", **settled.settings)
    assert process.wait(timeout=300) == 0, replayed.output()
    days.assert_same_lake(replayed.lake, settled.place.lake)


def test_tables_that_never_came_keep_only_their_queries_waiting(settled: Settled) -> None:
    tables = days.tables_of(settled.place.lake)
    assert not tables.keys() & {"gold/holidays", "gold/strikes", "silver/strike", "silver/holiday", "bronze/refund"}
    assert tables["silver/refund"].rows == 0


def test_housekeeping_and_freshness_know_the_business(settled: Settled) -> None:
    with settled.graph() as loaded:
        for name in ("maintenance_job", "freshness_job"):
            job = loaded.defs.resolve_job_def(name)
            assert job.execute_in_process(instance=loaded.instance).success
