"""A row of silver by its key, what belongs to it, and the deliveries that it comes from. Works for any tables.

How rows are shown does not belong here. The raw lines themselves are found in `raw_lines`.
"""

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import duckdb

from dashboards.store import business
from dashboards.store.raw_lines import Line, lines_of
from tpch_assets.compute.database import cursor, identifier, identifiers
from tpch_assets.lake.snapshot import Snapshot
from tpch_assets.schema import Table
from tpch_assets.silver.ranges import overlapping, scan_as
from tpch_assets.silver.rows import PROVENANCE, arrival_order

MOST = 200
"""Rows of another fact that are shown."""
SECONDS = 10.0
"""How long raw files are searched for the lines."""
DELIVERIES = 20
"""Deliveries of a row that are shown, the newest."""

Row = dict[str, Any]
Find = Callable[[str, str], Snapshot | None]
"""Gives a table of a layer, or None if it does not exist."""
Stop = Callable[[], None]


class NoSuchRow(LookupError):
    """What is wrong with a key, in a sentence."""


@dataclass(frozen=True)
class Delivery:
    """One line that delivered a row.

    Attributes:
        kept: Silver's row is this one.
    """

    batch: str
    file: str
    kept: bool
    line: Line


@dataclass(frozen=True)
class Behind:
    """A row and what belongs to it.

    Attributes:
        row: None if silver does not hold it (yet).
        facts: Rows of the group's facts with the same colocation key, by table, and whether these are all.
        pointed: The row of each table that the row points to, by table; None if there is none.
        deliveries: The newest first.
    """

    table: Table
    key: Row
    row: Row | None
    facts: dict[str, tuple[list[Row], bool]] = field(default_factory=dict)
    pointed: dict[str, Row | None] = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    more_deliveries: int = 0


def key_text(values: Sequence[object]) -> str:
    """A key as it stands in an address: its values with commas between them."""
    return ",".join(
        f'"{text.replace(chr(34), chr(34) * 2)}"' if {",", '"'} & set(text) else text for text in map(str, values)
    )


def key_of(table: Table, text: str) -> Row:
    """The key that a text means.

    Raises:
        NoSuchRow: It is none of the table's.
    """
    values = next(csv.reader([text]), [])
    if len(values) != len(table.key):
        raise NoSuchRow(
            f"A key of {table.name} has {len(table.key)} values ({', '.join(table.key)}), not {len(values)}."
        )
    found: Row = {}
    with cursor() as connection:
        for name, value in zip(table.key, values, strict=True):
            kind = table.column(name).stored
            try:
                row = connection.execute(f"SELECT CAST(? AS {kind})", [value]).fetchone()
            except duckdb.Error:
                raise NoSuchRow(f"{value[:80]!r} is no {kind}, which {name} is.") from None
            found[name] = row[0] if row else None
    return found


def behind(name: str, key: str, find: Find, running: Callable[[Stop], None]) -> Behind:
    """The row with this key and what belongs to it.

    Raises:
        NoSuchRow: The key is none, or neither silver nor bronze has it.
        duckdb.Error: Reading fails, or is ended.
    """
    table = business.table(name)
    values = key_of(table, key)
    with cursor() as connection:
        running(connection.interrupt)
        reader = _Reader(connection, find)
        rows = reader.rows("silver", table, values)
        row = rows[0] if rows else None
        deliveries, more = reader.deliveries(table, values)
        if row is None and not deliveries:
            shown = ", ".join(f"{column} = {value}" for column, value in values.items())
            raise NoSuchRow(f"Neither silver nor bronze has a row of {name} with {shown}.")
        facts: dict[str, tuple[list[Row], bool]] = {}
        pointed: dict[str, Row | None] = {}
        if row is not None:
            facts = reader.facts(table, row)
            for other, columns in table.references.items():
                target = business.table(other)
                points = dict(zip(target.key, (row[column] for column in columns), strict=True))
                pointed[other] = next(iter(reader.rows("silver", target, points)), None)
    return Behind(table, values, row, facts, pointed, deliveries, more)


@dataclass(frozen=True)
class _Reader:
    connection: duckdb.DuckDBPyConnection
    find: Find

    def rows(self, layer: str, table: Table, values: Mapping[str, object], most: int = 1) -> list[Row]:
        """Rows of a table with these values, in the order of their keys."""
        if any(value is None for value in values.values()):
            return []
        more = tuple(name for name, _, _ in PROVENANCE)
        return self._read(layer, table, values, more, f"ORDER BY {identifiers(table.key)} LIMIT {most}")

    def facts(self, table: Table, row: Row) -> dict[str, tuple[list[Row], bool]]:
        """The rows of each fact of the group with the row's colocation key, but for the row itself if it is alone."""
        group = business.group_of(table)
        found = {}
        for fact in group.facts if group else ():
            if fact == table and table.key == (table.shard_key,):
                continue
            rows = self.rows("silver", fact, {fact.shard_key: row[table.shard_key]}, MOST + 1)
            found[fact.name] = rows[:MOST], len(rows) <= MOST
        return found

    def deliveries(self, table: Table, values: Row) -> tuple[tuple[Delivery, ...], int]:
        """The lines that delivered a row, the one that silver keeps first; and how many older ones there are."""
        order = arrival_order("_batch", "_file", "file_row_number")
        rows = self._read("bronze", table, values, ("_batch", "_file"), f"ORDER BY {order}", ", file_row_number = true")
        source = self.find("bronze", table.name)
        found, until = [], time.monotonic() + SECONDS
        for number, row in enumerate(rows[:DELIVERIES]):
            same = [one for one in rows if (one["_batch"], one["_file"]) == (row["_batch"], row["_file"])]
            # Rows of one file are in the order of its lines.
            place = sorted(one["file_row_number"] for one in same).index(row["file_row_number"])
            assert source is not None
            lines = lines_of(source.lake, table, row["_batch"], row["_file"], values, until)
            line = lines if isinstance(lines, Line) else lines[place] if place < len(lines) else Line.unknown()
            found.append(Delivery(row["_batch"], row["_file"], number == 0, line))
        return tuple(found), len(rows) - len(found)

    def _read(
        self,
        layer: str,
        table: Table,
        values: Mapping[str, object],
        more: tuple[str, ...],
        behind_where: str,
        options: str = "",
    ) -> list[Row]:
        source = self.find(layer, table.name)
        if source is None:
            return []
        files = source.files
        for name, value in values.items():
            files = overlapping(files, name, cast(Any, value), cast(Any, value), closed=True)
        if not files:
            return []
        extra = (*more, "file_row_number") if options else more
        rows = scan_as(source, files, table.stored_columns, options, extra)
        where = " AND ".join(f"{identifier(name)} = ?" for name in values)
        found = self.connection.sql(f"SELECT * FROM {rows} WHERE {where} {behind_where}", params=list(values.values()))
        return found.to_arrow_table().to_pylist()
