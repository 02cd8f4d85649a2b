"""How many orders a shop gets: fewer at weekends than on weekdays, and most of them in the evening.

The first day is not a shop's: it is exactly TPC-H, in equal batches.
"""

from datetime import datetime
from itertools import accumulate
from zlib import crc32

from tpch_assets.layers import BATCHES_PER_DAY

WEEKDAYS = (96, 94, 95, 97, 100, 78, 66)
"""Percent of a full day's orders, from Monday to Sunday."""
HOURS = (3, 2, 1, 1, 1, 2, 4, 6, 8, 9, 9, 10, 11, 10, 9, 9, 10, 12, 14, 16, 17, 15, 10, 6)
"""A day's orders by hour (UTC), relative to each other."""
FEWER = 9  # A day has up to so many percent less than its weekday, by chance, so that no two weeks are the same.


def orders_on(time: datetime, full: int) -> int:
    """The number of orders on the day of `time`: at most `full`."""
    chance = crc32(str(time.date()).encode()) % FEWER
    return full * WEEKDAYS[time.weekday()] * (100 - chance) // 10_000


def orders_between(time: datetime, batch: int, full: int) -> tuple[int, int]:
    """The day's orders in its batch number `batch`, which begins at `time`: from the first on, before the second."""
    count = orders_on(time, full)
    first, last = (count * _weight_until(one) // _weight_until(BATCHES_PER_DAY) for one in (batch, batch + 1))
    return first, last


def _weight_until(batch: int) -> int:
    """The weight of a day's batches before this one."""
    hour, rest = divmod(batch * len(HOURS), BATCHES_PER_DAY)
    before = (0, *accumulate(HOURS))[hour]
    return before * BATCHES_PER_DAY + (rest * HOURS[hour] if rest else 0)
