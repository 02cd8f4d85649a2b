"""What a table is: its columns, types and key, how it arrives, and what it is colocated by."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One column: its name, its SQL type (as DuckDB spells it) and what it means."""

    name: str
    type: str
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its columns and primary key.

    `arrives` says when the source delivers it: with every batch, or once with the first.
    `pair` names the column by which the table is cut into co-partitioned pairs; None for dimension tables.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    arrives: Literal["every batch", "once"] = "once"
    pair: str | None = None

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)
