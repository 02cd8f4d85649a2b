"""The IO manager: what an asset returns is computed on the cluster and stored; what it asks for is loaded.

An asset returns plain rows (`pa.Table`, `pd.DataFrame`), Dask (`dd.DataFrame`, delayed Arrow tables) or `Partitions`:
files to write, by partition and name. An asset's argument is loaded as its annotation says, or as a `Snapshot`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_origin

import dagster as dg
import pyarrow as pa

from tpch_assets import cluster
from tpch_assets.calendar import parse
from tpch_assets.delta import DataFile, Snapshot, Written, commit, read, snapshot, write_file
from tpch_assets.engine import Sql, cursor, quote
from tpch_assets.lake import Lake, RawFile, discard

PARQUET = "FORMAT parquet, COMPRESSION zstd"


@dataclass(frozen=True)
class Partitions:
    """What is to be stored, by partition key and file name (`{content}` in it becomes the content's hash).

    A file's rows are a function that workers call (it returns `Sql`, Arrow, pandas or an object with
    `write_parquet(path)`), a Dask delayed table, or a plain one.

    Attributes:
        keep: Paths of files in these partitions that stay as they are.
        base: The table version that this was planned on; the commit is refused on any other.
        marks: Application versions to record with the commit.
        extra: More materialization metadata, by partition key; under "" for all of them.
    """

    files: Mapping[str, Mapping[str, Any]]
    keep: tuple[str, ...] = ()
    base: int | None = None
    marks: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class LakeIOManager(dg.ConfigurableIOManager):
    """Dask writes, Delta commits: workers write the files of a table, the driver makes one commit."""

    lake_uri: str

    @property
    def lake(self) -> Lake:
        return Lake(self.lake_uri)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        if obj is None:
            return
        started = time.monotonic()
        layer, name = context.asset_key.path[0], context.asset_key.path[-1]
        keys = list(context.asset_partition_keys) if context.has_asset_partitions else []
        expression = (context.definition_metadata or {}).get("partition_expr")
        stored = obj if isinstance(obj, Partitions) else _partitions(obj, keys, expression)
        if layer == "raw":
            _report(context, self._store_raw(context, name, stored), {}, time.monotonic() - started)
        else:
            self._store_delta(context, layer, name, stored, started)

    def _store_raw(self, context: dg.OutputContext, table: str, stored: Partitions) -> dict[str, dict[str, Any]]:
        folder = self.lake.path("raw", table)
        tasks = [(key, name, rows) for key, files in stored.files.items() for name, rows in files.items()]
        results = _compute(context, [_task(write_json, self.lake, f"{folder}/{k}/{n}", rows) for k, n, rows in tasks])
        counts: dict[str, dict[str, Any]] = {}
        for (key, _, _), (rows, size) in zip(tasks, results, strict=True):
            one = counts.setdefault(key, {"rows": 0, "bytes": 0, "files": 0})
            one["rows"], one["bytes"], one["files"] = one["rows"] + rows, one["bytes"] + size, one["files"] + 1
        return counts

    def _store_delta(
        self, context: dg.OutputContext, layer: str, name: str, stored: Partitions, started: float
    ) -> None:
        uri = self.lake.table(layer, name)
        tasks = [(key, file, rows) for key, files in stored.files.items() for file, rows in files.items()]
        results = _compute(context, [_task(write_piece, self.lake, uri, key, file, rows) for key, file, rows in tasks])
        rejected = [result.rejects for result in results if result.rejects]
        counts = _counts(results, stored)
        partitions = set(stored.files)
        rejects_uri = f"{uri}_rejects"
        # Rejects go first: a batch counts as ingested only once its good rows are in, and then both are.
        if rejected or (layer == "bronze" and snapshot(self.lake, rejects_uri).of(partitions)):
            keep = [path for path in stored.keep if path in {f.path for f in snapshot(self.lake, rejects_uri).files}]
            commit(self.lake, rejects_uri, rejected, partitions, keep=keep, schema=REJECTS)
        committed = commit(
            self.lake,
            uri,
            [result.rows for result in results],
            partitions,
            keep=stored.keep,
            base=stored.base,
            marks=dict(stored.marks),
        )
        now = snapshot(self.lake, uri)
        shared: dict[str, Any] = {
            "delta version": committed.version,
            "files changed": len(committed.added) + len(committed.removed),
        }
        if now.schema is not None and "dagster/column_schema" not in (context.definition_metadata or {}):
            shared["dagster/column_schema"] = dg.TableSchema(
                [dg.TableColumn(column.name, str(column.type)) for column in now.schema]
            )
        _report(
            context, _with_kept(counts, now, stored), {**shared, **stored.extra.get("", {})}, time.monotonic() - started
        )

    def load_input(self, context: dg.InputContext) -> Any:
        layer, name = context.asset_key.path[0], context.asset_key.path[-1]
        wanted = context.dagster_type.typing_type
        if layer == "raw":
            batches = list(context.asset_partition_keys)
            return {batch: self.lake.raw_files(name, batch) for batch in batches}  # type: ignore[arg-type]
        found = snapshot(self.lake, self.lake.table(layer, name))
        if found.version < 0:
            raise dg.Failure(f"{layer}/{name} does not exist yet in {self.lake_uri}: materialize it first.")
        if wanted in (Snapshot, Any, type(None)):
            return found
        files = found.of(context.asset_partition_keys) if context.has_asset_partitions else list(found.files)
        return load(found, files, wanted)


@dataclass(frozen=True)
class Piece:
    """What a worker says of a file it wrote: the file, its rejects' file if it has one, and lines read."""

    partition: str
    rows: Written
    rejects: Written | None = None
    lines: int | None = None


