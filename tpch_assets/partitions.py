"""What an asset returned, told apart into files by partition. No Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from tpch_assets.calendar import parse
from tpch_assets.engine import cursor
from tpch_assets.pieces import arrow, task


@dataclass(frozen=True)
class Partitions:
    """What is to be stored, by partition key and file name (`{content}` in it becomes the content's hash).

    A file's rows are a function that workers call (it returns `Sql`, Arrow, pandas or an object with
    `write_parquet(path)`), a Dask delayed table, or a plain one.

    Attributes:
        keep: Paths of files in these partitions that stay as they are.
        base: The table version that this was planned on; the commit is refused on any other.
        marks: Application versions to record with the commit.
        schema: The table's columns, where it may be that no file is written.
        extra: More materialization metadata, by partition key.
    """

    files: Mapping[str, Mapping[str, Any]]
    keep: tuple[str, ...] = ()
    base: int | None = None
    marks: Mapping[str, int] = field(default_factory=dict)
    schema: pa.Schema | None = None
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def partitions_of(obj: Any, keys: list[str], expression: str | None) -> Partitions:
    """Plain rows or Dask collections as files: all in the one partition, or told apart by the partition column."""
    if len(keys) > 1:
        return Partitions(_by_column(obj, keys, expression))
    pieces = _pieces(obj)
    return Partitions({keys[0] if keys else "all": {f"{i:05}-{{content}}.parquet": p for i, p in enumerate(pieces)}})


def _pieces(obj: Any) -> list[Any]:
    if isinstance(obj, list | tuple):
        return list(obj)
    return list(obj.to_delayed()) if hasattr(obj, "to_delayed") else [obj]


def _by_column(obj: Any, keys: list[str], expression: str | None) -> dict[str, dict[str, Any]]:
    if not expression:
        raise ValueError(
            f"one run stores {len(keys)} partitions: give the asset metadata={{'partition_expr': '<time column>'}}, "
            "or return Partitions"
        )
    bounds = [(key, parse(key)) for key in keys]
    files: dict[str, dict[str, Any]] = {key: {} for key in keys}
    for index, piece in enumerate(_pieces(obj)):
        for place, (key, begin) in enumerate(bounds):
            end = bounds[place + 1][1] if place + 1 < len(bounds) else None
            files[key][f"{index:05}-{{content}}.parquet"] = task(_between, piece, expression, begin, end)
    return files


def _between(rows: Any, column: str, begin: Any, end: Any) -> pa.Table:
    with cursor() as con:
        con.register("piece", arrow(rows))
        condition = f"{column}::TIMESTAMPTZ >= $begin AND ($end IS NULL OR {column}::TIMESTAMPTZ < $end)"
        return con.sql(f"SELECT * FROM piece WHERE {condition}", params={"begin": begin, "end": end}).to_arrow_table()
