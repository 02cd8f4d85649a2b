"""Rows as Dagster shows them: the first ones of what was stored, and rejects by reason."""

import math

import dagster as dg
import pyarrow as pa

from tpch_assets.bronze.rejects import open_rejects
from tpch_assets.lake.lake import Lake

LONGEST = 80
"""So many characters of a text are shown."""


def table_of(rows: pa.Table) -> dg.TableMetadataValue:
    """Rows as a table. Numbers and flags stay; everything else is its text."""
    records = [dg.TableRecord({name: _shown(value) for name, value in row.items()}) for row in rows.to_pylist()]
    schema = dg.TableSchema([dg.TableColumn(name) for name in rows.column_names])
    return dg.MetadataValue.table(records, schema)


def _shown(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def record_rejects(context: dg.OutputContext, lake: Lake, table: str, rows: int) -> None:
    """Record what is rejected of a table now, by reason."""
    found = open_rejects(lake, table)
    reasons = [dg.TableRecord({"reason": reason, "rows": count}) for reason, count in found.by_reason.items()]
    schema = dg.TableSchema([dg.TableColumn("reason", "VARCHAR"), dg.TableColumn("rows", "BIGINT")])
    metadata: dict[str, dg.MetadataValue | str | int] = {
        "dagster/row_count": rows,
        "acknowledged": found.acknowledged,
        "batches with open rejects": len(found.batches),
        "rows by reason": dg.MetadataValue.table(reasons, schema),
        "some of them": dg.MetadataValue.md("\n".join(f"- {example}" for example in found.examples) or "none"),
    }
    context.log_event(dg.AssetMaterialization(["bronze", f"{table}_rejects"], metadata=metadata))
