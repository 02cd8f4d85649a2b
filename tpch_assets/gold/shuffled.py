"""Gold by a shuffle join: what takes over a query whose dimension table no longer fits into a worker's memory.

A query here is a function over Dask DataFrames that join by p2p shuffle: both sides are cut by the join key and move
between workers, through their disks, so that no worker holds more than some partitions. `TPCH_SHUFFLE_QUERIES` names
those that are answered so; asset, table, columns and freshness stay the same. No Dagster.
"""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tpch_assets.calendar import DAY, parse, window_key
from tpch_assets.gold.queries import Query, parameters
from tpch_assets.lake.delta import Snapshot
from tpch_assets.lake.loading import dask_frame
from tpch_assets.lake.pieces import arrow, task
from tpch_assets.lake.stored import delayed_parts
from tpch_assets.settings import SettingsError
from tpch_assets.tpch.tables import DIMENSIONS, TableName

if TYPE_CHECKING:
    import dask.dataframe as dd


def customer_distribution(
    customer: "dd.DataFrame", orders: "dd.DataFrame", word1: str = "special", word2: str = "requests"
) -> "dd.DataFrame":
    """TPC-H Q13: how many customers have placed how many orders, leaving out orders with a special remark.

    Returns:
        One partition with the columns `c_count` and `custdist`, sorted as the query asks.
    """
    special = orders["o_comment"].str.contains(f"(?s){word1}.*{word2}")
    kept = orders[~special][["o_custkey"]]
    joined = customer[["c_custkey"]].merge(
        kept, how="left", left_on="c_custkey", right_on="o_custkey", shuffle_method="p2p", broadcast=False
    )
    # All rows of a customer are in one partition now, so each partition counts for itself.
    counted = joined.map_partitions(_customers_by_orders)
    total = counted.groupby("c_count")["custdist"].sum(split_out=1).reset_index()
    return total.map_partitions(_largest_first)


def _customers_by_orders(joined: Any) -> Any:
    per_customer = joined.groupby("c_custkey")["o_custkey"].count().rename("c_count").to_frame()
    sizes = per_customer.groupby("c_count").size().rename("custdist").reset_index()
    return sizes.astype("int64[pyarrow]")


def _largest_first(total: Any) -> Any:
    return total.sort_values(["custdist", "c_count"], ascending=False, ignore_index=True)


SHUFFLED: dict[str, Callable[..., Any]] = {"q13_customer_distribution": customer_distribution}
"""The queries that have a shuffle join, by name: a function over the tables and parameters of the `.sql` file."""


def check_names(names: list[str]) -> None:
    """Refuse names of queries without a shuffle join.

    Raises:
        SettingsError: There is one.
    """
    if unknown := [name for name in names if name not in SHUFFLED]:
        raise SettingsError(
            f"TPCH_SHUFFLE_QUERIES={','.join(names)}: no shuffle join is written for {unknown[0]}; "
            f"there is one for {', '.join(SHUFFLED)}"
        )


def plan(query: Query, silver: dict[TableName, Snapshot], day: date, scale_factor: float) -> tuple[Any, dict[str, int]]:
    """A Dask delayed Arrow table with the answer as of `day`, and counts: the partitions that are shuffled."""
    end = window_key(parse(str(day)) + DAY)
    frames = {
        name: dask_frame(source, [file for file in source.files if name in DIMENSIONS or file.partition < end])
        for name, source in silver.items()
        if name in query.tables
    }
    values = {name: parameters(query, scale_factor, day)[name] for name in query.param_expressions}
    (answer,) = delayed_parts(SHUFFLED[query.name](**frames, **values))
    partitions = sum(frame.npartitions for frame in frames.values())
    return task(_as_of, answer, day), {"shuffled partitions": partitions}


def _as_of(answer: Any, day: date) -> pa.Table:
    rows = arrow(answer).replace_schema_metadata()
    return rows.append_column("as_of", pa.array([day] * len(rows), pa.date32()))
