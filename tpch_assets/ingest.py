"""Bronze: which raw files to parse, and which bronze files stay because their raw file has not changed. No Dagster."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tpch_assets.calendar import is_batch
from tpch_assets.delta import Snapshot, snapshot
from tpch_assets.engine import cursor
from tpch_assets.json_lines import Parsed, write_parquet
from tpch_assets.lake import Lake, RawFile
from tpch_assets.tables import TABLES, TableName


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
                self.lake.local(self.file.uri),
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


def pending(lake: Lake, table: TableName, *, since: str = "", settle: float = 0) -> list[str]:
    """Batches from `since` on whose raw files are not the ones that bronze holds.

    Args:
        settle: Seconds for which a file must not have changed; a younger one is left for the next look.
    """
    have = {
        batch: {file.name for file in files}
        for batch, files in snapshot(lake, lake.table("bronze", table)).by_partition().items()
    }
    return [batch for batch, names in _delivered(lake, table, since, settle) if names and names != have.get(batch)]


def strays(lake: Lake, table: TableName) -> list[str]:
    """Folders in raw/<table>/ whose name is no batch: nothing in them is ever read."""
    return [name for name in lake.raw_batches(table) if not is_batch(name)]


def _delivered(lake: Lake, table: TableName, since: str, settle: float) -> Iterator[tuple[str, set[str]]]:
    newest = time.time() - settle
    for batch in lake.raw_batches(table, since):
        if not is_batch(batch):
            continue
        files = lake.raw_files(table, batch)
        if all(file.modified <= newest for file in files):
            yield batch, {f"{file.fingerprint(table)}.parquet" for file in files}
