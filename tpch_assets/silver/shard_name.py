"""The name of a shard's file: what it is built from, and its place in its window. Nothing else reads or writes it."""

import re
from dataclasses import dataclass

_NAME = re.compile(
    r"(?P<inputs>[0-9a-f]+)-(?P<index>\d+)of(?P<count>\d+)(?:\.(?P<together>[0-9a-f]+))?-(?P<content>[^-]+?)\.parquet"
)
CONTENT = "{content}"


@dataclass(frozen=True)
class ShardName:
    """`<inputs>-<index>of<count>[.<together>]-<content>.parquet`.

    Attributes:
        inputs: Hash of the window's bronze files.
        index: The shard's number in its window, from 0.
        count: The shards of the window.
        together: Hash of the inputs of all windows that were built together with this one.
        content: Hash of the file's bytes; until it is written, a placeholder.
    """

    inputs: str
    index: int
    count: int
    together: str = ""
    content: str = CONTENT

    def __str__(self) -> str:
        return f"{self.id}-{self.content}.parquet"

    @property
    def id(self) -> str:
        """What the files of a shard have in common, one in each table of the group."""
        together = f".{self.together}" if self.together else ""
        return f"{self.inputs}-{self.index}of{self.count}{together}"

    @classmethod
    def parse(cls, name: str) -> "ShardName":
        """The parts of a file's name.

        Raises:
            ValueError: The file is not a shard's.
        """
        match = _NAME.fullmatch(name)
        if not match:
            raise ValueError(f"{name} is not the name of a shard's file")
        return cls(match["inputs"], int(match["index"]), int(match["count"]), match["together"] or "", match["content"])
