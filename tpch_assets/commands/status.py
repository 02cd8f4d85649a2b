"""`tpch-assets status`: what each table holds, how far it lags behind the clock, and its rejects, by layer."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tpch_assets.calendar import is_batch, parse
from tpch_assets.commands.options import Commands, add_command, add_lake, settings_of, tell_broken
from tpch_assets.commands.rows import size
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import Snapshot, snapshot
from tpch_assets.layers import DELTA, GOLD, LAYERS
from tpch_assets.models.registry import TABLE as MODELS
from tpch_assets.raw.files import deliveries
from tpch_assets.schema import Business
from tpch_assets.settings import current_business

WORDS = {"green": "on time", "amber": "late", "red": "very late"}
HEADINGS = ("layer", "table", "partitions", "rows", "rejects", "files", "size", "latest", "lag", "state")
TEXTS = ("layer", "table", "latest", "state")
WIDTH = 160  # Characters. A narrower terminal wraps lines; nothing is cut.


@dataclass(frozen=True)
class TableStatus:
    """The figures of one table.

    Attributes:
        rows: None for raw, because its files are not read.
        rejects: Rejected lines; None for whatever has none.
        partition: The latest partition.
        lag: Time since its end; None for a table that need not be fresh.
    """

    layer: str
    name: str
    partitions: int
    rows: int | None
    files: int
    size: int
    latest: str
    partition: str
    rejects: int | None = None
    lag: timedelta | None = None

    @property
    def state(self) -> str:
        """The lag in a word."""
        return "" if self.lag is None else WORDS[LAYERS[self.layer].state(self.lag)]


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "status", "print what the lake contains, by layer and table")
    add_lake(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    lake = Lake(settings_of(arguments).lake)
    lake.check()
    table = Table(title=lake.uri, box=None, title_justify="left")
    for name in HEADINGS:
        table.add_column(name, justify="left" if name in TEXTS else "right", no_wrap=True)
    found = list(status(lake, current_business()))
    tell_broken(current_business())
    if not found:
        raise LakeError(f"The lake {lake.uri} is empty. Fill it with `make demo` or `tpch-assets replay`.")
    for row in found:
        counts = (_count(row.rows), _count(row.rejects), _count(row.files), size(row.size))
        lag = "" if row.lag is None else _span(row.lag)
        table.add_row(row.layer, row.name, f"{row.partitions:,}", *counts, row.latest, lag, row.state)
    Console(width=WIDTH).print(table)


def status(lake: Lake, business: Business, now: datetime | None = None) -> Iterator[TableStatus]:
    """Yield the figures of every existing table, layer by layer."""
    moment, timed = now or datetime.now(UTC), _timed(business)
    for row in _stored(lake, business):
        lag = (
            LAYERS[row.layer].lag(parse(row.partition), moment)
            if row.partition and (row.layer, row.name) in timed
            else None
        )
        yield replace(row, lag=lag)


def _timed(business: Business) -> set[tuple[str, str]]:
    """The tables that must be fresh, by layer and name."""
    streams = {(layer, table.name) for layer in ("raw", "bronze") for table in business.streams}
    facts = {("silver", table.name) for table in business.facts}
    return streams | facts | {("gold", name) for name in _tables(GOLD.name, business)}


def _stored(lake: Lake, business: Business) -> Iterator[TableStatus]:
    for name in business.names:
        batches = {batch: files for batch, files in deliveries(lake, name) if is_batch(batch)}
        files = [file for found in batches.values() for file in found]
        if files:
            amount, latest = sum(file.size for file in files), max(batch for batch, held in batches.items() if held)
            yield TableStatus("raw", name, len(batches), None, len(files), amount, latest, latest)
    for layer in (layer.name for layer in DELTA):
        for table in _tables(layer, business):
            found = snapshot(lake, lake.table(layer, table))
            if found.version < 0:
                continue
            partitions = found.by_partition()
            partition = max(partitions, default="")
            if (layer, table) == (GOLD.name, MODELS):
                partition = _greatest(found, "day")  # The table has a partition per model.
            latest = _greatest(found, "_batch") or partition
            parsed = layer == "bronze" and table in business.names
            rejects = snapshot(lake, lake.table(layer, f"{table}_rejects")).rows if parsed else None
            counts = (len(partitions), found.rows, len(found.files), found.size)
            yield TableStatus(layer, table, *counts, latest, partition, rejects)


def _greatest(found: Snapshot, column: str) -> str:
    """The greatest value of a column; empty where the log has none."""
    return max((str(file.greatest.get(column) or "") for file in found.files), default="")


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _span(length: timedelta) -> str:
    """A length of time, such as `3 h 20 min`."""
    minutes = max(0, int(length.total_seconds() // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _tables(layer: str, business: Business) -> list[str]:
    if layer == GOLD.name:
        return [*load_queries(business), *([MODELS] if business.models else [])]
    names = list(business.names)
    return [*names, *(f"{name}_rejects" for name in names)] if layer == "bronze" else names
