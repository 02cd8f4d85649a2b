"""The rows of one silver file, as a query over bronze files that a worker runs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tpch_assets.bronze.stored import dropped_columns
from tpch_assets.calendar import parse, window_key
from tpch_assets.compute.database import cursor, identifier, identifiers, nulls, quote
from tpch_assets.lake.lake import Refused
from tpch_assets.lake.snapshot import DataFile, Snapshot
from tpch_assets.lake.update import Report, copy_query
from tpch_assets.layers import KEEP, SILVER, WINDOW
from tpch_assets.schema import Table
from tpch_assets.schema.changes import Declared, refusal
from tpch_assets.silver.ranges import scan, scan_as

VERSION = 1
"""The version of how silver's rows come from bronze's, here and in `dimensions.py`. Who changes it so that other rows
come out raises this: all windows and dimensions are then built again, and gold follows."""

PROVENANCE = (("_batch", "VARCHAR", "The batch that delivered the row."),)
"""Columns that silver adds to each table, as (name, type, description)."""

ORDER = ("_file", "file_row_number")
"""Columns of bronze that order the rows of a batch by their arrival: the file's name, and the line."""

_PARTS = "[0-9]+|[^0-9]+"
_NATURAL = f"""list_transform(regexp_extract_all(_file, '{_PARTS}'), lambda part: CASE WHEN part[1] BETWEEN '0' AND '9'
    THEN lpad(length(ltrim(part, '0'))::VARCHAR, 5, '0') || ltrim(part, '0') ELSE part END)"""

Columns = tuple[tuple[str, str], ...]
"""Columns as (name, SQL type)."""

Part = tuple[Table, Snapshot, tuple[DataFile, ...]]
"""Some files of one table."""


def arrival_order(*columns: str) -> str:
    """ORDER BY that puts the row to keep first, given columns that order rows by their arrival."""
    return ", ".join(f"{column} {'DESC' if KEEP == 'last' else 'ASC'}" for column in columns)


def file_order(names: Iterable[str]) -> tuple[str, ...]:
    """What files of some names come in the order of: `part-9` before `part-10`.

    Where the names as texts say the same, which is nearly always, that is cheaper by a microsecond a row.
    """

    def natural(name: str) -> tuple[list[str], str]:
        digits = ((part, part.lstrip("0")) for part in re.findall(_PARTS, name))
        return [f"{len(number):05}{number}" if part[0] in "0123456789" else part for part, number in digits], name

    some = set(names)
    return ("_file",) if sorted(some) == sorted(some, key=natural) else (_NATURAL, "_file")


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
    """The rows of one file of a shard: unique by key, and sorted.

    Attributes:
        columns: The columns of the file.
    """

    table: Table
    columns: Columns
    source: Snapshot
    files: tuple[DataFile, ...]
    condition: str
    homes: Homes | None = None

    def write(self, path: str) -> Report:
        return Report(copy_query(self.query(), path, SILVER.parquet.options))

    def query(self) -> str:
        table = self.table
        if not self.files:
            return f"SELECT {nulls(self.columns)} WHERE false"
        # Of several files, each may be older than some of the columns.
        read = scan_as(self.source, self.files, self.columns, ", file_row_number = true", ORDER)
        rows = f"SELECT * FROM {read} WHERE {self.condition}"
        if self.homes:
            rows = f"SELECT * FROM ({rows}) WHERE {identifier(table.shard_key)} IN ({self.homes.keys_at_home()})"
        columns, key = identifiers(name for name, _ in self.columns), identifiers(table.key)
        # A window function over all rows is expensive, and nearly always there is nothing to remove.
        with cursor() as con:
            counts = con.execute(f"SELECT count(*), count(DISTINCT ({key})) FROM ({rows})").fetchone() or (0, 0)
            names = con.execute(f"SELECT DISTINCT _file FROM {read}").fetchall() if counts[0] != counts[1] else []
        if names:
            order = arrival_order("_batch", *file_order(name for (name,) in names), ORDER[1])
            rows = f"{rows} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1"
        return f"SELECT {columns} FROM ({rows}) ORDER BY {key}"


def keys_of(parts: Iterable[Part], columns: str = "", options: str = "") -> str:
    """The colocation keys (and some columns) of files of several tables, as a query."""
    return " UNION ALL ".join(
        f"SELECT {identifier(table.shard_key)} AS key{columns} FROM {scan(source, files, options)}"
        for table, source, files in parts
        if files
    )


def silver_columns(table: Table, bronze: Snapshot, silver: Snapshot) -> Columns:
    """The columns of a silver table as it is to be stored; columns that are declared no more stay."""
    provenance = ((name, type_) for name, type_, _ in PROVENANCE)
    return (*table.stored_columns, *provenance, *dropped_columns(table, bronze, silver))


def declaration(table: Table, silver: Snapshot) -> dict[str, str]:
    """The properties that record the declaration that a silver table is written by.

    Raises:
        Refused: It changed so that the table has to be made again.
    """
    before = Declared.recorded(silver.properties)
    # Of a table without a record bronze has compared the columns, and nobody knows the keys.
    if before and (reason := refusal(table, before, keys=True)):
        raise Refused(reason)
    return Declared.of(table, before).properties
