"""The IO manager: computes and stores what an asset returns, and loads its inputs.

An asset returns a `TableUpdate`, plain rows (`pa.Table`, `pd.DataFrame`) or a Dask collection (`dd.DataFrame`, delayed
Arrow tables). The annotation of an argument selects how it is loaded; by default it is a `Snapshot`.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from tpch_assets.compute import cluster
from tpch_assets.compute.database import sql_types
from tpch_assets.compute.progress import Progress
from tpch_assets.lake.commit import Committed
from tpch_assets.lake.frames import load
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import Piece, RawFile, task, write_piece, write_raw
from tpch_assets.lake.snapshot import Snapshot, existing, snapshot
from tpch_assets.lake.storing import commit_pieces
from tpch_assets.lake.update import ROWS_READ, TableUpdate
from tpch_assets.layers import LAYERS, Parquet, work_of
from tpch_assets.orchestration.instance import claim
from tpch_assets.orchestration.outputs import update_of
from tpch_assets.orchestration.report import Counts, Metadata, Stored, report
from tpch_assets.orchestration.samples import record_rejects
from tpch_assets.orchestration.waiting import check_lake, check_run
from tpch_assets.raw.files import files_of


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
        layer, name = _place(context.asset_key)
        if layer in LAYERS:
            check_lake(lake)
        update = update_of(obj, keys, expression, _options(layer))
        stored = []
        for table, part in {name: update, **update.beside}.items():
            asset = context.asset_key if table == name else dg.AssetKey([layer, table])
            if layer == "raw":
                stored.append(_store_raw(context, lake, asset, part))
            else:
                stored.append(_store_delta(context, lake, asset, lake.table(layer, table), part))
        if layer == "bronze" and (rejects := snapshot(lake, lake.table(layer, f"{name}_rejects"))).version >= 0:
            record_rejects(context, lake, name, rejects.rows)
        report(context, stored, time.monotonic() - started)

    def load_input(self, context: dg.InputContext) -> object:
        lake = Lake(self.uri)
        layer, name = _place(context.asset_key)
        if layer == "raw":
            return files_of(lake, name, list(context.asset_partition_keys))
        found = existing(lake, lake.table(layer, name))
        wanted = context.dagster_type.typing_type
        if wanted in (Snapshot, Any, type(None)):
            return found
        files = found.of(context.asset_partition_keys) if context.has_asset_partitions else list(found.files)
        return load(found, files, wanted)


def _place(key: dg.AssetKey) -> tuple[str, str]:
    """The layer and table of an asset. Of a longer key each part counts: two assets never share a table."""
    layer, *rest = key.path
    return layer, ".".join(rest) or layer


def _options(layer: str) -> str:
    """Options for DuckDB's COPY that write a layer's files."""
    if layer == "raw":
        return "FORMAT json"
    return (LAYERS[layer].parquet if layer in LAYERS else Parquet()).options


def _store_raw(context: dg.OutputContext, lake: Lake, asset: dg.AssetKey, update: TableUpdate) -> Stored:
    folder = lake.path(*_place(asset))
    wanted = [(key, file, content) for key, files in update.files.items() for file, content in files.items()]
    tasks = [
        task(write_raw, lake, f"{folder}/{key}/{file}", content, sample=(key, file) == wanted[-1][:2])
        for key, file, content in wanted
    ]
    done: list[RawFile] = _compute(context, tasks, lambda written: written.rows)
    counts: Counts = {}
    for (key, *_), written in zip(wanted, done, strict=True):
        counts.setdefault(key, Counter()).update(rows=written.rows, bytes=written.size, files=1)
    samples = [(key, one.sample) for (key, *_), one in zip(wanted, done, strict=True) if one.sample is not None]
    return Stored(asset, update, counts, {}, *samples)


def _store_delta(context: dg.OutputContext, lake: Lake, asset: dg.AssetKey, uri: str, update: TableUpdate) -> Stored:
    if _is_nothing(lake, uri, update):
        return Stored(asset, update, {}, {})
    wanted = [(key, file, content) for key, files in update.files.items() for file, content in files.items()]
    # One file of a run brings rows to be shown.
    tasks = [task(write_piece, lake, uri, *one, sample=one is wanted[-1]) for one in wanted]
    rows_read = sum(int(counts.get(ROWS_READ, 0)) for counts in update.extra.values())
    pieces: list[Piece] = _compute(context, tasks, lambda piece: piece.rows.file.rows, rows_read)
    committed = commit_pieces(lake, uri, pieces, update)
    shared: Metadata = {
        "dagster/row_count": committed.rows,
        "delta version": committed.version,
        "files changed": len(committed.added) + len(committed.removed),
    }
    if unfit := sum(piece.unfit for piece in pieces):
        shared["values that do not fit an added column"] = unfit
    lineage = (context.definition_metadata or {}).get("dagster/column_lineage")
    if lineage is not None:  # Dagster draws the one of the latest materialization.
        shared["dagster/column_lineage"] = lineage
    if pieces and "dagster/column_schema" not in (context.definition_metadata or {}):
        columns = [dg.TableColumn(name, type_) for name, type_ in sql_types(pieces[0].rows.schema)]
        shared["dagster/column_schema"] = dg.TableSchema(columns)
    samples = [(piece.partition, piece.sample) for piece in pieces if piece.sample is not None]
    return Stored(asset, update, _counts(pieces, update, committed), shared, *samples)


def _is_nothing(lake: Lake, uri: str, update: TableUpdate) -> bool:
    """Whether there is neither a file to store nor one to remove: such a commit would make an empty table at most."""
    if any(update.files.values()) or update.keep or update.replace or update.marks:
        return False
    return not snapshot(lake, uri).of(set(update.files))


def _compute(context: dg.OutputContext, tasks: Sequence[Any], rows_of: Callable[[Any], int], rows_read: int = 0) -> Any:
    """Compute on the cluster. Task logs and progress go to the run's log."""
    work = work_of(context.asset_key.path[0])
    if work:
        check_run(context.run_id, context.log)
    progress = Progress(lambda level, text: context.log.log(level, text), rows_of, rows_read)
    return cluster.compute(tasks, progress, work)


def _counts(pieces: list[Piece], update: TableUpdate, committed: Committed) -> Counts:
    """Count rows, bytes and files per partition, and lines and rejects of parsed files.

    A partition that has no file, and had none, is left out.
    """
    kept = {file.partition for file in (*committed.kept, *committed.removed)}
    stored = [key for key, files in update.files.items() if files or key in kept]
    counts: Counts = {key: Counter(rows=0, bytes=0, files=0) for key in stored}
    for piece in pieces:
        one = counts[piece.partition]
        one.update(rows=piece.rows.file.rows, bytes=piece.rows.file.size, files=1)
        if piece.lines is not None:
            one.update(lines=piece.lines, rejects=piece.rejects.file.rows if piece.rejects else 0)
    for file in committed.kept:
        counts.setdefault(file.partition, Counter()).update(rows=file.rows, bytes=file.size, files=1)
    return counts
