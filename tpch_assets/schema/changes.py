"""What an edit of a table's declaration means for a table that is stored already: in place, or made again.

The declaration that a table was last written by is recorded with it. How the lake stores columns does not belong here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from tpch_assets.schema import Column, Table
from tpch_assets.schema.types import INTEGER_BITS, ColumnType, Decimal, Scalar, parse

Known = tuple[str, str, bool | None]
"""A column that is stored: its name, its SQL type, and whether it is nullable, where that is known."""
DECLARED = "tpch_assets.declared"
"""The property of a stored table with the declaration that it was last written by."""


@dataclass(frozen=True)
class Declared:
    """A declaration as it is recorded.

    Attributes:
        columns: (name, SQL type, nullable) of each column. `nullable` is None where nobody knows.
        dropped: Columns that were declared once and are stored still, likewise.
        key: The primary key; None where nobody knows.
        colocated_by: The column that a fact is cut by.
    """

    columns: tuple[Known, ...]
    dropped: tuple[Known, ...] = ()
    key: tuple[str, ...] | None = None
    colocated_by: str | None = None

    @classmethod
    def of(cls, table: Table, before: "Declared | None" = None) -> "Declared":
        """The declaration of a table now, where `before` is stored."""
        columns = tuple((column.name, column.parsed.sql, column.nullable) for column in table.columns)
        was = (*before.columns, *before.dropped) if before else ()
        dropped = tuple(known for known in was if known[0] not in table.column_names)
        return cls(columns, dropped, table.key, table.colocated_by)

    @classmethod
    def stored(cls, columns: Iterable[tuple[str, str]]) -> "Declared":
        """What a table tells that has no record, from its columns as (name, SQL type)."""
        return cls(tuple((name, parse(type_).sql, None) for name, type_ in columns))

    @classmethod
    def recorded(cls, properties: Mapping[str, str]) -> "Declared | None":
        """The declaration among a table's properties, if it is there."""
        if DECLARED not in properties:
            return None
        found = json.loads(properties[DECLARED])
        columns, dropped = (
            tuple((name, type_, nullable) for name, type_, nullable in found[which]) for which in ("columns", "dropped")
        )
        return cls(columns, dropped, tuple(found["key"]), found["colocated_by"])

    @property
    def properties(self) -> dict[str, str]:
        """The property that records it."""
        return {DECLARED: json.dumps(asdict(self))}


def added(table: Table, before: Declared) -> tuple[Column, ...]:
    """The columns that a stored table's declaration did not have."""
    known = {name for name, _, _ in before.columns}
    return tuple(column for column in table.columns if column.name not in known)


def fillable(table: Table, before: Declared) -> tuple[Column, ...]:
    """The columns that may hold more of what rows kept as unknown fields: new ones, and those with a wider type."""
    types = {name: (type_, nullable) for name, type_, nullable in before.columns}
    return tuple(column for column in table.columns if _is_other(column, *types.get(column.name, ("", True))))


def _is_other(column: Column, type_: str, nullable: bool | None) -> bool:
    # A table without a record tells types as they are stored.
    return type_ != (column.parsed.sql if nullable is not None else parse(column.stored).sql)


def takes(table: Table, before: Declared, *, keys: bool = False) -> bool:
    """Whether a stored table is to take new columns or wider types in place. `keys` is as in `refusal`."""
    return bool(fillable(table, before)) and refusal(table, before, keys=keys) is None


def refusal(table: Table, before: Declared, *, keys: bool = False) -> str | None:
    """Why a stored table cannot take a declaration in place, and what to do, in one sentence; None if it can.

    Args:
        keys: The primary key and the colocation key count, too.
    """
    found = obstacle(table, before, keys=keys)
    return found and f"{found}: take the edit back, or run `tpch-assets rebuild {table.name}`"


def obstacle(table: Table, before: Declared, *, keys: bool = False) -> str | None:
    """The same without what to do."""
    return next(iter([*_of_columns(table, before), *(_of_keys(table, before) if keys else ())]), None)


def _of_columns(table: Table, before: Declared) -> Iterable[str]:
    known = {name: (type_, nullable) for name, type_, nullable in (*before.dropped, *before.columns)}
    new = {column.name for column in added(table, before)}
    for column in table.columns:
        where = f"table {table.name}, column {column.name}"
        if column.name in new and not column.nullable:
            yield f"{where}: a new column that is not nullable has no values for the rows that are there"
        if column.name not in known:
            continue
        type_, nullable = known[column.name]
        # A table without a record tells types as they are stored.
        now = parse(column.stored) if nullable is None else column.parsed
        if not fits(parse(type_), now):
            yield f"{where}: {type_} cannot become {now.sql} in place"
        if nullable and not column.nullable and column.name not in new:
            yield f"{where}: it may hold nulls, so it cannot be without them in place"


def _of_keys(table: Table, before: Declared) -> Iterable[str]:
    if before.key is None:
        return
    if before.key != table.key:
        changed = next((name for name in (*table.key, *before.key) if (name in table.key) != (name in before.key)), "")
        where = f"table {table.name}, column {changed or table.key[0]}"
        yield f"{where}: the primary key was {_listed(before.key)} and cannot become {_listed(table.key)} in place"
    if before.colocated_by != table.colocated_by:
        where = f"table {table.name}, column {table.colocated_by or before.colocated_by}"
        was, now = before.colocated_by or "none", table.colocated_by or "none"
        yield f"{where}: the colocation key was {was} and cannot become {now} in place"


def fits(narrow: ColumnType, wide: ColumnType) -> bool:
    """Whether a column may take a type in place: it is the same, or of the same kind and wider."""
    if narrow == wide:
        return True
    if isinstance(narrow, Decimal) and isinstance(wide, Decimal):
        whole = wide.precision - wide.scale >= narrow.precision - narrow.scale
        return whole and wide.scale >= narrow.scale
    if isinstance(narrow, Scalar) and isinstance(wide, Scalar):
        bits = [INTEGER_BITS.get(type_.name, 0) for type_ in (narrow, wide)]
        return 0 < bits[0] <= bits[1]
    return False


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
