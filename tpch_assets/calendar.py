"""Keys of batches, windows and days, and arithmetic on them. All times are UTC.

How long a batch, a window and a day are stands in `layers.py`; Dagster's partitions are made in `orchestration/`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from tpch_assets.layers import BATCH, DAY, WINDOW

TIME_FORMAT, DAY_FORMAT = "%Y-%m-%dT%H%M", "%Y-%m-%d"


def key_format(step: timedelta) -> str:
    """How keys of a cadence are written."""
    return DAY_FORMAT if step == DAY else TIME_FORMAT


def parse(key: str) -> datetime:
    """The moment at which the batch, window or day with this key begins.

    Raises:
        ValueError: The text is not a key.
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


@lru_cache(maxsize=1 << 14)
def last_window(day: str) -> str:
    """The key of a day's last window."""
    return window_key(parse(day) + DAY - WINDOW)


@lru_cache(maxsize=1 << 14)
def end_of_day(day: str) -> str:
    """The key of the first window behind a day."""
    return window_key(parse(day) + DAY)


def day_of(key: str) -> str:
    """The key of the day that a batch or window lies in."""
    return key[:10]


def is_batch(text: str) -> bool:
    """Whether `text` is the key of a batch, exactly as this project writes it."""
    try:
        moment = parse(text)
    except ValueError:
        return False
    return batch_key(moment) == text


def window_of(batch: str) -> str:
    """The key of the window that a batch lies in.

    Raises:
        ValueError: The text is not a key.
    """
    # Called for every file of a table: parsing a time takes 10 microseconds, and ten years have 350,000 batches.
    return _day(batch[:10]) + _begin_of_window(batch[10:])


@lru_cache(maxsize=1 << 14)
def _day(text: str) -> str:
    return day_key(parse(text))


@lru_cache(maxsize=1 << 11)
def _begin_of_window(time: str) -> str:
    """The rest of a window's key, by that of a batch's."""
    return window_key(parse(f"2000-01-01{time}"))[10:]


def batches_of(window: str) -> list[str]:
    """The keys of a window's batches."""
    begin = parse(window)
    return [batch_key(begin + i * BATCH) for i in range(WINDOW // BATCH)]


def stretches(keys: Iterable[str], step: timedelta) -> list[tuple[str, str]]:
    """Keys as (first, last) of each run of neighbours, so that a range run asks for no key twice."""
    found: list[tuple[str, str]] = []
    for key in sorted(keys):
        if found and parse(found[-1][1]) + step == parse(key):
            found[-1] = (found[-1][0], key)
        else:
            found.append((key, key))
    return found
