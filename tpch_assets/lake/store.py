"""What a lake needs of the place that holds its files. `folder.py` and `s3_store.py` do it on disk and on S3.

What the files mean does not belong here: neither Delta tables nor raw deliveries nor layers.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class StoredFile:
    """One file as a listing shows it.

    Attributes:
        name: Its path below the listed folder.
        size: Bytes.
        stamp: Changes when the file is replaced: the time of its last change on disk, the ETag on S3.
        modified: When it last changed, in seconds since 1970.
        fault: Why it cannot be read; empty if it can. The name of such an entry is fit to print, but no path.
    """

    uri: str
    name: str
    size: int
    stamp: str
    modified: float
    fault: str = ""


class Store(Protocol):
    """Reads, writes and lists files. A file becomes visible whole or not at all."""

    @property
    def options(self) -> dict[str, str]:
        """Delta's storage options."""

    def check(self, *, write: bool) -> None:
        """Fail now, in one sentence, if the place cannot be read (or written).

        Raises:
            OSError: It cannot; the message says why and what to do.
            RuntimeError: The same.
        """

    def prepare(self, uri: str) -> None:
        """Get a place ready for a new table."""

    def local(self, uri: str, stamp: str = "") -> str:
        """A local path with the content of a file: the file itself, or this process's copy.

        Args:
            stamp: The stamp that a listing showed, for files that may be replaced.

        Raises:
            FileNotFoundError: The file is gone, or has another content by now.
        """

    def staging(self, uri: str) -> str:
        """A local path for writing a file that `publish` will move to `uri`."""

    def publish(self, staged: str, uri: str) -> None:
        """Make a staged file visible at `uri`, whole. It survives a power loss from here on."""

    def create(self, uri: str, content: bytes) -> bool:
        """Write a small file, whole, unless there is one already; says whether it was written."""

    def content(self, uri: str) -> bytes | None:
        """The bytes of a small file; None if it does not exist."""

    def flush_commit(self, table: str, version: int) -> None:
        """Make a commit of a Delta table survive a power loss, and with it the folders that its files are in."""

    def delete(self, uri: str) -> None:
        """Remove a file, if it exists."""

    def exists(self, uri: str) -> bool:
        """Whether there is a file at `uri`."""

    def size(self, uri: str) -> int | None:
        """Bytes of a file; None if it does not exist."""

    def stamp(self, uri: str) -> str:
        """Changes when a file is replaced; empty if it does not exist."""

    def same(self, staged: str, uri: str) -> bool:
        """Whether the file at `uri` already has the bytes of a staged file."""

    def names(self, folder: str, since: str = "") -> set[str]:
        """Names in a folder from `since` on; empty if it does not exist."""

    def files(self, folder: str) -> list[StoredFile]:
        """The files in a folder at any depth, sorted by name; also entries that cannot be read, each with its fault."""

    def deliveries(
        self, folder: str, since: str = "", until: str = "", only: Collection[str] | None = None
    ) -> Iterator[tuple[str, list[StoredFile]]]:
        """The folders in a folder from `since` on and before `until`, each with its files; lists as it goes.

        They come in S3's order: "a-b" before "a", since "-" sorts before "/". A file beside them looks like an
        empty folder.

        Args:
            only: The names that are wanted; the others are passed over.
        """
