"""What the assets of every layer have in common."""

from collections.abc import Iterable
from typing import Any

import dagster as dg
import pyarrow as pa

from tpch_assets.compute.database import arrow_schema
from tpch_assets.schema import Table
from tpch_assets.settings import current_settings

RETRY = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def column_schema(table: Table, extra: Iterable[tuple[str, str, str]] = ()) -> dict[str, Any]:
    """A table's columns as Dagster shows them, plus some more as (name, type, description)."""
    columns = [
        dg.TableColumn(
            column.name,
            column.type,
            column.description,
            constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
        )
        for column in table.columns
    ]
    columns += [dg.TableColumn(name, type_, description) for name, type_, description in extra]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def stored_schema(table: Table, extra: Iterable[tuple[str, str, str]]) -> pa.Schema:
    """The same columns as they are stored."""
    return arrow_schema([*((c.name, c.type) for c in table.columns), *((name, type_) for name, type_, _ in extra)])


def place(layer: str, name: str) -> dict[str, Any]:
    """Where an asset is stored, as metadata."""
    return {"dagster/uri": f"{current_settings().lake}/{layer}/{name}"}
