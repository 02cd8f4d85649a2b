"""What windows are built from, and which are not built from what bronze holds now."""

import hashlib
from collections.abc import Iterable

from tpch_assets.calendar import window_of
from tpch_assets.lake.snapshot import DataFile, Snapshots
from tpch_assets.schema import Group
from tpch_assets.silver.rows import VERSION
from tpch_assets.silver.shard_name import ShardName


def stale_windows_of(group: Group, bronze: Snapshots, silver: Snapshots) -> list[str]:
    """The windows whose bronze files are not the ones that silver was built from, or whose shards are half written.

    Half a shard is left where a run was cut off between its commits. What it was built for may be another window, which
    need not be stale any more.
    """
    wanted: dict[str, list[str]] = {}
    for name in group.names:
        for file in bronze[name].files:
            wanted.setdefault(window_of(file.partition), []).append(f"{name}/{file.path}")
    have = {name: silver[name].by_partition() for name in group.names}
    windows = wanted.keys() | {window for built in have.values() for window in built}
    return sorted(
        window
        for window in windows
        if not is_built(inputs_digest(wanted.get(window, ())), [have[name].get(window, ()) for name in group.names])
    )


def is_built(inputs: str, tables: Iterable[Iterable[DataFile]]) -> bool:
    """Whether all tables hold the same shards of a window, and none but those built from these inputs."""
    first, *others = ({ShardName.parse(file.name) for file in files} for files in tables)
    ids = {shard.id for shard in first}
    return {shard.inputs for shard in first} == {inputs} and all({s.id for s in shards} == ids for shards in others)


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
