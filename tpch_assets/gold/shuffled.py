"""Gold by a shuffle join: for a query whose dimension no longer fits into a worker's memory.

Such a query is a function over Dask DataFrames that join by p2p shuffle: both sides are cut by the join key and move
between workers, through their disks, so that no worker holds more than some partitions. The business has the functions,
and `TPCH_SHUFFLE_QUERIES` names those to use. Asset, table, columns and freshness stay the same.
"""

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from tpch_assets.calendar import end_of_day
from tpch_assets.gold.queries import Query, parameters
from tpch_assets.lake.frames import dask_frame, delayed_parts
from tpch_assets.lake.pieces import task
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.lake.update import arrow
from tpch_assets.schema import Business

if TYPE_CHECKING:
    from dask.delayed import Delayed


def plan(
    query: Query, business: Business, silver: Snapshots, day: date, scale_factor: float
) -> tuple["Delayed", dict[str, int | float | str]]:
    """A Dask delayed Arrow table with the answer as of `day`, and counts: the partitions that are shuffled."""
    end = end_of_day(str(day))
    frames = {}
    for name in query.tables:
        source, whole = silver[name], not business.table(name).is_fact
        frames[name] = dask_frame(source, [file for file in source.files if whole or file.partition < end])
    values = {name: parameters(query, scale_factor, day)[name] for name in query.param_expressions}
    (answer,) = delayed_parts(business.shuffled[query.name](**frames, **values))
    partitions = sum(frame.npartitions for frame in frames.values())
    return task(_as_of, answer, day), {"shuffled partitions": partitions}


def _as_of(answer: object, day: date) -> pa.Table:
    rows = arrow(answer).replace_schema_metadata()
    return rows.append_column("as_of", pa.array([day] * len(rows), pa.date32()))
