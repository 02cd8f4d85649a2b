"""TPC-H as a stream of batches. A batch is a pure function of (scale factor, number, start).

The first day delivers exactly one TPC-H, in equal batches. Each later day brings other orders (`later_days.py`), with
order keys shifted by whole days, so that keys never repeat.
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from tpch_assets.compute.database import sql_list
from tpch_assets.layers import BATCH, BATCHES_PER_DAY
from tpch_assets.schema import Table
from tpch_assets.tpch import tpchgen
from tpch_assets.tpch.later_days import LaterBatch

MADE = frozenset(("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"))
LARGEST_PART = 31_250  # Orders. Parts up to this size match their lines at all scale factors tried, to 1,024.
DAY_AT_ONCE = 3.0  # Up to this scale factor the parts of a day fit a temporary folder; one call makes them all.


class Generator:
    """The source of TPC-H's batches."""

    def delivers(self, table: Table, number: int) -> bool:
        """Whether batch `number` has rows of `table`: streams always, the other tables at the start only."""
        return table.arrives == "every batch" or number == 0

    def rows(self, table: Table, number: int, time: datetime, scale_factor: float, *, many: bool) -> str:
        """The rows of `table` in batch `number`, which begins at `time`, as an SQL query.

        Args:
            many: More batches will be asked for by this process: make the day's parts at once.

        Raises:
            ValueError: The table is not one of TPC-H.
        """
        if table.name not in MADE:
            raise ValueError(
                f"the generator makes no {table.name}: add it to {__name__}, "
                "or set TPCH_GENERATE=false and deliver files"
            )
        if table.arrives == "once" or (table.name == "supplier" and number == 0):
            return f"SELECT * FROM read_parquet({sql_list([tpchgen.whole(table.name, scale_factor)])})"
        whole_day = many and scale_factor <= DAY_AT_ONCE
        equal = EqualBatch(number, scale_factor, whole_day)
        if table.name == "supplier":
            return equal.suppliers()
        first_day = number < BATCHES_PER_DAY
        batch = equal if first_day else LaterBatch(number, time, scale_factor, whole_day)
        shift = number // BATCHES_PER_DAY * round(6_000_000 * scale_factor)
        return _timed_orders(batch, shift, time) if table.name == "orders" else _timed_lines(batch, shift, time)


@dataclass(frozen=True)
class EqualBatch:
    """The batch's part of TPC-H, of parts of equal size, as SQL queries.

    Attributes:
        whole_day: Make all parts of the day in one call, since its other batches will be asked for too.
    """

    number: int
    scale_factor: float
    whole_day: bool

    def orders(self) -> str:
        return self._rows("orders", "orders,lineitem" if self.whole_day else "orders")

    def keys_and_dates(self) -> str:
        return self._rows("orders", "orders,lineitem")

    def lines(self) -> str:
        return self._rows("lineitem", "orders,lineitem")

    def suppliers(self) -> str:
        return self._rows("supplier", "supplier")

    def _rows(self, table: str, needed: str) -> str:
        """The rows of a table, from a folder with the tables that are needed."""
        numbers = self._parts()
        orders = int(1_500_000 * self.scale_factor) // (1 if self.whole_day else BATCHES_PER_DAY)
        chosen = None if self.whole_day else numbers
        folder = tpchgen.parts(self.scale_factor, needed, BATCHES_PER_DAY * len(numbers), chosen, orders)
        return (
            f"SELECT * FROM read_parquet({sql_list([f'{folder}/{table}/{table}.{part}.parquet' for part in numbers])})"
        )

    def _parts(self) -> range:
        """The numbers (from 1) of the parts. Of larger parts tpchgen-cli 4.0 cuts orders and lines at other keys."""
        count = max(1, ceil(1_500_000 * self.scale_factor / BATCHES_PER_DAY / LARGEST_PART))
        first = self.number % BATCHES_PER_DAY * count + 1
        return range(first, first + count)


def _timed_orders(batch: EqualBatch | LaterBatch, shift: int, time: datetime) -> str:
    return f"""
        SELECT * EXCLUDE micros, {_iso("micros")} AS o_ordertime
        FROM ({_placed(batch.orders(), shift, time)}) ORDER BY o_orderkey"""


def _timed_lines(batch: EqualBatch | LaterBatch, shift: int, time: datetime) -> str:
    delay = f"(l_shipdate - o_orderdate) * {3 * 86_400_000_000} // 121"
    return f"""
        SELECT l.* REPLACE (
                -- An inner join would drop these silently.
                CASE
                    WHEN o_orderkey IS NULL THEN {tpchgen.cut_differently(batch.number, "l_orderkey")}
                    WHEN l_orderkey IS NULL THEN {tpchgen.cut_differently(batch.number, "o_orderkey")}
                    ELSE l_orderkey + {shift}
                END AS l_orderkey
            ), {_iso(f"micros + {delay}")} AS l_shiptime
        FROM ({batch.lines()}) AS l
        FULL JOIN ({_placed(batch.keys_and_dates(), shift, time)}) AS o ON l_orderkey + {shift} = o_orderkey
        ORDER BY l_orderkey, l_linenumber"""


def _placed(orders: str, shift: int, time: datetime) -> str:
    """Orders with shifted keys, placed one after the other over the batch: `micros` is when."""
    microseconds = int(BATCH.total_seconds() * 1e6)
    begin = int(time.timestamp()) * 1_000_000
    return f"""
        SELECT * REPLACE (o_orderkey + {shift} AS o_orderkey),
            {begin} + (row_number() OVER (ORDER BY o_orderkey) - 1) * {microseconds} // count(*) OVER () AS micros
        FROM ({orders})"""


def _iso(micros: str) -> str:
    return f"strftime(make_timestamp({micros}), '%Y-%m-%dT%H:%M:%S.%fZ')"
