"""What an asset returned, told apart into files by partition. No Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from tpch_assets.calendar import parse
from tpch_assets.compute.database import cursor
from tpch_assets.lake.pieces import arrow, task

ROWS_READ = "rows read"  # In `extra`: rows that the tasks of a partition read; tells how fast they are.


@dataclass(frozen=True)
class Partitions:
    """What is to be stored, by partition key and file name (`{content}` in it becomes the content's hash).

    A file's rows are a function that workers call (it returns `Sql`, Arrow, pandas or an object with
    `write_rows(rows_path, rejects_path)`), a Dask delayed table, or a plain one.

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
    # Asked of the type, since a delayed object claims to have whatever it is asked for.
    return delayed_parts(obj) if hasattr(type(obj), "to_delayed") else [obj]


def delayed_parts(frame: Any) -> list[Any]:
    """The partitions of a Dask DataFrame as delayed tables."""
    import dask

    # Left to itself Dask shuffles through a folder on the local disk, which workers elsewhere do not see.
    with dask.config.set({"dataframe.shuffle.method": "p2p"}):
        return list(frame.to_delayed())


def _by_column(obj: Any, keys: list[str], expression: str | None) -> dict[str, dict[str, Any]]:
    if not expression:
        raise ValueError(
            f"one run stores {len(keys)} partitions: give the asset metadata={{'partition_expr': '<time column>'}}, "
            "or return Partitions"
        )
    begins = [parse(key) for key in keys]
    ends = [*begins[1:], begins[-1] + (begins[-1] - begins[-2])]
    files: dict[str, dict[str, Any]] = {key: {} for key in keys}
    for index, piece in enumerate(_pieces(obj)):
        for key, begin, end in zip(keys, begins, ends, strict=True):
            whole = (begins[0], ends[-1]) if key == keys[0] else None
            files[key][f"{index:05}-{{content}}.parquet"] = task(_between, piece, expression, begin, end, whole)
    return files


def _between(
    rows: Any, column: str, begin: datetime, end: datetime, whole: tuple[datetime, datetime] | None
) -> pa.Table:
    """The rows of one partition; an error if any row lies outside of `whole`, which nobody would store."""
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
