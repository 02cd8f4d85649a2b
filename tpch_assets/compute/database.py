"""DuckDB in this process: one database, one cursor per task, so that tasks share its threads, memory and spill."""

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from multiprocessing.util import Finalize

import duckdb
import pyarrow as pa

from tpch_assets.settings import current_settings

LARGE = 1 << 28  # Bytes of Parquet up to which a dimension table is kept in memory.
_lock = threading.Lock()


@cache
def scratch() -> str:
    """A folder of this process's own for temporary files; it goes with the process."""
    folder = tempfile.mkdtemp(prefix="tpch-assets-")
    # Unlike atexit's, these also run at the end of processes that multiprocessing forked.
    Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=0)
    return folder


@cache
def _database() -> duckdb.DuckDBPyConnection:
    settings = current_settings()
    con = duckdb.connect(
        config={
            "threads": worker_threads(),
            "memory_limit": settings.memory,
            "temp_directory": f"{scratch()}/spill",
            "preserve_insertion_order": True,
        }
    )
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    return con


def worker_threads() -> int:
    """Threads of this process: its Dask worker's, else the setting's."""
    from distributed import get_worker

    try:
        return get_worker().state.nthreads
    except ValueError:
        return current_settings().workers


def cursor() -> duckdb.DuckDBPyConnection:
    """A new connection to the process's database; close it (or use it in `with`)."""
    with _lock:
        database = _database()
    con = database.cursor()
    con.execute("SET TimeZone = 'UTC'")
    return con


@dataclass(frozen=True)
class Sql:
    """Rows as a query, to be run where they are written: nothing passes through Python."""

    text: str


def quote(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def sql_list(paths: list[str] | tuple[str, ...]) -> str:
    """Paths as an SQL list for `read_parquet`."""
    return "[" + ", ".join(quote(path) for path in paths) + "]"


def arrow_schema(columns: Iterable[tuple[str, str]]) -> pa.Schema:
    """The Arrow schema of columns given as (name, SQL type)."""
    nulls = ", ".join(f"NULL::{type_} AS {name}" for name, type_ in columns)
    with cursor() as con:
        return con.sql(f"SELECT {nulls} WHERE false").to_arrow_table().schema


def load_once(name: str, columns: tuple[str, ...], paths: list[str]) -> str:
    """An in-memory table with some columns of Parquet files, loaded once per process; the files if it is large.

    Returns:
        What to write after FROM.
    """
    size = sum(os.path.getsize(path) for path in paths)
    scan = f"read_parquet({sql_list(paths)})"
    if size > LARGE:
        return scan
    table = f"{name}_{hashlib.sha256(repr((columns, paths)).encode()).hexdigest()[:16]}"
    with _lock_of(table), cursor() as con:
        con.execute(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT {', '.join(columns)} FROM {scan}")
    return table


@cache
def _lock_of(name: str) -> threading.Lock:
    return threading.Lock()
