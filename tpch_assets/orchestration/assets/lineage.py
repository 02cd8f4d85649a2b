"""What Dagster shows of columns: their types, what they mean, and which columns of the layer before they come from."""

from collections.abc import Iterable

import dagster as dg

from tpch_assets.gold.lineage import Origin, origins
from tpch_assets.gold.queries import Query
from tpch_assets.schema import Business, Table
from tpch_assets.silver.rows import PROVENANCE

LINEAGE, SCHEMA = "dagster/column_lineage", "dagster/column_schema"


def same_columns(layer: str, table: Table, more: Iterable[str] = ()) -> dict[str, dg.TableColumnLineage]:
    """Metadata of a table that has the columns of the one in the layer before."""
    names = (*table.column_names, *more)
    return {LINEAGE: _lineage({name: [(layer, table.name, name)] for name in names})}


def answer_columns(query: Query, business: Business) -> dict[str, dg.TableSchema | dg.TableColumnLineage]:
    """Metadata of an answer: its columns, described by what they come from, and their lineage."""
    known = origins(query, business)
    columns = [
        dg.TableColumn(name, type_, _description(_heading(query, name), known.get(name), business))
        for name, type_ in query.columns
    ]
    day = dg.TableColumn("as_of", "DATE", "The day that the answer is of.")
    lineage = {name: [("silver", *source) for source in origin.sources] for name, origin in known.items()}
    return {SCHEMA: dg.TableSchema([*columns, day]), LINEAGE: _lineage(lineage)}


def _lineage(sources: dict[str, list[tuple[str, str, str]]]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey([layer, table]), name) for layer, table, name in found]
            for column, found in sources.items()
            if found
        }
    )


def _heading(query: Query, column: str) -> str | None:
    """A column's title and unit, such as `Revenue (USD)`, if the query says any."""
    title, unit = query.titles.get(column), query.units.get(column)
    if unit is None:
        return title
    return f"{title} ({unit})" if title else f"In {unit}"


def _description(title: str | None, origin: Origin | None, business: Business) -> str | None:
    """The column's own description where it is unchanged; else what it comes from."""
    found = ""
    if origin is not None and origin.sources:
        names = ", ".join(f"{table}.{column}" for table, column in origin.sources)
        table, column = origin.sources[0]
        own = {column.name: column.description for column in business.table(table).columns}
        meaning = own.get(column) or {name: text for name, _, text in PROVENANCE}.get(column, "")
        found = meaning if origin.same else f"From {names}: {meaning}" if len(origin.sources) == 1 else f"From {names}."
    return " ".join(filter(None, (title and f"{title}.", found))) or None
