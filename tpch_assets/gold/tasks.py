"""What workers do for gold: compute the partial of a shard, merge some partials, and combine all of them.

Tasks know tables only as files and columns. Which tasks there are is planned in `graph.py`.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial as bound_to

import duckdb
import pyarrow as pa

from tpch_assets.compute.database import cursor, identifier, load_once, nulls, rows_as, sql_list
from tpch_assets.gold.partials import Damaged, delete_damaged, publish, sound
from tpch_assets.gold.queries import Value
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import GOLD

READERS = 16  # Small files fetched side by side: on S3 each takes some 20 ms, and a combine reads many.


@dataclass(frozen=True)
class Input:
    """A table as a statement reads it.

    Attributes:
        paths: Its files, local or remote.
        columns: The columns of a dimension to load into memory; of facts, whose files are read in place, none.
        empty: Names and types of the columns: files may be older than some of them, or there is no file.
    """

    name: str
    paths: tuple[str, ...]
    columns: tuple[str, ...] = ()
    empty: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Statement:
    """One SQL statement, its parameters and its tables: everything a worker needs."""

    lake: Lake
    sql: str
    values: tuple[tuple[str, Value], ...]
    inputs: tuple[Input, ...]


def run_partial(statement: Statement, shard: tuple[Input, ...], target: str) -> str:
    """Compute one shard's partial, keep it at `target`, a path without its end, and return the whole path."""

    def select(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        create_views(con, statement.lake, (*shard, *statement.inputs))
        return con.sql(statement.sql, params=dict(statement.values))

    return _write(statement.lake, target, select)


def run_merge(lake: Lake, paths: list[str], target: str) -> str:
    """Put the partials of some shards into one file at `target`, and return its path, as `run_partial` does.

    Raises:
        Damaged: One is not what was written.
    """
    return _write(lake, target, lambda con: con.sql(f"SELECT * FROM {_scan(lake, paths)}"))


def _write(lake: Lake, target: str, select: Callable[[duckdb.DuckDBPyConnection], duckdb.DuckDBPyRelation]) -> str:
    with lake.staged(target) as staged:
        with cursor() as con:
            select(con).write_parquet(staged, compression=GOLD.parquet.compression)
        return publish(lake, staged, target)


def run_combine(
    statement: Statement, partial: Statement | None, paths: list[str], nothing: tuple[Input, ...], day: date
) -> pa.Table:
    """The answer from all partials, with its day as column `as_of`.

    Args:
        nothing: The facts without files, whose partial has the right columns where there are no partials.

    Raises:
        Damaged: A partial is not what was written.
    """
    lake = statement.lake
    with cursor() as con:
        if partial is not None:
            _create_partials(con, partial, paths, nothing)
        create_views(con, lake, statement.inputs)
        answer = con.sql(statement.sql, params=dict(statement.values)).to_arrow_table()
    return answer.append_column("as_of", pa.array([day] * len(answer), pa.date32()))


def _create_partials(
    con: duckdb.DuckDBPyConnection, partial: Statement, paths: list[str], nothing: tuple[Input, ...]
) -> None:
    if paths:
        con.execute(f"CREATE TEMP VIEW partials AS SELECT * FROM {_scan(partial.lake, paths)}")
        return
    with cursor() as other:
        create_views(other, partial.lake, (*nothing, *partial.inputs))
        empty = other.sql(partial.sql, params=dict(partial.values)).to_arrow_table()
    con.register("partials", empty.slice(0, 0))


def create_views(con: duckdb.DuckDBPyConnection, lake: Lake, inputs: Iterable[Input]) -> None:
    """Let a connection see tables under their names."""
    for table in inputs:
        paths = _local(lake, table.paths)
        if not paths:
            rows = f"SELECT {nulls(table.empty)} WHERE false"
        elif table.columns:
            rows = f"SELECT * FROM {load_once(con, table.name, table.columns, paths, rows_as(paths, table.empty))}"
        else:
            rows = f"SELECT * FROM {rows_as(paths, table.empty)}"
        con.execute(f"CREATE TEMP VIEW {identifier(table.name)} AS {rows}")


def _scan(lake: Lake, paths: list[str]) -> str:
    try:
        local = _each(bound_to(sound, lake), paths)
    except Damaged:
        delete_damaged(lake, paths[0])
        raise
    return f"read_parquet({sql_list(local)}, union_by_name = true)"


def _local(lake: Lake, paths: Sequence[str]) -> list[str]:
    return _each(lake.store.local, paths)


def _each(fetch: Callable[[str], str], paths: Sequence[str]) -> list[str]:
    if len(paths) < 2:
        return [fetch(path) for path in paths]
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(fetch, paths))
