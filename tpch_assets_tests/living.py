"""A small lake whose tables change while it runs, by the layers' own functions, and what must be in it.

What must be there is told from the delivered lines alone, by rules of a few lines of Python.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tpch_assets.bronze import plan as bronze_plan
from tpch_assets.bronze.arrivals import pending
from tpch_assets.calendar import batch_key
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, Snapshots, read, snapshot
from tpch_assets.lake.update import TableUpdate
from tpch_assets.layers import BATCH
from tpch_assets.raw.files import deliveries, files_of
from tpch_assets.schema import Business, Column, Table
from tpch_assets.schema.types import INTEGER_BITS, parse
from tpch_assets.silver.dimensions import plan_dimension
from tpch_assets.silver.loss import check_loss
from tpch_assets.silver.shards import plan_again
from tpch_assets.silver.stale import due_windows, stale_dimensions
from tpch_assets_tests import runs
from tpch_assets_tests.conftest import START

Line = dict[str, Any]
END = START + timedelta(days=9)
SHARD_ROWS = 1000


def batch(number: int) -> str:
    return batch_key(START + number * BATCH)


def fits(value: Any, type_: str) -> bool:
    """Whether a JSON value is one of a type, as bronze promises it."""
    kind = parse(type_).sql
    if kind == "VARCHAR":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    number = Decimal(str(value))
    if kind in INTEGER_BITS:
        return number == int(number) and abs(number) < 1 << (INTEGER_BITS[kind] - 1)
    precision, scale = map(int, kind.removeprefix("DECIMAL(").removesuffix(")").split(","))
    return abs(number) < 10 ** (precision - scale) and number == round(number, scale)


@dataclass
class Row:
    """A line that was accepted: its values, and the fields that no column knew."""

    values: Line
    rescued: Line


@dataclass
class Model:
    """What one table must hold."""

    table: Table
    lines: dict[tuple[str, str], list[Line]] = field(default_factory=dict)
    rows: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    lost: int = 0

    def ingest(self, batch: str, file: str) -> None:
        """Parse a file as the table is declared now."""
        rows = [self._parsed(line) for line in self.lines[batch, file]]
        self.rows[batch, file] = [row for row in rows if row is not None]

    def _parsed(self, line: Line) -> Row | None:
        values, rescued = {}, dict(line)
        for column in self.table.columns:
            value = rescued.pop(column.name, None)
            if (value is None and not column.nullable) or (value is not None and not fits(value, column.type)):
                return None
            values[column.name] = value
        return Row(values, rescued)

    def declare(self, table: Table) -> None:
        """Change the declaration in place: new and wider columns are filled from the fields that rows kept."""
        types = {column.name: column.type for column in self.table.columns}
        new = [column for column in table.columns if types.get(column.name) != column.type]
        self.table = table
        for row in (row for rows in self.rows.values() for row in rows):
            for column in new:
                if column.name in row.rescued and self._takes(column, row.rescued[column.name]):
                    value = row.rescued.pop(column.name)
                    row.values[column.name] = value if value is not None else row.values.get(column.name)

    @staticmethod
    def _takes(column: Column, value: Any) -> bool:
        return value is None or fits(value, column.type)

    def again(self) -> None:
        """Make the table again from all lines."""
        for batch, file in self.lines:
            self.ingest(batch, file)

    def latest(self) -> list[Line]:
        """The row of each key that arrived last, with the declared columns, by key."""
        found: dict[tuple[Any, ...], Line] = {}
        for place in sorted(self.rows):
            for row in self.rows[place]:
                found[tuple(row.values[name] for name in self.table.key)] = row.values
        names = self.table.column_names
        return [{name: found[key].get(name) for name in names} for key in sorted(found)]


class Living:
    """A lake of some tables, each with its model."""

    def __init__(self, lake: Lake, tables: Iterable[Table], queries: Path) -> None:
        self.lake, self.queries = lake, queries
        self.models = {table.name: Model(table) for table in tables}
        self.clock = int(START.timestamp())

    @property
    def business(self) -> Business:
        return Business(tuple(model.table for model in self.models.values()), queries=self.queries)

    def deliver(self, table: str, number: int, file: str, lines: list[Line]) -> None:
        """Land a file; another one of the same name gives way."""
        path = Path(self.lake.path("raw", table, batch(number), file))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        self.clock += 1
        os.utime(path, (self.clock, self.clock))
        self.models[table].lines[batch(number), file] = lines

    def declare(self, table: Table) -> None:
        self.models[table.name].declare(table)

    def layer(self, name: str) -> Snapshots:
        return {table: snapshot(self.lake, self.lake.table(name, table)) for table in self.models}

    # What runs do

    def settle(self) -> None:
        """Ingest and compact until nothing is asked for."""
        for _ in range(9):
            if not any([self.ingest(), self.compact()]):
                return
        raise AssertionError("still pending")

    def ingest(self) -> bool:
        asked = False
        for name, model in self.models.items():
            if wanted := pending(self.lake, model.table):
                self.bronze(name, wanted)
                asked = True
        return asked

    def bronze(self, name: str, batches: list[str]) -> None:
        """What a run of bronze does."""
        model, present = self.models[name], self.layer("bronze")[name]
        update = bronze_plan.plan_batches(model.table, files_of(self.lake, name, batches), present)
        for key, files in update.files.items():
            for content in files.values():
                if isinstance(content, bronze_plan.ParsedFile):
                    model.ingest(key, content.file.name)
        self.store("bronze", name, update)

    def compact(self) -> bool:
        """What runs of silver do."""
        business, asked = self.business, False
        for group in business.groups:
            if windows := due_windows(self.lake, group, END).ready:
                for name, update in runs.shards(self.lake, group, windows, SHARD_ROWS).items():
                    self.store("silver", name, update)
                asked = True
        for table in stale_dimensions(self.lake, business):
            self.store("silver", table.name, runs.dimension(self.lake, table, SHARD_ROWS))
            asked = True
        return asked

    def rebuild(self, name: str, *, accept_loss: bool = False, bronze: bool = True) -> None:
        """What `tpch-assets rebuild` does."""
        table = self.models[name].table
        if bronze:
            raw = dict(deliveries(self.lake, name))
            present = self.layer("bronze")[name]
            self.store("bronze", name, bronze_plan.plan_again(table, raw, present, accept_loss=accept_loss))
            self.models[name].again()
        sources, silver = self.layer("bronze"), self.layer("silver")
        for group in self.business.groups:
            if name in group.names:
                if not accept_loss:
                    check_loss(group.facts, sources, silver)
                for fact, update in plan_again(group, sources, silver, batch_key(END), SHARD_ROWS).items():
                    self.store("silver", fact, update)
        if not table.is_fact:
            if not accept_loss:
                check_loss([table], sources, silver)
            self.store("silver", name, plan_dimension(table, sources[name], silver[name], SHARD_ROWS, again=True))

    def store(self, layer: str, name: str, update: TableUpdate) -> None:
        """What the IO manager does."""
        runs.store(self.lake, layer, name, update)

    # What must be

    def check(self) -> None:
        """Bronze accounts for all lines, and silver holds what the model says."""
        bronze, silver = self.layer("bronze"), self.layer("silver")
        for name, model in self.models.items():
            rejects = snapshot(self.lake, f"{bronze[name].uri}_rejects")
            lines, rows = (sum(map(len, found.values())) for found in (model.lines, model.rows))
            assert (bronze[name].rows, rejects.rows) == (rows, lines - rows), name
            assert self.rescued(bronze[name]) == self.expected_rescued(model), name
            assert rows_of(silver[name], model.table) == plain(model.latest(), model.table), name

    def rescued(self, bronze: Snapshot) -> list[str]:
        kept = (row["_rescued"] for row in read(bronze).to_pylist())
        return sorted(json.dumps(json.loads(text), sort_keys=True) for text in kept if text is not None)

    def expected_rescued(self, model: Model) -> list[str]:
        kept = (row.rescued for rows in model.rows.values() for row in rows)
        return sorted(json.dumps(fields, sort_keys=True) for fields in kept if fields)


def rows_of(source: Snapshot, table: Table) -> list[Line]:
    """The rows of a stored table by key, with the columns that are declared; it may be older than some of them."""
    rows = [{name: row.get(name) for name in table.column_names} for row in read(source).to_pylist()]
    return sorted(rows, key=lambda row: tuple(row[name] for name in table.key))


def plain(rows: list[Line], table: Table) -> list[Line]:
    """Values as Arrow gives them."""
    made: dict[str, Callable[[Any], Any]] = {
        column.name: _decimal(column) if column.parsed.sql.startswith("DECIMAL") else _same for column in table.columns
    }
    return [{name: None if value is None else made[name](value) for name, value in row.items()} for row in rows]


def _decimal(column: Column) -> Callable[[Any], Any]:
    scale = int(column.parsed.sql.rstrip(")").split(",")[1])
    return lambda value: Decimal(str(value)).quantize(Decimal(1).scaleb(-scale))


def _same(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value
