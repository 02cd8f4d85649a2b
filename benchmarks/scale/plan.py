"""What a day takes at any scale factor on Coiled, worked out from the rates that were measured.

The assumptions are the constants here; everything else is a rate times a size. Work grows with the order lines, which
holds as long as a dimension table fits a worker; where it does not, the last two tables say so.
"""

from datetime import date
from math import ceil
from typing import Any

from benchmarks.scale.rates import dimension_columns
from tpch_assets.compute.database import LARGE
from tpch_assets.gold.form import form_of
from tpch_assets.gold.queries import Query, load_queries, parameters
from tpch_assets.tpch import BUSINESS

VM, VCPUS, MEMORY, VM_PRICE = "m6i.xlarge", 4, 12 << 30, 0.192
"""The worker: its vCPUs, bytes that DuckDB may use of its 16 GiB, and dollars an hour on demand (us-east-1)."""
COILED_PRICE = 0.05  # Dollars per vCPU and hour.
BUSY = 0.7  # Share of its time that a worker works; the tables above tell what was measured.
SHARD_LINES = 4_000_000  # TPCH_SHARD_ROWS.
START_MINUTES = 2  # A cluster's VMs are paid for this long before they work.
DAYS = 30  # History that a day's answer is combined over.
RUNS = {"bronze": (96, 5), "silver": (4, 30), "gold": (1, 60)}
"""Runs a day of each layer, and minutes that a run may take."""


def print_plan(rates: dict[str, Any], scale_factors: list[float]) -> None:
    """Print the plans, then what stops fitting."""
    dollars = VM_PRICE + VCPUS * COILED_PRICE
    print(
        f"\nA day on Coiled: {VM} ({VCPUS} vCPU) at ${VM_PRICE} + {VCPUS} x ${COILED_PRICE} = ${dollars:.3f} an hour."
    )
    print(f"VM hours = core hours / ({VCPUS} vCPU x {BUSY:.0%} busy) + {START_MINUTES} min per VM to start.")
    print("    SF  layer     runs  core h a day  workers  minutes a run  VM hours       $")
    for scale_factor in scale_factors:
        _print_day(rates, scale_factor, dollars)
    print(f"\nGold's tasks for a day of shards of {SHARD_LINES:,} lines, and the scheduler's own time for them")
    print("    SF    shards     tasks  scheduler s  combine reads, of 30 days of partials (GB, the largest)")
    for scale_factor in scale_factors:
        _print_tasks(rates, scale_factor)
    print(
        f"\nDimension tables: kept in memory up to {LARGE >> 20} MiB of Parquet, else read by each task that joins them"
    )
    print("    SF  table          rows  Parquet GB  columns read GB")
    for scale_factor in scale_factors:
        _print_dimensions(rates, scale_factor)
    share = MEMORY // VCPUS
    print(f"\nQueries whose dimension columns pass a task's share of memory ({share / 2**30:.0f} GiB), in GB")
    for scale_factor in scale_factors:
        large = {name: size for name, size in _reads(rates, scale_factor).items() if size > share}
        told = ", ".join(f"{name.split('_')[0]} {size / 1e9:.0f}" for name, size in large.items())
        print(f"{scale_factor:6,.0f}  {told or 'none'}")


def _print_day(rates: dict[str, Any], scale_factor: float, dollars: float) -> None:
    times = scale_factor / rates["scale_factor"]
    gold = sum(rates["partial_seconds"].values()) + sum(rates["combine_seconds"].values())
    seconds = {
        "bronze": 96 * rates["bronze_seconds_per_batch"] * times,
        "silver": rates["silver_seconds"] * times,
        "gold": gold * times,
    }
    total = 0.0
    for layer, work in seconds.items():
        runs, minutes = RUNS[layer]
        workers = ceil(work / runs / (minutes * 60 * VCPUS * BUSY))
        hours = work / 3600 / (VCPUS * BUSY) + (0 if layer == "bronze" else runs * workers * START_MINUTES / 60)
        took = work / runs / (workers * VCPUS * BUSY) / 60
        total += hours * dollars
        print(
            f"{scale_factor:6,.0f}  {layer:8} {runs:5} {work / 3600:13,.1f} {workers:8} {took:14.1f} {hours:9,.1f}"
            f" {hours * dollars:7,.2f}"
        )
    print(f"{scale_factor:6,.0f}  together {total:56,.2f}")


def _print_tasks(rates: dict[str, Any], scale_factor: float) -> None:
    shards = ceil(rates["lines"] * scale_factor / rates["scale_factor"] / SHARD_LINES)
    tasks = shards * len(rates["partial_seconds"])
    busiest = max(rates["scheduler"].values(), key=lambda one: (one["workers"], one["work"]))
    per_task = busiest["scheduler"] / busiest["tasks"]
    reads = {name: size * DAYS * scale_factor / rates["scale_factor"] for name, size in rates["partial_bytes"].items()}
    largest = sorted(reads.items(), key=lambda item: -item[1])[:6]
    told = ", ".join(f"{name.split('_')[0]} {size / 1e9:,.1f}" for name, size in largest)
    print(f"{scale_factor:6,.0f} {shards:9,} {tasks:9,} {tasks * per_task:12,.0f}  {told}")


def _print_dimensions(rates: dict[str, Any], scale_factor: float) -> None:
    read = _columns_of_all()
    for name, rows in rates["dimension_rows"].items():
        if name in ("region", "nation"):  # The same at every scale factor.
            continue
        times = scale_factor / rates["scale_factor"]
        size = rates["dimension_bytes"][name] * times
        used = sum(rates["column_bytes"][name][column] for column in read.get(name, ())) * times
        place = "in memory" if size <= LARGE else "read by each task"
        print(f"{scale_factor:6,.0f}  {name:8} {rows * times:13,.0f} {size / 1e9:10.2f} {used / 1e9:15.2f}  {place}")


def _columns_of_all() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for query in load_queries(BUSINESS).values():
        for statement in _statements(query):
            for table, columns in dimension_columns(statement).items():
                found.setdefault(table, set()).update(columns)
    return found


def _reads(rates: dict[str, Any], scale_factor: float) -> dict[str, float]:
    """Bytes of dimension columns that a query's heavier statement reads."""
    times = scale_factor / rates["scale_factor"]
    return {
        query.name: times
        * max(
            sum(rates["column_bytes"][table][column] for table, columns in read.items() for column in columns)
            for read in map(dimension_columns, _statements(query))
        )
        for query in load_queries(BUSINESS).values()
        if not query.function
    }


def _statements(query: Query) -> list[str]:
    """What runs for a query: a partial and a combine, or one statement; nothing for a function."""
    if query.function:
        return []
    form = form_of(query, BUSINESS, parameters(query, 1.0, date(2026, 1, 1)))
    return [text for text in (form.partial, form.combine) if text]
