"""The four layers, and every fact about them: cadence, allowed lag, kind of cluster, Parquet options, which row stays.

Schedules, checks, texts in the UI and the command line derive from here. Arithmetic on partition keys belongs in
`calendar.py`, and what a layer does in the layer's own package.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

LayerName = Literal["raw", "bronze", "silver", "gold"]
Work = Literal["batches", "queries"]
"""Kinds of work, each with a cluster of its own where clusters cost money: little and often, or much at once."""
State = Literal["green", "amber", "red"]

BATCH, WINDOW, DAY = timedelta(minutes=15), timedelta(hours=6), timedelta(days=1)
"""The three cadences. Each divides the next."""

KEEP: Literal["last", "first"] = "last"
"""Of rows with the same primary key silver keeps the one that arrived last, or first."""

JUMP = 10.0
"""An answer that is so many times as large as the one before, or as small, is looked at."""

LATE = timedelta(hours=1)
"""Data is late if it arrives so long after the end of its window or day that the schedules have passed."""


@dataclass(frozen=True)
class Parquet:
    """How a layer's files are written.

    Attributes:
        row_group: Rows per row group. A thread of a reader works on one.
        dictionary: Distinct values up to which a column is written with a dictionary; None is DuckDB's own choice.
    """

    compression: Literal["zstd", "snappy", "gzip", "lz4_raw", "uncompressed"] = "zstd"
    level: int | None = None
    row_group: int | None = None
    dictionary: int | None = None

    @property
    def options(self) -> str:
        """What stands in DuckDB's COPY ... TO ... (...)."""
        chosen = {
            "COMPRESSION_LEVEL": self.level,
            "DICTIONARY_SIZE_LIMIT": self.dictionary,
            "ROW_GROUP_SIZE": self.row_group,
        }
        more = [f"{name} {value}" for name, value in chosen.items() if value is not None]
        return ", ".join(["FORMAT parquet", f"COMPRESSION {self.compression}", *more])


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        step: The length of a partition.
        partition: What people call one.
        amber: A layer is behind when its latest partition ended longer ago: its own step, plus time to run.
        red: It is far behind after this.
        work: The kind of cluster that makes it.
        parquet: How its files are written.
        description: What its job does.
    """

    name: LayerName
    step: timedelta
    partition: str
    amber: timedelta
    red: timedelta
    work: Work
    description: str
    parquet: Parquet = Parquet()

    @property
    def every(self) -> str:
        """How often it is made, in words."""
        return every(self.step)

    def counted(self, count: int) -> str:
        """So many partitions, in words: `1 batch`, `96 batches`."""
        return f"{count:,} {self.partition}{'' if count == 1 else 'es' if self.partition.endswith('ch') else 's'}"

    def lag(self, begin: datetime, now: datetime) -> timedelta:
        """Time since the end of a partition that began at `begin`."""
        return now - (begin + self.step)

    def state(self, lag: timedelta) -> State:
        """Green, amber or red, for a lag."""
        return "red" if lag > self.red else "amber" if lag > self.amber else "green"


RAW = Layer(
    "raw",
    step=BATCH,
    partition="batch",
    amber=timedelta(minutes=30),
    red=timedelta(minutes=60),
    work="batches",
    description="Make the batches of the source, in range runs.",
)
BRONZE = Layer(
    "bronze",
    step=BATCH,
    partition="batch",
    amber=timedelta(minutes=30),
    red=timedelta(minutes=60),
    work="batches",
    # Level 1 is 15 % faster than the default, files are 7 % larger. A larger dictionary would hold values that hardly
    # repeat. Larger row groups would leave one thread to finish alone.
    parquet=Parquet(level=1, dictionary=10_000, row_group=61_440),
    description="Parse raw files into typed bronze tables, in range runs.",
)
SILVER = Layer(
    "silver",
    step=WINDOW,
    partition="window",
    amber=timedelta(hours=7),
    red=timedelta(hours=9),
    work="queries",
    description="Compact windows of bronze into unique silver tables.",
)
GOLD = Layer(
    "gold",
    step=DAY,
    partition="day",
    amber=timedelta(hours=25),
    red=timedelta(hours=30),
    work="queries",
    description="Answer every business query as of a day.",
)
LAYERS: dict[str, Layer] = {layer.name: layer for layer in (RAW, BRONZE, SILVER, GOLD)}
DELTA: tuple[Layer, ...] = (BRONZE, SILVER, GOLD)
"""The layers that are Delta tables."""

MADE_BY: dict[Work, tuple[str, ...]] = {
    work: tuple(layer.name for layer in LAYERS.values() if layer.work == work) for work in get_args(Work)
}
"""The layers that each kind of work makes."""

BATCHES_PER_DAY = DAY // BATCH


def work_of(layer: str) -> Work | None:
    """The kind of work that makes a layer; None for what the process does itself."""
    return LAYERS[layer].work if layer in LAYERS else None


def every(step: timedelta) -> str:
    """A cadence in words: `15 minutes`, `6 hours`, `day`."""
    for unit, length in (("day", DAY), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if step % length == timedelta(0):
            count = step // length
            return unit if count == 1 else f"{count} {unit}s"
    raise ValueError(f"a cadence of {step} is not made of whole minutes")


def in_words(length: timedelta) -> str:
    """A length of time as people say it: `45 seconds`, `25 minutes`, `7 hours`, `2 hours 30 minutes`, `3 days`."""
    seconds = max(int(length.total_seconds()), 0)
    parts = []
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, rest = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
            seconds = rest
        elif parts:
            break
        if len(parts) == 2 or (parts and unit == "minute"):
            break
    return " ".join(parts) or "0 seconds"


def cron(step: timedelta, after: timedelta = timedelta(0)) -> str:
    """The cron schedule that ticks `after` the end of each step; a step divides an hour or a day.

    Raises:
        ValueError: Cron cannot tick at this cadence.
    """
    minutes, late = (int(length.total_seconds() // 60) for length in (step, after))
    if minutes < 60 and 60 % minutes == 0 and late < minutes:
        return f"*/{minutes} * * * *" if not late else f"{','.join(map(str, range(late, 60, minutes)))} * * * *"
    if minutes % 60 == 0 and 1440 % minutes == 0 and late < 60:
        return f"{late} {'*' if minutes == 60 else '0' if minutes == 1440 else f'*/{minutes // 60}'} * * *"
    raise ValueError(f"cron cannot tick every {every(step)}; choose a length that divides an hour or a day")
