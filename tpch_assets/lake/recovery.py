"""Repairs local tables after a power loss: moves aside what their logs hold in name only.

A commit is flushed to the disk right after it is written. If the power goes in between, a Delta reader takes an empty
commit for one that changed nothing, or cannot open the table. The rows of such a commit are made again from the layer
before, since each layer compares itself with that one; costs are asked for again. S3 needs no repair: an object exists
whole or not at all.
"""

import json
import os
import threading
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import fsync

REPAIRED = "damaged by a power loss, moved aside and made again from the layer before:"
_repaired: set[str] = set()
_lock = threading.Lock()
UNFLUSHED = 3  # Commits that may be damaged: a vacuum makes two, which are flushed when it is done.
ASIDE = "_damaged"  # Beside the log; Delta's readers and its vacuum pass over names that begin with an underscore.


def repair(lake: Lake) -> list[str]:
    """Move aside the newest commits and checkpoints of each table that are damaged, and commits behind a damaged one.

    Call it at start-up, before anything reads the lake. The newest sound commit is flushed: whoever made it may have
    died before, and once its raw files have expired nobody could make it again.

    Returns:
        Where they are now.
    """
    if lake.remote:
        return []
    moved: list[str] = []
    for table in map(Path, lake.tables()):
        moved += [str(_move_aside(table, file)) for file in _damaged(table)]
        if commits := _commits(table):
            lake.store.flush_commit(str(table), int(commits[0].stem))
    return moved


def repair_once(lake: Lake) -> list[str]:
    """The same, at this process's first call for a lake: services call it before each tick, whoever started them."""
    with _lock:
        if lake.uri in _repaired:
            return []
        _repaired.add(lake.uri)
        return repair(lake)


def _damaged(table: Path) -> Iterator[Path]:
    log, commits = table / "_delta_log", _commits(table)
    lost = [index for index, file in enumerate(commits[:UNFLUSHED]) if not _is_commit(table, file, newest=index == 0)]
    for _ in range(max(lost, default=-1) + 1):
        yield commits.pop(0)
    last = commits[0].stem if commits else "9"
    # Nobody flushes checkpoints, so that a power loss may take several, leave their names away, or keep one of a commit
    # that it took: behind such a one nobody can commit.
    checkpoints = sorted(log.glob("[0-9]*.checkpoint.parquet"), reverse=True)
    damaged = list(takewhile(lambda found: found.name[:20] > last or not _is_parquet(found), checkpoints))
    yield from damaged
    hint = log / "_last_checkpoint"
    if damaged or _is_misleading(hint):
        yield from (file for file in [hint] if file.exists())


def _commits(table: Path) -> list[Path]:
    """The commits of a table, the newest first."""
    return sorted((table / "_delta_log").glob("[0-9]*[0-9].json"), reverse=True)


def _is_commit(table: Path, file: Path, *, newest: bool) -> bool:
    """Whether a commit can be read and says anything, and the files that the newest one adds exist."""
    try:
        actions = [json.loads(line) for line in file.read_text().splitlines()]
    except ValueError:
        return False
    added = [action["add"] for action in actions if "add" in action]
    if not newest:  # Later commits may have removed its files.
        return bool(actions)
    return bool(actions) and all(_size(table / unquote(add["path"])) == add["size"] for add in added)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else -1


def _is_parquet(file: Path) -> bool:
    try:
        pq.read_metadata(file)
    except (pa.ArrowInvalid, OSError):
        return False
    return True


def _is_misleading(hint: Path) -> bool:
    """Whether a log names a last checkpoint that is not there. What cannot be read misleads nobody."""
    try:
        version = int(json.loads(hint.read_text())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return not any(hint.parent.glob(f"{version:020}.checkpoint*.parquet"))


def _move_aside(table: Path, file: Path) -> Path:
    target = table / ASIDE / f"{file.name}.{file.stat().st_mtime_ns}"
    target.parent.mkdir(exist_ok=True)
    os.replace(file, target)
    fsync(str(file.parent))
    return target
