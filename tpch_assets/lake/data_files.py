"""One data file of a Delta table: written to its place, with statistics that every reader can trust.

What makes it part of the table belongs in `commit.py`. Statistics come from the file's footer. Values that Delta's JSON
would round or cut are left out, so that no reader skips rows by them.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeGuard

import pyarrow as pa

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import sha256
from tpch_assets.lake.snapshot import Bound, DataFile, Value

if TYPE_CHECKING:
    import pyarrow.parquet as pq

LONGEST_TEXT = 64  # Characters of a text in the statistics: a UUID has 36.

# What a folder's or file's name must not hold as it is: separators, Hive's "key=value", what DuckDB expands, and what
# readers of S3 spell differently. Delta's vacuum passes over names that begin with "." or "_".
_UNSAFE = re.compile(r"""[%/\\=*?\[\]{}#^`"<>~|\x00-\x1f\x7f]|^[._]""")


@dataclass(frozen=True)
class Written:
    """A data file on its place that is not part of the table yet."""

    file: DataFile
    schema: pa.Schema
    stats: str


def write_file(lake: Lake, uri: str, partition: str, name: str, write: Callable[[str], object]) -> Written:
    """Write one data file to its place. Runs on workers.

    Args:
        partition: Any text. Characters that a path cannot hold are percent-encoded in the folder's name.
        name: File name; `{content}` in it becomes the hash of the file's bytes.
        write: Writes Parquet to the local path that it is given.

    Raises:
        ValueError: The partition has no name.
    """
    import pyarrow.parquet as pq  # Imported lazily, so that definitions load faster.

    if not partition:
        raise ValueError(f"{uri}: a partition needs a name")
    folder = path_segment(partition)
    with lake.staged(f"{uri}/{folder}/x") as staged:
        write(staged)
        metadata = pq.read_metadata(staged)
        # Some writers say from the rows whether a column may be null, so that says nothing about the table.
        schema = pa.schema([(column.name, column.type) for column in metadata.schema.to_arrow_schema()])
        least, greatest, nulls = statistics(metadata)
        stats = json.dumps(
            {"numRecords": metadata.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls},
            default=_json,
        )
        name = name.replace("{content}", sha256(staged)) if "{content}" in name else name
        path = f"{folder}/{path_segment(name)}"
        size = os.path.getsize(staged)
        lake.store.publish(staged, f"{uri}/{path}")
    return Written(DataFile(path, size, metadata.num_rows, least, greatest), schema, stats)


def path_segment(name: str) -> str:
    """A partition's or file's name as part of a path; `DataFile` decodes it."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)


Statistics = tuple[dict[str, Value], dict[str, Value], dict[str, int]]
"""Least values, greatest values and null counts, by column."""


def statistics(metadata: "pq.FileMetaData") -> Statistics:
    """The statistics of a file from its footer, without values that JSON would bend."""
    least: dict[str, Value] = {}
    greatest: dict[str, Value] = {}
    nulls: dict[str, int] = {}
    for index in range(metadata.num_columns):
        parts = [metadata.row_group(group).column(index) for group in range(metadata.num_row_groups)]
        name = metadata.schema.column(index).path
        found = [part.statistics for part in parts]
        if not found or "." in name or any(s is None for s in found):
            continue
        if all(s.has_null_count for s in found):
            nulls[name] = sum(s.null_count for s in found)
        filled = [s for s, part in zip(found, parts, strict=True) if s.null_count != part.num_values or s.has_min_max]
        pairs = [pair for s in filled if (pair := _bounds(s)) is not None]
        if pairs and len(pairs) == len(filled):
            least[name], greatest[name] = min(low for low, _ in pairs), max(high for _, high in pairs)
    return least, greatest, nulls


def _bounds(found: "pq.Statistics") -> tuple[Bound, Bound] | None:
    """The bounds of one row group, if the footer has them and Delta's JSON can hold them."""
    try:
        least, greatest = (found.min, found.max) if found.has_min_max else (None, None)
    except OverflowError:  # A date that Python does not know, such as the year 20000.
        return None
    return (least, greatest) if _exact(least) and _exact(greatest) else None


def _exact(value: object) -> TypeGuard[Bound]:
    """Whether Delta's JSON statistics hold a value without rounding or cutting it."""
    if isinstance(value, Decimal):
        return len(value.as_tuple().digits) <= 15
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    return isinstance(value, int | date) and not isinstance(value, bool)


def _json(value: object) -> float | str:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"Delta keeps no statistics of {type(value).__name__}")
