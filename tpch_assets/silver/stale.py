"""What silver still has to do, read from the lake alone: whatever was late, cut off or redelivered shows here."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from tpch_assets.bronze.stored import declared
from tpch_assets.calendar import parse
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listed
from tpch_assets.lake.snapshot import Snapshots, apart, snapshot
from tpch_assets.layers import WINDOW
from tpch_assets.schema import Business, Group, Table
from tpch_assets.schema.changes import fillable, takes
from tpch_assets.silver.built import not_built
from tpch_assets.silver.dimensions import added_since, is_held
from tpch_assets.silver.loss import loss, waiting


def layer_snapshots(lake: Lake, layer: str, group: Group) -> Snapshots:
    """The tables of a group in a layer, now."""
    return {name: snapshot(lake, lake.table(layer, name)) for name in group.names}


@dataclass(frozen=True)
class Due:
    """Windows to be built.

    Attributes:
        ready: Those that can be built now.
        held: A sentence for each that cannot: bronze is not complete yet, or has lost rows.
    """

    ready: list[str]
    held: dict[str, str]


def stale_windows(lake: Lake, group: Group, until: datetime) -> list[str]:
    """Windows that ended by `until` whose silver is not built from what bronze holds, and can be built now."""
    return due_windows(lake, group, until).ready


def due_windows(lake: Lake, group: Group, until: datetime) -> Due:
    """Windows that ended by `until` whose silver is not built from what bronze holds."""
    stale = [window for window in not_built(lake, group) if parse(window) + WINDOW <= until]
    silver = {name: listed(lake, lake.table("silver", name)) for name in group.names}
    if not stale and _lacks_columns(lake, group, silver):
        # Any commit adds them. Without news, it is that of the newest window.
        stale = [max(file.partition for name in group.names for file in silver[name].files)]
    if not stale:
        return Due([], {})
    bronze = {name: listed(lake, lake.table("bronze", name)) for name in group.names}
    held = waiting(lake, group, bronze, stale)
    for window in stale:
        reasons = (loss(t, bronze[t.name], silver[t.name], silver[t.name].of({window})) for t in group.facts)
        if window not in held and (reason := next(filter(None, reasons), None)):
            held[window] = f"silver's window {window} is not built again: {reason}"
    return Due([window for window in stale if window not in held], held)


def _lacks_columns(lake: Lake, group: Group, silver: Snapshots) -> bool:
    """Whether bronze has taken a declaration in place that silver has not. Bronze is only opened if it may."""
    for table in group.facts:
        stored = silver[table.name]
        if stored.files and takes(table, declared(table, stored), keys=True):
            bronze = listed(lake, lake.table("bronze", table.name))
            if not fillable(table, declared(table, bronze)):
                return True
    return False


def stale_dimensions(lake: Lake, business: Business, faults: list[str] | None = None) -> list[Table]:
    """Dimensions of which bronze has a version that silver does not hold, and that can be built now.

    Args:
        faults: Gets a sentence for each table that cannot be opened; without it, the first one raises.

    Raises:
        TableError: A table cannot be opened.
    """
    found, held = due_dimensions(lake, business, faults)
    return [table for table in found if table.name not in held]


def due_dimensions(
    lake: Lake, business: Business, faults: list[str] | None = None
) -> tuple[list[Table], dict[str, str]]:
    """Dimensions of which bronze has a version that silver does not hold; and by name why one cannot be built."""
    found: list[Table] = []
    held: dict[str, str] = {}
    for table in business.dimensions:
        with nullcontext() if faults is None else apart(faults):
            bronze = listed(lake, lake.table("bronze", table.name))
            silver = listed(lake, lake.table("silver", table.name))
            if bronze.version < 0 or is_held(bronze, silver):
                continue
            found.append(table)
            if added_since(bronze, silver) is None and (reason := loss(table, bronze, silver, silver.files)):
                held[table.name] = f"silver/{table.name} is not built again: {reason}"
    return found, held
