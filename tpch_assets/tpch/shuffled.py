"""TPC-H's queries as shuffle joins over Dask DataFrames, for dimensions larger than a worker's memory.

The usual form of a query is its `.sql` file.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd


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
    answer: dd.DataFrame = total.map_partitions(_largest_first)
    return answer


def _customers_by_orders(joined: "pd.DataFrame") -> "pd.DataFrame":
    per_customer = joined.groupby("c_custkey")["o_custkey"].count().rename("c_count").to_frame()
    sizes = per_customer.groupby("c_count").size().rename("custdist").reset_index()
    return sizes.astype("int64[pyarrow]")


def _largest_first(total: "pd.DataFrame") -> "pd.DataFrame":
    return total.sort_values(["custdist", "c_count"], ascending=False, ignore_index=True)


SHUFFLED = {"q13_customer_distribution": customer_distribution}
"""The queries that have a shuffle join, by name: a function over the tables and parameters of the `.sql` file."""
