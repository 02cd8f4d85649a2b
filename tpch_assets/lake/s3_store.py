"""A lake below an S3 prefix: the few requests that a `Store` makes, by boto3.

Connecting belongs in `s3.py`, and the reasons why a bucket cannot be used in `s3_check.py`.
"""

import filecmp
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, suppress
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError

from tpch_assets.compute.scratch import scratch
from tpch_assets.lake import s3, s3_check
from tpch_assets.lake.cache import cached
from tpch_assets.lake.local_files import discard
from tpch_assets.lake.s3 import code, split
from tpch_assets.lake.store import StoredFile

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectRequestTypeDef,
        HeadObjectOutputTypeDef,
        ListObjectsV2RequestPaginateTypeDef,
        ObjectTypeDef,
    )

READS = 4
BROKEN = (ResponseStreamingError, IncompleteReadError)
T = TypeVar("T")


class S3:
    """The store of a lake on S3. See `Store` for what each method does.

    Args:
        connect: Makes the boto3 client.
    """

    def __init__(self, uri: str, connect: "Callable[[], S3Client]") -> None:
        self._uri = uri
        self._connect = connect
        self._clients: dict[int, S3Client] = {}

    @property
    def client(self) -> "S3Client":
        """The boto3 client, made once per process: a forked one must not share its connections."""
        process = os.getpid()
        if process not in self._clients:
            self._clients[process] = self._connect()
        return self._clients[process]

    @property
    def options(self) -> dict[str, str]:
        """Endpoint, region and credentials are those that boto3 finds."""
        options = {"aws_conditional_put": "etag", "aws_region": s3.region(), **s3.credentials()}
        if place := s3.endpoint():
            options |= {"aws_endpoint_url": place, "aws_allow_http": str(place.startswith("http://")).lower()}
        return options

    def check(self, *, write: bool) -> None:
        s3_check.check(self._uri, write=write)

    def prepare(self, uri: str) -> None:
        """Nothing: S3 has no folders."""

    def local(self, uri: str, stamp: str = "") -> str:
        name = hashlib.sha256(f"{uri}\n{stamp}".encode()).hexdigest()[:32]
        return cached(f"{name}-{uri.rsplit('/', 1)[-1]}", lambda path: self._download(uri, path, stamp))

    def staging(self, uri: str) -> str:
        os.makedirs(f"{scratch()}/staging", exist_ok=True)
        return f"{scratch()}/staging/{uuid.uuid4().hex}"

    def publish(self, staged: str, uri: str) -> None:
        self.client.upload_file(staged, *split(uri))
        os.unlink(staged)

    def create(self, uri: str, content: bytes) -> bool:
        bucket, key = split(uri)
        try:
            self.client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            if code(error) in ("412", "PreconditionFailed", "409", "ConditionalRequestConflict"):
                return False
            raise
        return True

    def content(self, uri: str) -> bytes | None:
        bucket, key = split(uri)
        try:
            return self._read({"Bucket": bucket, "Key": key}, lambda body: body.read())
        except ClientError as error:
            if code(error) in ("404", "NoSuchKey"):
                return None
            raise

    def flush_commit(self, table: str, version: int) -> None:
        """Nothing: S3 answers once an object is safe."""

    def delete(self, uri: str) -> None:
        bucket, key = split(uri)
        self.client.delete_object(Bucket=bucket, Key=key)

    def exists(self, uri: str) -> bool:
        return self._head(uri) is not None

    def size(self, uri: str) -> int | None:
        found = self._head(uri)
        return found["ContentLength"] if found else None

    def stamp(self, uri: str) -> str:
        found = self._head(uri)
        return found["ETag"] if found else ""

    def same(self, staged: str, uri: str) -> bool:
        if self.size(uri) != os.path.getsize(staged):
            return False
        theirs = self.staging(uri)
        try:
            self._download(uri, theirs)
            return filecmp.cmp(staged, theirs, shallow=False)
        finally:
            discard(theirs)

    def names(self, folder: str, since: str = "") -> set[str]:
        bucket, key = split(f"{folder}/")
        request: ListObjectsV2RequestPaginateTypeDef = {"Bucket": bucket, "Prefix": key, "Delimiter": "/"}
        if since:
            request["StartAfter"] = key + since
        found = set[str]()
        for page in self.client.get_paginator("list_objects_v2").paginate(**request):
            found.update(one["Prefix"].removeprefix(key).rstrip("/") for one in page.get("CommonPrefixes", ()))
            found.update(one["Key"].removeprefix(key) for one in page.get("Contents", ()))
        return found

    def files(self, folder: str) -> list[StoredFile]:
        return _stored(self._objects(f"{folder}/"), f"{folder}/")

    def deliveries(
        self, folder: str, since: str = "", until: str = "", only: Collection[str] | None = None
    ) -> Iterator[tuple[str, list[StoredFile]]]:
        """One request for each 1,000 files from `since` on, whatever lies before them."""
        prefix = f"{folder}/"
        start = len(split(prefix)[1])
        objects = self._objects(prefix, since)
        for name, found in groupby(objects, lambda entry: entry["Key"][start:].split("/", 1)[0]):
            if until and f"{name}/" > until:
                return
            if only is None or name in only:
                yield name, _stored(found, f"{prefix}{name}/")

    def _objects(self, prefix: str, after: str = "") -> "Iterator[ObjectTypeDef]":
        """The objects below a URI, sorted by key; asks for a page when its first object is wanted.

        Args:
            after: Only keys behind `prefix` + `after`; S3 does not list those before them.
        """
        bucket, key = split(prefix)
        request: ListObjectsV2RequestPaginateTypeDef = {"Bucket": bucket, "Prefix": key}
        if after:
            request["StartAfter"] = key + after
        for page in self.client.get_paginator("list_objects_v2").paginate(**request):
            yield from page.get("Contents", ())

    def _head(self, uri: str) -> "HeadObjectOutputTypeDef | None":
        """Size, ETag and time of an object; None if it does not exist."""
        bucket, key = split(uri)
        try:
            return self.client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise

    def _download(self, uri: str, path: str, etag: str = "") -> None:
        """Copy an object to a local path.

        Args:
            etag: The content that is meant.

        Raises:
            FileNotFoundError: The object is gone, or has another content by now.
        """
        bucket, key = split(uri)
        request: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        if etag:
            request["IfMatch"] = etag

        def copy(body: "StreamingBody") -> None:
            with open(path, "wb") as file:
                shutil.copyfileobj(body, file, 1 << 20)

        try:
            self._read(request, copy)
        except ClientError as error:
            if code(error) in ("412", "PreconditionFailed", "404", "NoSuchKey"):
                raise FileNotFoundError(f"{uri} has been replaced or removed since it was listed") from error
            raise

    def _read(self, request: "GetObjectRequestTypeDef", use: "Callable[[StreamingBody], T]") -> "T":
        """Read an object, again if the connection breaks within its content: boto3 leaves that to its callers."""
        for _ in range(READS - 1):
            # As a context manager, a body gives urllib3's, which neither knows its length nor raises boto3's errors.
            with suppress(*BROKEN), closing(self.client.get_object(**request)["Body"]) as body:
                return use(body)
        with closing(self.client.get_object(**request)["Body"]) as body:
            return use(body)


def _stored(objects: "Iterable[ObjectTypeDef]", prefix: str) -> list[StoredFile]:
    """The objects below a URI; a folder's own marker, or a file of the folder's name, is not below it."""
    start = len(split(prefix)[1])
    found = [
        StoredFile(prefix + name, name, entry["Size"], entry["ETag"], entry["LastModified"].timestamp())
        for entry in objects
        if (name := entry["Key"][start:]) and not name.endswith("/")
    ]
    return sorted(found, key=lambda file: file.name)
