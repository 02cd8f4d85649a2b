"""What deriving a statement gives: two statements, or the reason why there are none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Derived:
    """A plain statement cut in two. Both are DuckDB SQL; parameters stay `$name`.

    Attributes:
        partial: Runs over one shard of the group, and reads dimensions.
        combine: Runs over `partials`, the rows of all partials, and reads dimensions.
        group: The name of the group of facts.
    """

    partial: str
    combine: str
    group: str


@dataclass(frozen=True)
class Whole:
    """A statement that runs over all files.

    Attributes:
        reason: One plain sentence: why it is not cut.
    """

    reason: str
