"""Answers in gold: the days kept, a day's answer as a frame, and figures over the days.

How an answer looks on a page or in a chart does not belong here.
"""

from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dashboards.store.store import Store
from tpch_assets.lake.snapshot import Snapshot

HISTORY_DAYS = 30


class Measure(Protocol):
    """Reduces an answer to a few figures. Must be hashable: figures are kept by it."""

    def measure(self, rows: pd.DataFrame) -> dict[str, float]:
        """The figures of an answer, by name."""

    def __hash__(self) -> int: ...


def days(source: Snapshot) -> list[str]:
    """The days kept, newest first."""
    return sorted(source.by_partition(), reverse=True)


def day_before(source: Snapshot, day: str) -> str | None:
    """The last day kept before `day`."""
    return max((other for other in source.by_partition() if other < day), default=None)


def answer(store: Store, source: Snapshot, day: str) -> pa.Table:
    """One day's answer exactly as gold holds it, without the column of the day."""
    rows = store.rows(source, source.of({day}))
    return rows.drop_columns(["as_of"]) if "as_of" in rows.column_names else rows


def frame(store: Store, source: Snapshot, day: str) -> pd.DataFrame:
    """One day's answer for the screen: decimals as floats, times in UTC. Sessions share it, so do not change it."""
    return store.cached(
        ("frame", source.uri, _paths(source, day)), lambda: to_frame(answer(store, source, day)), _bytes
    )


def to_frame(rows: pa.Table) -> pd.DataFrame:
    """Convert an Arrow table for the screen."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            rows = rows.set_column(index, field.name, pc.cast(rows[index], pa.float64(), safe=False))
        elif pa.types.is_timestamp(field.type):
            rows = rows.set_column(index, field.name, pc.cast(rows[index], pa.timestamp("us")))
    found = rows.to_pandas(date_as_object=False)
    return found.astype({name: object for name in found.columns if isinstance(found[name].dtype, pd.StringDtype)})


def history(store: Store, source: Snapshot, day: str, measure: Measure) -> pd.DataFrame:
    """The figures of each day up to `day`: one row per day, column `day` and one column per figure."""
    chosen = [other for other in reversed(days(source)) if other <= day][-HISTORY_DAYS:]
    return pd.DataFrame([{"day": pd.Timestamp(other), **_figures(store, source, other, measure)} for other in chosen])


def _figures(store: Store, source: Snapshot, day: str, measure: Measure) -> dict[str, float]:
    key = ("measure", source.uri, _paths(source, day), measure)
    return store.cached(key, lambda: measure.measure(frame(store, source, day)))


def _paths(source: Snapshot, day: str) -> tuple[str, ...]:
    return tuple(file.path for file in source.of({day}))


def _bytes(found: pd.DataFrame) -> int:
    return int(found.memory_usage(deep=False).sum()) * 2
