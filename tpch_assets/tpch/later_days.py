"""Orders of the days after the first: those that come next in a larger TPC-H, as if a shop of this size got them.

Every day is a slot of the larger data set. Customers, parts, suppliers and clerks are folded into this scale factor's
ranges by TPC-H's own rules, and what follows from them is computed anew: prices and totals. How many orders come when
belongs in `volumes.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from tpch_assets.compute.database import sql_list
from tpch_assets.layers import BATCHES_PER_DAY
from tpch_assets.tpch import tpchgen
from tpch_assets.tpch.volumes import orders_between

UNIT = 27_720
"""Orders. tpchgen-cli cuts a part into row groups of equal size, of orders and of lines in another number, and where it
cannot, lines come without their orders. This number is divisible by all up to 12."""
ROW_GROUP = 25  # Bytes per order of a part: this makes 11 row groups of lines. A batch reads one or two.
LARGEST = 56  # Units in a part. tpchgen-cli keeps a row group for each of its threads in memory.
SLOTS, SCALE_OF_SLOTS = 12_500, 231
"""So many slots of one unit are a data set of this scale factor: 34 years of days."""

# SQL over the columns of `_folded`, in cents, with dbgen's formulas.
RETAIL_PRICE = "90000 + part // 10 % 20001 + part % 1000 * 100"
PRICE = f"({RETAIL_PRICE}) * l_quantity::BIGINT"
TOTAL = f"sum({PRICE} * (100 - (l_discount * 100)::BIGINT) // 100 * (100 + (l_tax * 100)::BIGINT) // 100)::BIGINT"


@dataclass(frozen=True)
class Slots:
    """How the larger data set is cut, in units: into parts of `part`, of which a slot has `parts`, or of `grain`."""

    grain: int
    part: int
    parts: int

    @classmethod
    def of(cls, scale_factor: float) -> "Slots":
        """Slots with room for a full day's orders; a grain is about as large as a batch."""
        needed = ceil(full_day(scale_factor) / UNIT)
        grain = min(max(1, needed // BATCHES_PER_DAY), LARGEST)
        parts = ceil(needed / (LARGEST // grain * grain))
        return cls(grain, grain * ceil(needed / parts / grain), parts)

    @property
    def units(self) -> int:
        """The units of one slot."""
        return self.part * self.parts

    @property
    def scale_factor(self) -> int:
        """The scale factor of the larger data set."""
        return SCALE_OF_SLOTS * self.units


def full_day(scale_factor: float) -> int:
    """The number of orders on the fullest day: those of TPC-H."""
    return int(1_500_000 * scale_factor)


@dataclass(frozen=True)
class LaterBatch:
    """The orders and lines of a batch after the first day, as SQL queries.

    Attributes:
        number: The batch, counted from the first day's first.
        time: When it begins.
        whole_day: Make all parts of the day in few calls, since its other batches will be asked for too.
    """

    number: int
    time: datetime
    scale_factor: float
    whole_day: bool

    def orders(self) -> str:
        """The orders, with keys that are those of a first day."""
        # TPC-H's customers with a key divisible by three never order. The others are counted from 0, and folded.
        customers = self._count(150_000)
        customer = f"(o_custkey // 3 * 2 + o_custkey % 3 - 1) % {customers - customers // 3}"
        odd = tpchgen.cut_differently(self.number, "o_orderkey")
        clerk = f"(o_clerk[7:]::BIGINT - 1) % {max(self._count(1_000), 1_000)} + 1"
        return f"""
            SELECT o.* REPLACE (
                ({customer}) // 2 * 3 + ({customer}) % 2 + 1 AS o_custkey,
                {_money(f"CASE WHEN total IS NULL THEN {odd} ELSE total END")} AS o_totalprice,
                format('Clerk#{{:09d}}', {clerk}) AS o_clerk
            )
            FROM ({self.keys_and_dates()}) AS o
            LEFT JOIN (SELECT l_orderkey, {TOTAL} AS total FROM ({self._folded()}) GROUP BY l_orderkey)
                ON l_orderkey = o_orderkey"""

    def keys_and_dates(self) -> str:
        """The orders, of which only keys and dates are those of this scale factor."""
        return self._rows("orders", "o_orderkey")

    def lines(self) -> str:
        """The lines, with keys that are those of a first day."""
        suppliers = self._count(10_000)
        supplier = f"(part + nth * ({suppliers // 4} + (part - 1) // {suppliers})) % {suppliers} + 1"
        return f"""
            SELECT * EXCLUDE (part, nth) REPLACE (
                part AS l_partkey,
                {supplier} AS l_suppkey,
                {_money(PRICE)} AS l_extendedprice
            )
            FROM ({self._folded()})"""

    def _folded(self) -> str:
        """The lines as the larger data set has them, with a part of this one, and which of its four suppliers it is."""
        quarter = 10_000 * Slots.of(self.scale_factor).scale_factor // 4
        return f"""
            SELECT *, (l_partkey - 1) % {self._count(200_000)} + 1 AS part, (l_suppkey - 1) // {quarter} AS nth
            FROM ({self._rows("lineitem", "l_orderkey")})"""

    def _rows(self, table: str, key: str) -> str:
        """The batch's rows of the larger data set, with keys that count from the day's first order."""
        first, last = orders_between(self.time, self.number % BATCHES_PER_DAY, full_day(self.scale_factor))
        files = self._files(table, first, last)
        return f"""
            SELECT * REPLACE ({key} - {_key(self._before)} AS {key}) FROM read_parquet({sql_list(files)})
            WHERE {key} BETWEEN {_key(self._before + first + 1)} AND {_key(self._before + last)}"""

    def _files(self, table: str, first: int, last: int) -> list[str]:
        """Files with the day's orders from `first` on and before `last`, or with their lines: one call makes both."""
        slots = Slots.of(self.scale_factor)
        units = slots.part if self.whole_day else slots.grain
        if self.whole_day:
            first, last = 0, full_day(self.scale_factor)
        size = units * UNIT
        numbers = range((self._before + first) // size + 1, (self._before + max(last - 1, first)) // size + 2)
        # Each row group is read by several batches: unpacking it each time would cost more than reading it unpacked.
        options = ("--row-group-bytes", str(ROW_GROUP * size), "--compression", "UNCOMPRESSED")
        folder = tpchgen.parts(
            slots.scale_factor, "orders,lineitem", SLOTS * slots.units // units, numbers, len(numbers) * size, *options
        )
        return [f"{folder}/{table}/{table}.{number}.parquet" for number in numbers]

    @property
    def _before(self) -> int:
        """The orders of the larger data set before the day's first: a multiple of eight."""
        full = full_day(self.scale_factor)
        # Small days share a unit: then one call makes many of them.
        room = ceil(full / 8) * 8 if 2 * full <= UNIT else Slots.of(self.scale_factor).units * UNIT
        return self.number // BATCHES_PER_DAY * room

    def _count(self, rows: int) -> int:
        """The rows of a table that has so many at scale factor 1."""
        return int(rows * self.scale_factor)


def _key(number: int) -> int:
    """The key of an order, counted from 1: TPC-H uses eight of every 32."""
    return number // 8 * 32 + number % 8


def _money(cents: str) -> str:
    return f"(({cents})::DECIMAL(15,0) * 0.01::DECIMAL(3,2))::DECIMAL(15,2)"
