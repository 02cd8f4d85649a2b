"""The IO manager: computes and stores what an asset returns, and loads its inputs.

An asset returns a `TableUpdate`, plain rows (`pa.Table`, `pd.DataFrame`) or a Dask collection (`dd.DataFrame`, delayed
Arrow tables). The annotation of an argument selects how it is loaded; by default it is a `Snapshot`.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from tpch_assets.compute import cluster
from tpch_assets.compute.progress import Progress
from tpch_assets.lake.commit import Committed, commit
from tpch_assets.lake.frames import load
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import REJECTS, Piece, task, write_piece, write_raw
from tpch_assets.lake.snapshot import Snapshot, existing, snapshot
from tpch_assets.lake.update import ROWS_READ, TableUpdate
from tpch_assets.layers import LAYERS, Parquet, work_of
from tpch_assets.orchestration.instance import claim
from tpch_assets.orchestration.outputs import update_of
from tpch_assets.orchestration.waiting import check_lake, check_run
from tpch_assets.raw.files import files_of

Counts = dict[str, Counter[str]]
Metadata = dict[str, dg.MetadataValue | str | int | float | dg.TableSchema]


class LakeIOManager(dg.ConfigurableIOManager):
    """Workers write the files of a table with Dask. Then the run makes one Delta commit."""

    uri: str = Field(description="Location of the lake: a folder, or s3://bucket/prefix.")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Every run sets up its IO manager before its first step: a good moment to say which process executes it."""
        if context.run is not None and context.instance is not None:
            claim(context.instance, context.run.run_id)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        if obj is None:
            return
        started = time.monotonic()
        lake = Lake(self.uri)
        keys = list(context.asset_partition_keys) if context.has_asset_partitions else []
        expression = (context.definition_metadata or {}).get("partition_expr")
        layer, name = context.asset_key.path[0], context.asset_key.path[-1]
        if layer in LAYERS:
            check_lake(lake)
        update = update_of(obj, keys, expression, _options(layer))
        shared: Metadata = {}
        if layer == "raw":
            counts = _store_raw(context, lake, name, update)
        else:
            counts, shared = _store_delta(context, lake, lake.table(layer, name), update)
        _report(context, counts, update.extra, shared, time.monotonic() - started)

    def load_input(self, context: dg.InputContext) -> object:
        lake = Lake(self.uri)
        layer, name = context.asset_key.path[0], context.asset_key.path[-1]
        if layer == "raw":
            return files_of(lake, name, list(context.asset_partition_keys))
        found = existing(lake, lake.table(layer, name))
        wanted = context.dagster_type.typing_type
        if wanted in (Snapshot, Any, type(None)):
            return found
        files = found.of(context.asset_partition_keys) if context.has_asset_partitions else list(found.files)
        return load(found, files, wanted)


def _options(layer: str) -> str:
    """Options for DuckDB's COPY that write a layer's files."""
    if layer == "raw":
        return "FORMAT json"
    return (LAYERS[layer].parquet if layer in LAYERS else Parquet()).options


def _store_raw(context: dg.OutputContext, lake: Lake, table: str, update: TableUpdate) -> Counts:
    folder = lake.path("raw", table)
    tasks = {
        (key, file): task(write_raw, lake, f"{folder}/{key}/{file}", content)
        for key, files in update.files.items()
        for file, content in files.items()
    }
    done: list[tuple[int, int]] = _compute(context, list(tasks.values()), lambda written: written[0])
    counts: Counts = {}
    for (key, _), (rows, size) in zip(tasks, done, strict=True):
        counts.setdefault(key, Counter()).update(rows=rows, bytes=size, files=1)
    return counts


def _store_delta(context: dg.OutputContext, lake: Lake, uri: str, update: TableUpdate) -> tuple[Counts, Metadata]:
    tasks = [
        task(write_piece, lake, uri, key, file, content)
        for key, files in update.files.items()
        for file, content in files.items()
    ]
    rows_read = sum(int(counts.get(ROWS_READ, 0)) for counts in update.extra.values())
    pieces: list[Piece] = _compute(context, tasks, lambda piece: piece.rows.file.rows, rows_read)
    if any(piece.lines is not None for piece in pieces) or update.keep:
        _store_rejects(lake, f"{uri}_rejects", pieces, update)
    committed = commit(
        lake,
        uri,
        [piece.rows for piece in pieces],
        set(update.files),
        schema=update.schema,
        keep=update.keep,
        base=update.base,
        marks=update.marks,
        properties=update.properties,
        replace=update.replace,
    )
    shared: Metadata = {
        "delta version": committed.version,
        "files changed": len(committed.added) + len(committed.removed),
    }
    if unfit := sum(piece.unfit for piece in pieces):
        shared["values that do not fit an added column"] = unfit
    lineage = (context.definition_metadata or {}).get("dagster/column_lineage")
    if lineage is not None:  # Dagster draws the one of the latest materialization.
        shared["dagster/column_lineage"] = lineage
    if pieces and "dagster/column_schema" not in (context.definition_metadata or {}):
        columns = [dg.TableColumn(column.name, str(column.type)) for column in pieces[0].rows.schema]
        shared["dagster/column_schema"] = dg.TableSchema(columns)
    return _counts(pieces, update, committed), shared


def _store_rejects(lake: Lake, uri: str, pieces: list[Piece], update: TableUpdate) -> None:
    """Replace the partitions' rejects. Call this before committing the good rows, which mark a batch as ingested."""
    rejected = [piece.rejects for piece in pieces if piece.rejects]
    present = snapshot(lake, uri)
    if rejected or present.of(set(update.files)):
        keep = {file.path for file in present.files} & set(update.keep)
        commit(lake, uri, rejected, set(update.files), keep=keep, schema=REJECTS, replace=update.replace)


def _compute(context: dg.OutputContext, tasks: Sequence[Any], rows_of: Callable[[Any], int], rows_read: int = 0) -> Any:
    """Compute on the cluster. Task logs and progress go to the run's log."""
    work = work_of(context.asset_key.path[0])
    if work:
        check_run(context.run_id, context.log)
    progress = Progress(lambda level, text: context.log.log(level, text), rows_of, rows_read)
    return cluster.compute(tasks, progress, work)


def _counts(pieces: list[Piece], update: TableUpdate, committed: Committed) -> Counts:
    """Count rows, bytes and files per partition, and lines and rejects of parsed files."""
    counts: Counts = {key: Counter(rows=0, bytes=0, files=0) for key in update.files}
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
    extra: Mapping[str, Mapping[str, int | float | str]],
    shared: Metadata,
    seconds: float,
) -> None:
    """Add metadata to each partition's materialization, under the keys that the Dagster UI plots."""
    total: Counter[str] = sum(counts.values(), Counter())
    speed = {"seconds": round(seconds, 3), "rows per second": round(total["rows"] / seconds) if seconds else 0}
    where = cluster.facts(work_of(context.asset_key.path[0]))
    pages = {name: dg.MetadataValue.url(str(value)) for name, value in where.items() if str(value).startswith("http")}
    context.add_output_metadata({**shared, **speed, **where, **pages})
    if not context.has_asset_partitions:
        context.add_output_metadata(_named(total))
        return
    for key in context.asset_partition_keys:
        one = {**_named(counts.get(key, Counter())), **extra.get(key, {})}
        context.step_context.add_asset_metadata(one, asset_key=context.asset_key, partition_key=key)


def _named(one: Counter[str]) -> dict[str, int]:
    named = {name: one[name] for name in ("bytes", "files", "lines", "rejects") if name in one}
    return {"dagster/row_count": one["rows"], **named}
