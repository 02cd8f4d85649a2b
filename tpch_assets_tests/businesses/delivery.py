"""Deliveries of made-up rows, and what must become of them, told in plain Python.

Which lines are good is known from how they were made. Of rows with one key the last arrival counts: by batch, then by
file name, then by line. Nothing here asks the code under test.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from tpch_assets.schema import Table
from tpch_assets_tests import days
from tpch_assets_tests.days import Place

Row = dict[str, Any]
WINDOW = 24
BATCHES = [window * WINDOW + batch for window in range(4) for batch in (3, 4)]
"""The batches of the day in which something arrives: two in each window."""
NAMES = ["part 1.json", "B & Co.json.gz", "ü=x'y [1].json", "deep/er/no-extension", "zz.ndjson.gz"]
"""Names as strangers give them."""


@dataclass(frozen=True)
class Line:
    """One line, and the row that it means; None if it is to be rejected."""

    text: bytes
    row: Row | None = None


def good(row: Row, **unknown: object) -> Line:
    """A line with a row, and with fields that the table does not know."""
    return Line(_spelled({**unknown, **row}), row)


def good_with(row: Row, **fields: object) -> Line:
    """A line that says more within some of its fields than the row keeps."""
    return Line(_spelled({**row, **fields}), row)


def without_nulls(row: Row) -> Line:
    """A line that leaves out what is null."""
    return Line(_spelled({name: value for name, value in row.items() if value is not None}), row)


def bad_lines(row: Row, table: Table, wrong: Row) -> list[Line]:
    """Lines that look like `row` and are to be rejected.

    Args:
        wrong: Values that do not fit the types of their columns.
    """
    text = _spelled(row)
    needed = [column.name for column in table.columns if not column.nullable]
    last = list(row)[-1]
    return [
        *(Line(_spelled({**row, name: value})) for name, value in wrong.items()),
        *(Line(_spelled({key: value for key, value in row.items() if key != name})) for name in table.key),
        *(Line(_spelled({**row, name: None})) for name in needed[:3]),
        Line(text[:-1] + f', "{last}": {_value(row[last])}}}'.encode()),
        Line(text[: len(text) // 2]),
        Line(b"[" + text + b"]"),
        Line(b"key,value,of,another,format"),
        Line(b"\xff\xfe" + text),
    ]


def _spelled(row: Row) -> bytes:
    return ("{" + ", ".join(f"{json.dumps(name)}: {_value(value)}" for name, value in row.items()) + "}").encode()


def _value(value: object) -> str:
    """A value as JSON; a Decimal as a number with all its digits."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass
class Delivery:
    """Files of lines, by table, batch number and file name."""

    files: dict[tuple[str, int, str], list[Line]] = field(default_factory=dict)
    waiting: set[tuple[str, int, str]] = field(default_factory=set)

    def put(self, table: str, batch: int, name: str, lines: list[Line]) -> None:
        """A file, or another content for it."""
        self.files[table, batch, name] = lines
        self.waiting.add((table, batch, name))

    def spread(self, chance: random.Random, table: str, batch: int, lines: list[Line]) -> None:
        """Lines in several files of one batch."""
        names = chance.sample(NAMES, 3)
        for index, name in enumerate(names):
            self.put(table, batch, name, lines[index :: len(names)])

    def land(self, place: Place) -> None:
        """Put what waits into raw."""
        for table, batch, name in sorted(self.waiting):
            content = b"".join(line.text + b"\n" for line in self.files[table, batch, name])
            folder, _, file = name.rpartition("/")
            place.deliver(table, f"{days.key(batch)}/{folder}".rstrip("/"), file, content)
        self.waiting.clear()

    def land_all(self, place: Place) -> None:
        """Put everything into another place's raw."""
        self.waiting = set(self.files)
        self.land(place)

    def of(self, table: str) -> Iterator[tuple[int, str, int, Line]]:
        """A table's lines in the order of their arrival: batch, file, line number from 1, line."""
        for (name, batch, file), lines in sorted(self.files.items()):
            if name == table:
                for number, line in enumerate(lines, 1):
                    yield batch, file, number, line

    def rows(self, table: Table) -> list[Row]:
        """The rows that stay."""
        rows: dict[tuple[object, ...], Row] = {}
        for *_, line in self.of(table.name):
            if line.row is not None:
                rows[tuple(line.row[name] for name in table.key)] = line.row
        return list(rows.values())


def load(con: duckdb.DuckDBPyConnection, table: Table, rows: list[Row], folder: Path) -> None:
    """Make a DuckDB table of rows, with types as they are declared; what Delta has no type for is text."""
    texts = {column.name for column in table.columns if column.type == "JSON"}
    types = {column.name: "VARCHAR" if column.type in ("JSON", "UUID") else column.type for column in table.columns}
    path = folder / f"{table.name}.json"
    path.write_text("\n".join(json.dumps({n: _plain(v, n in texts) for n, v in row.items()}) for row in rows))
    declared = {name: "VARCHAR" if type_.startswith(("DECIMAL", "NUMERIC")) else type_ for name, type_ in types.items()}
    columns = ", ".join(f"'{name}': '{type_}'" for name, type_ in declared.items())
    exact = ", ".join(f'CAST("{name}" AS {type_}) AS "{name}"' for name, type_ in types.items())
    read_json = f"read_json('{path}', columns = {{{columns}}})"
    con.execute(f'CREATE TABLE "{table.name}" AS SELECT {exact} FROM {read_json}')


def _plain(value: object, as_text: bool) -> object:
    if as_text and value is not None:
        return _value(value)
    return f"{value:f}" if isinstance(value, Decimal) else value
