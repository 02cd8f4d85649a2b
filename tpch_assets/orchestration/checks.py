"""Data checks, which recount the files after each run. `bronze/recount.py` and `silver/recount.py` do the counting.

A check tells the state of its table: a run recounts its own partitions and those that were wrong before, and passes
when none is wrong. What is wrong is recorded in the lake (`lake/faults.py`), so gold, which must not read it, knows.
"""

from collections.abc import Iterator

import dagster as dg

from tpch_assets.bronze.recount import LineCount, lines_against_bronze
from tpch_assets.bronze.rejects import open_rejects
from tpch_assets.lake.faults import WHOLE, faults
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import mark, snapshot
from tpch_assets.layers import BATCH, BRONZE, WINDOW
from tpch_assets.orchestration.recounts import BLOCKING, keys_of_run, result, selected, told, with_wrong
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.raw.files import batches
from tpch_assets.schema import Business, Table
from tpch_assets.silver.dimensions import BRONZE_VERSION, held_before
from tpch_assets.silver.recount import KeyCount, count_keys, rows_without_parent

ACCOUNTED, CLEAN = "every_line_is_in_bronze_or_rejects", "no_rejects"
UNIQUE, COMPLETE = "key_is_unique_and_not_null", "holds_exactly_the_keys_of_bronze"
PARENTS, COVERED = "rows_have_their_parent", "parents_have_rows"
Results = Iterator[dg.AssetCheckResult]


def data_checks(business: Business) -> list[dg.AssetChecksDefinition]:
    """Return the checks of bronze and silver, which run together with their assets."""
    return [_bronze_lines(business), _silver_keys(business)]


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
        opened, keys = lake.open(), keys_of_run(context, BATCH)
        for name, wanted in selected(context).items():
            if ACCOUNTED in wanted:
                yield _lines_result(opened, name, keys)
            if CLEAN in wanted:
                yield _rejects_result(opened, name)

    return bronze_lines


def _lines_result(lake: Lake, name: str, keys: list[str] | None) -> dg.AssetCheckResult:
    source = snapshot(lake, lake.table("bronze", name))
    counted = with_wrong(lake, "bronze", name, keys) or batches(lake, name)
    counts: dict[tuple[str, ...], LineCount] = {}

    def wrong(chosen: list[str]) -> str:
        count = counts[tuple(chosen)] = lines_against_bronze(lake, name, chosen)
        sound = count.lines == count.rows + count.rejects
        return "" if sound else f"{count.lines:,} lines, but {count.rows:,} rows and {count.rejects:,} rejects"

    found = told(source, "bronze", name, ACCOUNTED, counted, wrong)
    count = counts[tuple(counted)]
    metadata = {"lines": count.lines, "rows": count.rows, "rejects": count.rejects}
    return result("bronze", name, ACCOUNTED, found, counted, metadata)


def _rejects_result(lake: Lake, name: str) -> dg.AssetCheckResult:
    found = open_rejects(lake, name)
    said = f"{found.acknowledged:,} rejects are acknowledged." if found.acknowledged else "No line is rejected."
    if found.rows:
        said = (
            f"{found.rows:,} lines in {BRONZE.counted(len(found.batches))} are rejected, the first in "
            f"{found.batches[0]}: deliver them again, or acknowledge them by `tpch-assets acknowledge {name}`."
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
        opened, windows = lake.open(), keys_of_run(context, WINDOW)
        for name, wanted in selected(context).items():
            table = business.table(name)
            if wanted & {UNIQUE, COMPLETE}:
                yield from _key_results(opened, table, wanted, windows)
            if table.parent:
                yield from _parent_results(opened, table, business.table(table.parent), wanted, windows)

    return silver_keys


def _key_results(lake: Lake, table: Table, wanted: set[str], windows: list[str] | None) -> Results:
    source = snapshot(lake, lake.table("silver", table.name))
    version = since = None
    if not table.is_fact:
        version = mark(lake, source.uri, BRONZE_VERSION)
        # What was found wrong before may still be.
        since = None if faults(lake, "silver", table.name) else held_before(lake, source.uri)
    if table.is_fact:
        counted = with_wrong(lake, "silver", table.name, windows) or sorted(source.by_partition())
    else:
        counted = [WHOLE]
    counts: dict[tuple[str, ...], KeyCount] = {}

    def count(chosen: list[str]) -> KeyCount:
        if tuple(chosen) not in counts:
            counts[tuple(chosen)] = count_keys(lake, table, chosen if table.is_fact else None, version, since)
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
        found = told(source, "silver", table.name, UNIQUE, counted, doubled)
        metadata = {"rows": total.rows, "without key": total.null, "too many": total.double}
        yield result("silver", table.name, UNIQUE, found, counted, metadata)
    if COMPLETE in wanted:
        found = told(source, "silver", table.name, COMPLETE, counted, lost)
        metadata = {"rows": total.rows, "lost": total.lost, "not in bronze": total.invented}
        yield result("silver", table.name, COMPLETE, found, counted, metadata)


def _parent_results(lake: Lake, table: Table, parent: Table, wanted: set[str], windows: list[str] | None) -> Results:
    for name, rows, others in ((PARENTS, table, parent), (COVERED, parent, table)):
        if name in wanted:
            yield _parent_result(lake, table, name, rows, others, windows)


def _parent_result(
    lake: Lake, table: Table, name: str, rows: Table, others: Table, windows: list[str] | None
) -> dg.AssetCheckResult:
    source = snapshot(lake, lake.table("silver", table.name))
    counted = with_wrong(lake, "silver", table.name, windows) or sorted(source.by_partition())
    counts: dict[tuple[str, ...], tuple[int, list[object]]] = {}

    def wrong(chosen: list[str]) -> str:
        alone, _ = counts[tuple(chosen)] = rows_without_parent(lake, rows, others, chosen)
        return f"{alone:,} rows without {others.name}" if alone else ""

    found = told(source, "silver", table.name, name, counted, wrong, blocks=False)
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
