"""What silver still has to do, read from the lake alone: whatever was late, cut off or redelivered shows here."""

from contextlib import nullcontext
from datetime import datetime

from tpch_assets.calendar import parse, window_of
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshots, apart, mark, snapshot
from tpch_assets.layers import WINDOW
from tpch_assets.schema import Business, Group, Table
from tpch_assets.silver.dimensions import BRONZE_VERSION
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.silver.shards import digest


def layer_snapshots(lake: Lake, layer: str, group: Group) -> Snapshots:
    """The tables of a group in a layer, now."""
    return {name: snapshot(lake, lake.table(layer, name)) for name in group.names}


def stale_windows(lake: Lake, group: Group, until: datetime) -> list[str]:
    """Windows that ended by `until` whose silver is not built from what bronze holds."""
    found = stale_windows_of(group, layer_snapshots(lake, "bronze", group), layer_snapshots(lake, "silver", group))
    return [window for window in found if parse(window) + WINDOW <= until]


def stale_windows_of(group: Group, bronze: Snapshots, silver: Snapshots) -> list[str]:
    """The windows whose bronze files are not the ones that silver was built from, or whose shards are half written.

    Half a shard is left where a run was cut off between its commits. What it was built for may be another window, which
    need not be stale any more.
    """
    wanted: dict[str, list[str]] = {}
    for name in group.names:
        for file in bronze[name].files:
            wanted.setdefault(window_of(file.partition), []).append(f"{name}/{file.path}")
    have = {
        name: {
            window: {ShardName.parse(file.name) for file in files}
            for window, files in silver[name].by_partition().items()
        }
        for name in group.names
    }
    windows = wanted.keys() | {window for built in have.values() for window in built}
    return sorted(
        window
        for window in windows
        if not _is_built(
            digest(sorted(wanted.get(window, ()))), [have[name].get(window, set()) for name in group.names]
        )
    )


def _is_built(inputs: str, tables: list[set[ShardName]]) -> bool:
    """Whether all tables hold the same shards of a window, and none but those built from these inputs."""
    first, *others = ({shard.id for shard in shards} for shards in tables)
    return {shard.inputs for shard in tables[0]} == {inputs} and all(ids == first for ids in others)


def stale_dimensions(lake: Lake, business: Business, faults: list[str] | None = None) -> list[Table]:
    """Dimensions of which bronze has a version that silver does not hold.

    Args:
        faults: Gets a sentence for each table that cannot be opened; without it, the first one raises.

    Raises:
        TableError: A table cannot be opened.
    """
    found: list[Table] = []
    for table in business.dimensions:
        with nullcontext() if faults is None else apart(faults):
            bronze = snapshot(lake, lake.table("bronze", table.name))
            held = mark(lake, lake.table("silver", table.name), BRONZE_VERSION)
            if bronze.version >= 0 and held != bronze.version:
                found.append(table)
    return found
