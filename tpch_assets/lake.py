"""Where things are, on disk or S3, and how a file becomes visible: whole or not at all. No Dagster, no Delta."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec

from tpch_assets.engine import scratch
from tpch_assets.tables import TABLES, TableName

LAYERS = ("bronze", "silver", "gold")


class LakeError(RuntimeError):
    """The lake cannot be used; the message says where, why and what to do."""


@dataclass(frozen=True)
class RawFile:
    """One delivered file: where it is, and the size and stamp (mtime or ETag) that tell a redelivery."""

    uri: str
    name: str
    size: int
    stamp: str
    modified: float

    def fingerprint(self, table: TableName) -> str:
        """Names this content as parsed by this schema: another delivery or another schema is another name."""
        text = "\n".join([self.name, str(self.size), self.stamp, repr(TABLES[table].columns)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Lake:
    """A lake at a folder or an S3 prefix. Small and picklable: workers get it as it is."""

    uri: str

    @property
    def remote(self) -> bool:
        return "://" in self.uri

    def path(self, *parts: str) -> str:
        return "/".join((self.uri, *parts))

    def table(self, layer: str, name: str) -> str:
        return self.path(layer, name)

    @cached_property
    def fs(self) -> Any:
        return fsspec.filesystem("s3", use_listings_cache=False) if self.remote else fsspec.filesystem("file")

    @property
    def options(self) -> dict[str, str]:
        """Delta's storage options. Credentials, region and endpoint come from the usual AWS environment."""
        if not self.remote:
            return {}
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        plain_http = {"aws_endpoint_url": endpoint, "aws_allow_http": "true"} if endpoint.startswith("http://") else {}
        return {"aws_conditional_put": "etag", **plain_http}

    def check(self, *, write: bool = False) -> None:
        """Fail now, in one sentence, if the lake cannot be reached (or written).

        Raises:
            LakeError: It cannot.
        """
        try:
            if self.remote:
                self._check_bucket()
            else:
                self._check_folder(write)
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise LakeError(
                f"The lake {self.uri} cannot be used: {reason}. Set TPCH_LAKE to a place you may write."
            ) from error

    def _check_bucket(self) -> None:
        impatient = {"connect_timeout": 3, "read_timeout": 5, "retries": {"max_attempts": 1}}
        fs = fsspec.filesystem("s3", config_kwargs=impatient, skip_instance_cache=True)
        fs.ls(self.uri.removeprefix("s3://").split("/")[0])

    def _check_folder(self, write: bool) -> None:
        there = next(path for path in (Path(self.uri), *Path(self.uri).parents) if path.exists())
        if not there.is_dir():
            raise NotADirectoryError(f"{there} is not a folder")
        if write and not os.access(there, os.W_OK):
            raise PermissionError(f"{there} is not writable")

    def raw_batches(self, table: TableName, since: str = "") -> list[str]:
        """Names of the folders in raw/<table>/, from `since` on, sorted."""
        folder = self.path("raw", table)
        try:
            names = [entry["name"].rstrip("/").rsplit("/", 1)[-1] for entry in self.fs.ls(folder, detail=True)]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name >= since)

    def raw_files(self, table: TableName, batch: str) -> list[RawFile]:
        """The visible files of one batch, sorted by name; hidden and temporary ones are not delivered yet."""
        folder = self.path("raw", table, batch)
        try:
            found = self.fs.find(folder, detail=True)
        except FileNotFoundError:
            return []
        prefix = folder.removeprefix("s3://").rstrip("/") + "/"
        return sorted(self._raw_files(found, prefix), key=lambda file: file.name)

    def _raw_files(self, found: dict[str, dict], prefix: str) -> Iterator[RawFile]:
        for path, info in found.items():
            name = path.removeprefix("s3://").removeprefix(prefix)
            if any(part.startswith((".", "_")) for part in name.split("/")) or name.endswith((".tmp", "/")):
                continue
            if self.remote:
                yield RawFile(f"s3://{path}", name, info["size"], info["ETag"], info["LastModified"].timestamp())
            else:
                stat = os.stat(path)
                yield RawFile(path, name, stat.st_size, str(stat.st_mtime_ns), stat.st_mtime)

    def local(self, uri: str) -> str:
        """A local path with the content of `uri`: itself, or a copy in this process's cache (files never change)."""
        if "://" not in uri:
            return uri
        path = f"{scratch()}/cache/{hashlib.sha256(uri.encode()).hexdigest()[:32]}-{uri.rsplit('/', 1)[-1]}"
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            temporary = f"{path}.{uuid.uuid4().hex}"
            self.fs.get_file(uri, temporary)
            os.replace(temporary, path)
        return path

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
            self.fs.put_file(staged, uri)
            os.unlink(staged)
            return
        fsync(staged)
        os.replace(staged, uri)
        fsync(os.path.dirname(uri))

    def exists(self, uri: str) -> bool:
        return bool(self.fs.exists(uri))

    def names(self, uri: str) -> set[str]:
        """File names in a folder; empty where there is none."""
        try:
            return {path.rsplit("/", 1)[-1] for path in self.fs.ls(uri, detail=False)}
        except FileNotFoundError:
            return set()

    def same(self, staged: str, uri: str) -> bool:
        """Whether the file at `uri` has the staged file's bytes already."""
        if not self.exists(uri) or self.fs.size(uri) != os.path.getsize(staged):
            return False
        with open(staged, "rb") as ours, self.fs.open(uri, "rb") as theirs:
            while block := ours.read(1 << 20):
                if theirs.read(1 << 20) != block:
                    return False
        return True


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
