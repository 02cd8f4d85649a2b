"""A raw file whose rows the business's source makes. Files that land by themselves are listed in `files.py`."""

from collections.abc import Callable
from dataclasses import dataclass

from tpch_assets.lake.update import Report, copy_query


@dataclass(frozen=True)
class GeneratedFile:
    """JSON lines from a query that the worker makes and runs."""

    query: Callable[[], str]

    def write(self, path: str) -> Report:
        return Report(copy_query(self.query(), path, "FORMAT json"))
