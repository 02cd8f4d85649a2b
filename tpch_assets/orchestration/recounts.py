"""What data checks share: which partitions a run's check recounts, and how what is wrong is recorded and told."""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

import dagster as dg

from tpch_assets.calendar import TIME_FORMAT, parse
from tpch_assets.lake.faults import WHOLE, faults, record
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot
from tpch_assets.layers import LAYERS
from tpch_assets.orchestration.assets.common import REBUILD
from tpch_assets.orchestration.jobs import range_of
from tpch_assets.orchestration.report import nothing

BLOCKING = "Gold does not read what fails this check, and goes on once it is mended."


def keys_of_run(context: dg.AssetCheckExecutionContext, step: timedelta) -> list[str] | None:
    """Return the run's partition keys; None if it has none, or makes the whole table again."""
    asked = range_of(context.run.tags)
    if asked is None or REBUILD in context.run.tags:
        return None
    begin, last = map(parse, asked)
    return [(begin + i * step).strftime(TIME_FORMAT) for i in range((last - begin) // step + 1)]


def selected(context: dg.AssetCheckExecutionContext) -> dict[str, set[str]]:
    """Return the names of the selected checks, by table."""
    found: dict[str, set[str]] = {}
    for key in context.selected_asset_check_keys:
        found.setdefault(key.asset_key.path[-1], set()).add(key.name)
    return found


def with_wrong(lake: Lake, layer: str, name: str, asked: list[str] | None) -> list[str] | None:
    """Return the partitions to recount: those of the run, and those that were wrong before."""
    if asked is None:
        return None
    return sorted({*asked, *(fault.partition for fault in faults(lake, layer, name))})


def told(
    source: Snapshot,
    layer: str,
    name: str,
    check: str,
    partitions: Collection[str],
    wrong: Callable[[list[str]], str],
    *,
    blocks: bool = True,
) -> dict[str, str]:
    """Find out which of some partitions are wrong, record it, and return those that are.

    Args:
        wrong: Says what is wrong in some partitions together; empty if nothing.
    """
    found = dict.fromkeys(partitions, "")
    if message := wrong(list(partitions)):
        if len(found) > 1:
            found = {partition: wrong([partition]) for partition in partitions}
        if not any(found.values()):  # What is wrong shows in all of them together alone.
            found = dict.fromkeys(partitions, message)
    record(source, layer, name, check, found, blocks=blocks)
    return {partition: message for partition, message in found.items() if message}


def result(
    layer: str,
    name: str,
    check: str,
    wrong: Mapping[str, str],
    counted: Collection[str],
    metadata: Mapping[str, dg.MetadataValue | str | int],
) -> dg.AssetCheckResult:
    """Return the result of a blocking check."""
    partitions = [partition for partition in sorted(wrong) if partition != WHOLE]
    if not wrong:
        what = "the whole table" if WHOLE in counted else LAYERS[layer].counted(len(counted))
        said = f"Sound: {what} recounted; no other part of it is known to be wrong."
    else:
        what = wrong[min(wrong)]
        where = nothing(layer, "in", partitions) if partitions else ""
        said = f"Wrong {where} {what}. {BLOCKING}".replace("  ", " ")
    return dg.AssetCheckResult(
        passed=not wrong,
        asset_key=dg.AssetKey([layer, name]),
        check_name=check,
        metadata={**metadata, **({"wrong partitions": partitions} if partitions else {})},
        description=said,
    )
