"""This process's folder for temporary files. Whoever makes one deletes those of processes that were killed.

It holds what DuckDB spills, copies of remote files, and files on their way to the lake. What is put into it does not
belong here.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path

PREFIX = "tpch-scratch-"


def scratch() -> str:
    """A folder for this process's temporary files; it goes with the process."""
    return _scratch_of(os.getpid())


@cache
def _scratch_of(process: int) -> str:
    _sweep()
    while not _lock(folder := tempfile.mkdtemp(prefix=PREFIX)):
        pass
    # Unlike atexit's, these also run at the end of processes that multiprocessing forked.
    Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=0)
    return folder


def _lock(folder: str) -> bool:
    """Lock a folder until this process ends, however it does. Says whether it is still there: another may sweep."""
    with suppress(OSError):  # It is gone; or the file system has no locks, so that nobody sweeps it either.
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    return os.path.isdir(folder)


def _sweep() -> None:
    """Delete folders that nobody has locked: the memory limit or a person killed their processes."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Another user's folder, or one that another process deletes.
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
