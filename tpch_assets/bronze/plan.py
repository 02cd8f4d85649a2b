"""Bronze: which raw files to parse, and which bronze files stay because their raw file has not changed. No Dagster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tpch_assets.bronze.json_lines import Parsed, write_parquet
from tpch_assets.compute.database import cursor
from tpch_assets.lake.delta import Snapshot
from tpch_assets.lake.lake import Lake
from tpch_assets.raw.files import RawFile
from tpch_assets.tpch.tables import TABLES, TableName


@dataclass(frozen=True)
class RawRows:
    """The typed rows of one raw file; parsed by the worker that writes them."""

    lake: Lake
    table: TableName
    batch: str
    file: RawFile

    def write_rows(self, rows_path: str, rejects_path: str) -> Parsed:
        with cursor() as con:
            return write_parquet(
                con,
                self.lake.local(self.file.uri, self.file.stamp),
                TABLES[self.table],
                batch=self.batch,
                file=self.file.name,
                rows_path=rows_path,
                rejects_path=rejects_path,
            )


def plan_batches(
    table: TableName, raw: Mapping[str, Sequence[RawFile]], bronze: Snapshot
) -> tuple[dict[str, dict[str, RawRows]], list[str]]:
    """Files to parse, by batch and name, and paths of bronze files to keep.

    A batch whose raw files are all gone (their retention is over) stays as it is.
    """
    have = {file.path for file in bronze.files}
    build: dict[str, dict[str, RawRows]] = {}
    keep: list[str] = []
    for batch, files in raw.items():
        if not files:
            continue
        build[batch] = {}
        for file in files:
            name = f"{file.fingerprint(table)}.parquet"
            if f"{batch}/{name}" in have:
                keep.append(f"{batch}/{name}")
            else:
                build[batch][name] = RawRows(bronze.lake, table, batch, file)
    return build, keep
