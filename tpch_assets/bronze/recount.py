"""Recounts of bronze: lines in raw files against rows and rejects, independent of the code that wrote them."""

import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from tpch_assets.bronze.fingerprint import file_hash
from tpch_assets.compute.database import cursor, sql_list
from tpch_assets.compute.scratch import scratch
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, bounds, snapshot
from tpch_assets.raw.files import files_of

BOM = b"\xef\xbb\xbf"


@dataclass
class LineCount:
    """Lines in raw files against rows and rejects in bronze, for some batches of one table."""

    lines: int = 0
    rows: int = 0
    rejects: int = 0
    reasons: list[str] = field(default_factory=list)


def lines_against_bronze(lake: Lake, table: str, batches: Collection[str]) -> LineCount:
    """Count again. Raw files that are gone (their retention is over) are left out, and what bronze made of them."""
    there = {batch: files for batch, files in files_of(lake, table, batches).items() if files}
    paths = [lake.store.local(file.uri, file.stamp) for files in there.values() for file in files]
    count = LineCount(lines=sum(map(lines_in, paths)))
    bronze = snapshot(lake, lake.table("bronze", table))
    rejects = snapshot(lake, lake.table("bronze", f"{table}_rejects"))
    delivered = {batch: {file_hash(file.name) for file in files} for batch, files in there.items()}
    gone = {file.path for source in (bronze, rejects) for file in _of_vanished(source, delivered)}
    count.rows = sum(file.rows for file in bronze.of(there) if file.path not in gone)
    rejected = [file for file in rejects.of(there) if file.path not in gone]
    count.rejects = sum(file.rows for file in rejected)
    if rejected:
        local = [lake.store.local(path) for path in rejects.paths(rejected)]
        with cursor() as con:
            found = con.execute(
                f"SELECT _file || ' line ' || _line || ': ' || _reason FROM read_parquet({sql_list(local)}) LIMIT 10"
            ).fetchall()
        count.reasons = [reason for (reason,) in found]
    return count


def _of_vanished(source: Snapshot, delivered: Mapping[str, set[str]]) -> Iterator[DataFile]:
    """The files of some batches whose rows (or rejects) stood in a raw file that is gone, by their column `_file`."""
    for file in source.of(delivered):
        extent = bounds(source, file, "_file")
        if extent and file_hash(str(extent[0])) not in delivered[file.partition]:
            yield file


def lines_in(path: str) -> int:
    """Lines in a file, plain or gzip, that are not blank; the damage of a gzip file counts as one more.

    This is the parser's rule: a byte-order mark is none but at the file's start, and the part of a line before the
    damage is a line.
    """
    from tpch_assets.bronze.json_lines.gzipped import unpacked  # Definitions load without the parser.

    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        plain, damage = unpacked(path, folder)
        count = int(damage is not None)
        with open(plain, "rb") as lines:
            if lines.read(len(BOM)) != BOM:
                lines.seek(0)
            for line in lines:
                count += bool(line.strip())
    return count
