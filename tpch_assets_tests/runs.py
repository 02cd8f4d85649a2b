"""What runs of silver and of the IO manager do, by the layers' own functions, without Dagster."""

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import write_piece
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.storing import commit_pieces
from tpch_assets.lake.update import TableUpdate
from tpch_assets.schema import Group, Table
from tpch_assets.silver.dimensions import added_since, plan_dimension
from tpch_assets.silver.loss import check_complete, check_loss
from tpch_assets.silver.shards import plan_shards
from tpch_assets.silver.stale import layer_snapshots


def store(lake: Lake, layer: str, name: str, update: TableUpdate) -> None:
    """What workers and the driver do."""
    uri = lake.table(layer, name)
    pieces = [
        write_piece(lake, uri, key, file, content)
        for key, files in update.files.items()
        for file, content in files.items()
    ]
    commit_pieces(lake, uri, pieces, update)


def shards(lake: Lake, group: Group, windows: list[str], shard_rows: int) -> dict[str, TableUpdate]:
    """What a run makes of some windows of a group, by table."""
    bronze, silver = (layer_snapshots(lake, layer, group) for layer in ("bronze", "silver"))
    updates = plan_shards(group, bronze, silver, windows, shard_rows)
    planned = {window for update in updates.values() for window in update.files}
    check_complete(lake, group, bronze, planned)
    check_loss(group.facts, bronze, silver, planned)
    return updates


def dimension(lake: Lake, table: Table, shard_rows: int) -> TableUpdate:
    """What a run makes of a dimension."""
    bronze, silver = ({table.name: snapshot(lake, lake.table(layer, table.name))} for layer in ("bronze", "silver"))
    if added_since(bronze[table.name], silver[table.name]) is None:
        check_loss([table], bronze, silver)
    return plan_dimension(table, bronze[table.name], silver[table.name], shard_rows)
