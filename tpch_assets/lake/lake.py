"""Where things are, on disk or S3, and how a file becomes visible: whole or not at all. No Dagster, no Delta."""

import filecmp
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tpch_assets.compute.database import scratch
from tpch_assets.lake import s3, s3_check
from tpch_assets.lake.cache import cached
from tpch_assets.raw import files as raw_files
from tpch_assets.raw.files import Delivery, RawFile

LAYERS = ("bronze", "silver", "gold")


class LakeError(RuntimeError):
    """The lake cannot be used; the message says where, why and what to do."""


@dataclass(frozen=True)
class Lake:
    """A lake at a folder or an S3 prefix. Small and picklable: workers get it as it is.

    Attributes:
        connect: Makes the boto3 client for S3; in another process a lake takes that process's own.
    """

    uri: str
    connect: Callable[[], Any] = field(default=s3.client, compare=False, repr=False)

    def __reduce__(self) -> tuple[type["Lake"], tuple[str]]:
        return Lake, (self.uri,)

    @property
    def remote(self) -> bool:
        return "://" in self.uri

    def path(self, *parts: str) -> str:
        return "/".join((self.uri, *parts))

    def table(self, layer: str, name: str) -> str:
        return self.path(layer, name)

    def tables(self) -> list[str]:
        """Where Delta tables are or may be: the folders of the layers and of `operations`, in order."""
        found = ((layer, name) for layer in (*LAYERS, "operations") for name in sorted(self.names(self.path(layer))))
        return [self.table(layer, name) for layer, name in found]

    @property
    def s3(self) -> Any:
        """The boto3 client, made once per process: a forked one must not share its connections."""
        clients = self.__dict__.setdefault("_clients", {})
        process = os.getpid()
        if process not in clients:
            clients[process] = self.connect()
        return clients[process]

    @property
    def options(self) -> dict[str, str]:
        """Delta's storage options: endpoint, region and credentials are those that boto3 finds."""
        if not self.remote:
            return {}
        options = {"aws_conditional_put": "etag", "aws_region": s3.region(), **s3.credentials()}
        if place := s3.endpoint():
            options |= {"aws_endpoint_url": place, "aws_allow_http": str(place.startswith("http://")).lower()}
        return options

    def check(self, *, write: bool = False) -> None:
        """Fail now, in one sentence, if the lake cannot be reached (or written).

        Raises:
            LakeError: It cannot.
        """
        try:
            if self.remote:
                s3_check.check(self.uri, write=write)
            else:
                self._check_folder(write)
        except (OSError, RuntimeError) as error:
            raise LakeError(f"The lake {self.uri} cannot be used: {error}") from error

    def _check_folder(self, write: bool) -> None:
        there = next(path for path in (Path(self.uri), *Path(self.uri).parents) if path.exists())
        if not there.is_dir():
            raise NotADirectoryError(f"{there} is not a folder. Set TPCH_LAKE to one, or to s3://bucket/prefix.")
        if write and not os.access(there, os.W_OK):
            raise PermissionError(f"{there} is not writable. Set TPCH_LAKE to a place you may write.")

    def deliveries(self, table: str, since: str = "", until: str = "") -> Iterator[Delivery]:
        """The folders in raw/<table>/ from `since` on and before `until`, each with its visible files, in order."""
        folder = self.path("raw", table)
        if self.remote:
            return raw_files.on_s3(self.s3, folder, since, until)
        return raw_files.on_disk(folder, since, until)

    def raw(self, table: str, batches: Collection[str]) -> dict[str, list[RawFile]]:
        """The visible files of some batches; one listing, whatever their number."""
        if not self.remote:
            return {batch: self.raw_files(table, batch) for batch in batches}
        found: dict[str, list[RawFile]] = {batch: [] for batch in batches}
        if batches:
            until = raw_files.behind(max(batches))
            found |= {name: files for name, files in self.deliveries(table, min(batches), until) if name in found}
        return found

    def raw_files(self, table: str, batch: str) -> list[RawFile]:
        """The visible files of one batch, sorted by name; hidden and temporary ones are not delivered yet."""
        if self.remote:
            return self.raw(table, [batch])[batch]
        return raw_files.in_folder(self.path("raw", table, batch))

    def raw_batches(self, table: str, since: str = "") -> list[str]:
        """Names of the folders in raw/<table>/, from `since` on, sorted. Costs what their number is."""
        return sorted(name for name in self.names(self.path("raw", table), since) if name >= since)

    def local(self, uri: str, stamp: str = "") -> str:
        """A local path with the content of `uri`: itself, or a copy in this process's cache.

        Args:
            stamp: The ETag of the content that is meant, for files that may be replaced.
        """
        if "://" not in uri:
            return uri
        name = hashlib.sha256(f"{uri}\n{stamp}".encode()).hexdigest()[:32]
        return cached(f"{name}-{uri.rsplit('/', 1)[-1]}", lambda path: s3.download(self.s3, uri, path, stamp))

    def staging(self, uri: str) -> str:
        """A local path to write a file that `publish` will move to `uri`: the same disk, under a hidden name."""
        if self.remote:
            os.makedirs(f"{scratch()}/staging", exist_ok=True)
            return f"{scratch()}/staging/{uuid.uuid4().hex}"
        folder = os.path.dirname(uri)
        os.makedirs(folder, exist_ok=True)
        return f"{folder}/.{uuid.uuid4().hex}.tmp"

    def publish(self, staged: str, uri: str) -> None:
        """Make a staged file visible under `uri`, whole, and safe against a power loss."""
        if self.remote:
            s3.upload(self.s3, staged, uri)
            os.unlink(staged)
            return
        fsync(staged)
        os.replace(staged, uri)
        fsync(os.path.dirname(uri))

    def size(self, uri: str) -> int | None:
        """Bytes of a file; None where there is none."""
        if self.remote:
            found = s3.head(self.s3, uri)
            return found["ContentLength"] if found else None
        return os.path.getsize(uri) if os.path.exists(uri) else None

    def stamp(self, uri: str) -> str:
        """What changes when a file is replaced; empty where there is none."""
        if self.remote:
            found = s3.head(self.s3, uri)
            return found["ETag"] if found else ""
        try:
            stat = os.stat(uri)
        except FileNotFoundError:
            return ""
        return f"{stat.st_mtime_ns} {stat.st_ino} {stat.st_size}"

    def exists(self, uri: str) -> bool:
        if self.remote:
            return s3.head(self.s3, uri) is not None
        return os.path.exists(uri)

    def names(self, uri: str, since: str = "") -> set[str]:
        """Names in a folder; empty where there is none."""
        if self.remote:
            return set(s3.folders(self.s3, f"{uri}/", since))
        try:
            return {name for name in os.listdir(uri) if name >= since}
        except FileNotFoundError:
            return set()

    def same(self, staged: str, uri: str) -> bool:
        """Whether the file at `uri` has the staged file's bytes already."""
        if self.size(uri) != os.path.getsize(staged):
            return False
        if not self.remote:
            return filecmp.cmp(staged, uri, shallow=False)
        theirs = self.staging(uri)
        try:
            s3.download(self.s3, uri, theirs)
            return filecmp.cmp(staged, theirs, shallow=False)
        finally:
            discard(theirs)


def fsync(path: str) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: str) -> str:
    """The content of a local file, as 16 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def discard(path: str) -> None:
    """Remove a staged file or folder, if it is there."""
    shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else Path(path).unlink(missing_ok=True)
