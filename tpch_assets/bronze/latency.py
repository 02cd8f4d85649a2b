"""How long raw files took from their landing to bronze, read from the lake alone.

A file landed when it last changed, and its rows are readable from the commit that added its file to bronze. Nothing is
stored for this: it is known as long as the raw file is kept.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tpch_assets.bronze.fingerprint import BronzeName, Naming
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot
from tpch_assets.raw.files import deliveries
from tpch_assets.schema import Table


@dataclass(frozen=True)
class BatchLatency:
    """How long the slowest file of one batch took.

    Attributes:
        landed: When that file landed.
        readable: When its rows were in bronze.
    """

    batch: str
    landed: datetime
    readable: datetime

    @property
    def seconds(self) -> float:
        return max(0.0, (self.readable - self.landed) / timedelta(seconds=1))


def latencies(lake: Lake, table: Table, bronze: Snapshot, since: str = "") -> list[BatchLatency]:
    """The latency of each batch of a table from `since` on, in order. It costs a listing of these.

    Left out are files that were delivered again since, or whose bronze file was written again for a new column, and all
    files of the oldest commit: it made the table, or made it again from what had landed long before.

    Args:
        bronze: The table as it is now.
    """
    naming, oldest = Naming.of(table, bronze), min((file.modified for file in bronze.files), default=0)
    readable = {
        (file.partition, name.content): datetime.fromtimestamp(file.modified / 1000, UTC)
        for file in bronze.files
        if not (name := BronzeName.parse(file.name)).filled and file.modified > oldest
    }
    found = []
    for batch, files in deliveries(lake, table.name, since) if readable else ():
        pairs = [
            (datetime.fromtimestamp(file.modified, UTC), readable[batch, content])
            for file in files
            for content in naming.contents(file)
            if (batch, content) in readable
        ]
        if pairs:
            found.append(BatchLatency(batch, *max(pairs, key=lambda pair: pair[1] - pair[0])))
    return found
