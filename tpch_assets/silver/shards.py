"""Plans the shards of a group of facts, so that each table is unique by key and compact.

The tables of a group are cut at the same keys into shards, window by window. A key belongs to the window in which any
row of it first arrived. Of rows with the same primary key one stays (`layers.KEEP`). Windows that share a key are built
together, in one commit. Which windows have to be built belongs in `stale.py`.
"""

import hashlib
from collections.abc import Collection, Iterable

from tpch_assets.calendar import window_of
from tpch_assets.compute.database import arrow_schema
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots, bounds
from tpch_assets.lake.update import Content, TableUpdate
from tpch_assets.schema import Group, Table
from tpch_assets.schema.changes import Declared
from tpch_assets.silver.ranges import Key, between, cut, overlapping, ranges
from tpch_assets.silver.rows import VERSION, Homes, Part, ShardRows, declaration, silver_columns
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.silver.sharing import in_windows, sharing

Shard = tuple[DataFile, ...]
"""The files of a shard, in the order of the group's tables."""


class HalfWritten(RuntimeError):
    """A window is not from the same build in all tables of its group."""


def plan_shards(
    group: Group, bronze: Snapshots, silver: Snapshots, windows: Collection[str], shard_rows: int
) -> dict[str, TableUpdate]:
    """The updates of a group's tables that build `windows`, and windows that share a key with them.

    All tables get the same names up to the content. Of windows that are built together a name holds the inputs of all:
    each of them is new where any is.

    Raises:
        Refused: A table's declaration changed so that it has to be made again.
    """
    properties = {table.name: declaration(table, silver[table.name]) for table in group.facts}
    files = _plan(group, bronze, silver, windows, shard_rows)
    return {
        table.name: TableUpdate(
            files[table.name],
            base=silver[table.name].version,
            schema=arrow_schema(silver_columns(table, bronze[table.name], silver[table.name])),
            properties=properties[table.name],
        )
        for table in group.facts
    }


def plan_again(
    group: Group, bronze: Snapshots, silver: Snapshots, last: str, shard_rows: int
) -> dict[str, TableUpdate]:
    """The updates that replace a group's tables as wholes, as they are declared now: all windows up to the `last`."""
    nothing = {name: Snapshot(source.lake, source.uri, -1) for name, source in silver.items()}
    windows = {window_of(file.partition) for source in bronze.values() for file in source.files}
    files = _plan(group, bronze, nothing, {window for window in windows if window <= last}, shard_rows)
    return {
        table.name: TableUpdate(
            files[table.name],
            base=silver[table.name].version,
            schema=arrow_schema(silver_columns(table, bronze[table.name], nothing[table.name])),
            properties=Declared.of(table).properties,
            replace=True,
        )
        for table in group.facts
    }


def _plan(
    group: Group, bronze: Snapshots, silver: Snapshots, windows: Collection[str], shard_rows: int
) -> dict[str, dict[str, dict[str, Content]]]:
    """Files by table and window."""
    files: dict[str, dict[str, dict[str, Content]]] = {table.name: {} for table in group.facts}
    done: set[str] = set()
    for window in sorted(windows):
        if window not in done:
            together = sharing(group, bronze, silver, {window})
            _plan_windows(group, bronze, silver, together, shard_rows, files)
            done |= together
    return files


def _plan_windows(
    group: Group,
    bronze: Snapshots,
    silver: Snapshots,
    windows: set[str],
    shard_rows: int,
    files: dict[str, dict[str, dict[str, Content]]],
) -> None:
    """Add the files of windows that are built together."""
    digests = {window: inputs(group, bronze, window) for window in sorted(windows)}
    together = digest(digests.values()) if len(windows) > 1 else ""
    columns = {t.name: silver_columns(t, bronze[t.name], silver[t.name]) for t in group.facts}
    parts: list[Part] = [(t, bronze[t.name].bare, in_windows(bronze[t.name], windows)) for t in group.facts]
    for window, of_window in digests.items():
        cuts = _cuts(group, bronze, silver, window, shard_rows)
        for table, source, candidates in parts:
            planned = files[table.name].setdefault(window, {})
            for index, (low, high) in enumerate(ranges(cuts)):
                planned[str(ShardName(of_window, index, len(cuts) + 1, together))] = ShardRows(
                    table,
                    columns[table.name],
                    source,
                    overlapping(candidates, table.shard_key, low, high),
                    between(table.shard_key, low, high),
                    _homes(parts, window, low, high) if together else None,
                )


def _homes(parts: list[Part], window: str, low: Key | None, high: Key | None) -> Homes:
    return Homes(window, tuple((t, source, overlapping(files, t.shard_key, low, high)) for t, source, files in parts))


def inputs(group: Group, bronze: Snapshots, window: str) -> str:
    """Names the bronze files of a window: another name means that silver has to be built again."""
    return inputs_digest(
        f"{table.name}/{file.path}"
        for table in group.facts
        for file in bronze[table.name].files
        if window_of(file.partition) == window
    )


def inputs_digest(files: Iterable[str]) -> str:
    """Names the files that a window is built from, given as `<table>/<path>`, and how."""
    how = [] if VERSION == 1 else [f"version {VERSION}"]  # Lakes of the first version go on without a rebuild.
    return digest([*how, *sorted(files)])


def digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _cuts(group: Group, bronze: Snapshots, silver: Snapshots, window: str, shard_rows: int) -> list[Key]:
    """The keys at which the window is cut. Cuts stay while they serve, so that a late row changes one shard only."""

    def rows(table: Table) -> int:
        return sum(file.rows for file in in_windows(bronze[table.name], {window}))

    largest = max(group.facts, key=rows)
    total = rows(largest)
    kept = _present_cuts(group, silver, window)
    if kept is not None and total <= 2 * shard_rows * (len(kept) + 1):
        return kept
    if total <= 1.5 * shard_rows:
        return []
    source = bronze[largest.name]
    files = [file for file in in_windows(source, {window}) if file.rows]
    return cut(source, files, largest.shard_key, -(-total // shard_rows))


def _present_cuts(group: Group, silver: Snapshots, window: str) -> list[Key] | None:
    """Where the window is cut now: at the least key of each shard but the first."""
    least: dict[int, list[Key]] = {}
    for table in group.facts:
        source = silver[table.name]
        for file in source.of({window}):
            if extent := bounds(source, file, table.shard_key):
                least.setdefault(ShardName.parse(file.name).index, []).append(extent[0])
    return sorted(min(keys) for keys in least.values())[1:] if least else None


def complete_shards(group: Group, silver: Snapshots, until: str) -> list[Shard]:
    """The shards of all windows that begin before `until`.

    Raises:
        HalfWritten: A window's tables are not from the same build (one of several commits is still to come).
    """
    by_table = [
        {(file.partition, ShardName.parse(file.name).id): file for file in silver[name].files if file.partition < until}
        for name in group.names
    ]
    everywhere, anywhere = set.intersection(*map(set, by_table)), set.union(*map(set, by_table))
    if odd := sorted(anywhere - everywhere):
        tables = " and ".join(f"silver/{name}" for name in group.names)
        raise HalfWritten(
            f"{tables} are not from the same build in window {odd[0][0]}: a silver run is under way or was cut off, "
            "or a table is new in the group; materialize that window of all of them again"
        )
    return [tuple(files[key] for files in by_table) for key in sorted(everywhere)]


def content_of(file: DataFile) -> str:
    """What names the content of a shard's file."""
    return f"{ShardName.parse(file.name).content}.parquet"
