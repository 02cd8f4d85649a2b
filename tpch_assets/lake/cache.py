"""This process's copies of remote files. Each is made once and whole; idle ones go when the disk fills up.

What is copied from where does not belong here.
"""

import os
import shutil
import time
import uuid
from collections.abc import Callable

from tpch_assets.compute.scratch import scratch

SPARE = 0.1  # This share of the disk is left free.
IDLE_SECONDS = 3600  # A copy that was asked for later than that may still be in use.


def cached(name: str, fetch: Callable[[str], None]) -> str:
    """The path of the copy called `name`. If it does not exist, `fetch` writes it to the path that it is given."""
    path = f"{scratch()}/cache/{name}"
    try:
        os.utime(path)
        return path
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{uuid.uuid4().hex}"
    try:
        fetch(temporary)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    _make_room(os.path.dirname(path))
    return path


def _make_room(folder: str) -> None:
    """Delete idle copies, the longest unused first, until enough of the disk is free."""
    if _free_enough(folder):
        return
    idle_since = time.time() - IDLE_SECONDS
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime):
        if entry.stat().st_mtime > idle_since or _free_enough(folder):
            return
        os.unlink(entry.path)


def _free_enough(folder: str) -> bool:
    disk = shutil.disk_usage(folder)
    return disk.free >= SPARE * disk.total
