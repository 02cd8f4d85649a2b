"""The IO manager: what an asset returns is computed on the cluster and stored; what it asks for is loaded.

An asset returns plain rows (`pa.Table`, `pd.DataFrame`), Dask (`dd.DataFrame`, delayed Arrow tables) or `Partitions`:
files to write, by partition and name. An asset's argument is loaded as its annotation says, or as a `Snapshot`.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import dagster as dg

from tpch_assets.compute import cluster
from tpch_assets.compute.progress import Progress
from tpch_assets.compute.work import work_of
from tpch_assets.lake import s3
from tpch_assets.lake.delta import Committed, Snapshot, commit, existing, snapshot
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.loading import load
from tpch_assets.lake.pieces import REJECTS, Piece, task, write_json, write_piece
from tpch_assets.lake.stored import ROWS_READ, Partitions, partitions_of
from tpch_assets.orchestration.waiting import check_run

Counts = dict[str, Counter[str]]


class LakeIOManager(dg.ConfigurableIOManager):
    """Dask writes, Delta commits: workers write the files of a table, the driver makes one commit.

    Attributes:
        connect: Makes the boto3 client for a lake on S3, which raw files are listed with.
    """

    lake_uri: str
    connect: dg.ResourceDependency[Any] = s3.client  # type: ignore[assignment]

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.lake_uri, self.connect)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        if obj is None:
            return
        started = time.monotonic()
        keys = list(context.asset_partition_keys) if context.has_asset_partitions else []
        expression = (context.definition_metadata or {}).get("partition_expr")
        stored = obj if isinstance(obj, Partitions) else partitions_of(obj, keys, expression)
        layer, name = context.asset_key.path[0], context.asset_key.path[-1]
        shared: dict[str, Any] = {}
        if layer == "raw":
            counts = self._store_raw(context, name, stored)
        else:
            counts, shared = self._store_delta(context, self.lake.table(layer, name), stored)
        _report(context, counts, stored.extra, shared, time.monotonic() - started)

    def _store_raw(self, context: dg.OutputContext, table: str, stored: Partitions) -> Counts:
        folder = self.lake.path("raw", table)
        tasks = {
            (key, file): task(write_json, self.lake, f"{folder}/{key}/{file}", rows)
            for key, files in stored.files.items()
            for file, rows in files.items()
        }
        done = _compute(context, list(tasks.values()), lambda written: written[0])
        counts: Counts = {}
        for (key, _), (rows, size) in zip(tasks, done, strict=True):
            counts.setdefault(key, Counter()).update(rows=rows, bytes=size, files=1)
        return counts

    def _store_delta(self, context: dg.OutputContext, uri: str, stored: Partitions) -> tuple[Counts, dict[str, Any]]:
        tasks = [
            task(write_piece, self.lake, uri, key, file, rows)
            for key, files in stored.files.items()
            for file, rows in files.items()
        ]
        rows_read = sum(counts.get(ROWS_READ, 0) for counts in stored.extra.values())
        pieces = _compute(context, tasks, lambda piece: piece.rows.file.rows, rows_read)
        if any(piece.lines is not None for piece in pieces) or stored.keep:
            self._store_rejects(f"{uri}_rejects", pieces, stored)
        committed = commit(
            self.lake,
            uri,
            [piece.rows for piece in pieces],
            set(stored.files),
            schema=stored.schema,
            keep=stored.keep,
            base=stored.base,
            marks=dict(stored.marks),
        )
        shared: dict[str, Any] = {
            "delta version": committed.version,
            "files changed": len(committed.added) + len(committed.removed),
        }
        if pieces and "dagster/column_schema" not in (context.definition_metadata or {}):
            columns = [dg.TableColumn(column.name, str(column.type)) for column in pieces[0].rows.schema]
            shared["dagster/column_schema"] = dg.TableSchema(columns)
        return _counts(pieces, stored, committed), shared

    def _store_rejects(self, uri: str, pieces: list[Piece], stored: Partitions) -> None:
        """Replace the partitions' rejects. They go first: a batch counts as ingested once its good rows are in too."""
        rejected = [piece.rejects for piece in pieces if piece.rejects]
        present = snapshot(self.lake, uri)
        if rejected or present.of(set(stored.files)):
            keep = {file.path for file in present.files} & set(stored.keep)
            commit(self.lake, uri, rejected, set(stored.files), keep=keep, schema=REJECTS)

    def load_input(self, context: dg.InputContext) -> Any:
        layer, name = context.asset_key.path[0], context.asset_key.path[-1]
        if layer == "raw":
            return self.lake.raw(name, list(context.asset_partition_keys))
        found = existing(self.lake, self.lake.table(layer, name))
        wanted = context.dagster_type.typing_type
        if wanted in (Snapshot, Any, type(None)):
            return found
        files = found.of(context.asset_partition_keys) if context.has_asset_partitions else list(found.files)
        return load(found, files, wanted)


def _compute(
    context: dg.OutputContext, tasks: list[Any], rows_of: Callable[[Any], int], rows_read: int = 0
) -> list[Any]:
    """Compute on the cluster; what tasks log, and how far it is, goes into the run's log."""
    work = work_of(context.asset_key.path[0])
    if work:
        check_run(context)
    progress = Progress(lambda level, text: context.log.log(level, text), rows_of, rows_read)
    return cluster.compute(tasks, progress, work)


def _counts(pieces: list[Piece], stored: Partitions, committed: Committed) -> Counts:
    """Rows, bytes and files per partition, and for parsed files their lines and rejects."""
    counts: Counts = {key: Counter(rows=0, bytes=0, files=0) for key in stored.files}
    for piece in pieces:
        one = counts[piece.partition]
        one.update(rows=piece.rows.file.rows, bytes=piece.rows.file.size, files=1)
        if piece.lines is not None:
            one.update(lines=piece.lines, rejects=piece.rejects.file.rows if piece.rejects else 0)
    for file in committed.kept:
        counts[file.partition].update(rows=file.rows, bytes=file.size, files=1)
    return counts


def _report(
    context: dg.OutputContext,
    counts: Counts,
    extra: Mapping[str, Mapping[str, Any]],
    shared: dict[str, Any],
    seconds: float,
) -> None:
    """Metadata for each partition's materialization, under the keys that Dagster's UI plots."""
    total: Counter[str] = sum(counts.values(), Counter())
    speed = {"seconds": round(seconds, 3), "rows per second": round(total["rows"] / seconds) if seconds else 0}
    where = cluster.facts(work_of(context.asset_key.path[0]))
    pages = {name: dg.MetadataValue.url(value) for name, value in where.items() if str(value).startswith("http")}
    context.add_output_metadata({**shared, **speed, **where, **pages})
    if not context.has_asset_partitions:
        context.add_output_metadata(_named(total))
        return
    for key in context.asset_partition_keys:
        one = {**_named(counts.get(key, Counter())), **extra.get(key, {})}
        context.step_context.add_asset_metadata(one, asset_key=context.asset_key, partition_key=key)


def _named(one: Counter[str]) -> dict[str, Any]:
    named = {name: one[name] for name in ("bytes", "files", "lines", "rejects") if name in one}
    return {"dagster/row_count": one["rows"], **named}
