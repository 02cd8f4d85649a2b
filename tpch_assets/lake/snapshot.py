"""A Delta table at one version: its files, what is known of them, and their rows.

Writing belongs in `data_files.py` and `commit.py`. Each data file lies at `<partition>/<name>.parquet`, and all columns
are in the files themselves: any Parquet reader sees whole rows.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from tpch_assets.compute.database import cursor, rows_as, sql_list, sql_types
from tpch_assets.lake.file_list import FACTS, Bound, Columns, DataFile, FileList, Value, decoded
from tpch_assets.lake.lake import Lake, LakeError, NotThere
from tpch_assets.lake.local_files import printable

__all__ = ["Bound", "DataFile", "Snapshot", "Snapshots", "TableError", "Value"]  # Those of `file_list.py`, too.

REMEMBERED = 1 << 17  # Bounds for which this process read a column.


class TableError(LakeError, DeltaError):
    """The log of one table cannot be read. The message says which and what to do; the other tables are sound."""


@contextmanager
def apart(faults: list[str]) -> Iterator[None]:
    """Go on after a table that cannot be opened, so that it does not stop the others; `faults` says which it was."""
    try:
        yield
    except TableError as error:
        faults.append(str(error))


@dataclass(frozen=True)
class Snapshot:
    """A table at one version. It is small and can be pickled, so that workers read exactly what was planned.

    A table that does not exist yet is version -1 without files.

    Attributes:
        id: Names the table whatever its place: one that is made again in the same place has another.
        made: When the table was made, in milliseconds since 1970.
        properties: What commits recorded with it.
    """

    lake: Lake
    uri: str
    version: int
    files: Sequence[DataFile] = ()
    schema: pa.Schema | None = None
    id: str = ""
    made: int = 0
    properties: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def first(self) -> str:
        """The least partition that has a file; empty if there is none."""
        if isinstance(self.files, FileList):
            return self.files.first
        return min((file.partition for file in self.files), default="")

    @property
    def bare(self) -> "Snapshot":
        """The same without its list of files, to go along with each of many tasks."""
        return replace(self, files=())

    def paths(self, files: Iterable[DataFile] | None = None) -> list[str]:
        """Where the files are, for a reader on any machine."""
        return [f"{self.uri}/{file.path}" for file in (self.files if files is None else files)]

    def of(self, partitions: Collection[str]) -> list[DataFile]:
        if isinstance(self.files, FileList):
            return [file for partition in dict.fromkeys(partitions) for file in self.files.of(partition)]
        return [file for file in self.files if file.partition in partitions]

    def by_partition(self) -> dict[str, list[DataFile]]:
        if isinstance(self.files, FileList):
            return self.files.by_partition
        found: dict[str, list[DataFile]] = {}
        for file in self.files:
            found.setdefault(file.partition, []).append(file)
        return found


Snapshots = dict[str, Snapshot]
"""Snapshots of several tables, by table name."""


def snapshot(lake: Lake, uri: str, version: int | None = None) -> Snapshot:
    """The table at `uri` now, or at `version`."""
    table = opened(lake, uri, version)
    return Snapshot(lake, uri, -1) if table is None else _of(lake, uri, table, tuple(files_in(table)))


def without_statistics(lake: Lake, uri: str, version: int | None = None) -> Snapshot:
    """The same; its files have no statistics, which takes a fraction of the time."""
    table = opened(lake, uri, version)
    if table is None:
        return Snapshot(lake, uri, -1)
    columns = _actions(table).select(["path", *FACTS])
    return _of(lake, uri, table, FileList(Columns(columns)))


def _of(lake: Lake, uri: str, table: DeltaTable, files: Sequence[DataFile]) -> Snapshot:
    facts = table.metadata()
    return Snapshot(
        lake,
        uri,
        table.version(),
        files,
        pa.schema(table.schema().to_arrow()),
        str(facts.id),
        facts.created_time or 0,
        facts.configuration,
    )


def existing(lake: Lake, uri: str) -> Snapshot:
    """The table at `uri` now.

    Raises:
        NotThere: It does not exist.
    """
    found = snapshot(lake, uri)
    if found.version < 0:
        raise NotThere(f"{uri} does not exist yet: materialize it first.")
    return found


def opened(lake: Lake, uri: str, version: int | None = None) -> DeltaTable | None:
    """deltalake's table at `uri` now, or at `version`; None if it does not exist.

    Raises:
        TableError: Its log cannot be read.
    """
    try:
        return DeltaTable(uri, version=version, storage_options=lake.store.options)
    except TableNotFoundError:
        return None
    except (DeltaError, UnicodeEncodeError) as error:
        raise TableError(
            f"The table {printable(uri)} cannot be opened, so nothing is written to it: restore its _delta_log from a "
            f"backup ({str(error).splitlines()[0]})"
        ) from error


def mark(lake: Lake, uri: str, name: str) -> int | None:
    """The application version that a commit recorded under `name`, if any."""
    table = opened(lake, uri)
    return table.transaction_version(name) if table else None


def read(source: Snapshot, files: Collection[DataFile] | None = None) -> pa.Table:
    """The rows of a snapshot (or of some of its files) as an Arrow table."""
    chosen = list(source.files if files is None else files)
    if not chosen or source.schema is None:
        return (source.schema or pa.schema([])).empty_table()
    paths = [source.lake.store.local(path) for path in source.paths(chosen)]
    with cursor() as con:
        return con.sql(f"SELECT * FROM {rows_as(paths, sql_types(source.schema))}").to_arrow_table()


def bounds(source: Snapshot, file: DataFile, column: str) -> tuple[Bound, Bound] | None:
    """The least and greatest value of a column in one file; None if the file has no rows, or only nulls there.

    The log answers if it can. It lacks long texts and numbers, and in tables made by other versions all columns after
    the 32nd: then this reads that one column, once per process, since files never change.
    """
    if not file.rows:
        return None
    least, greatest = file.least.get(column), file.greatest.get(column)
    if least is not None and greatest is not None:
        return least, greatest
    return _read_bounds(source.lake, f"{source.uri}/{file.path}", column)


@lru_cache(REMEMBERED)
def _read_bounds(lake: Lake, uri: str, column: str) -> tuple[Bound, Bound] | None:
    name = '"' + column.replace('"', '""') + '"'
    with cursor() as con:
        scan = f"read_parquet({sql_list([lake.store.local(uri)])})"
        found = con.sql(f"SELECT min({name}) AS least, max({name}) AS greatest FROM {scan}").to_arrow_table()
    least: Value = found["least"][0].as_py()
    greatest: Value = found["greatest"][0].as_py()
    return None if least is None or greatest is None else (least, greatest)


def files_in(table: DeltaTable) -> Iterable[DataFile]:
    """The files of deltalake's table."""
    actions = _actions(table)
    facts = [actions[name].to_pylist() for name in ("path", "size_bytes", "num_records", "modification_time")]
    for path, size, rows, modified, least, greatest in zip(
        *facts, _by_file(actions, "min."), _by_file(actions, "max."), strict=True
    ):
        yield DataFile(decoded(path), size, rows, least, greatest, modified)


def _actions(table: DeltaTable) -> pa.Table:
    # pa.table would import pandas to ask whether this is a DataFrame.
    return pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()


def files_with(source: Snapshot, column: str) -> tuple[DataFile, ...]:
    """The files of which the log does not say that a column has no values there."""
    table = opened(source.lake, source.uri, source.version)
    if table is None:
        return ()
    actions = _actions(table)
    paths, rows = (actions[name].to_pylist() for name in ("path", "num_records"))
    name = f"null_count.{column}"
    nulls = actions[name].to_pylist() if name in actions.column_names else [None] * len(paths)
    empty = {decoded(path) for path, count, null in zip(paths, rows, nulls, strict=True) if null == count}
    return tuple(file for file in source.files if file.path not in empty)


def _by_file(actions: pa.Table, prefix: str) -> list[dict[str, Value]]:
    """One kind of statistic per file. By columns, as turning rows into dictionaries takes twice as long."""
    names = [name for name in actions.column_names if name.startswith(prefix)]
    short = [name.removeprefix(prefix) for name in names]
    if not names:
        return [{} for _ in range(actions.num_rows)]
    return [
        dict(zip(short, values, strict=True)) for values in zip(*(actions[n].to_pylist() for n in names), strict=True)
    ]
