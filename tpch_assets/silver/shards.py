"""Plans the shards of a group of facts, so that each table is unique by key and compact.

The tables of a group are cut at the same keys into shards, window by window. A key belongs to the window in which any
row of it first arrived. Of rows with the same primary key one stays (`layers.KEEP`). A window is built in one commit
with the homes of its keys. Which windows have to be built belongs in `stale.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass

from tpch_assets.calendar import window_of
from tpch_assets.compute.database import arrow_schema
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots, bounds
from tpch_assets.lake.update import Content, TableUpdate
from tpch_assets.schema import Group, Table
from tpch_assets.schema.changes import Declared
from tpch_assets.silver.inputs import digest, inputs, stale_windows_of
from tpch_assets.silver.ranges import Key, between, cut, overlapping, ranges
from tpch_assets.silver.rows import Homes, Part, ShardRows, declaration, silver_columns
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.silver.sharing import concerned, in_windows, neighbours

Shard = tuple[DataFile, ...]
"""The files of a shard, in the order of the group's tables."""


class HalfWritten(RuntimeError):
    """A window is not from the same build in all tables of its group."""


def plan_shards(
    group: Group, bronze: Snapshots, silver: Snapshots, windows: Collection[str], shard_rows: int
) -> dict[str, TableUpdate]:
    """The updates of a group's tables that build `windows`, and the homes of keys that these have news of.

    All tables get the same names up to the content. A name holds the inputs of all windows that the shard is built
    from: it is new where any of them is.

    Raises:
        Refused: A table's declaration changed so that it has to be made again.
    """
    properties = {table.name: declaration(table, silver[table.name]) for table in group.facts}
    planned = _plan(group, bronze, silver, windows, shard_rows)
    return {
        table.name: TableUpdate(
            planned.files[table.name],
            keep=tuple(planned.keep[table.name]),
            base=silver[table.name].version,
            schema=arrow_schema(silver_columns(table, bronze[table.name], silver[table.name])),
            properties=properties[table.name],
            after=bronze[table.name].made,
        )
        for table in group.facts
    }


def plan_again(
    group: Group, bronze: Snapshots, silver: Snapshots, last: str, shard_rows: int
) -> dict[str, TableUpdate]:
    """The updates that replace a group's tables as wholes, as they are declared now: all windows up to the `last`."""
    nothing = {name: Snapshot(source.lake, source.uri, -1) for name, source in silver.items()}
    windows = {window_of(file.partition) for source in bronze.values() for file in source.files}
    planned = _plan(group, bronze, nothing, {window for window in windows if window <= last}, shard_rows)
    return {
        table.name: TableUpdate(
            planned.files[table.name],
            base=silver[table.name].version,
            schema=arrow_schema(silver_columns(table, bronze[table.name], nothing[table.name])),
            properties=Declared.of(table).properties,
            replace=True,
            after=bronze[table.name].made,
        )
        for table in group.facts
    }


@dataclass
class _Planned:
    """Files to write and paths to keep, by table and window."""

    files: dict[str, dict[str, dict[str, Content]]]
    keep: dict[str, list[str]]


def _plan(group: Group, bronze: Snapshots, silver: Snapshots, windows: Collection[str], shard_rows: int) -> _Planned:
    """What builds some windows, and those that they concern.

    A stale window that is concerned has news of its own: what it had before tells which others these concern, and is
    gone once it is built. So it is built as one that was asked for.
    """
    found = _Planned({table.name: {} for table in group.facts}, {table.name: [] for table in group.facts})
    stale = set(stale_windows_of(group, bronze, silver))
    wanted, concerning = set(windows), set[str]()
    todo = sorted(wanted)
    for window in todo:
        others = concerned(group, bronze, silver, window, stale)
        concerning |= others
        todo += sorted((others & stale) - wanted)
        wanted |= others & stale
    for window in sorted(wanted | concerning):
        _plan_window(group, bronze, silver, window, shard_rows, found, again=window in wanted)
    return found


def _plan_window(
    group: Group,
    bronze: Snapshots,
    silver: Snapshots,
    window: str,
    shard_rows: int,
    found: _Planned,
    *,
    again: bool,
) -> None:
    """Add the files of a window.

    Args:
        again: Write all of them. Otherwise those stay that are built from the same.
    """
    cuts = _cuts(group, bronze, silver, window, shard_rows)
    columns = {t.name: silver_columns(t, bronze[t.name], silver[t.name]) for t in group.facts}
    present = {name: {ShardName.parse(f.name).id: f.path for f in silver[name].of({window})} for name in group.names}
    for table in group.facts:
        found.files[table.name].setdefault(window, {})
    sharing = neighbours(group, bronze, window, cuts)
    for index, ((low, high), others) in enumerate(zip(ranges(cuts), sharing, strict=True)):
        sources = sorted({window, *others})
        of_sources = [inputs(group, bronze, source) for source in sources]
        together = digest(of_sources) if others else ""
        name = ShardName(of_sources[sources.index(window)], index, len(cuts) + 1, together)
        if not again and all(name.id in of_table for of_table in present.values()):
            for table_name, of_table in present.items():
                found.keep[table_name].append(of_table[name.id])
            continue
        parts: list[Part] = [
            (t, bronze[t.name].bare, overlapping(in_windows(bronze[t.name], sources), t.shard_key, low, high))
            for t in group.facts
        ]
        homes = Homes(window, tuple(parts)) if others else None
        for table, source, files in parts:
            rows = between(table.shard_key, low, high)
            found.files[table.name][window][str(name)] = ShardRows(
                table, columns[table.name], source, files, rows, homes
            )


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
    """What names the content of a shard's file: the last part of its name."""
    return file.name.rsplit("-", 1)[-1]
