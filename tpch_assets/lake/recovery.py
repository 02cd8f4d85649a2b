"""After a power loss: what a local table's log holds in name only is moved aside. No Dagster.

Commits are flushed to the disk right after they are written; in between, the power may go, and a Delta reader then
takes an empty commit for one that changed nothing, or cannot open the table. What such a commit would have added is
made again from the layer before, since each layer compares itself with that one; costs are asked for again. An S3
object is there whole or not.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tpch_assets.lake.lake import Lake, fsync

TOLD = "damaged by a power loss, moved aside and made again from the layer before:"
ASIDE = "_damaged"  # Beside the log; Delta's readers and its vacuum pass over names with an underscore.


def heal(lake: Lake) -> list[str]:
    """Move aside the newest commit and checkpoint of each table that are damaged; returns where they are now.

    To be called at start-up, before anything reads the lake.
    """
    if lake.remote:
        return []
    return [str(_move_aside(table, file)) for table in map(Path, lake.tables()) for file in _damaged(table)]


def _damaged(table: Path) -> Iterator[Path]:
    log = table / "_delta_log"
    newest = max(log.glob("[0-9]*[0-9].json"), default=None)
    if newest and not _is_commit(table, newest):
        yield newest
    checkpoint = max(log.glob("[0-9]*.checkpoint.parquet"), default=None)
    if checkpoint and not _is_parquet(checkpoint):
        yield checkpoint
        if (log / "_last_checkpoint").exists():
            yield log / "_last_checkpoint"


def _is_commit(table: Path, file: Path) -> bool:
    """Whether a commit can be read, says anything, and the files that it adds are there."""
    try:
        actions = [json.loads(line) for line in file.read_text().splitlines()]
    except ValueError:
        return False
    added = [action["add"] for action in actions if "add" in action]
    return bool(actions) and all(_size(table / add["path"]) == add["size"] for add in added)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else -1


def _is_parquet(file: Path) -> bool:
    try:
        pq.read_metadata(file)
    except (pa.ArrowInvalid, OSError):
        return False
    return True


def _move_aside(table: Path, file: Path) -> Path:
    target = table / ASIDE / f"{file.name}.{file.stat().st_mtime_ns}"
    target.parent.mkdir(exist_ok=True)
    os.replace(file, target)
    fsync(str(file.parent))
    return target
