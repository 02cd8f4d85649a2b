"""Local files: flush them to the disk, make folders, hash a content, spell a name, remove what is left over.

Where the lake's files are does not belong here: `folder.py` and `s3_store.py` know that.
"""

import hashlib
import os
import shutil
from pathlib import Path


def fsync(path: str) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: str) -> None:
    """Make a folder and the missing ones above it. Each of them survives a power loss."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path) or "."
    make_folders(above)
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    fsync(above)


def printable(name: str) -> str:
    """A name as text that can be logged and stored, also if it is not UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace")


def sha256(path: str) -> str:
    """The hash of a local file's content: 16 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def discard(path: str) -> None:
    """Remove a staged file or folder, if it exists."""
    shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else Path(path).unlink(missing_ok=True)
