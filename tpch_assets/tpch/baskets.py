"""Customers' baskets: a question that no shard can answer alone, since a customer's orders lie in all of them.

Dask moves all orders of a customer into one partition (a p2p shuffle), however large the tables are.
"""

from typing import TYPE_CHECKING

from tpch_assets.schema.functions import answer

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd

STEPS = 10  # Orders from the tenth on are counted together.
SUMS = ("orders", "cents", "waits", "microseconds")


@answer(segment="VARCHAR", nth_order="BIGINT", orders="BIGINT", revenue="DOUBLE", days_since_last="DOUBLE")
def customer_baskets(customer: "dd.DataFrame", orders: "dd.DataFrame") -> "dd.DataFrame":
    """Customers' baskets.

    How much do customers of each segment spend on their first, second and later orders, and how long do they wait?

    title nth_order: Order no.
    title days_since_last: Wait
    unit revenue: USD
    unit days_since_last: days
    """
    bought = orders[["o_custkey", "o_orderkey", "o_totalprice", "o_ordertime"]]
    numbered = bought.shuffle("o_custkey", shuffle_method="p2p").map_partitions(_numbered)
    joined = numbered.merge(customer[["c_custkey", "c_mktsegment"]], left_on="o_custkey", right_on="c_custkey")
    total = joined.groupby(["c_mktsegment", "nth_order"])[list(SUMS)].sum(split_out=1)
    made: dd.DataFrame = total.reset_index().map_partitions(_answer)
    return made


def _numbered(orders: "pd.DataFrame") -> "pd.DataFrame":
    """Numbers each customer's orders; all of a customer's are in this partition."""
    rows = orders.sort_values(["o_custkey", "o_ordertime", "o_orderkey"])
    customer = rows["o_custkey"]
    times = rows["o_ordertime"].astype("int64[pyarrow]")  # Microseconds. Sums of whole numbers are exact in any order.
    waits = times - times.groupby(customer, sort=False).shift()
    numbers = rows.assign(
        nth_order=(rows.groupby("o_custkey", sort=False).cumcount() + 1).clip(upper=STEPS),
        orders=1,
        cents=rows["o_totalprice"] * 100,
        waits=waits.notna(),
        microseconds=waits.fillna(0),
    )
    return numbers[["o_custkey", "nth_order", *SUMS]].astype("int64[pyarrow]")


def _answer(total: "pd.DataFrame") -> "pd.DataFrame":
    made = total.rename(columns={"c_mktsegment": "segment"}).sort_values(["segment", "nth_order"], ignore_index=True)
    waited = made["waits"].where(made["waits"] > 0)
    return made.assign(revenue=made["cents"] / 100, days_since_last=made["microseconds"] / waited / 86_400_000_000)[
        ["segment", "nth_order", "orders", "revenue", "days_since_last"]
    ]
