"""Volumes as a shop has them: weekdays and evenings, never more than a full day, every order in one batch."""

from datetime import timedelta

import pytest

from tpch_assets.layers import BATCH, BATCHES_PER_DAY
from tpch_assets.tpch.volumes import orders_between, orders_on
from tpch_assets_tests.conftest import START

FULL = 150_000
NIGHT, EVENING = range(6), range(18, 22)


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("full", [1_500, 15_000, FULL, 15_000_000])
def test_each_order_of_a_day_comes_in_one_batch(number: int, full: int) -> None:
    midnight = START + timedelta(days=number)
    found = [orders_between(midnight + batch * BATCH, batch, full) for batch in range(BATCHES_PER_DAY)]
    assert [first for first, _ in found] == [0, *(last for _, last in found[:-1])]
    assert found[-1][1] == orders_on(midnight, full)
    assert all(first < last for first, last in found), "no batch is empty"


def test_weekdays_have_more_orders_than_weekends_and_no_day_more_than_a_full_one() -> None:
    days = [START + timedelta(days=number) for number in range(364)]
    counts = {day: orders_on(day, FULL) for day in days}
    weekdays = [count for day, count in counts.items() if day.weekday() < 5]
    weekends = [count for day, count in counts.items() if day.weekday() >= 5]
    assert FULL >= max(weekdays) > min(weekdays) > max(weekends) > min(weekends) > FULL / 2
    mondays = {counts[day] for day in days if day.weekday() == 0}
    assert len(mondays) > 5, "weeks differ"


def test_evenings_have_more_orders_than_nights() -> None:
    per_hour = [0] * 24
    for batch in range(BATCHES_PER_DAY):
        time = START + batch * BATCH
        first, last = orders_between(time, batch, FULL)
        per_hour[time.hour] += last - first
    assert min(per_hour[hour] for hour in EVENING) > max(per_hour) * 0.8
    assert max(per_hour[hour] for hour in NIGHT) < max(per_hour) / 4
    assert sum(per_hour[hour] for hour in range(8, 24)) > 0.8 * sum(per_hour)
