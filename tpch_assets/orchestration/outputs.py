"""Converts the return value of an asset, such as plain rows or a Dask collection, to a `TableUpdate`.

The IO manager and `lake/` write and commit it.
"""

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from tpch_assets.calendar import parse
from tpch_assets.compute.database import cursor
from tpch_assets.lake.frames import Frame, delayed_parts
from tpch_assets.lake.pieces import task
from tpch_assets.lake.update import TableRows, TableUpdate, arrow

if TYPE_CHECKING:
    from tpch_assets.lake.update import Rows

Files = dict[str, dict[str, TableRows]]


def update_of(returned: object, keys: list[str], expression: str | None, options: str) -> TableUpdate:
    """Convert the return value of an asset to the update of its table.

    Args:
        returned: A `TableUpdate`, `pa.Table`, `pd.DataFrame`, `dd.DataFrame`, or a list of (delayed) tables.
        keys: The partitions of the run.
        expression: The time column that assigns rows to partitions, if there are several.
        options: How Parquet files are written.

    Raises:
        ValueError: The run has several partitions, but the asset names no time column.
    """
    if isinstance(returned, TableUpdate):
        return returned
    if len(keys) > 1:
        return TableUpdate(_by_column(returned, keys, expression, options))
    rows = {f"{i:05}-{{content}}.parquet": TableRows(piece, options) for i, piece in enumerate(_pieces(returned))}
    return TableUpdate({keys[0] if keys else "all": rows})


def _pieces(returned: object) -> "list[Rows]":
    if isinstance(returned, list | tuple):
        return list(returned)
    # Check the type, because a delayed object claims to have any attribute.
    return [*delayed_parts(returned)] if issubclass(type(returned), Frame) else [returned]


def _by_column(returned: object, keys: list[str], expression: str | None, options: str) -> Files:
    if not expression:
        raise ValueError(
            f"one run stores {len(keys)} partitions: give the asset metadata={{'partition_expr': '<time column>'}}, "
            "or return a TableUpdate"
        )
    begins = [parse(key) for key in keys]
    ends = [*begins[1:], begins[-1] + (begins[-1] - begins[-2])]
    files: Files = {key: {} for key in keys}
    for index, piece in enumerate(_pieces(returned)):
        for key, begin, end in zip(keys, begins, ends, strict=True):
            whole = (begins[0], ends[-1]) if key == keys[0] else None
            rows = task(_between, piece, expression, begin, end, whole)
            files[key][f"{index:05}-{{content}}.parquet"] = TableRows(rows, options)
    return files


def _between(
    rows: object, column: str, begin: datetime, end: datetime, whole: tuple[datetime, datetime] | None
) -> pa.Table:
    """Return the rows of one partition. Fail if a row is outside of `whole`, because no partition would store it."""
    inside = f"{column}::TIMESTAMPTZ >= $begin AND {column}::TIMESTAMPTZ < $end"
    with cursor() as con:
        con.register("piece", arrow(rows))
        if whole:
            params = {"begin": whole[0], "end": whole[1]}
            outside = con.sql(f"SELECT 1 FROM piece WHERE ({inside}) IS NOT TRUE", params=params).to_arrow_table()
            if outside.num_rows:
                raise ValueError(
                    f"{outside.num_rows} rows are in none of the run's partitions: their {column} is not from "
                    f"{whole[0]:%Y-%m-%d %H:%M} up to {whole[1]:%Y-%m-%d %H:%M} (UTC)"
                )
        params = {"begin": begin, "end": end}
        return con.sql(f"SELECT * FROM piece WHERE {inside}", params=params).to_arrow_table()
