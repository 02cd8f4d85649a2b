"""The types in which the store describes the lake.

How it finds them out does not belong here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Key = tuple[str, str]
"""Layer and name of a table."""

Kind = Literal["loading", "ok", "no lake", "no gold", "unreachable"]


@dataclass(frozen=True)
class LakeState:
    """Whether the lake can be read, and if not, why.

    Attributes:
        since: When it was first found unreachable.
        seen: When it was last read whole; None if it never was.
    """

    kind: Kind
    reason: str = ""
    since: datetime | None = None
    seen: datetime | None = None


@dataclass(frozen=True)
class Raw:
    """A table's raw files: the number of batches, and (files, bytes) of each of the newest ones."""

    batches: int
    latest: str
    sizes: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Commit:
    """One commit of a Delta table."""

    version: int
    time: datetime
    operation: str
