"""Which raw files to parse, which bronze files stay because their raw file has not changed, and which get new columns.

How a file is parsed belongs in `json_lines/`, how a column of the past is filled in `fill.py`, and what has arrived in
`arrivals.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tpch_assets.bronze.fill import FilledFile, files_to_fill
from tpch_assets.bronze.fingerprint import BronzeName, Naming, file_hash, rejects_of, same_lines
from tpch_assets.bronze.stored import PROVENANCE, bronze_columns, bronze_schema, declared
from tpch_assets.compute.database import cursor
from tpch_assets.lake.lake import Lake, Refused
from tpch_assets.lake.snapshot import DataFile, Snapshot, bounds
from tpch_assets.lake.update import Content, Report, TableUpdate, rejects_path
from tpch_assets.layers import BRONZE
from tpch_assets.raw.files import RawFile
from tpch_assets.schema import Column, Table
from tpch_assets.schema.changes import Declared, fillable, obstacle, refusal

__all__ = ["PROVENANCE", "ParsedFile", "plan_again", "plan_batches"]


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


def plan_batches(
    table: Table, raw: Mapping[str, Sequence[RawFile]], bronze: Snapshot, rejects: Snapshot | None = None
) -> TableUpdate:
    """The update of bronze that makes some batches hold their raw files, and the table its declared columns.

    A raw file that is gone (its retention is over) takes nothing with it. Only another file of the same name replaces
    its rows. Columns that were declared or widened since the last update are filled in all batches, not only in these.

    Args:
        rejects: The table's rejects, as they were before `raw` was listed: who has seen an older listing than the run
            that wrote them must not replace them.

    Raises:
        Refused: The declaration changed so that the table has to be made again.
    """
    before = declared(table, bronze)
    if reason := refusal(table, before):
        raise Refused(reason)
    naming = Naming.of(table, bronze)
    build: dict[str, dict[str, Content]] = {}
    keep: dict[str, list[DataFile]] = {}
    held = bronze.by_partition()
    for batch, files in raw.items():
        if files:
            names, stay = _batch(bronze, naming, files, held.get(batch, []))
            build[batch] = {name: ParsedFile(bronze.lake, table, batch, file) for name, file in names.items()}
            keep[batch] = stay
    rejects = rejects_of(bronze) if rejects is None else rejects
    _fill(table, before, bronze, rejects, build, keep)
    return TableUpdate(
        build,
        keep=tuple(file.path for files in keep.values() for file in files),
        over=_paths(bronze),
        over_rejects=_paths(rejects),
        schema=bronze_schema(table, bronze),
        properties={**Declared.of(table, before).properties, **naming.properties},
        claim=naming.claim(table),
    )


def plan_again(
    table: Table, raw: Mapping[str, Sequence[RawFile]], bronze: Snapshot, *, accept_loss: bool = False
) -> TableUpdate:
    """The update that makes a bronze table again as a whole from all batches in raw, as it is declared now.

    Rows whose raw file is gone are copied, as long as their columns can be those of today.

    Raises:
        Refused: They cannot, and the loss is not accepted.
    """
    before, naming = declared(table, bronze), Naming.again(table, bronze)
    reason, afresh = obstacle(table, before), Snapshot(bronze.lake, bronze.uri, -1)
    build: dict[str, dict[str, Content]] = {
        batch: {str(naming.name(file)): ParsedFile(bronze.lake, table, batch, file) for file in files}
        for batch, files in raw.items()
        if files
    }
    rejects = rejects_of(bronze)
    columns, rejected, held = bronze_columns(table, afresh), _rejected(rejects), bronze.by_partition()
    gone = {batch: _of_vanished(bronze, raw.get(batch, ()), files) for batch, files in held.items()}
    if reason is not None and not accept_loss and (rows := sum(file.rows for files in gone.values() for file in files)):
        raise Refused(
            f"bronze/{table.name} has {rows:,} rows whose raw files are gone, and it cannot keep them ({reason}): "
            f"put the raw files back, or give the rows up by `tpch-assets rebuild {table.name} --accept-loss`"
        )
    for batch, files in gone.items() if reason is None else ():
        for file in files:
            name = naming.copied(file.name, _raw_file(bronze, file))
            copied = _filled(bronze, file, columns, fillable(table, before), rejected)
            build.setdefault(batch, {})[str(name)] = copied
    return TableUpdate(
        build,
        schema=bronze_schema(table, afresh),
        properties={**Declared.of(table).properties, **naming.properties},
        over_rejects=_paths(rejects),
        base=bronze.version,
        replace=True,
        claim=naming.claim(table),
    )


def _batch(
    bronze: Snapshot, naming: Naming, files: Sequence[RawFile], held: Sequence[DataFile]
) -> tuple[dict[str, RawFile], list[DataFile]]:
    """The raw files of a batch to parse, by the name that each gets, and the files that stay."""
    by_content = {BronzeName.parse(file.name).content: file for file in held}
    parse, stay = {}, []
    for file in files:
        present = next((by_content.pop(name) for name in naming.contents(file) if name in by_content), None)
        if present:
            stay.append(present)
        else:
            parse[str(naming.name(file))] = file
    return parse, [*stay, *_of_vanished(bronze, files, list(by_content.values()))]


def _of_vanished(bronze: Snapshot, files: Sequence[RawFile], others: list[DataFile]) -> list[DataFile]:
    """Those of some bronze files whose raw file is gone; the others were replaced by one of `files`."""
    there = {file_hash(file.name) for file in files}
    return [file for file in others if (found := _raw_file(bronze, file)) and found not in there]


def _raw_file(bronze: Snapshot, file: DataFile) -> str:
    """Which raw file a bronze file is made of, as the hash of its name; empty if it holds nothing at all."""
    if known := BronzeName.parse(file.name).file:
        return known
    if extent := bounds(bronze, file, "_file"):
        return file_hash(str(extent[0]))
    rejects = rejects_of(bronze)
    rejected = [one for one in rejects.files if one.path == file.path]
    return file_hash(str(extent[0])) if rejected and (extent := bounds(rejects, rejected[0], "_file")) else ""


def _fill(
    table: Table,
    before: Declared,
    bronze: Snapshot,
    rejects: Snapshot,
    build: dict[str, dict[str, Content]],
    keep: dict[str, list[DataFile]],
) -> None:
    """Have columns that are new, or wider, be filled in all files that stay and hold such fields."""
    new = fillable(table, before)
    if not new or not bronze.files:
        return
    columns, rejected, held = bronze_columns(table, bronze), _rejected(rejects), bronze.by_partition()
    for file in files_to_fill(bronze, new):
        batch, name = file.partition, BronzeName.parse(file.name)
        stay = keep.setdefault(batch, list(held[batch]))
        if file in stay:
            stay.remove(file)
            filled = _filled(bronze, file, columns, new, rejected)
            build.setdefault(batch, {})[str(name.filled_with(new))] = filled


def _filled(
    bronze: Snapshot,
    file: DataFile,
    columns: tuple[tuple[str, str], ...],
    new: Sequence[Column],
    rejected: Mapping[tuple[str, BronzeName], str],
) -> FilledFile:
    (uri,) = bronze.paths([file])
    rejects = rejected.get(same_lines(file))
    return FilledFile(bronze.lake, uri, rejects, columns, tuple(new))


def _rejected(rejects: Snapshot) -> dict[tuple[str, BronzeName], str]:
    """Where the rejects of bronze's files are. Those of a file that another writer is about to fill have moved on."""
    return {same_lines(file): uri for file, uri in zip(rejects.files, rejects.paths(), strict=True)}


def _paths(source: Snapshot) -> frozenset[str]:
    return frozenset(file.path for file in source.files)
