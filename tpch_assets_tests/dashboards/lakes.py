"""Lakes as the dashboard's tests need them: gold of some queries, and a pipeline around `orders`."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dashboards.store import business
from tpch_assets.calendar import batch_key, window_key
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import write_piece
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import BATCH
from tpch_assets.models import registry
from tpch_assets.models.registry import Status
from tpch_assets.silver.dimensions import plan_dimension
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.silver.shards import plan_shards
from tpch_assets_tests.conftest import Bronze
from tpch_assets_tests.models import toy
from tpch_assets_tests.tpch_tables import GROUP, TABLES

MONEY = pa.decimal128(38, 4)
TIMES = pa.timestamp("us", "UTC")
DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
SEGMENTS = ("AUTOMOBILE", "BUILDING")
EVIL = "<img src=x onerror=\"document.title='broken'\">"


def put(lake: Lake, layer: str, name: str, partition: str, rows: pa.Table, file: str = "{content}.parquet") -> int:
    """Commit rows as one partition of a table; returns the version."""
    uri = lake.table(layer, name)
    written = write_file(lake, uri, partition, file, lambda path: pq.write_table(rows, path))
    return commit(lake, uri, [written], [partition]).version


def gold(lake: Lake, query: str, day: str, columns: dict[str, pa.Array]) -> int:
    """Commit a day's answer."""
    rows = pa.table(columns)
    return put(lake, "gold", query, day, rows.append_column("as_of", pa.array([date.fromisoformat(day)] * len(rows))))


def money(*values: float) -> pa.Array:
    return pa.array([Decimal(f"{value:.4f}") for value in values], MONEY)


def orders_of(day: str, count: int = 20, revenue: float = 1000.0) -> dict[str, pa.Array]:
    """The live query's answer: `count` orders for each of two segments, falling in revenue."""
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    numbers = [(segment, rank) for segment in SEGMENTS for rank in range(1, count + 1)]
    return {
        "segment": pa.array([segment for segment, _ in numbers]),
        "rank": pa.array([rank for _, rank in numbers], pa.int64()),
        "orderkey": pa.array([10_000 + i for i in range(len(numbers))], pa.int64()),
        "customer": pa.array([f"Customer#{rank:09}" for _, rank in numbers]),
        "ordertime": pa.array([begin + timedelta(hours=rank) for _, rank in numbers], TIMES),
        "revenue": money(*(revenue + 100 * (count - rank) for _, rank in numbers)),
        "lines": pa.array([1 + rank % 7 for _, rank in numbers], pa.int64()),
        "next_shiptime": pa.array([begin + timedelta(hours=24 + rank % 6) for _, rank in numbers], TIMES),
    }


def totals_of(day: str, factor: float = 1.0) -> dict[str, pa.Array]:
    """The totals: of each segment 60 orders, by the six hours in which they ship next."""
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    hours = [(segment, hour) for segment in SEGMENTS for hour in range(6)]
    return {
        "segment": pa.array([segment for segment, _ in hours]),
        "ship_hour": pa.array([begin + timedelta(hours=24 + hour) for _, hour in hours], TIMES),
        "lines": pa.array([25] * len(hours), pa.int64()),
        "revenue": money(*(factor * 1e6 * (1 + hour) for _, hour in hours)),
        "orders": pa.array([10] * len(hours), pa.int64()),
        "oldest_ordertime": pa.array([begin - timedelta(hours=3 * hour) for _, hour in hours], TIMES),
    }


def fill_gold(lake: Lake, chosen: tuple[str, ...] = DAYS) -> None:
    """Answers of some queries of every kind; the other queries have none."""
    for number, day in enumerate(chosen, 1):
        gold(lake, "unshipped_orders", day, orders_of(day, revenue=1000.0 * number))
        gold(lake, "unshipped_totals", day, totals_of(day, number))
        gold(
            lake,
            "q05_local_supplier_volume",
            day,
            {"n_name": pa.array(["CHINA", "INDIA"]), "revenue": money(200 * number, 100 * number)},
        )
        gold(lake, "q06_forecasting_revenue_change", day, {"revenue": money(1.5e6 * number)})
        years = [(nation, year) for nation in ("FRANCE", "PERU") for year in (1995, 1996)]
        gold(
            lake,
            "q09_product_type_profit",
            day,
            {
                "nation": pa.array([nation for nation, _ in years]),
                "o_year": pa.array([year for _, year in years], pa.int64()),
                "sum_profit": money(*(number * (i + 1) * 1e5 for i in range(len(years)))),
            },
        )
        counts = list(range(12))
        gold(
            lake,
            "q13_customer_distribution",
            day,
            {"c_count": pa.array(counts, pa.int64()), "custdist": pa.array([c + number for c in counts], pa.int64())},
        )


