"""What checks found wrong and nobody has mended yet: the table `operations/faults`, one row per partition and check.

A fault counts while the files that were checked are the partition's files: whatever mends them ends it. Checks write
it; what does not read a faulty partition belongs in `gold/blocked.py`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, read, snapshot
from tpch_assets.lake.update import copy_table
from tpch_assets.layers import Parquet

WHOLE = "all"
"""The partition of a table that is checked as a whole."""
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("layer", "name", "partition", "check", "message", "files")),
        ("since", pa.timestamp("us", tz="UTC")),
        ("blocks", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Fault:
    """What a check found wrong in a partition.

    Attributes:
        message: What is wrong, in a few words.
        files: Names the files that were checked.
        since: When the check first failed.
        blocks: Whether the layer behind must not read the partition.
    """

    layer: str
    name: str
    partition: str
    check: str
    message: str
    files: str
    since: datetime
    blocks: bool = True

    @property
    def sentence(self) -> str:
        """What is wrong, where and since when."""
        part = "" if self.partition == WHOLE else f" in {self.partition}"
        return f"{self.layer}/{self.name}{part} fails {self.check} since {self.since:%Y-%m-%d %H:%M} ({self.message})"


def faults(lake: Lake, layer: str = "", name: str = "") -> list[Fault]:
    """The recorded faults, of all tables or one. Whether they still count is told by `is_open`."""
    found = [Fault(**row) for row in read(snapshot(lake, lake.table("operations", "faults"))).to_pylist()]
    chosen = [fault for fault in found if layer in ("", fault.layer) and name in ("", fault.name)]
    return sorted(chosen, key=lambda fault: (fault.layer, fault.name, fault.partition, fault.check))


def is_open(fault: Fault, source: Snapshot) -> bool:
    """Whether the partition still has the files that were found to be wrong."""
    return _files(source, fault.partition) == fault.files


def record(
    source: Snapshot, layer: str, name: str, check: str, found: Mapping[str, str], *, blocks: bool = True
) -> None:
    """Record what a check found, by partition: what is wrong, or an empty text.

    Args:
        source: The table that was checked, as it was then.
    """
    lake, uri = source.lake, source.lake.table("operations", "faults")
    before = {fault.partition: fault for fault in faults(lake, layer, name) if fault.check == check}
    changed = [part for part, message in found.items() if message or part in before]
    written = []
    for part in changed:
        if found[part]:
            since = before[part].since if part in before else datetime.now(UTC)
            fault = Fault(layer, name, part, check, found[part], _files(source, part), since, blocks)
            rows = pa.Table.from_pylist([asdict(fault)], SCHEMA)
            write = partial(copy_table, rows, options=Parquet().options)
            written.append(write_file(lake, uri, _key(layer, name, part, check), "{content}.parquet", write))
    if changed:
        commit(lake, uri, written, {_key(layer, name, part, check) for part in changed}, schema=SCHEMA)


def _key(*parts: str) -> str:
    return ".".join(parts)


def _files(source: Snapshot, partition: str) -> str:
    paths = sorted(file.path for file in source.files if partition in (WHOLE, file.partition))
    return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:12]
