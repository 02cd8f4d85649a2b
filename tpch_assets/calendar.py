"""Batch, window, day: the three cadences as Dagster partitions, and arithmetic on their keys. All times are UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import dagster as dg

BATCH, WINDOW, DAY = timedelta(minutes=15), timedelta(hours=6), timedelta(days=1)
BATCHES_PER_DAY = DAY // BATCH
TIME_FORMAT, DAY_FORMAT = "%Y-%m-%dT%H%M", "%Y-%m-%d"


def batches(start: datetime) -> dg.TimeWindowPartitionsDefinition:
    """The 15-minute batches since `start`, a midnight."""
    return dg.TimeWindowPartitionsDefinition(start=start, cron_schedule="*/15 * * * *", fmt=TIME_FORMAT, timezone="UTC")


def windows(start: datetime) -> dg.TimeWindowPartitionsDefinition:
    """The 6-hour windows since `start`: 24 batches each."""
    return dg.TimeWindowPartitionsDefinition(start=start, cron_schedule="0 */6 * * *", fmt=TIME_FORMAT, timezone="UTC")


def days(start: datetime) -> dg.TimeWindowPartitionsDefinition:
    """The days since `start`: 4 windows each."""
    return dg.TimeWindowPartitionsDefinition(start=start, cron_schedule="0 0 * * *", fmt=DAY_FORMAT, timezone="UTC")


def parse(key: str) -> datetime:
    """The moment at which the batch, window or day with this key begins.

    Raises:
        ValueError: The text is no key.
    """
    return datetime.strptime(key, DAY_FORMAT if len(key) == 10 else TIME_FORMAT).replace(tzinfo=UTC)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The begin of the step (batch, window or day) that holds `moment`."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (moment - midnight) // step * step


def batch_key(moment: datetime) -> str:
    return floor(moment, BATCH).strftime(TIME_FORMAT)


def window_key(moment: datetime) -> str:
    return floor(moment, WINDOW).strftime(TIME_FORMAT)


def day_key(moment: datetime) -> str:
    return moment.strftime(DAY_FORMAT)


def is_batch(text: str) -> bool:
    """Whether `text` is the key of a batch, exactly as this project writes it."""
    try:
        moment = parse(text)
    except ValueError:
        return False
    return batch_key(moment) == text


@lru_cache(maxsize=1 << 16)  # Asked of every file of a table, and parsing a time takes 10 microseconds.
def window_of(batch: str) -> str:
    """The key of the window that a batch lies in."""
    return window_key(parse(batch))


def batches_of(window: str) -> list[str]:
    """The keys of a window's 24 batches."""
    begin = parse(window)
    return [batch_key(begin + i * BATCH) for i in range(WINDOW // BATCH)]


def stretches(keys: list[str], step: timedelta) -> list[tuple[str, str]]:
    """Sorted keys as (first, last) of each run of neighbours, so that a range run asks for no key twice."""
    found: list[tuple[str, str]] = []
    for key in sorted(keys):
        if found and parse(found[-1][1]) + step == parse(key):
            found[-1] = (found[-1][0], key)
        else:
            found.append((key, key))
    return found
