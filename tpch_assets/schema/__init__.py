"""What a business is made of: its columns, tables and groups of facts, its queries, and where its data comes from.

The engine works on these classes alone. The tables of a real business belong in a package of their own (`tpch/`), and
nothing about layers, storage or Dagster belongs here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol

from tpch_assets.schema.functions import PythonAnswer
from tpch_assets.schema.models import Model
from tpch_assets.schema.types import ColumnType, UnknownType
from tpch_assets.schema.types import parse as parse_type

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESERVED = ("partials",)
_RESERVED_COLUMNS = ("file_row_number",)


class SchemaError(ValueError):
    """A table or a business is not valid; the message names the table, the column and what to do."""


@dataclass(frozen=True)
class Column:
    """One column: its name, its SQL type (any usual spelling) and what it means.

    Attributes:
        nullable: The column may be null, or missing from a line.
    """

    name: str
    type: str
    description: str
    nullable: bool = False

    @cached_property
    def parsed(self) -> ColumnType:
        """The type, understood.

        Raises:
            UnknownType: The type is unknown.
        """
        return parse_type(self.type)

    @property
    def stored(self) -> str:
        """The SQL type as which the lake stores the column."""
        return self.parsed.stored


@dataclass(frozen=True)
class Table:
    """One table: a fact, or a dimension.

    Attributes:
        key: The primary key. Of rows with the same key silver keeps one.
        arrives: With every batch, or once with the first.
        colocated_by: The column at whose values a fact is cut into shards. Dimensions have none.
        group: Facts of one group are cut at the same values, so that shard i of each holds the same keys. By default a
            fact is a group of its own.
        parent: The fact of the group that each row belongs to; a check counts rows without theirs.
        covers_parent: Each row of the parent has at least one row here; a check counts those without.
        references: Tables whose rows each row points to, with the columns here that hold their key, in its order. The
            dashboard follows them; nothing is checked.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    arrives: Literal["every batch", "once"] = "once"
    colocated_by: str | None = None
    group: str = ""
    parent: str | None = None
    covers_parent: bool = False
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        _check_table(self)
        if self.colocated_by and not self.group:
            object.__setattr__(self, "group", self.name)

    @property
    def is_fact(self) -> bool:
        return self.colocated_by is not None

    @property
    def shard_key(self) -> str:
        """The column that a fact is cut by.

        Raises:
            SchemaError: The table is a dimension.
        """
        if self.colocated_by is None:
            raise SchemaError(f"table {self.name} is a dimension: it is not cut into shards")
        return self.colocated_by

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def stored_columns(self) -> tuple[tuple[str, str], ...]:
        """The columns as the lake stores them: (name, SQL type)."""
        return tuple((column.name, column.stored) for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Group:
    """Colocated facts: their shards are cut at the same values, and built together."""

    name: str
    facts: tuple[Table, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(table.name for table in self.facts)


class Source(Protocol):
    """Makes the raw rows of batches, where files do not land by themselves."""

    def delivers(self, table: Table, number: int) -> bool:
        """Whether batch `number` (from 0) has rows of `table`."""

    def rows(self, table: Table, number: int, time: datetime, scale_factor: float, *, many: bool) -> str:
        """The rows of `table` in batch `number`, which begins at `time`, as an SQL query.

        Args:
            many: This process will ask for more batches.
        """


@dataclass(frozen=True, eq=False)
class Business:
    """Everything that is about the data of one business, and not about how it is processed.

    Attributes:
        tables: Facts and dimensions, in the order in which they are shown.
        queries: The folder with one `.sql` file per question.
        source: Makes raw batches. Without one, files land in raw by themselves.
        answers: Questions that are answered by a Python function, not by a `.sql` file.
        models: Models that are trained every day.
        dashboard: Module with pages and views of the business's own. The dashboard does without.
    """

    tables: tuple[Table, ...]
    queries: Path
    source: Source | None = None
    answers: tuple[PythonAnswer, ...] = ()
    models: tuple[Model, ...] = ()
    dashboard: str | None = None

    def __post_init__(self) -> None:
        _check_business(self)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(table.name for table in self.tables)

    @cached_property
    def _by_name(self) -> dict[str, Table]:
        return {table.name: table for table in self.tables}

    def table(self, name: str) -> Table:
        """The table with this name.

        Raises:
            KeyError: There is none.
        """
        return self._by_name[name]

    @cached_property
    def facts(self) -> tuple[Table, ...]:
        return tuple(table for table in self.tables if table.is_fact)

    @cached_property
    def dimensions(self) -> tuple[Table, ...]:
        return tuple(table for table in self.tables if not table.is_fact)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups of facts, in the order of their first fact."""
        names = dict.fromkeys(table.group for table in self.facts)
        return tuple(Group(name, tuple(t for t in self.facts if t.group == name)) for name in names)

    @cached_property
    def streams(self) -> tuple[Table, ...]:
        """The tables that arrive with every batch."""
        return tuple(table for table in self.tables if table.arrives == "every batch")

    @cached_property
    def once(self) -> tuple[Table, ...]:
        """The tables that arrive once."""
        return tuple(table for table in self.tables if table.arrives == "once")


def load_business(module: str) -> Business:
    """The `BUSINESS` of a Python module.

    Raises:
        SchemaError: There is no such module, it has no `BUSINESS`, or one of its tables is not valid.
    """
    try:
        found = getattr(import_module(module), "BUSINESS", None)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise SchemaError(
                f"there is no Python module {module}; install it, or put its folder on PYTHONPATH"
            ) from None
        raise
    if not isinstance(found, Business):
        raise SchemaError(f"the module {module} has no BUSINESS = Business(...)")
    return found


def _check_table(table: Table) -> None:
    where = f"table {table.name}"
    if not _NAME.fullmatch(table.name) or table.name in _RESERVED or table.name.endswith("_rejects"):
        raise SchemaError(f"{where}: a table's name is made of lower-case letters, digits and _, such as order_lines")
    for column in table.columns:
        _check_column(column, f"{where}, column {column.name}")
    if table.group and not _NAME.fullmatch(table.group):
        raise SchemaError(f"{where}: the group {table.group} needs a name of lower-case letters, digits and _")
    lowered = [column.name.lower() for column in table.columns]
    if double := {name for name in lowered if lowered.count(name) > 1}:
        raise SchemaError(f"{where}: the column {min(double)} is declared twice")
    if not table.key:
        raise SchemaError(f"{where}: a table needs a primary key; name its columns in key=(...)")
    for name in (*table.key, *((table.colocated_by,) if table.colocated_by else ())):
        _check_key(table, name, where)
    if table.colocated_by is None and (table.group or table.parent):
        raise SchemaError(f"{where}: only a fact has a group or a parent; name its colocation key in colocated_by")
    if table.covers_parent and table.parent is None:
        raise SchemaError(f"{where}: covers_parent needs a parent; name it in parent")
    if table.colocated_by is not None and table.arrives == "once":
        raise SchemaError(f"{where}: a fact arrives with every batch; say arrives='every batch'")


def _check_column(column: Column, where: str) -> None:
    if not _COLUMN_NAME.fullmatch(column.name):
        raise SchemaError(f"{where}: a column's name is made of letters, digits and _, and begins with a letter")
    if column.name.lower() in _RESERVED_COLUMNS:
        raise SchemaError(f"{where}: this name is taken by the engine; choose another one")
    try:
        column.parsed  # noqa: B018 - parsed once, and refused here
    except UnknownType as error:
        raise SchemaError(f"{where}: {error}") from None


def _check_key(table: Table, name: str, where: str) -> None:
    column = next((column for column in table.columns if column.name == name), None)
    if column is None:
        raise SchemaError(f"{where}: the key column {name} is not one of its columns")
    colocates = name == table.colocated_by
    fits = column.parsed.can_be_colocation_key if colocates else column.parsed.can_be_key
    if not fits:
        what = "colocation key" if colocates else "primary key"
        raise SchemaError(f"{where}, column {name}: {column.type} cannot be a {what}; use a number, date, time or text")
    if column.nullable:
        raise SchemaError(f"{where}, column {name}: a key cannot be nullable")


def _check_business(business: Business) -> None:
    names = [table.name for table in business.tables]
    if double := {name for name in names if names.count(name) > 1}:
        raise SchemaError(f"table {min(double)} is declared twice")
    if not business.facts:
        raise SchemaError("a business needs at least one fact: a table with colocated_by")
    for group in business.groups:
        _check_group(group)
    for table in business.tables:
        for name, columns in table.references.items():
            _check_reference(business, table, name, columns)


def _check_reference(business: Business, table: Table, name: str, columns: tuple[str, ...]) -> None:
    other = next((other for other in business.tables if other.name == name), None)
    if other is None:
        raise SchemaError(f"table {table.name}: it references {name}, which is not a table")
    if unknown := [column for column in columns if column not in table.column_names]:
        raise SchemaError(f"table {table.name}: it references {name} by {unknown[0]}, which is not one of its columns")
    if len(columns) != len(other.key):
        raise SchemaError(
            f"table {table.name}: it references {name} by {', '.join(columns)}; name one column for each of its key's "
            f"({', '.join(other.key)})"
        )


def _check_group(group: Group) -> None:
    types: Sequence[tuple[Table, str]] = [(t, t.column(t.shard_key).parsed.stored) for t in group.facts]
    first, kind = types[0]
    for table, other in types[1:]:
        if other != kind:
            raise SchemaError(
                f"table {table.name}, column {table.shard_key}: {other} differs from {kind} in {first.name}, the same "
                f"group ({group.name}); colocation keys of a group have one type"
            )
    for table in group.facts:
        if table.parent is not None and (table.parent not in group.names or table.parent == table.name):
            raise SchemaError(f"table {table.name}: its parent {table.parent} is not another fact of the group")
