"""`tpch-assets status`: partitions, rows, files, bytes and latest partition of each table, by layer."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tpch_assets.calendar import is_batch
from tpch_assets.commands.options import Commands, add_command, add_lake, settings_of, tell_broken
from tpch_assets.commands.rows import size
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.layers import DELTA
from tpch_assets.raw.files import deliveries
from tpch_assets.schema import Business
from tpch_assets.settings import current_business


@dataclass(frozen=True)
class TableStatus:
    """The figures of one table. `rows` is None for raw, because its files are not read."""

    layer: str
    name: str
    partitions: int
    rows: int | None
    files: int
    size: int
    latest: str


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
    for name in ("layer", "table", "partitions", "rows", "files", "size", "latest"):
        table.add_column(name, justify="left" if name in ("layer", "table", "latest") else "right")
    found = list(status(lake, current_business()))
    tell_broken(current_business())
    if not found:
        raise LakeError(f"The lake {lake.uri} is empty. Fill it with `make demo` or `tpch-assets replay`.")
    for row in found:
        rows = "" if row.rows is None else f"{row.rows:,}"
        table.add_row(row.layer, row.name, f"{row.partitions:,}", rows, f"{row.files:,}", size(row.size), row.latest)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def status(lake: Lake, business: Business) -> Iterator[TableStatus]:
    """Yield the figures of every existing table, layer by layer."""
    for name in business.names:
        batches = {batch: files for batch, files in deliveries(lake, name) if is_batch(batch)}
        files = [file for found in batches.values() for file in found]
        if files:
            yield TableStatus("raw", name, len(batches), None, len(files), sum(f.size for f in files), max(batches))
    for layer in (layer.name for layer in DELTA):
        for table in _tables(layer, business):
            found = snapshot(lake, lake.table(layer, table))
            if found.version < 0:
                continue
            partitions = found.by_partition()
            latest = max((str(f.greatest.get("_batch") or f.partition) for f in found.files), default="")
            yield TableStatus(layer, table, len(partitions), found.rows, len(found.files), found.size, latest)


def _tables(layer: str, business: Business) -> list[str]:
    if layer == "gold":
        return list(load_queries(business))
    names = list(business.names)
    return [*names, *(f"{name}_rejects" for name in names)] if layer == "bronze" else names
