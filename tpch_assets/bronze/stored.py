"""A bronze table as it is stored: the declaration that it was written by, and the columns that it has or gets."""

import pyarrow as pa

from tpch_assets.compute.database import arrow_schema, sql_types
from tpch_assets.lake.snapshot import Snapshot
from tpch_assets.schema import Table
from tpch_assets.schema.changes import Declared

PROVENANCE = (
    ("_batch", "VARCHAR", "The batch that delivered the row."),
    ("_file", "VARCHAR", "The raw file that the row stood in."),
    ("_rescued", "VARCHAR", "Fields that the schema does not know, as JSON."),
)
"""Columns that bronze adds to each table, as (name, type, description)."""


def declared(table: Table, stored: Snapshot) -> Declared:
    """The declaration that a table of bronze or silver was last written by; today's, if it was not written yet."""
    if found := Declared.recorded(stored.properties):
        return found
    if stored.schema is None:
        return Declared.of(table)
    return Declared.stored((name, type_) for name, type_ in sql_types(stored.schema) if not name.startswith("_"))


def dropped_columns(table: Table, *stored: Snapshot) -> tuple[tuple[str, str], ...]:
    """Columns that tables have and the declaration does not know any more, as (name, SQL type).

    They stay, since a later edit may want them back.
    """
    found: dict[str, str] = {}
    for source in stored:
        if source.schema is not None and set(source.schema.names).difference(table.column_names):
            found = {name: type_ for name, type_ in sql_types(source.schema) if not name.startswith("_")} | found
    return tuple((name, type_) for name, type_ in found.items() if name not in table.column_names)


def bronze_columns(table: Table, bronze: Snapshot) -> tuple[tuple[str, str], ...]:
    """The columns of a bronze table as it is to be stored, as (name, SQL type)."""
    provenance = ((name, type_) for name, type_, _ in PROVENANCE)
    return (*table.stored_columns, *provenance, *dropped_columns(table, bronze))


def bronze_schema(table: Table, bronze: Snapshot) -> pa.Schema:
    """The same as Arrow types."""
    return arrow_schema(bronze_columns(table, bronze))
