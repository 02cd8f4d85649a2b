"""The rows of one silver file, as a query over bronze files that a worker runs."""

from collections.abc import Iterable
from dataclasses import dataclass

from tpch_assets.calendar import parse, window_key
from tpch_assets.compute.database import cursor, identifier, identifiers, nulls, quote
from tpch_assets.lake.snapshot import DataFile, Snapshot
from tpch_assets.lake.update import Report, copy_query
from tpch_assets.layers import KEEP, SILVER, WINDOW
from tpch_assets.schema import Table
from tpch_assets.silver.ranges import scan

Part = tuple[Table, Snapshot, tuple[DataFile, ...]]
"""Some files of one table."""


def arrival_order(*columns: str) -> str:
    """ORDER BY that puts the row to keep first, given columns that order rows by their arrival."""
    return ", ".join(f"{column} {'DESC' if KEEP == 'last' else 'ASC'}" for column in columns)


@dataclass(frozen=True)
class Homes:
    """Which keys belong to `window`, where several windows hold rows with the same colocation key."""

    window: str
    sources: tuple[Part, ...]

    def keys_at_home(self) -> str:
        begin, end = quote(self.window), quote(window_key(parse(self.window) + WINDOW))
        return f"""SELECT key FROM ({keys_of(self.sources, ", _batch")})
            GROUP BY key HAVING min(_batch) >= {begin} AND min(_batch) < {end}"""


@dataclass(frozen=True)
class ShardRows:
    """The rows of one file of a shard: unique by key, and sorted."""

    table: Table
    source: Snapshot
    files: tuple[DataFile, ...]
    condition: str
    homes: Homes | None = None

    def write(self, path: str) -> Report:
        return Report(copy_query(self.query(), path, SILVER.parquet.options))

    def query(self) -> str:
        table = self.table
        if not self.files:
            return f"SELECT {nulls(table.stored_columns)}, NULL::VARCHAR AS _batch WHERE false"
        rows = f"SELECT * FROM {scan(self.source, self.files, ', file_row_number = true')} WHERE {self.condition}"
        if self.homes:
            rows = f"SELECT * FROM ({rows}) WHERE {identifier(table.shard_key)} IN ({self.homes.keys_at_home()})"
        columns, key = identifiers((*table.column_names, "_batch")), identifiers(table.key)
        # A window function over all rows is expensive, and nearly always there is nothing to remove.
        with cursor() as con:
            counts = con.execute(f"SELECT count(*), count(DISTINCT ({key})) FROM ({rows})").fetchone() or (0, 0)
        if counts[0] != counts[1]:
            order = arrival_order("_batch", "_file", "file_row_number")
            rows = f"{rows} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1"
        return f"SELECT {columns} FROM ({rows}) ORDER BY {key}"


def keys_of(parts: Iterable[Part], columns: str = "") -> str:
    """The colocation keys (and some columns) of files of several tables, as a query."""
    return " UNION ALL ".join(
        f"SELECT {identifier(table.shard_key)} AS key{columns} FROM {scan(source, files)}"
        for table, source, files in parts
        if files
    )