def fill_pipeline(lake: Lake, latest: datetime) -> None:
    """Raw, bronze, silver and rejects of `orders`: four batches up to `latest`, and the windows they lie in."""
    for i in range(4):
        batch = batch_key(latest - (3 - i) * BATCH)
        folder = Path(lake.path("raw", "orders", batch))
        folder.mkdir(parents=True)
        (folder / "orders.json").write_text('{"o_orderkey": 1}\n' * 10)
        rows = pa.table({"o_orderkey": pa.array(range(10)), "_batch": pa.array([batch] * 10)})
        put(lake, "bronze", "orders", batch, rows)
    rejects = {
        "_batch": pa.array([batch, batch]),
        "_file": pa.array(["orders.json", "orders.json"]),
        "_line": pa.array([3, 4], pa.int64()),
        "_text": pa.array([EVIL, "{"]),
        "_reason": pa.array(["not JSON", "not JSON"]),
    }
    put(lake, "bronze", "orders_rejects", batch, pa.table(rejects))
    keys = pa.table({"o_orderkey": pa.array(range(40)), "_batch": pa.array([batch] * 40)})
    for window in {window_key(latest - i * BATCH) for i in range(4)}:
        put(lake, "silver", "orders", window, keys, str(ShardName("ab", 0, 1, "")))


def fill_model(lake: Lake) -> None:
    """Versions of the business's model for three days: a champion, the one before, and one that was kept back."""
    (model,) = business.models()
    statuses: tuple[Status, ...] = ("champion", "champion", "kept back")
    for day, status in zip(DAYS, statuses, strict=True):
        registry.change(lake, model, partial(registry.succeeded, by=replace(toy.version(day, status), model=model)))


BEHIND = ("2024-01-01", "2024-01-02")
"""The days of `fill_behind`."""


def fill_behind(lake: Lake) -> None:
    """Raw, bronze and silver of two days with two orders each, their lines and customer, and what q06 makes of them.

    Order 1 is delivered again on the second day. The raw file of order 3 is gone.
    """
    for number, day in enumerate(BEHIND):
        orders = [
            {"o_orderkey": key, "o_custkey": 7, "o_comment": f"of {day}"} for key in (2 * number + 1, 2 * number + 2)
        ]
        lines = [
            {
                "l_orderkey": order["o_orderkey"],
                "l_linenumber": line,
                "l_quantity": Decimal(10),
                "l_extendedprice": Decimal(100),
                "l_discount": Decimal("0.06"),
                "l_shipdate": date(1994, 6, 1),
            }
            for order in orders
            for line in (1, 2)
        ]
        deliver(lake, f"{day}T0000", {"orders": orders, "lineitem": lines})
        gold(lake, "q06_forecasting_revenue_change", day, {"revenue": money(24 * (number + 1))})
        gold(lake, "unshipped_orders", day, orders_of(day))
        gold(lake, "q18_large_volume_customer", day, {"o_orderkey": pa.array([1]), "c_custkey": pa.array([7])})
    deliver(lake, f"{BEHIND[0]}T0000", {"customer": [{"c_custkey": 7, "c_name": EVIL}]})
    deliver(
        lake, f"{BEHIND[1]}T0015", {"orders": [{"o_orderkey": 1, "o_custkey": 7, "o_comment": "again"}], "lineitem": []}
    )
    for path in Path(lake.path("raw", "orders", f"{BEHIND[1]}T0000")).iterdir():
        path.unlink()
    bronze = {name: snapshot(lake, lake.table("bronze", name)) for name in ("orders", "lineitem", "customer")}
    nothing = {name: snapshot(lake, lake.table("silver", name)) for name in bronze}
    for name, plan in plan_shards(GROUP, bronze, nothing, [f"{day}T0000" for day in BEHIND], 1_000).items():
        _build(lake, name, plan)
    _build(lake, "customer", plan_dimension(TABLES["customer"], bronze["customer"], nothing["customer"], 1_000))


def deliver(lake: Lake, batch: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Put rows into raw and into bronze, as the file `rows.json.gz` of a batch."""
    for name, of_table in rows.items():
        Bronze(lake).deliver(name, batch, {"rows.json.gz": of_table})
        folder = Path(lake.path("raw", name, batch))
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(
            json.dumps(row, default=lambda v: float(v) if isinstance(v, Decimal) else str(v)) + "\n" for row in of_table
        )
        (folder / "rows.json.gz").write_bytes(gzip.compress(lines.encode()))


def _build(lake: Lake, name: str, plan: TableUpdate) -> None:
    uri = lake.table("silver", name)
    written = [
        write_piece(lake, uri, partition, file, rows).rows
        for partition, files in plan.files.items()
        for file, rows in files.items()
    ]
    commit(lake, uri, written, set(plan.files))
