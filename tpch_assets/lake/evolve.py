"""What becomes of a table's columns when a commit brings others: they change in place, or the commit is refused.

Columns are added, and types of one kind get wider, by a metadata action: the files stay, and readers see NULL or the
wider type. A commit that lacks a column of the table is refused: nobody could tell a dropped column from a mistake, so
who drops one goes on naming it in the commit's schema. What a change of a declaration means belongs in
`schema/changes.py`.
"""

import re
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, Schema, write_deltalake

_INTEGERS = ("byte", "short", "integer", "long")
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def delta_schema(schema: pa.Schema) -> Schema:
    """The columns as Delta knows them. All may be null: whether a value must be there is the parser's business."""
    return Schema.from_arrow(pa.schema([pa.field(column.name, column.type) for column in schema]))


def columns_of(table: DeltaTable) -> pa.Schema:
    """The columns of deltalake's table."""
    return pa.schema(table.schema().to_arrow())


def evolved(uri: str, have: pa.Schema, want: pa.Schema) -> Schema | None:
    """The table's columns with those of a commit; None if that changes nothing.

    Raises:
        ValueError: The commit lacks a column of the table, or has another kind of type for it.
    """
    ours, theirs = delta_schema(have), {field.name: field for field in delta_schema(want).fields}
    fields = [_wider(column, theirs.pop(column.name, None)) for column in ours.fields]
    found = [field for field in fields if field is not None]
    if len(found) < len(fields):
        raise ValueError(
            f"{uri} has the columns {names(have)}, not {names(want)}. "
            "Move the old table away (its rows can be made again from the layer before) and run this again."
        )
    merged = Schema([*found, *theirs.values()])
    return None if merged == ours else merged


@dataclass(frozen=True)
class Columns:
    """Columns that a table is to get: in a commit before that of the files or behind it, or with the files."""

    schema: Schema
    when: Literal["before", "with", "behind"]


def columns_to_set(uri: str, table: DeltaTable, want: pa.Schema, replace: bool, *, staying: bool) -> Columns | None:
    """What to do about columns; None if the table has them.

    Args:
        replace: The commit replaces the whole table, whatever its columns were.
        staying: Some of the table's files are among those that replace it.

    Raises:
        ValueError: They cannot become those of the table in place.
    """
    try:
        found = evolved(uri, columns_of(table), want)
    except ValueError:
        if not replace:
            raise
        # Files that stay have no other columns than the new ones, so the others go once their files are gone.
        return Columns(delta_schema(want), "behind" if staying else "with")
    return Columns(found, "before") if found else None


def set_columns(table: DeltaTable, columns: Schema, properties: CommitProperties) -> None:
    """Change the columns of a table, in one commit that leaves all files as they are."""
    nothing = pa.schema(columns.to_arrow()).empty_table()
    # deltalake can change a type in no other way; of a table without partitions this replaces no row and adds no file.
    write_deltalake(
        table, nothing, mode="overwrite", schema_mode="overwrite", predicate="false", commit_properties=properties
    )


def names(schema: pa.Schema) -> str:
    """Columns with their types, for messages."""
    return "(" + ", ".join(f"{column.name} {column.type}" for column in schema) + ")"


def _wider(have: Field, want: Field | None) -> Field | None:
    """The field that holds the values of both; None if there is none."""
    if want is None:
        return None
    if have.type == want.type:
        return have
    return want if _fits(str(getattr(have.type, "type", "")), str(getattr(want.type, "type", ""))) else None


def _fits(narrow: str, wide: str) -> bool:
    """Whether every value of a Delta type is one of another type of the same kind."""
    if narrow in _INTEGERS and wide in _INTEGERS:
        return _INTEGERS.index(narrow) <= _INTEGERS.index(wide)
    ours, theirs = _DECIMAL.fullmatch(narrow), _DECIMAL.fullmatch(wide)
    if not ours or not theirs:
        return False
    (precision, scale), (more, finer) = (tuple(map(int, found.groups())) for found in (ours, theirs))
    return finer >= scale and more - finer >= precision - scale
