"""Data checks, which recount the files after each run. `bronze/recount.py` and `silver/recount.py` do the counting.

A check tells the state of its table: a run recounts its own partitions and those that were wrong before, and passes
when none is wrong. What is wrong is recorded in the lake (`lake/faults.py`), so gold, which must not read it, knows.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from tpch_assets.bronze.recount import LineCount, lines_against_bronze
from tpch_assets.bronze.rejects import open_rejects
from tpch_assets.calendar import TIME_FORMAT, parse
from tpch_assets.lake.faults import WHOLE, faults, record
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, mark, snapshot
from tpch_assets.layers import BATCH, WINDOW
from tpch_assets.orchestration.assets.common import REBUILD
from tpch_assets.orchestration.jobs import range_of
from tpch_assets.orchestration.report import nothing
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.raw.files import batches
from tpch_assets.schema import Business, Table
from tpch_assets.silver.dimensions import BRONZE_VERSION
from tpch_assets.silver.recount import KeyCount, count_keys, rows_without_parent

ACCOUNTED, CLEAN = "every_line_is_in_bronze_or_rejects", "no_rejects"
UNIQUE, COMPLETE = "key_is_unique_and_not_null", "holds_exactly_the_keys_of_bronze"
PARENTS, COVERED = "rows_have_their_parent", "parents_have_rows"
BLOCKING = "Gold does not read what fails this check, and goes on once it is mended."
Results = Iterator[dg.AssetCheckResult]


def data_checks(business: Business) -> list[dg.AssetChecksDefinition]:
    """Return the checks of bronze and silver, which run together with their assets."""
    return [_bronze_lines(business), _silver_keys(business)]


def _keys_of_run(context: dg.AssetCheckExecutionContext, step: timedelta) -> list[str] | None:
    """Return the run's partition keys; None if it has none, or makes the whole table again."""
    asked = range_of(context.run.tags)
    if asked is None or REBUILD in context.run.tags:
        return None
    begin, last = map(parse, asked)
    return [(begin + i * step).strftime(TIME_FORMAT) for i in range((last - begin) // step + 1)]


def _selected(context: dg.AssetCheckExecutionContext) -> dict[str, set[str]]:
    """Return the names of the selected checks, by table."""
    found: dict[str, set[str]] = {}
    for key in context.selected_asset_check_keys:
        found.setdefault(key.asset_key.path[-1], set()).add(key.name)
    return found


def _with_wrong(lake: Lake, layer: str, name: str, asked: list[str] | None) -> list[str] | None:
    """Return the partitions to recount: those of the run, and those that were wrong before."""
    if asked is None:
        return None
    return sorted({*asked, *(fault.partition for fault in faults(lake, layer, name))})


def _told(
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


def _result(
    layer: str,
    name: str,
    check: str,
    wrong: Mapping[str, str],
    counted: Collection[str],
    metadata: dict[str, Any],
) -> dg.AssetCheckResult:
    """Return the result of a blocking check."""
    partitions = [partition for partition in sorted(wrong) if partition != WHOLE]
    if not wrong:
        said = f"Sound: {len(counted)} partitions were recounted, and of the earlier ones none is wrong."
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


def _bronze_lines(business: Business) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset=["bronze", table], description=description, blocking=name == ACCOUNTED)
        for table in business.names
        for name, description in {
            ACCOUNTED: f"Recounted: lines in the raw files = rows in bronze + rows in its rejects. {BLOCKING}",
            CLEAN: "No line is rejected, or all that are were redelivered or acknowledged "
            f"(`tpch-assets acknowledge {table}`). Otherwise lists the reasons.",
        }.items()
    ]

    @dg.multi_asset_check(name="bronze_lines", specs=specs, can_subset=True)
    def bronze_lines(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Results:
        opened, keys = lake.open(), _keys_of_run(context, BATCH)
        for name, wanted in _selected(context).items():
            if ACCOUNTED in wanted:
                yield _lines_result(opened, name, keys)
            if CLEAN in wanted:
                yield _rejects_result(opened, name)

    return bronze_lines


def _lines_result(lake: Lake, name: str, keys: list[str] | None) -> dg.AssetCheckResult:
    source = snapshot(lake, lake.table("bronze", name))
    counted = _with_wrong(lake, "bronze", name, keys) or batches(lake, name)
    counts: dict[tuple[str, ...], LineCount] = {}

    def wrong(chosen: list[str]) -> str:
        count = counts[tuple(chosen)] = lines_against_bronze(lake, name, chosen)
        sound = count.lines == count.rows + count.rejects
        return "" if sound else f"{count.lines:,} lines, but {count.rows:,} rows and {count.rejects:,} rejects"

    found = _told(source, "bronze", name, ACCOUNTED, counted, wrong)
    count = counts[tuple(counted)]
    metadata = {"lines": count.lines, "rows": count.rows, "rejects": count.rejects}
    return _result("bronze", name, ACCOUNTED, found, counted, metadata)


def _rejects_result(lake: Lake, name: str) -> dg.AssetCheckResult:
    found = open_rejects(lake, name)
    said = f"{found.acknowledged:,} rejects are acknowledged." if found.acknowledged else "No line is rejected."
    if found.rows:
        said = (
            f"{found.rows:,} lines of {len(found.batches)} batches are rejected, the first in {found.batches[0]}: "
            f"deliver them again, or acknowledge them by `tpch-assets acknowledge {name}`."
        )
    return dg.AssetCheckResult(
        passed=not found.rows,
        severity=dg.AssetCheckSeverity.WARN,
        asset_key=dg.AssetKey(["bronze", name]),
        check_name=CLEAN,
        description=said,
        metadata={
            "rejects": found.rows,
            "acknowledged": found.acknowledged,
            "batches": found.batches[:10],
            "rows by reason": found.by_reason,
            "reasons": found.examples,
        },
    )


def _silver_keys(business: Business) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset=["silver", table], description=f"{description} {BLOCKING}", blocking=True)
        for table in business.names
        for name, description in {
            UNIQUE: "Every row has a primary key, and no two rows have the same one.",
            COMPLETE: "Silver has exactly the distinct keys of bronze.",
        }.items()
    ]
    specs += [
        dg.AssetCheckSpec(
            PARENTS,
            asset=["silver", table.name],
            description=f"Every row of {table.name} has its parent in {table.parent}.",
        )
        for table in business.facts
        if table.parent
    ]
    specs += [
        dg.AssetCheckSpec(
            COVERED,
            asset=["silver", table.name],
            description=f"Every row of {table.parent} has a row in {table.name}.",
        )
        for table in business.facts
        if table.covers_parent
    ]

    @dg.multi_asset_check(name="silver_keys", specs=specs, can_subset=True)
    def silver_keys(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Results:
        opened, windows = lake.open(), _keys_of_run(context, WINDOW)
        for name, wanted in _selected(context).items():
            table = business.table(name)
            if wanted & {UNIQUE, COMPLETE}:
                yield from _key_results(opened, table, wanted, windows)
            if table.parent:
                yield from _parent_results(opened, table, business.table(table.parent), wanted, windows)

    return silver_keys


def _key_results(lake: Lake, table: Table, wanted: set[str], windows: list[str] | None) -> Results:
    source = snapshot(lake, lake.table("silver", table.name))
    version = None if table.is_fact else mark(lake, source.uri, BRONZE_VERSION)
    if table.is_fact:
        counted = _with_wrong(lake, "silver", table.name, windows) or sorted(source.by_partition())
    else:
        counted = [WHOLE]
    counts: dict[tuple[str, ...], KeyCount] = {}

    def count(chosen: list[str]) -> KeyCount:
        if tuple(chosen) not in counts:
            counts[tuple(chosen)] = count_keys(lake, table, chosen if table.is_fact else None, version)
        return counts[tuple(chosen)]

    def doubled(chosen: list[str]) -> str:
        one = count(chosen)
        return f"{one.null:,} rows without a key, {one.double:,} too many" if one.null or one.double else ""

    def lost(chosen: list[str]) -> str:
        one = count(chosen)
        if one.lost or one.invented:
            return f"{one.lost:,} keys of bronze are lost, {one.invented:,} are not in bronze"
        return ""

    total = count(counted)
    if UNIQUE in wanted:
        found = _told(source, "silver", table.name, UNIQUE, counted, doubled)
        metadata = {"rows": total.rows, "without key": total.null, "too many": total.double}
        yield _result("silver", table.name, UNIQUE, found, counted, metadata)
    if COMPLETE in wanted:
        found = _told(source, "silver", table.name, COMPLETE, counted, lost)
        metadata = {"rows": total.rows, "lost": total.lost, "not in bronze": total.invented}
        yield _result("silver", table.name, COMPLETE, found, counted, metadata)


def _parent_results(lake: Lake, table: Table, parent: Table, wanted: set[str], windows: list[str] | None) -> Results:
    for name, rows, others in ((PARENTS, table, parent), (COVERED, parent, table)):
        if name in wanted:
            yield _parent_result(lake, table, name, rows, others, windows)


def _parent_result(
    lake: Lake, table: Table, name: str, rows: Table, others: Table, windows: list[str] | None
) -> dg.AssetCheckResult:
    source = snapshot(lake, lake.table("silver", table.name))
    counted = _with_wrong(lake, "silver", table.name, windows) or sorted(source.by_partition())
    counts: dict[tuple[str, ...], tuple[int, list[object]]] = {}

    def wrong(chosen: list[str]) -> str:
        alone, _ = counts[tuple(chosen)] = rows_without_parent(lake, rows, others, chosen)
        return f"{alone:,} rows without {others.name}" if alone else ""

    found = _told(source, "silver", table.name, name, counted, wrong, blocks=False)
    alone, examples = counts[tuple(counted)]
    return dg.AssetCheckResult(
        passed=not alone,
        severity=dg.AssetCheckSeverity.WARN,
        asset_key=dg.AssetKey(["silver", table.name]),
        check_name=name,
        metadata={
            f"rows without {others.name}": alone,
            f"{rows.shard_key} of some": [str(key) for key in examples],
            **({"windows": sorted(found)} if found else {}),
        },
    )
