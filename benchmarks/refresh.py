"""A day's refresh of all queries when one customer in a hundred is new, against one without new customers.

    python -m benchmarks.refresh [--lake /tmp/lake] [--days 3] [--scale-factor 0.05] [--rounds 3]

The answers of all days but the last are made first, so that their partials are kept; then the last day's are timed, in
this process. New customers have the keys that follow, and all of them are new to silver since the day before. Prints
CPU seconds, the rows that partials were computed from, and the ratio.
"""

import argparse
import resource
import shutil
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from benchmarks.proof import replay
from tpch_assets.calendar import parse
from tpch_assets.compute import cluster
from tpch_assets.compute.database import cursor, sql_list
from tpch_assets.gold.plan import plan, snapshots_for
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.update import ROWS_READ, copy_query
from tpch_assets.layers import SILVER
from tpch_assets.tpch import BUSINESS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", type=Path, help="a lake with silver; without it one is replayed")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--scale-factor", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.lake is None:
            replay(Path(folder), arguments.scale_factor, days=arguments.days)
        place = Path(folder) / "measured"
        shutil.copytree((arguments.lake or Path(folder) / "lake") / "silver", place / "silver")
        compare(Lake(str(place)), arguments.scale_factor, arguments.rounds)
    cluster.close()


def compare(lake: Lake, scale_factor: float, rounds: int) -> None:
    """Print a line for each of the two, and their ratio."""
    last = parse(max(file.partition for file in snapshot(lake, lake.table("silver", "orders")).files)).date()
    answers(lake, last - timedelta(days=1), scale_factor)
    kept, customers = lake.path("kept"), lake.table("silver", "customer")
    shutil.copytree(lake.path("partials"), kept)
    shutil.copytree(customers, lake.path("customers"))
    best: dict[str, tuple[float, int]] = {}
    for _ in range(rounds):
        for name, change in {"no new customers": None, "one in a hundred is new": more_customers}.items():
            shutil.rmtree(lake.path("partials"))
            shutil.copytree(kept, lake.path("partials"))
            shutil.rmtree(customers)
            shutil.copytree(lake.path("customers"), customers)
            if change:
                change(lake)
            spent, rows = timed(partial(answers, lake, last, scale_factor))
            best[name] = min(best.get(name, (spent, rows)), (spent, rows))
    for name, (spent, rows) in best.items():
        print(f"{name:26} {spent:7.2f} CPU s {rows:14,} rows")
    without, with_new = best.values()
    print(f"{'ratio':26} {with_new[0] / without[0]:7.2f}")


def answers(lake: Lake, day: date, scale_factor: float) -> int:
    """Answer all queries as of a day; returns the rows that their tasks read of facts."""
    rows = 0
    for query in load_queries(BUSINESS).values():
        if not query.function:
            answer, facts = plan(query, BUSINESS, snapshots_for(query, BUSINESS, lake), day, scale_factor)
            cluster.compute([answer])
            rows += int(facts[ROWS_READ]) if query.groups else 0
    return rows


def more_customers(lake: Lake) -> None:
    """Give silver one customer in a hundred more, with the keys that follow."""
    uri = lake.table("silver", "customer")
    paths = sql_list(snapshot(lake, uri).paths())
    more = "c_custkey % 100 = 0"
    with cursor() as con:
        (count,) = con.execute(f"SELECT max(c_custkey) FROM read_parquet({paths})").fetchone() or (0,)
    query = f"""SELECT * FROM read_parquet({paths}) UNION ALL
        SELECT * REPLACE (CAST(c_custkey + {count} AS BIGINT) AS c_custkey) FROM read_parquet({paths}) WHERE {more}
        ORDER BY c_custkey"""

    def write(path: str) -> None:
        copy_query(query, path, SILVER.parquet.options)

    commit(lake, uri, [write_file(lake, uri, "latest", "{content}.parquet", write)], {"latest"})


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """The CPU seconds of this process, and what the work returns."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, rows


if __name__ == "__main__":
    main()
