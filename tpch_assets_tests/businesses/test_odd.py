"""Tables named like words of SQL and Dagster, and one that stays empty because all of its lines are bad."""

import pytest

from tpch_assets_tests.businesses.delivery import BATCHES, Line, good
from tpch_assets_tests.businesses.settled import BusinessTests, Settled, moment
from tpch_assets_tests.days import Place


class Odd(Settled):
    """A day of few orders."""

    name = "odd"

    def deliver(self) -> None:
        types = [{"type": number, "in": f"type {number}"} for number in range(3)]
        self.delivery.put("type", BATCHES[0], "types.json", [good(row) for row in types])
        self.delivery.put("user", BATCHES[0], "users.json", [Line(b'{"user": "a"}'), Line(b"nobody")])
        for batch in BATCHES:
            orders = [{"number": batch * 100 + n, "order": n, "type": n % 4, "user": "a"} for n in range(20)]
            outputs = [
                {
                    "number": row["number"],
                    "at": f"{moment(batch * 15):%Y-%m-%dT%H:%M:%S}",
                    "value": [row["order"] / 4, 0.5],
                }
                for row in orders
            ]
            self.delivery.put("order", batch, "orders.json", [good(row, colour="red") for row in orders])
            self.delivery.put("output", batch, "outputs.json", [good(row) for row in outputs])

    def deliver_late(self) -> None:
        self.delivery.put("type", BATCHES[3], "types.json", [good({"type": 0, "in": "renamed"})])
        # Dimensions are merged along with stale windows; alone they wait for the schedule.
        self.delivery.put("order", BATCHES[4], "late.json", [good({"number": 1, "order": 1, "type": 0, "user": "b"})])


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return Odd(Place(tmp_path_factory.mktemp("odd")))


class TestOdd(BusinessTests):
    """The tests that hold for any business."""
