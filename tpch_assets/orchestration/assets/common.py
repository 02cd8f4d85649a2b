"""What the assets of every layer share: retries, column schemas as Dagster shows them, and where they are stored."""

from collections.abc import Iterable

import dagster as dg

from tpch_assets.schema import Table
from tpch_assets.settings import current_settings

RETRY = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
Extra = Iterable[tuple[str, str, str]]
"""More columns, as (name, type, description)."""


def column_schema(table: Table, extra: Extra = ()) -> dict[str, dg.TableSchema]:
    """A table's columns as Dagster shows them."""
    columns = [
        dg.TableColumn(
            column.name,
            column.parsed.sql,
            column.description,
            constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
        )
        for column in table.columns
    ]
    columns += [dg.TableColumn(name, type_, description) for name, type_, description in extra]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def place(layer: str, name: str) -> dict[str, str]:
    """Where an asset is stored, as metadata."""
    return {"dagster/uri": f"{current_settings().lake}/{layer}/{name}"}
