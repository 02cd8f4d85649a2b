"""DuckDB in this process: one database and one cursor per task, so that tasks share threads, memory and spill.

SQL that several modules write belongs here, and tables that tasks share. What a query asks for belongs to its layer.
"""

import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from weakref import WeakSet

import duckdb
import pyarrow as pa

from tpch_assets.compute.scratch import scratch
from tpch_assets.schema.types import identifier as identifier
from tpch_assets.settings import current_settings

LARGE = 1 << 28  # Bytes of Parquet up to which a dimension table is kept in memory.
SHARE = 0.5  # In-memory tables may fill this share of TPCH_MEMORY; then the longest unused ones go.
_UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_database_lock = threading.Lock()


@cache
def _database_of(process: int) -> duckdb.DuckDBPyConnection:
    """A process's database. A forked one makes its own: the threads of the one that it got have stayed behind."""
    connection = duckdb.connect(
        config={
            "threads": worker_threads(),
            "memory_limit": current_settings().memory,
            "temp_directory": f"{scratch()}/spill",
            "preserve_insertion_order": True,
        }
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


def worker_threads() -> int:
    """The threads of this process's Dask worker; outside a worker, the setting."""
    from tpch_assets.compute import dask_private

    return dask_private.worker_threads() or current_settings().workers


def cursor() -> duckdb.DuckDBPyConnection:
    """A new connection to the process's database; close it (or use it in `with`)."""
    with _database_lock:
        database = _database_of(os.getpid())
    return database.cursor()  # It takes over the database's time zone.


def limit_memory(memory: str) -> None:
    """Let this process's database use no more than this, such as `1GiB`, whatever the settings say."""
    with cursor() as connection:
        connection.execute(f"SET GLOBAL memory_limit = {quote(memory)}")


def quote(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifiers(names: Iterable[str]) -> str:
    """Names of columns as what stands after SELECT or ORDER BY."""
    return ", ".join(map(identifier, names))


def nulls(columns: Iterable[tuple[str, str]]) -> str:
    """A NULL for each of some columns, given as (name, SQL type), as what stands after SELECT."""
    return ", ".join(f"NULL::{type_} AS {identifier(name)}" for name, type_ in columns)


def sql_list(paths: Sequence[str]) -> str:
    """Paths as an SQL list for `read_parquet`."""
    return "[" + ", ".join(quote(path) for path in paths) + "]"


def arrow_schema(columns: Iterable[tuple[str, str]]) -> pa.Schema:
    """The Arrow schema of columns given as (name, SQL type)."""
    return _arrow_schema(tuple(columns))


@lru_cache(1 << 10)
def _arrow_schema(columns: tuple[tuple[str, str], ...]) -> pa.Schema:
    with cursor() as connection:
        return connection.sql(f"SELECT {nulls(columns)} WHERE false").to_arrow_table().schema


@lru_cache(1 << 10)
def sql_types(schema: pa.Schema) -> tuple[tuple[str, str], ...]:
    """Arrow columns as (name, SQL type)."""
    with cursor() as connection:
        found = connection.from_arrow(schema.empty_table())
        return tuple(zip(schema.names, map(str, found.types), strict=True))


def scan_of(paths: Sequence[str], options: str = "") -> str:
    """Parquet files as what stands after FROM, whatever columns each of them has.

    Args:
        options: More of what `read_parquet` takes, each after a comma.
    """
    by_name = ", union_by_name = true" if len({_columns_in(path) for path in paths}) > 1 else ""
    return f"read_parquet({sql_list(paths)}{by_name}{options})"


def rows_as(
    paths: Sequence[str], columns: Iterable[tuple[str, str]], options: str = "", more: Sequence[str] = ()
) -> str:
    """The rows of Parquet files with some columns, given as (name, SQL type), as what stands after FROM.

    A file may be older than a column, which is NULL there, or than its type, which must hold the values of the file.

    Args:
        more: Columns besides, that are as they are.
    """
    there = {name for path in paths for name, _ in _columns_in(path)}
    values = [
        f"CAST({identifier(name)} AS {type_}) AS {identifier(name)}" if name in there else nulls([(name, type_)])
        for name, type_ in columns
    ]
    return f"(SELECT {', '.join([*values, *map(identifier, more)])} FROM {scan_of(paths, options)})"


@lru_cache(1 << 16)
def _columns_in(path: str) -> frozenset[tuple[str, str]]:
    """The columns of a Parquet file, which never changes, as (name, type)."""
    import pyarrow.parquet as pq

    return frozenset((column.name, str(column.type)) for column in pq.read_schema(path))


# Tables that tasks share


@dataclass
class _Table:
    """An in-memory table, and the cursors that read it."""

    loaded: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    readers: "WeakSet[duckdb.DuckDBPyConnection]" = field(default_factory=WeakSet)


_tables: dict[str, _Table] = {}  # By name, the longest unused first.
_tables_lock = threading.Lock()


def load_once(
    reader: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], paths: Sequence[str], rows: str = ""
) -> str:
    """An in-memory table with some columns of Parquet files, which the process loads once; the files if it is large.

    Args:
        reader: The cursor that will read the table, which stays at least as long as the cursor.
        rows: What stands after FROM to read the files, if they are not to be read as they are.

    Returns:
        What to write after FROM.
    """
    scan = rows or f"read_parquet({sql_list(paths)})"
    if sum(os.path.getsize(path) for path in paths) > LARGE:
        return scan
    key = repr((tuple(columns), list(paths), rows))
    table_name = f"{name}_{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    with _tables_lock:
        table = _tables.pop(table_name) if table_name in _tables else _Table()
        _tables[table_name] = table
        table.readers.add(reader)
    with table.lock:
        if table.loaded:
            return table_name
        with cursor() as connection:
            connection.execute(f"CREATE TABLE {table_name} AS SELECT {identifiers(columns)} FROM {scan}")
        table.loaded = True
    _drop_unused()
    return table_name


def _drop_unused() -> None:
    """Drop the longest unused tables while all of them together are too large; never one that a cursor reads."""
    limit = SHARE * _bytes(current_settings().memory)
    with _tables_lock, cursor() as connection:
        for name in [name for name, table in _tables.items() if not table.readers]:
            if _size_of_tables(connection) <= limit:
                return
            connection.execute(f"DROP TABLE IF EXISTS {name}")
            del _tables[name]


def _size_of_tables(connection: duckdb.DuckDBPyConnection) -> int:
    """The bytes of all in-memory tables, in memory or spilled."""
    found = connection.execute(
        "SELECT sum(memory_usage_bytes + temporary_storage_bytes)::BIGINT FROM duckdb_memory() "
        "WHERE tag = 'IN_MEMORY_TABLE'"
    ).fetchone()
    return int(found[0] or 0) if found else 0


def _bytes(memory: str) -> float:
    """A size such as `4GiB` in bytes."""
    number = memory.rstrip("KMGTiB")
    return float(number) * _UNITS[memory.removeprefix(number)]
