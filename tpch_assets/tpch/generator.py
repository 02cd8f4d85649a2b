"""TPC-H as a stream of batches. A batch is a pure function of (scale factor, number, start).

`tpchgen-cli` cuts TPC-H into parts, and each batch of a day delivers the next ones, with order keys shifted by whole
days: so a day delivers exactly one TPC-H and keys never repeat.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
from datetime import datetime
from functools import cache
from math import ceil
from pathlib import Path

from tpch_assets.compute.database import scratch, sql_list
from tpch_assets.layers import BATCH, BATCHES_PER_DAY
from tpch_assets.schema import Table
from tpch_assets.tpch.tables import TABLES

LARGEST_PART = 31_250  # Orders. Parts up to this size match their lines at all scale factors tried, to 1,024.
DAY_AT_ONCE = 3.0  # Up to this scale factor the parts of a day fit a temporary folder; one call makes them all.
_lock = threading.Lock()
_thread = threading.local()


class Generator:
    """The source of TPC-H's batches."""

    def delivers(self, table: Table, number: int) -> bool:
        """Whether batch `number` has rows of `table`: streams always, the other tables at the start only."""
        return table.arrives == "every batch" or number == 0

    def rows(self, table: Table, number: int, time: datetime, scale_factor: float, *, many: bool) -> str:
        """The rows of `table` in batch `number`, which begins at `time`, as an SQL query.

        Args:
            many: More batches will be asked for by this process: make the day's parts in one call.
        """
        if table.arrives == "once" or (table.name == "supplier" and number == 0):
            return f"SELECT * FROM read_parquet({sql_list([_whole(table.name, scale_factor)])})"
        return _of_stream(table.name, number, time, scale_factor, many)


def _of_stream(table: str, number: int, time: datetime, scale_factor: float, many: bool) -> str:
    numbers = _parts_of(number, scale_factor)
    folder = _folder_with(table, numbers, scale_factor, many)

    def part(name: str) -> str:
        return f"read_parquet({sql_list([f'{folder}/{name}/{name}.{part}.parquet' for part in numbers])})"

    if table == "supplier":
        return f"SELECT * FROM {part('supplier')}"
    shift = number // BATCHES_PER_DAY * round(6_000_000 * scale_factor)
    microseconds = int(BATCH.total_seconds() * 1e6)
    begin = int(time.timestamp()) * 1_000_000
    orders = f"""
        SELECT * REPLACE (o_orderkey + {shift} AS o_orderkey),
            {begin} + (row_number() OVER (ORDER BY o_orderkey) - 1) * {microseconds} // count(*) OVER () AS micros
        FROM {part("orders")}"""
    if table == "orders":
        return f"""
            SELECT * EXCLUDE micros, {_iso("micros")} AS o_ordertime FROM ({orders}) ORDER BY o_orderkey"""
    delay = f"(l_shipdate - o_orderdate) * {3 * 86_400_000_000} // 121"
    # A line without its order, or an order without lines, is an error: an inner join would drop them silently.
    odd = "error('batch " + str(number) + ": the generator cut orders and lines at different keys, near order ' || {})"
    return f"""
        SELECT l.* REPLACE (
                CASE
                    WHEN o_orderkey IS NULL THEN {odd.format("l_orderkey")}
                    WHEN l_orderkey IS NULL THEN {odd.format("o_orderkey")}
                    ELSE l_orderkey + {shift}
                END AS l_orderkey
            ), {_iso(f"micros + {delay}")} AS l_shiptime
        FROM {part("lineitem")} AS l FULL JOIN ({orders}) AS o ON l_orderkey + {shift} = o_orderkey
        ORDER BY l_orderkey, l_linenumber"""


def _parts_of(number: int, scale_factor: float) -> range:
    """The numbers (from 1) of a batch's parts. Of larger parts tpchgen-cli 4.0 cuts orders and lines at other keys."""
    count = _parts_per_batch(scale_factor)
    first = number % BATCHES_PER_DAY * count + 1
    return range(first, first + count)


def _parts_per_batch(scale_factor: float) -> int:
    return max(1, ceil(1_500_000 * scale_factor / BATCHES_PER_DAY / LARGEST_PART))


def _iso(micros: str) -> str:
    return f"strftime(make_timestamp({micros}), '%Y-%m-%dT%H:%M:%S.%fZ')"


def _folder_with(table: str, numbers: range, scale_factor: float, many: bool) -> str:
    if many and scale_factor <= DAY_AT_ONCE:
        with _lock:
            return _day(scale_factor, "supplier" if table == "supplier" else "orders,lineitem")
    return _some_parts(table, numbers, scale_factor)


@cache
def _day(scale_factor: float, tables: str) -> str:
    return _generate(scale_factor, tables, "--parts", str(BATCHES_PER_DAY * _parts_per_batch(scale_factor)))


def _some_parts(table: str, numbers: range, scale_factor: float) -> str:
    """Some parts in a folder that lasts until this thread asks for the next ones."""
    if previous := getattr(_thread, "folder", None):
        shutil.rmtree(previous, ignore_errors=True)
    folder = _thread.folder = tempfile.mkdtemp(prefix="tpch-", dir=scratch())
    needed = "orders,lineitem" if table == "lineitem" else table
    for number in numbers:
        parts = ("--parts", str(BATCHES_PER_DAY * len(numbers)), "--part", str(number))
        _generate(scale_factor, needed, *parts, folder=folder)
    return folder


@cache
def _whole_folder(scale_factor: float) -> str:
    once = ",".join(table.name for table in TABLES if table.arrives == "once")
    return _generate(scale_factor, f"{once},supplier")


def _whole(table: str, scale_factor: float) -> str:
    with _lock:
        return f"{_whole_folder(scale_factor)}/{table}.parquet"


def _generate(scale_factor: float, tables: str, *arguments: str, folder: str | None = None) -> str:
    folder = folder or tempfile.mkdtemp(prefix="tpch-", dir=scratch())
    program = Path(sys.executable).with_name("tpchgen-cli")
    command = [str(program), "parquet", "--quiet", "-s", f"{scale_factor:g}", "--tables", tables, *arguments]
    done = subprocess.run([*command, "--output-dir", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return folder