REJECTS = pa.schema(
    [
        ("_batch", pa.string()),
        ("_file", pa.string()),
        ("_line", pa.int64()),
        ("_text", pa.string()),
        ("_reason", pa.string()),
    ]
)


def write_piece(lake: Lake, uri: str, partition: str, name: str, rows: Any) -> Piece:
    """Write one data file (and its rejects) to its place. Runs on workers."""
    rows = rows() if callable(rows) else rows
    if not hasattr(rows, "write_rows"):
        return Piece(partition, write_file(lake, uri, partition, name, lambda path: _copy(rows, path, PARQUET)))
    rejects = lake.staging(f"{uri}_rejects/{partition}/x")
    try:
        parsed: list[Any] = []
        written = write_file(lake, uri, partition, name, lambda path: parsed.append(rows.write_rows(path, rejects)))
        bad = None
        if parsed[0].rejects:
            bad = write_file(lake, f"{uri}_rejects", partition, name, lambda path: lake.move(rejects, path))
    finally:
        discard(rejects)
    return Piece(partition, written, bad, parsed[0].lines)


def write_json(lake: Lake, uri: str, rows: Any) -> tuple[int, int]:
    """Write rows as one JSON-lines file, visible whole or not at all; untouched if it has these bytes already.

    Returns:
        Rows and bytes.
    """
    staged = lake.staging(uri)
    try:
        count = _copy(rows() if callable(rows) else rows, staged, "FORMAT json")
        size = lake.local_size(staged)
        if not lake.same(staged, uri):
            lake.publish(staged, uri)
    finally:
        discard(staged)
    return count, size


def _copy(rows: Any, path: str, options: str) -> int:
    with cursor() as con:
        source = f"({rows.text})" if isinstance(rows, Sql) else "piece"
        if not isinstance(rows, Sql):
            con.register("piece", _arrow(rows))
        done = con.execute(f"COPY (SELECT * FROM {source}) TO {quote(path)} ({options})").fetchone()
    return done[0] if done else 0


def _arrow(rows: Any) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    try:
        return pa.Table.from_pandas(rows, preserve_index=False)
    except (AttributeError, TypeError):
        raise TypeError(
            f"an asset returned {type(rows).__name__}; return pa.Table, pd.DataFrame, dd.DataFrame, delayed Arrow "
            "tables or Partitions"
        ) from None


def _task(function: Callable[..., Any], *arguments: Any) -> Any:
    import dask

    return dask.delayed(function, pure=False)(*arguments)


def _compute(context: dg.OutputContext, tasks: list[Any]) -> list[Any]:
    """Compute on the cluster, and say how far it is about every ten seconds."""
    started = said = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= 10 and done < total:
            said = now
            left = (now - started) / done * (total - done)
            context.log.info(f"{done} of {total} pieces done, about {left:.0f} s left")

    return cluster.compute(tasks, progress)


def _partitions(obj: Any, keys: list[str], expression: str | None) -> Partitions:
    """Plain rows or Dask collections as files: all in the one partition, or told apart by the partition column."""
    if len(keys) > 1:
        return Partitions(_by_column(obj, keys, expression))
    pieces = _pieces(obj)
    return Partitions({keys[0] if keys else "all": {f"{i:05}-{{content}}.parquet": p for i, p in enumerate(pieces)}})


def _pieces(obj: Any) -> list[Any]:
    if isinstance(obj, list | tuple):
        return list(obj)
    return list(obj.to_delayed()) if hasattr(obj, "to_delayed") else [obj]


