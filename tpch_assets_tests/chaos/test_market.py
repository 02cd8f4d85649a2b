"""The market without faults: what silver and gold do where it matters, by their own functions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tpch_assets.gold.plan import plan, plan_answers
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.commit import CommitConflict
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.silver.shards import plan_shards
from tpch_assets.silver.stale import layer_snapshots
from tpch_assets_tests.chaos import feed, market
from tpch_assets_tests.chaos.feed import START, Delivery
from tpch_assets_tests.chaos.services import SHARD_ROWS, Services, computed

END = START + timedelta(days=1, hours=1)
CUSTOMERS = "(SELECT count(*) FROM customers)"
GROUP = market.BUSINESS.groups[0]


class Market(Services):
    """Services whose files land with times of their own."""

    landed = 0

    def land(self, table: str, slot: int, text: str, file: str = "a.json") -> None:
        self.landed += 1
        self.deliver(Delivery(table, feed.batch(slot), file, text.encode()), 1_700_000_000 + self.landed)

    def answer(self, query: str, day: int = 0) -> list[dict[str, Any]]:
        table = snapshot(self.lake, self.lake.table("gold", query))
        rows = read(table, table.of({feed.day(day)})).to_pylist()
        return [{name: value for name, value in row.items() if name != "as_of"} for row in rows]


def item(sale: int, due: datetime) -> str:
    return f'{{"sale": {sale}, "position": 0, "price": 1.5, "due": "{due.isoformat()}"}}\n'


def sale(number: int) -> str:
    return f'{{"sale": {number}, "customer": 1, "total": 2}}\n'


@pytest.fixture
def settled(lake: Lake) -> Iterator[Market]:
    """A day with a sale in its first window and one in its last, with an item due at the day's very end."""
    found = Market(lake)
    found.land("customers", 0, '{"customer": 1, "segment": "old"}\n')
    for slot in (1, 80):
        found.land("sales", slot, sale(slot))
        found.land("items", slot, item(slot, START + timedelta(hours=24 if slot == 80 else 1)))
    found.tick(END)
    assert found.tick(END) == [] and not found.failures
    yield found


def test_a_customer_who_changes_segment_changes_the_answer(settled: Market) -> None:
    assert [row["segment"] for row in settled.answer("revenue")] == ["old"]
    settled.land("customers", 2, '{"customer": 1, "segment": "new"}\n')
    assert settled.tick(END) == ["bronze/customers", "silver/customers", "gold/revenue"]
    assert [(row["segment"], row["items"]) for row in settled.answer("revenue")] == [("new", 2)]


def test_a_dimension_that_is_read_whole_changes_the_answer(settled: Market, tmp_path: Path) -> None:
    text = "-- Above\n-- How many sales are worth more than there are customers?\n\n"
    (tmp_path / "above.sql").write_text(f"{text}SELECT count(*) AS sales FROM sales WHERE total > {CUSTOMERS}\n")
    settled.business = replace(market.BUSINESS, queries=tmp_path)
    settled.tick(END)
    assert settled.answer("above") == [{"sales": 2}]
    settled.land("customers", 2, '{"customer": 2, "segment": "new"}\n')
    settled.tick(END)
    assert settled.answer("above") == [{"sales": 0}]


def test_what_is_due_at_the_very_end_of_a_day_is_open(settled: Market) -> None:
    assert [row["sale"] for row in settled.answer("open_items")] == [80]


def test_shards_whose_last_event_is_over_are_skipped(settled: Market) -> None:
    query = load_queries(market.BUSINESS)["open_items"]
    silver = {name: snapshot(settled.lake, settled.lake.table("silver", name)) for name in market.BUSINESS.names}
    _, facts = plan(query, market.BUSINESS, silver, date.fromisoformat(feed.day(0)), 1)
    assert (facts["shards"], facts["shards skipped"]) == (2, 1)


def test_a_day_with_a_window_that_is_not_built_yet_is_not_answered(settled: Market) -> None:
    late = END + timedelta(days=1)
    for slot in (97, 176):
        settled.land("sales", slot, sale(slot))
        settled.land("items", slot, item(slot, START))
    settled._bronze(late)
    settled._silver(late)
    settled.land("sales", 98, sale(7))
    settled._bronze(late)
    settled.asked.clear()
    settled._gold(late)
    assert settled.asked == [], "the second day has its last window, but not all of its first"
    assert settled.tick(late) == ["silver/sales", *(f"gold/{name}" for name in load_queries(market.BUSINESS))]
    assert settled.answer("totals", 1)[0]["sales"] == 5


def test_of_two_silver_runs_the_one_that_has_seen_less_is_refused(settled: Market) -> None:
    settled.land("sales", 2, sale(7))
    settled._bronze(END)
    bronze, silver = (layer_snapshots(settled.lake, layer, GROUP) for layer in ("bronze", "silver"))
    slow = plan_shards(GROUP, bronze, silver, [feed.batch(0)], SHARD_ROWS)
    settled.land("sales", 3, sale(8))
    settled.tick(END)
    with pytest.raises(CommitConflict, match="was planned on"):
        settled._store("silver", "sales", slow["sales"])
    table = snapshot(settled.lake, settled.lake.table("silver", "sales"))
    assert sorted(read(table)["sale"].to_pylist()) == [1, 7, 8, 80]


def test_an_answer_from_an_older_silver_does_not_replace_one_from_a_newer(settled: Market) -> None:
    query = load_queries(market.BUSINESS)["totals"]
    settled.land("sales", 2, sale(7))
    settled._bronze(END)
    settled._silver(END)
    slow = plan_answers(query, market.BUSINESS, settled.lake, [feed.day(0)], 1)
    settled.land("sales", 3, sale(8))
    settled.tick(END)
    with pytest.raises(CommitConflict, match="another writer has put"):
        settled._store("gold", "totals", computed(slow))
    assert settled.answer("totals")[0]["sales"] == 4 and settled.tick(END) == []


def test_a_hostile_file_among_others_takes_nothing_with_it(settled: Market) -> None:
    Path(settled.lake.path("raw", "sales", feed.batch(5))).mkdir(parents=True)
    Path(settled.lake.path("raw", "sales", feed.batch(5), "a.json")).write_bytes(b"\x00\xff{" * 100)
    settled.tick(END)
    assert settled.tick(END) == [] and settled.answer("totals")[0]["sales"] == 2
