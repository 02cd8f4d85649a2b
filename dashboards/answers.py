"""Gold as the pages need it: answers of a day as data frames, days kept, and how a figure changed. No Panel."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dashboards.data import HISTORY_DAYS, Store
from dashboards.views import View, measure, view_of
from tpch_assets.lake.delta import Snapshot


def days(source: Snapshot) -> list[str]:
    """The days kept, newest first."""
    return sorted(source.by_partition(), reverse=True)


def day_before(source: Snapshot, day: str) -> str | None:
    """The last day kept before `day`."""
    return max((other for other in source.by_partition() if other < day), default=None)


def answer(store: Store, source: Snapshot, day: str) -> pa.Table:
    """One day's answer, exactly as gold has it, without the day itself."""
    rows = store.rows(source, source.of({day}))
    return rows.drop_columns(["as_of"]) if "as_of" in rows.column_names else rows


def frame(store: Store, source: Snapshot, day: str) -> pd.DataFrame:
    """One day's answer for the screen: decimals as floats, times in UTC. Shared by sessions: not to be changed."""
    paths = tuple(file.path for file in source.of({day}))
    return store.kept(("frame", source.uri, paths), lambda: to_frame(answer(store, source, day)), _bytes)


def to_frame(rows: pa.Table) -> pd.DataFrame:
    """An Arrow table for the screen."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            rows = rows.set_column(index, field.name, pc.cast(rows[index], pa.float64(), safe=False))
        elif pa.types.is_timestamp(field.type):
            rows = rows.set_column(index, field.name, pc.cast(rows[index], pa.timestamp("us")))
    found = rows.to_pandas(date_as_object=False)
    return found.astype({name: object for name in found.columns if isinstance(found[name].dtype, pd.StringDtype)})


def history(store: Store, source: Snapshot, day: str, view: View) -> pd.DataFrame:
    """What a view follows, on each of the days up to `day`: one row per day, one column per line."""
    chosen = [other for other in reversed(days(source)) if other <= day][-HISTORY_DAYS:]
    return pd.DataFrame([{"day": pd.Timestamp(other), **_measured(store, source, other, view)} for other in chosen])


def warm(store: Store, source: Snapshot) -> None:
    """Make ready what the pages ask for, before anyone does."""
    kept = days(source)
    if kept:
        name = source.uri.rsplit("/", 1)[-1]
        history(store, source, kept[0], view_of(name, frame(store, source, kept[0])))


def _measured(store: Store, source: Snapshot, day: str, view: View) -> dict[str, float]:
    paths = tuple(file.path for file in source.of({day}))
    return store.kept(("measure", source.uri, paths, view), lambda: measure(view)(frame(store, source, day)))


def _bytes(found: pd.DataFrame) -> int:
    return int(found.memory_usage(deep=False).sum()) * 2