def _by_column(obj: Any, keys: list[str], expression: str | None) -> dict[str, dict[str, Any]]:
    if not expression:
        raise ValueError(
            f"one run stores {len(keys)} partitions: give the asset metadata={{'partition_expr': '<time column>'}}, "
            "or return Partitions"
        )
    bounds = [(key, parse(key)) for key in keys]
    files: dict[str, dict[str, Any]] = {key: {} for key in keys}
    for index, piece in enumerate(_pieces(obj)):
        for place, (key, begin) in enumerate(bounds):
            end = bounds[place + 1][1] if place + 1 < len(bounds) else None
            files[key][f"{index:05}-{{content}}.parquet"] = _task(_between, piece, expression, begin, end)
    return files


def _between(rows: Any, column: str, begin: Any, end: Any) -> pa.Table:
    with cursor() as con:
        con.register("piece", _arrow(rows))
        condition = f"{column}::TIMESTAMPTZ >= $begin AND ($end IS NULL OR {column}::TIMESTAMPTZ < $end)"
        return con.sql(f"SELECT * FROM piece WHERE {condition}", params={"begin": begin, "end": end}).to_arrow_table()


def load(source: Snapshot, files: list[DataFile], wanted: Any) -> Any:
    """Files of a table as `pa.Table`, `pd.DataFrame`, `dd.DataFrame` or a list of delayed Arrow tables."""
    if wanted is pa.Table:
        return read(source, files)
    if get_origin(wanted) is list or wanted is list:
        return [_task(read, source, [file]) for file in files]
    name = f"{getattr(wanted, '__module__', '')}.{getattr(wanted, '__name__', wanted)}"
    if name.startswith("pandas.") and name.endswith(".DataFrame"):
        return _pandas(source, files)
    if name.startswith("dask.") and name.endswith(".DataFrame"):
        import dask.dataframe as dd

        meta = _pandas(source, []).head(0)
        return dd.from_map(lambda group: _pandas(source, group), [[file] for file in files] or [[]], meta=meta)
    raise TypeError(f"cannot load {source.uri} as {wanted}; annotate pa.Table, pd.DataFrame, dd.DataFrame or Snapshot")


def _pandas(source: Snapshot, files: list[DataFile]) -> Any:
    import pandas as pd

    return read(source, files).to_pandas(types_mapper=pd.ArrowDtype)


def _counts(results: list[Piece], stored: Partitions) -> dict[str, dict[str, Any]]:
    counts: dict[str, dict[str, Any]] = {
        key: {"rows": 0, "bytes": 0, "files": 0, "lines": None, "rejects": 0} for key in stored.files
    }
    for piece in results:
        one = counts[piece.partition]
        one["rows"] += piece.rows.file.rows
        one["bytes"] += piece.rows.file.size
        one["files"] += 1
        one["rejects"] += piece.rejects.file.rows if piece.rejects else 0
        if piece.lines is not None:
            one["lines"] = (one["lines"] or 0) + piece.lines
    return counts


def _with_kept(counts: dict[str, dict[str, Any]], now: Snapshot, stored: Partitions) -> dict[str, dict[str, Any]]:
    for file in now.files:
        if file.path in stored.keep and file.partition in counts:
            one = counts[file.partition]
            one["rows"], one["bytes"], one["files"] = (
                one["rows"] + file.rows,
                one["bytes"] + file.size,
                one["files"] + 1,
            )
    return {key: {**one, **stored.extra.get(key, {})} for key, one in counts.items()}


def _report(
    context: dg.OutputContext, counts: dict[str, dict[str, Any]], shared: dict[str, Any], seconds: float
) -> None:
    """Metadata for each partition's materialization, under the keys that Dagster's UI plots."""
    rows = sum(one["rows"] for one in counts.values())
    common = {**shared, "seconds": round(seconds, 3), "rows per second": round(rows / seconds) if seconds else 0}
    if not context.has_asset_partitions:
        one = {name: sum(c.get(name) or 0 for c in counts.values()) for name in ("rows", "bytes", "files")}
        context.add_output_metadata({**_named(one), **common})
        return
    context.add_output_metadata(common)
    for key in context.asset_partition_keys:
        one = counts.get(key, {"rows": 0, "bytes": 0, "files": 0})
        context.step_context.add_asset_metadata(_named(one), asset_key=context.asset_key, partition_key=key)


def _named(one: dict[str, Any]) -> dict[str, Any]:
    return {"dagster/row_count" if name == "rows" else name: value for name, value in one.items() if value is not None}


__all__ = ["LakeIOManager", "Partitions", "RawFile"]
