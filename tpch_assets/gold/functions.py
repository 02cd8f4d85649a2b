"""Gold by a Python function: tables as of a day go in as the function wants them, checked rows come out.

A function over Dask DataFrames is called where the answer is planned, and its graph runs on the cluster; one that wants
all its tables as pandas or Arrow runs on one worker. What a function is belongs in `schema/functions.py`.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from tpch_assets.calendar import end_of_day
from tpch_assets.compute import cluster
from tpch_assets.compute.database import cursor, identifier
from tpch_assets.lake.frames import Frame, as_pandas, dask_frame, delayed_parts, load
from tpch_assets.lake.pieces import task
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots
from tpch_assets.lake.update import ROWS_READ, arrow
from tpch_assets.schema import Business
from tpch_assets.schema.functions import Kind, PythonAnswer

if TYPE_CHECKING:
    from dask.delayed import Delayed

Source = tuple[Snapshot, list[DataFile]]
Facts = dict[str, int | float | str]


def plan(
    answer: PythonAnswer, business: Business, silver: Snapshots, day: date, scale_factor: float
) -> tuple["Delayed", Facts]:
    """A Dask delayed Arrow table with the answer as of `day`, and counts: rows read, and partitions of Dask frames."""
    sources = {name: _as_of(business, silver[name], name, day) for name in answer.inputs}
    given = {name: value for name, value in (("as_of", day), ("scale_factor", scale_factor)) if name in answer.given}
    counts: Facts = {ROWS_READ: sum(file.rows for _, files in sources.values() for file in files)}
    if "dask" not in answer.inputs.values():
        # The list of all files stays here: a task carries only those that it reads.
        bare = {name: (source.bare, files) for name, (source, files) in sources.items()}
        return task(_call, answer, bare, given, day), counts
    frames = {name: _frame(*sources[name], kind) for name, kind in answer.inputs.items()}
    partitions = sum(frame.npartitions for frame in frames.values() if hasattr(frame, "npartitions"))
    made = answer.function(**frames, **given)
    parts = delayed_parts(made) if isinstance(made, Frame) else [made]
    return task(_checked, answer.name, answer.columns, day, parts), {**counts, "partitions": partitions}


def call(answer: PythonAnswer, tables: Mapping[str, pa.Table], as_of: date, scale_factor: float) -> pa.Table:
    """The answer from tables in memory, without the day."""
    given = {"as_of": as_of, "scale_factor": scale_factor}
    frames = {name: _in_memory(tables[name], kind) for name, kind in answer.inputs.items()}
    made = answer.function(**frames, **{name: given[name] for name in answer.given})
    parts = list(cluster.compute(delayed_parts(made))) if isinstance(made, Frame) else [made]
    return _checked(answer.name, answer.columns, as_of, parts).drop_columns(["as_of"])


def _in_memory(rows: pa.Table, kind: Kind) -> object:
    if kind == "arrow":
        return rows
    frame = as_pandas(rows)
    if kind == "pandas":
        return frame
    import dask.dataframe as dd

    make: Callable[..., object] = dd.from_pandas
    return make(frame, npartitions=2)


def _as_of(business: Business, source: Snapshot, name: str, day: date) -> Source:
    end, fact = end_of_day(str(day)), business.table(name).is_fact
    return source, [file for file in source.files if not fact or file.partition < end]


def _frame(source: Snapshot, files: list[DataFile], kind: Kind) -> object:
    return dask_frame(source, files) if kind == "dask" else _loaded(source, files, kind)


def _loaded(source: Snapshot, files: list[DataFile], kind: Kind) -> object:
    if kind == "arrow":
        return load(source, files, pa.Table)
    import pandas as pd  # Not with the definitions: it takes a third of a second.

    return load(source, files, pd.DataFrame)


def _call(answer: PythonAnswer, sources: Mapping[str, Source], given: Mapping[str, object], day: date) -> pa.Table:
    """Runs on a worker."""
    frames = {name: _loaded(*sources[name], kind) for name, kind in answer.inputs.items()}
    return _checked(answer.name, answer.columns, day, [answer.function(**frames, **given)])


def _checked(name: str, columns: tuple[tuple[str, str], ...], day: date, parts: list[object]) -> pa.Table:
    """The parts as one table with the declared columns and types, and the day as `as_of`.

    Raises:
        ValueError: A part has other columns, or a value does not fit its type.
    """
    rows = pa.concat_tables([arrow(part).replace_schema_metadata() for part in parts], promote_options="permissive")
    declared = [column for column, _ in columns]
    if sorted(rows.column_names) != sorted(declared):
        raise ValueError(
            f"{name} returned the columns {', '.join(rows.column_names)}; its @answer declares {', '.join(declared)}"
        )
    casts = ", ".join(f"CAST({identifier(column)} AS {type_}) AS {identifier(column)}" for column, type_ in columns)
    with cursor() as con:
        con.register("answer", rows)
        typed = con.sql(f"SELECT {casts} FROM answer").to_arrow_table()
    return typed.append_column("as_of", pa.array([day] * len(typed), pa.date32()))
