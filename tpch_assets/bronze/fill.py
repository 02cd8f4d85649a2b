"""Fills columns of bronze's past from what its rows kept as unknown fields, without reading raw again.

A field that was delivered before its column was declared stands in `_rescued`. It moves to the column by the parser
that would have read it, as strictly: a value that does not fit stays where it is, and the column is NULL in that row.
"""

import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tpch_assets.compute.database import cursor, identifier, quote, rows_as, scan_of, sql_list
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, files_with
from tpch_assets.lake.update import Report, copy_query, rejects_path
from tpch_assets.layers import BRONZE
from tpch_assets.schema import Column, Table

FILES = 256  # Files whose unknown fields one query looks at.
CHUNK = 10_000  # Rows whose unknown fields are in this process's memory at a time.


def files_to_fill(bronze: Snapshot, columns: Sequence[Column]) -> list[DataFile]:
    """The files with a row that kept a field of one of these names. This reads `_rescued`, where it has values."""
    names = sql_list([column.name for column in columns])
    candidates, found = files_with(bronze, "_rescued"), list[DataFile]()
    for begin in range(0, len(candidates), FILES):
        some = candidates[begin : begin + FILES]
        with ThreadPoolExecutor(8) as pool:
            paths = list(pool.map(bronze.lake.store.local, bronze.paths(some)))
        with cursor() as con:
            rows = con.execute(
                f"SELECT DISTINCT filename FROM {scan_of(paths, ', filename = true')} "
                f"WHERE list_has_any(json_keys(_rescued), {names})"
            ).fetchall()
        held = {path for (path,) in rows}
        found += [file for file, path in zip(some, paths, strict=True) if path in held]
    return found


@dataclass(frozen=True)
class FilledFile:
    """The rows of a bronze file, with columns filled from its unknown fields.

    Attributes:
        uri: The file.
        rejects: The file with the rejects of the same raw file, if there is one.
        columns: All columns to write, as (name, SQL type).
        new: Those that are filled.
    """

    lake: Lake
    uri: str
    rejects: str | None
    columns: tuple[tuple[str, str], ...]
    new: tuple[Column, ...]

    def write(self, path: str) -> Report:
        source = self.lake.store.local(self.uri)
        with cursor() as con, tempfile.TemporaryDirectory(prefix=".fill-", dir=Path(path).parent) as folder:
            numbered = rows_as([source], self.columns, ", file_row_number = true", ("file_row_number",))
            con.execute(
                f"CREATE TEMP TABLE rest AS SELECT file_row_number AS row, _rescued FROM {numbered} "
                "WHERE _rescued IS NOT NULL"
            )
            unfit = sum(self._fill(con, index, column, Path(folder)) for index, column in enumerate(self.new))
            done = con.execute(
                f"COPY ({self._query(numbered)}) TO {quote(path)} (PRESERVE_ORDER true, {BRONZE.parquet.options})"
            ).fetchone()
        rows = int(done[0]) if done else 0
        rejects = self._copy_rejects(rejects_path(path))
        return Report(rows, rows + rejects, rejects, unfit)

    def _fill(self, con: duckdb.DuckDBPyConnection, index: int, column: Column, folder: Path) -> int:
        """Parse one field of all rows that kept it; returns how many values do not fit."""
        from tpch_assets.bronze.json_lines import write_parquet  # Only workers need the parser.

        number = _unused(con, column.name)
        lines, rows, rejects = (folder / f"{index}.{kind}" for kind in ("json", "parquet", "rejects"))
        count = _write_lines(con, column.name, number, lines)
        table = Table("filled", "", (Column(number, "BIGINT", ""), column), key=(number,))
        parsed = write_parquet(
            con, str(lines), table, batch="", file="", rows_path=str(rows), rejects_path=str(rejects)
        )
        con.execute(
            f"CREATE TEMP TABLE filled_{index} AS SELECT {identifier(number)} AS row, {identifier(column.name)} AS "
            f"value, _rescued FROM read_parquet({quote(str(rows))})"
        )
        con.execute(
            f"UPDATE rest SET _rescued = filled._rescued FROM filled_{index} AS filled WHERE rest.row = filled.row"
        )
        return count - parsed.rows

    def _query(self, numbered: str) -> str:
        new = {column.name: f"filled_{index}.value" for index, column in enumerate(self.new)}
        values = [
            f"coalesce(it.{identifier(name)}, {new[name]}) AS {identifier(name)}"
            if name in new
            else "rest._rescued"
            if name == "_rescued"
            else f"it.{identifier(name)}"
            for name, _ in self.columns
        ]
        joins = " ".join(
            f"LEFT JOIN filled_{index} ON it.file_row_number = filled_{index}.row" for index in range(len(self.new))
        )
        return (
            f"SELECT {', '.join(values)} FROM {numbered} AS it LEFT JOIN rest ON it.file_row_number = rest.row {joins} "
            "ORDER BY it.file_row_number"
        )

    def _copy_rejects(self, path: str) -> int:
        if self.rejects is None:
            return 0
        source = self.lake.store.local(self.rejects)
        return copy_query(f"SELECT * FROM read_parquet({quote(source)})", path, BRONZE.parquet.options)


def _unused(con: duckdb.DuckDBPyConnection, column: str) -> str:
    """A name for the number of a row that no row's unknown fields hold."""
    name = "row_number"
    while (
        name == column.lower()
        or con.execute("SELECT 1 FROM rest WHERE contains(lower(_rescued), ?) LIMIT 1", [name]).fetchone()
    ):
        name += "_"
    return name


def _write_lines(con: duckdb.DuckDBPyConnection, field: str, number: str, path: Path) -> int:
    """Write the unknown fields of all rows that have a field, each with its row's number; returns how many."""
    key, count = quote(f'{{"{number}":'), 0
    found = con.execute(
        f"SELECT {key} || row || ',' || substr(_rescued, 2) FROM rest WHERE list_contains(json_keys(_rescued), ?)",
        [field],
    )
    with path.open("w", encoding="utf-8", newline="\n") as lines:
        while some := found.fetchmany(CHUNK):
            lines.writelines(_ended(some))
            count += len(some)
    return count


def _ended(rows: Iterable[tuple[str]]) -> Iterable[str]:
    return (f"{line}\n" for (line,) in rows)
