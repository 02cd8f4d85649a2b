"""Recounts of bronze: lines in raw files against rows and rejects, independent of the code that wrote them."""

import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field

from tpch_assets.compute.database import cursor, scratch, sql_list
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
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
    """Count again. Batches whose raw files are gone (their retention is over) are left out."""
    there = {batch: files for batch, files in files_of(lake, table, batches).items() if files}
    paths = [lake.store.local(file.uri, file.stamp) for files in there.values() for file in files]
    count = LineCount(lines=sum(map(lines_in, paths)))
    count.rows = sum(file.rows for file in snapshot(lake, lake.table("bronze", table)).of(there))
    rejects = snapshot(lake, lake.table("bronze", f"{table}_rejects"))
    rejected = rejects.of(there)
    count.rejects = sum(file.rows for file in rejected)
    if rejected:
        local = [lake.store.local(path) for path in rejects.paths(rejected)]
        with cursor() as con:
            found = con.execute(
                f"SELECT _file || ' line ' || _line || ': ' || _reason FROM read_parquet({sql_list(local)}) LIMIT 10"
            ).fetchall()
        count.reasons = [reason for (reason,) in found]
    return count


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
