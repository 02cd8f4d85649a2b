"""Files of a Delta table as pandas, Arrow or Dask, as an asset's argument is annotated; Dask DataFrames as parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, get_origin, runtime_checkable

import pyarrow as pa
import pyarrow.parquet as pq

from tpch_assets.lake.pieces import task
from tpch_assets.lake.snapshot import DataFile, Snapshot, read

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd
    from dask.delayed import Delayed

PART_BYTES = 16 << 20  # Bytes of Parquet per partition of a `dd.DataFrame`: some hundred MB in memory.


def load(source: Snapshot, files: list[DataFile], wanted: object) -> object:
    """Files of a table as `pa.Table`, `pd.DataFrame`, `dd.DataFrame` or a list of delayed Arrow tables."""
    if wanted is pa.Table:
        return read(source, files)
    if get_origin(wanted) is list or wanted is list:
        return [task(read, source.bare, [file]) for file in files]
    name = f"{getattr(wanted, '__module__', '')}.{getattr(wanted, '__name__', wanted)}"
    if name.startswith("pandas.") and name.endswith(".DataFrame"):
        return _pandas(read(source, files))
    if name.startswith("dask.") and name.endswith(".DataFrame"):
        return dask_frame(source, files)
    raise TypeError(f"cannot load {source.uri} as {wanted}; annotate pa.Table, pd.DataFrame, dd.DataFrame or Snapshot")


def dask_frame(source: Snapshot, files: list[DataFile]) -> "dd.DataFrame":
    """Files of a table as a `dd.DataFrame` with partitions of a bounded size; it reads only the columns it uses."""
    import dask
    import dask.dataframe as dd

    make: Callable[..., dd.DataFrame] = dd.from_map
    parts = [part for file in files for part in _parts(source, file)] or [Part(None)]
    meta = _pandas(_empty(source))
    with dask.config.set({"dataframe.convert-string": False}):  # The types are those of the table already.
        schema = _empty(source).schema
        return make(_read_part, parts, schema=schema, source=source.bare, meta=meta)


@runtime_checkable
class Frame(Protocol):
    """A Dask DataFrame, by what is needed of it."""

    def to_delayed(self) -> "Sequence[Delayed]": ...


def delayed_parts(frame: object) -> "list[Delayed]":
    """The partitions of a Dask DataFrame as delayed tables.

    Raises:
        TypeError: It is something else.
    """
    import dask

    if not isinstance(frame, Frame):
        raise TypeError(f"expected a Dask DataFrame, not {type(frame).__name__}")
    # By default Dask shuffles through a folder on the local disk, which workers elsewhere do not see.
    with dask.config.set({"dataframe.shuffle.method": "p2p"}):
        return list(frame.to_delayed())


@dataclass(frozen=True)
class Part:
    """The `index`-th of `count` parts of a file, by row groups; no path is a part without rows."""

    path: str | None
    index: int = 0
    count: int = 1


def _parts(source: Snapshot, file: DataFile) -> list[Part]:
    (path,) = source.paths([file])
    count = max(1, -(-file.size // PART_BYTES))
    return [Part(path, index, count) for index in range(count)]


def _read_part(part: Part, source: Snapshot, schema: pa.Schema, columns: list[str] | None = None) -> "pd.DataFrame":
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    if part.path is None:
        return _pandas(wanted.empty_table())
    with pq.ParquetFile(source.lake.store.local(part.path)) as file:
        groups = range(file.num_row_groups)
        begin, end = (len(groups) * i // part.count for i in (part.index, part.index + 1))
        rows = file.read_row_groups(list(groups[begin:end]), columns=wanted.names, use_threads=False)
    for name in set(wanted.names).difference(rows.column_names):  # The file is older than the column.
        rows = rows.append_column(name, pa.nulls(len(rows), wanted.field(name).type))
    return _pandas(rows.select(wanted.names).cast(wanted))


def _empty(source: Snapshot) -> pa.Table:
    return (source.schema or pa.schema([])).empty_table()


def _pandas(rows: pa.Table) -> "pd.DataFrame":
    import pandas as pd

    made: pd.DataFrame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    return made
