"""A lake in a folder on disk: how a file becomes visible whole, survives a power loss, and is listed.

Only what a `Store` does belongs here. Helpers for any local file are in `local_files.py`.
"""

import filecmp
import os
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from stat import S_ISREG

from tpch_assets.lake.local_files import fsync, make_folders, printable
from tpch_assets.lake.store import StoredFile

VACUUM = b'"VACUUM END"'
"""What the second commit of a vacuum says; it flushes neither, and may have died since."""
LINK = "a link to a folder, which is not followed"


class Folder:
    """The store of a lake on disk. See `Store` for what each method does."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def options(self) -> dict[str, str]:
        return {}

    def check(self, *, write: bool) -> None:
        there = next(path for path in (Path(self._path), *Path(self._path).parents) if path.exists())
        if not there.is_dir():
            raise NotADirectoryError(f"{there} is not a folder. Set TPCH_LAKE to one, or to s3://bucket/prefix.")
        if write and not os.access(there, os.W_OK):
            raise PermissionError(f"{there} is not writable. Set TPCH_LAKE to a place you may write.")

    def prepare(self, uri: str) -> None:
        make_folders(uri)

    def local(self, uri: str, stamp: str = "") -> str:
        return uri

    def staging(self, uri: str) -> str:
        """A hidden name in the same folder, so that publishing is one rename."""
        folder = os.path.dirname(uri)
        make_folders(folder)
        return f"{folder}/.{uuid.uuid4().hex}.tmp"

    def publish(self, staged: str, uri: str) -> None:
        fsync(staged)
        os.replace(staged, uri)
        fsync(os.path.dirname(uri))

    def create(self, uri: str, content: bytes) -> bool:
        staged = self.staging(uri)
        Path(staged).write_bytes(content)
        fsync(staged)
        try:
            os.link(staged, uri)
        except FileExistsError:
            return False
        finally:
            os.unlink(staged)
        fsync(os.path.dirname(uri))
        return True

    def content(self, uri: str) -> bytes | None:
        try:
            return Path(uri).read_bytes()
        except FileNotFoundError:
            return None

    def flush_commit(self, table: str, version: int) -> None:
        # The table's folder holds the entries of its partitions' folders and of its log.
        fsync(table)
        log = f"{table}/_delta_log"
        for commit in (f"{log}/{version:020}.json", f"{log}/{version - 1:020}.json"):
            if not os.path.exists(commit):  # Delta deletes old commits that a checkpoint holds.
                break
            fsync(commit)
            if VACUUM not in Path(commit).read_bytes():
                break
        fsync(log)

    def delete(self, uri: str) -> None:
        Path(uri).unlink(missing_ok=True)

    def exists(self, uri: str) -> bool:
        return os.path.exists(uri)

    def size(self, uri: str) -> int | None:
        return os.path.getsize(uri) if os.path.exists(uri) else None

    def stamp(self, uri: str) -> str:
        """More than a listing's stamp: another lake at this path may hold a file with the same time."""
        try:
            stat = os.stat(uri)
        except FileNotFoundError:
            return ""
        return f"{stat.st_mtime_ns} {stat.st_ino} {stat.st_size}"

    def same(self, staged: str, uri: str) -> bool:
        return self.size(uri) == os.path.getsize(staged) and filecmp.cmp(staged, uri, shallow=False)

    def names(self, folder: str, since: str = "") -> set[str]:
        try:
            return {name for name in os.listdir(folder) if name >= since}
        except FileNotFoundError:
            return set()

    def files(self, folder: str) -> list[StoredFile]:
        found: list[StoredFile] = []
        unlisted: list[OSError] = []
        for path, folders, names in os.walk(folder, onerror=unlisted.append):
            found += (_faulty(f"{path}/{name}", folder, LINK) for name in folders if os.path.islink(f"{path}/{name}"))
            found += (file for name in names if (file := _stored(f"{path}/{name}", folder)) is not None)
        found += (file for error in unlisted for file in _unlisted(error, folder))
        return sorted(found, key=lambda file: file.name)

    def deliveries(
        self, folder: str, since: str = "", until: str = "", only: Collection[str] | None = None
    ) -> Iterator[tuple[str, list[StoredFile]]]:
        names = self.names(folder) if only is None else only
        for name in sorted(f"{name}/" for name in names):
            if name > since and (not until or name < until):
                yield name[:-1], self.files(f"{folder}/{name[:-1]}")


def _stored(path: str, folder: str) -> StoredFile | None:
    """The file at a path; None if it has gone since its name was listed, as temporary files do."""
    if not _is_text(path):
        return _faulty(path, folder, "its name is not UTF-8; deliver it under another name")
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        dangling = os.path.islink(path)
        return _faulty(path, folder, "a link to a file that does not exist") if dangling else None
    except OSError as error:
        return _faulty(path, folder, error.strerror or str(error))
    if not S_ISREG(stat.st_mode):
        return _faulty(path, folder, "not a regular file")
    name = os.path.relpath(path, folder)
    return StoredFile(path, name, stat.st_size, str(stat.st_mtime_ns), stat.st_mtime)


def _unlisted(error: OSError, folder: str) -> list[StoredFile]:
    """A folder that cannot be listed. A missing one, or a file, is an empty folder."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return []
    return [_faulty(os.fsdecode(error.filename), folder, error.strerror or str(error))]


def _faulty(path: str, folder: str, fault: str) -> StoredFile:
    name = printable(os.path.relpath(path, folder))
    return StoredFile(f"{printable(folder)}/{name}", name, 0, "", 0.0, fault)


def _is_text(name: str) -> bool:
    """Whether a name is UTF-8. Python keeps the bytes of others as surrogates, which no other library takes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
