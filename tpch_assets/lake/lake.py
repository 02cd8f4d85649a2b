"""Where a lake's layers and tables are, and whether it can be used.

How files are read and written there belongs in `folder.py` and `s3_store.py`, raw deliveries in `raw/files.py`, Delta
tables in `snapshot.py` and `commit.py`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tpch_assets.lake.folder import Folder
from tpch_assets.lake.local_files import discard
from tpch_assets.lake.store import Store
from tpch_assets.layers import DELTA

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class LakeError(RuntimeError):
    """The lake cannot be used; the message says where, why and what to do."""


class Refused(LakeError):
    """What was asked for would lose data, or cannot be done until something else is: to try again does not help."""


class NotThere(Refused):
    """A table does not exist yet."""


def _client() -> "S3Client":
    """This process's S3 client. boto3 takes a while to import, so a lake in a folder goes without it."""
    from tpch_assets.lake import s3

    return s3.client()


@dataclass(frozen=True)
class Lake:
    """A lake in a folder or below an S3 prefix. It is small and can be pickled: workers get it as it is.

    Attributes:
        connect: Makes the boto3 client for S3. It does not go along to another process, which has its own.
    """

    uri: str
    connect: "Callable[[], S3Client]" = field(default=_client, compare=False, repr=False)

    def __reduce__(self) -> tuple[type["Lake"], tuple[str]]:
        return Lake, (self.uri,)

    @property
    def remote(self) -> bool:
        """Whether the lake is on S3. For messages; what is done there is up to the store."""
        return "://" in self.uri

    @cached_property
    def store(self) -> Store:
        """Reads and writes the lake's files."""
        if not self.remote:
            return Folder(self.uri)
        from tpch_assets.lake.s3_store import S3

        return S3(self.uri, self.connect)

    def path(self, *parts: str) -> str:
        return "/".join((self.uri, *parts))

    def table(self, layer: str, name: str) -> str:
        return self.path(layer, name)

    def tables(self) -> list[str]:
        """Where Delta tables are or may be: the folders of the layers and of `operations`, in order."""
        layers = (*(layer.name for layer in DELTA), "operations")
        names = ((layer, name) for layer in layers for name in sorted(self.store.names(self.path(layer))))
        return [self.table(layer, name) for layer, name in names if not name.startswith("_")]

    @contextmanager
    def staged(self, uri: str) -> Iterator[str]:
        """A local path to write a file to that is to be published at, or near, a place; nothing of it stays behind."""
        path = self.store.staging(uri)
        try:
            yield path
        finally:
            discard(path)

    def write(self, uri: str, content: bytes) -> None:
        """Put a small file to its place, visible whole or not at all."""
        with self.staged(uri) as staged:
            with open(staged, "wb") as out:
                out.write(content)
            self.store.publish(staged, uri)

    def check(self, *, write: bool = False) -> None:
        """Fail now, in one sentence, if the lake cannot be read (or written).

        Raises:
            LakeError: It cannot.
        """
        try:
            self.store.check(write=write)
        except (OSError, RuntimeError) as error:
            raise LakeError(f"The lake {self.uri} cannot be used: {error}") from error
