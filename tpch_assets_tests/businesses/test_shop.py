"""A shop: three facts in one group, cut by long numbers; a second group, cut by dates; and a table of many columns."""

import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tpch_assets_tests.businesses.delivery import BATCHES, Row, bad_lines, good
from tpch_assets_tests.businesses.settled import BusinessTests, Settled, changed_shards, moment
from tpch_assets_tests.businesses.shop import KEYWORDS
from tpch_assets_tests.days import Place

BASKETS, VISITS = 350, 900
LEAST = Decimal(1)  # No other basket has so small a number.


class Shop(Settled):
    """The day of the shop. Visits of a window are of days that no other window has."""

    name = "shop"

    def deliver(self) -> None:
        for batch in BATCHES:
            self._sell(batch)
            self._visit(batch)

    def _sell(self, batch: int) -> None:
        chance, table = self.chance, self.business.table
        numbers = [
            Decimal(chance.choice([10**19, 10**14, 10**5]) * 9 + chance.randrange(10**9)) for _ in range(BASKETS)
        ]
        baskets = [self._basket(number, batch) for number in numbers]
        items = [self._item(number, position) for number in numbers for position in range(1, chance.randint(2, 8))]
        payments = [self._payment(number) for number in numbers if chance.random() < 0.7]
        earlier = [line.row for *_, line in self.delivery.of("items") if line.row]
        items += [{**row, "order": 0} for row in chance.sample(earlier, min(len(earlier), 10))]
        orphan = self._item(Decimal(77_000_000 + batch), 1)
        bad = {
            "baskets": {"number": Decimal(10) ** 20, "flag_39": 128, "opened": "2026-01-01", "order": 1},
            "items": {"number": Decimal("0.5"), "price": Decimal("1.001"), "position": True},
            "payments": {"amount": "12,50", "payment": 5},
        }
        rows = {"baskets": baskets, "items": [*items, orphan], "payments": payments}
        for name, some in rows.items():
            lines = [good(row, colour=[1]) if chance.random() < 0.01 else good(row) for row in some]
            self.delivery.spread(chance, name, batch, [*lines, *bad_lines(some[0], table(name), bad[name])])

    def _visit(self, batch: int) -> None:
        chance = self.chance
        first = date(1999, 1, 1) + timedelta(batch // 24 * 100)
        visits = [self._visitor(first + timedelta(chance.randrange(100))) for _ in range(VISITS)]
        visits += [{**visits[0], "pages": 0}]
        bad = bad_lines(visits[0], self.business.table("visits"), {"day": "1.1.1999", "visitor": "me"})
        self.delivery.spread(chance, "visits", batch, [*map(good, visits), *bad])

    def deliver_late(self) -> None:
        self.delivery.put("baskets", BATCHES[2], "late.json", [good(self._basket(LEAST, BATCHES[2]))])
        self.delivery.put("items", BATCHES[2], "late.json", [good(self._item(LEAST, 1))])
        self.delivery.put(
            "visits", BATCHES[4], "late.json.gz", [good(self._visitor(date(1999, 1, 1) + timedelta(200)))]
        )

    def _basket(self, number: Decimal, batch: int) -> Row:
        chance = self.chance
        words = {name: chance.choice([None, "x", name, "'"]) for name in KEYWORDS}
        flags = {f"flag_{index}": chance.randint(-128, 127) for index in range(40)}
        return {"number": number, "opened": f"{moment(batch * 15):%Y-%m-%dT%H:%M:%S+02:00}", **words, **flags}

    def _item(self, number: Decimal, position: int) -> Row:
        price = Decimal(self.chance.randrange(10**5)).scaleb(-2)
        return {"number": number, "position": position, "price": price, "order": self.chance.randint(0, 9)}

    def _payment(self, number: Decimal) -> Row:
        return {"payment": "first", "basket": number, "amount": Decimal(self.chance.randrange(10**5)).scaleb(-2)}

    def _visitor(self, day: date) -> Row:
        visitor = str(uuid.UUID(int=self.chance.getrandbits(128)))
        return {"day": str(day), "visitor": visitor, "pages": self.chance.randint(1, 99)}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return Shop(Place(tmp_path_factory.mktemp("shop")))


class TestShop(BusinessTests):
    """The tests that hold for any business."""


def test_a_late_basket_changes_the_first_shard_of_its_window(settled: Settled) -> None:
    window = sorted(settled.before["items"])[1]
    assert len(settled.before["items"][window]) > 1, "windows are cut"
    for fact in ("baskets", "items"):
        changed = changed_shards(settled.before[fact], settled.shards(fact))
        assert {w: {index.split("of")[0] for index in shards} for w, shards in changed.items()} == {window: {"0"}}, fact
    assert not changed_shards(settled.before["payments"], settled.shards("payments"))


def test_a_late_visit_changes_the_first_shard_of_its_window(settled: Settled) -> None:
    window = sorted(settled.before["visits"])[2]
    assert len(settled.before["visits"][window]) > 1, "windows are cut"
    changed = changed_shards(settled.before["visits"], settled.shards("visits"))
    assert {w: {index.split("of")[0] for index in shards} for w, shards in changed.items()} == {window: {"0"}}


def test_items_without_a_basket_are_told(settled: Settled) -> None:
    assert ("silver/items", "rows_have_their_parent", False) in [check[:3] for check in settled.checks]
    assert all(
        passed
        for asset, name, passed, _ in settled.checks
        if (asset, name) == ("silver/payments", "rows_have_their_parent")
    )
