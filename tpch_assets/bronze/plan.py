"""Which raw files to parse, and which bronze files stay because their raw file has not changed.

How a file is parsed belongs in `json_lines/`, and what has arrived in `arrivals.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tpch_assets.bronze.fingerprint import file_names
from tpch_assets.compute.database import arrow_schema, cursor
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot
from tpch_assets.lake.update import Content, Report, TableUpdate, rejects_path
from tpch_assets.layers import BRONZE
from tpch_assets.raw.files import RawFile
from tpch_assets.schema import Table

PROVENANCE = (
    ("_batch", "VARCHAR", "The batch that delivered the row."),
    ("_file", "VARCHAR", "The raw file that the row stood in."),
    ("_rescued", "VARCHAR", "Fields that the schema does not know, as JSON."),
)
"""Columns that bronze adds to each table, as (name, type, description)."""


@dataclass(frozen=True)
class ParsedFile:
    """The typed rows of one raw file; the worker that writes them parses it."""

    lake: Lake
    table: Table
    batch: str
    file: RawFile

    def write(self, path: str) -> Report:
        from tpch_assets.bronze.json_lines import write_parquet  # Only workers need the parser.

        with cursor() as con:
            parsed = write_parquet(
                con,
                self.lake.store.local(self.file.uri, self.file.stamp),
                self.table,
                batch=self.batch,
                file=self.file.name,
                rows_path=path,
                rejects_path=rejects_path(path),
                options=BRONZE.parquet.options,
            )
        return Report(parsed.rows, parsed.lines, parsed.rejects)


def plan_batches(table: Table, raw: Mapping[str, Sequence[RawFile]], bronze: Snapshot) -> TableUpdate:
    """The update of bronze that makes some batches hold exactly their raw files.

    A batch whose raw files are all gone (their retention is over) stays as it is.
    """
    have = {file.path for file in bronze.files}
    build: dict[str, dict[str, Content]] = {}
    keep: list[str] = []
    for batch, files in raw.items():
        if not files:
            continue
        build[batch] = {}
        for file in files:
            names = file_names(file, table.columns)
            present = next((f"{batch}/{name}" for name in names if f"{batch}/{name}" in have), None)
            if present:
                keep.append(present)
            else:
                build[batch][names[0]] = ParsedFile(bronze.lake, table, batch, file)
    return TableUpdate(build, keep=tuple(keep), schema=bronze_schema(table))


def bronze_schema(table: Table) -> pa.Schema:
    """The columns of a bronze table as it is stored."""
    return arrow_schema([*table.stored_columns, *((name, type_) for name, type_, _ in PROVENANCE)])
