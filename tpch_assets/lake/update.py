"""What a run stores in one table: files by partition, each with content that knows how to write itself.

Every layer plans a `TableUpdate`; workers write its files and the driver commits them. How a commit works belongs in
`commit.py`, and what an asset of Dagster may return besides in `orchestration/outputs.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

import pyarrow as pa

from tpch_assets.compute.database import cursor, quote
from tpch_assets.layers import Parquet

if TYPE_CHECKING:
    import pandas as pd
    from dask.delayed import Delayed

    Rows: TypeAlias = pa.Table | pd.DataFrame | Delayed
    """Rows in memory, or a Dask delayed object that becomes such rows."""

ROWS_READ = "rows read"  # In `extra`: rows that the tasks of a partition read; shows how fast they are.


@dataclass(frozen=True)
class Report:
    """What became of a file: its rows, and for content that parses lines how many there were and how many are rejects.

    `lines == rows + rejects`, always.

    Attributes:
        unfit: Values that do not fit a column that was added since, and stay among the unknown fields.
    """

    rows: int
    lines: int | None = None
    rejects: int = 0
    unfit: int = 0


class Content(Protocol):
    """The rows of one file."""

    def write(self, path: str) -> Report:
        """Write the rows to a local path, on a worker.

        Rejects, if there are any, go to `rejects_path(path)`, as Parquet.
        """


def rejects_path(path: str) -> str:
    """Where content that was told to write to `path` puts its rejects."""
    return f"{path}.rejects"


@dataclass(frozen=True)
class TableRows:
    """Rows in memory, or delayed, as the content of a file."""

    rows: "Rows"
    options: str = Parquet().options

    def write(self, path: str) -> Report:
        return Report(copy_table(arrow(self.rows), path, self.options))


@dataclass(frozen=True)
class MadeRows:
    """Rows that the worker makes which writes them."""

    make: Callable[[], object]
    options: str = Parquet().options

    def write(self, path: str) -> Report:
        return Report(copy_table(arrow(self.make()), path, self.options))


@dataclass(frozen=True)
class TableUpdate:
    """The files of some partitions, which replace what these partitions hold, in one commit.

    Attributes:
        files: Content by partition key and file name; `{content}` in a name becomes the hash of the file's bytes.
        keep: Paths of files in these partitions that stay as they are.
        over: Paths of the files that may give way, by default any; the commit is refused where another one would.
        over_rejects: The same for the table of rejects.
        base: The table version that this was planned on; the commit is refused on any other.
        marks: Application versions to record with the commit.
        schema: The table's columns, where it may be that no file is written, or that files lack some.
        properties: The table's properties to set.
        replace: These are all files of the table; it is replaced as a whole, whatever its columns were.
        after: The files' time in the table is no earlier, in milliseconds since 1970: they are made of tables of then.
        claim: A number for what the update was planned by, such as a declaration; see `claim.py`.
        extra: More materialization metadata, by partition key.
        nothing: Why partitions that were asked for are not in `files`: how a sentence begins that ends with their keys.
        beside: Updates of other tables of the layer, by name, that are stored with this one.
    """

    files: Mapping[str, Mapping[str, Content]]
    keep: tuple[str, ...] = ()
    over: frozenset[str] | None = None
    over_rejects: frozenset[str] | None = None
    base: int | None = None
    marks: Mapping[str, int] = field(default_factory=dict)
    schema: pa.Schema | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    replace: bool = False
    after: int = 0
    claim: int | None = None
    extra: Mapping[str, Mapping[str, int | float | str]] = field(default_factory=dict)
    nothing: str = "there is nothing to store of"
    beside: "Mapping[str, TableUpdate]" = field(default_factory=dict)


def copy_query(query: str, path: str, options: str) -> int:
    """Write the rows of a query to a local file, and return how many there are."""
    with cursor() as con:
        done = con.execute(f"COPY ({query}) TO {quote(path)} ({options})").fetchone()
    return int(done[0]) if done else 0


def copy_table(rows: pa.Table, path: str, options: str) -> int:
    """Write Arrow rows to a local file, and return how many there are."""
    with cursor() as con:
        con.register("piece", rows)
        done = con.execute(f"COPY (SELECT * FROM piece) TO {quote(path)} ({options})").fetchone()
    return int(done[0]) if done else 0


def arrow(rows: object) -> pa.Table:
    """Rows in memory as an Arrow table.

    Raises:
        TypeError: An asset returned something else.
    """
    if isinstance(rows, pa.Table):
        return rows
    try:
        return pa.Table.from_pandas(rows, preserve_index=False)
    except (AttributeError, TypeError):
        raise TypeError(
            f"an asset returned {type(rows).__name__}; return pa.Table, pd.DataFrame, dd.DataFrame, delayed Arrow "
            "tables or TableUpdate"
        ) from None
