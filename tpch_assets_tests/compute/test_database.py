"""DuckDB in this process: in-memory tables are loaded once, bounded, and never taken from a cursor that reads them."""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tpch_assets.compute import database
from tpch_assets.compute.database import cursor, load_once
from tpch_assets.settings import PREFIX, current_settings

ROWS = 300_000  # Of eight bytes: some 2.4 MB, which DuckDB keeps as they are.


@pytest.fixture
def files(environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Five dimension tables, of which two fit into memory; no other test's tables are there."""
    drop_all()
    paths = []
    for number in range(5):
        paths.append(str(environment / f"{number}.parquet"))
        pq.write_table(pa.table({"key": pa.array([*range(ROWS)]), "other": pa.array([0] * ROWS)}), paths[-1])
    with cursor() as connection:
        load(connection, paths[0])
        size = database._size_of_tables(connection)
    drop_all()
    assert size >= ROWS * 8
    monkeypatch.setattr(database, "SHARE", 2.5 * size / database._bytes("4GiB"))
    yield paths
    drop_all()


def drop_all() -> None:
    with cursor() as connection:
        for name in tables():
            connection.execute(f"DROP TABLE {name}")
    database._tables.clear()


def tables() -> set[str]:
    with cursor() as connection:
        return {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def load(reader: object, path: str) -> str:
    return load_once(reader, "things", ("key",), [path])  # type: ignore[arg-type]


def use(path: str) -> str:
    """Load a table, read it, and be done with it."""
    with cursor() as connection:
        table = load(connection, path)
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (ROWS,)
    return table


def test_a_table_is_loaded_once(files: list[str]) -> None:
    first = use(files[0])
    Path(files[0]).write_bytes(Path(files[0]).read_bytes()[:100])  # What is read again would fail.
    assert use(files[0]) == first


def test_the_longest_unused_tables_go_when_all_are_too_large(files: list[str]) -> None:
    names = [use(path) for path in (files[0], files[1], files[0], files[2])]
    assert tables() == {names[0], names[3]}
    for path in files:
        use(path)
        assert len(tables()) <= 3, "the limit, and the newest table until its cursor has gone"
    with cursor() as connection:
        assert database._size_of_tables(connection) <= 3 * ROWS * 10


def test_a_table_stays_while_a_cursor_reads_it(files: list[str]) -> None:
    with cursor() as reader:
        kept = load(reader, files[0])
        rows = reader.execute(f"SELECT key FROM {kept}")
        assert rows.fetchmany(2) == [(0,), (1,)]
        for path in files[1:]:
            use(path)
        assert kept in tables()
        assert len(rows.fetchall()) == ROWS - 2
        assert reader.execute(f"SELECT count(*) FROM {kept}").fetchone() == (ROWS,)
        del rows
    del reader
    use(files[1])
    use(files[2])
    assert kept not in tables()


def test_large_files_are_read_where_they_are(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LARGE", 10)
    assert use(files[0]).startswith("read_parquet(")
    assert tables() == set()


@pytest.mark.parametrize(("text", "size"), [("512MB", 512e6), ("4GiB", 4 * 2**30), ("1.5TiB", 1.5 * 2**40)])
def test_sizes_are_read_as_duckdb_reads_them(text: str, size: float) -> None:
    assert database._bytes(text) == size


def _count(found: Connection) -> None:
    with cursor() as connection:
        found.send(connection.sql("SELECT count(DISTINCT i % 1000) FROM range(3_000_000) AS r(i)").fetchall())


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_a_database_of_its_own(environment: Path) -> None:
    """A replay forks its stages; the threads of the parent's database stay behind, and a query would wait for them."""
    with cursor() as connection:
        connection.execute("SELECT 1")
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_count, args=(theirs,))
    child.start()
    try:
        assert ours.poll(60)
        assert ours.recv() == [(1000,)]
    finally:
        child.kill()
        child.join(10)


def test_a_query_beyond_the_memory_setting_spills_to_disk(
    environment: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(f"{PREFIX}MEMORY", "60MiB")
    current_settings.cache_clear()
    monkeypatch.setattr(database, "scratch", lambda: str(tmp_path))
    with database._database_of.__wrapped__(os.getpid()) as con:
        (limit,) = con.execute("SELECT current_setting('memory_limit')").fetchone() or ("",)
        assert limit == "60.0 MiB"
        con.execute("CREATE TABLE large AS SELECT range, hash(range)::VARCHAR AS text FROM range(2_500_000)")
        (spilled,) = con.execute("SELECT count(*) FROM duckdb_temporary_files()").fetchone() or (0,)
        assert spilled, "what does not fit into memory is on disk"
        assert con.execute("SELECT count(DISTINCT text) FROM large").fetchone() == (2_500_000,)
