"""Rejects that nobody has dealt with: neither delivered again nor acknowledged, a choice that the lake remembers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from tpch_assets.compute.database import cursor, sql_list
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, read, snapshot
from tpch_assets.lake.update import copy_table
from tpch_assets.layers import Parquet

SHOWN = 10
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("table", "batch", "file", "note")),
        ("rows", pa.int64()),
        ("at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class OpenRejects:
    """Rejects of a table that are to be dealt with.

    Attributes:
        acknowledged: Rejects that need nothing any more.
        by_reason: Rejects by reason, the most frequent ones.
        examples: Some of them, as `<file> line <line>: <reason>`.
    """

    rows: int
    acknowledged: int
    batches: list[str]
    by_reason: dict[str, int]
    examples: list[str]


def open_rejects(lake: Lake, table: str) -> OpenRejects:
    """The rejects that are neither delivered again nor acknowledged."""
    rejects = snapshot(lake, lake.table("bronze", f"{table}_rejects"))
    if not rejects.files:
        return OpenRejects(0, 0, [], {}, [])
    known = _acknowledged(lake, table)
    files = [file for file in rejects.files if file.rows and file.path not in known]
    rows = sum(file.rows for file in files)
    by_reason: dict[str, int] = {}
    examples: list[str] = []
    if files:
        scan = f"read_parquet({sql_list([lake.store.local(path) for path in rejects.paths(files)])})"
        with cursor() as con:
            counted = f"SELECT _reason, count(*) FROM {scan} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {SHOWN}"
            by_reason = dict(con.execute(counted).fetchall())
            some = f"SELECT _file || ' line ' || _line || ': ' || _reason FROM {scan} LIMIT {SHOWN}"
            examples = [text for (text,) in con.execute(some).fetchall()]
    return OpenRejects(rows, rejects.rows - rows, sorted({file.partition for file in files}), by_reason, examples)


def acknowledge(lake: Lake, table: str, batches: Collection[str], note: str) -> int:
    """Have the rejects of some batches, as they are now, need nothing any more. Returns how many these are.

    A batch that is delivered again has other rejects, which count anew.
    """
    uri, known = lake.table("operations", "acknowledged"), _acknowledged(lake, table)
    rejects = snapshot(lake, lake.table("bronze", f"{table}_rejects"))
    now, written, count = datetime.now(UTC), [], 0
    by_batch: dict[str, list[DataFile]] = {}
    for file in rejects.of(batches):
        by_batch.setdefault(file.partition, []).append(file)
        count += 0 if file.path in known else file.rows
    for batch, files in by_batch.items():
        rows = [
            {"table": table, "batch": batch, "file": f.path, "note": note, "rows": f.rows, "at": now} for f in files
        ]
        write = partial(copy_table, pa.Table.from_pylist(rows, SCHEMA), options=Parquet().options)
        written.append(write_file(lake, uri, f"{table}.{batch}", "{content}.parquet", write))
    if written:
        commit(lake, uri, written, {f"{table}.{batch}" for batch in by_batch}, schema=SCHEMA)
    return count


def _acknowledged(lake: Lake, table: str) -> set[str]:
    """The files with rejects of a table that are acknowledged."""
    known = read(snapshot(lake, lake.table("operations", "acknowledged"))).to_pylist()
    return {row["file"] for row in known if row["table"] == table}
