"""Asset checks: data checks, which recount the files, and freshness checks.

`bronze/recount.py` and `silver/recount.py` do the counting.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from tpch_assets.bronze import arrivals
from tpch_assets.bronze.recount import lines_against_bronze
from tpch_assets.calendar import TIME_FORMAT, parse
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import listed
from tpch_assets.lake.snapshot import apart, mark
from tpch_assets.layers import BATCH, LAYERS, WINDOW, Layer
from tpch_assets.orchestration.jobs import FRESH, range_of
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.raw.files import batches
from tpch_assets.schema import Business, Table
from tpch_assets.silver.dimensions import BRONZE_VERSION, held_before
from tpch_assets.silver.recount import count_keys, rows_without_parent

ACCOUNTED, CLEAN = "every_line_is_in_bronze_or_rejects", "no_rejects"
UNIQUE, COMPLETE = "key_is_unique_and_not_null", "holds_exactly_the_keys_of_bronze"
PARENTS, COVERED = "rows_have_their_parent", "parents_have_rows"
Results = Iterator[dg.AssetCheckResult]


def data_checks(business: Business) -> list[dg.AssetChecksDefinition]:
    """Return the checks that run together with their assets."""
    return [_bronze_lines(business), _silver_keys(business)]


def freshness_checks(business: Business) -> list[dg.AssetChecksDefinition]:
    """Return the freshness checks, which have their own schedule."""
    streams, facts = [t.name for t in business.streams], [t.name for t in business.facts]
    return [
        _freshness(LAYERS["raw"], streams, _latest_raw),
        _freshness(LAYERS["bronze"], streams, _latest_in("bronze")),
        _freshness(LAYERS["silver"], facts, _latest_in("silver")),
        _freshness(LAYERS["gold"], list(load_queries(business)), _latest_in("gold")),
    ]


def _keys_of_run(context: dg.AssetCheckExecutionContext, step: timedelta) -> list[str] | None:
    """Return the run's partition keys; None if it has none."""
    asked = range_of(context.run.tags)
    if asked is None:
        return None
    begin, last = map(parse, asked)
    return [(begin + i * step).strftime(TIME_FORMAT) for i in range((last - begin) // step + 1)]


def _selected(context: dg.AssetCheckExecutionContext) -> dict[str, set[str]]:
    """Return the names of the selected checks, by table."""
    found: dict[str, set[str]] = {}
    for key in context.selected_asset_check_keys:
        found.setdefault(key.asset_key.path[-1], set()).add(key.name)
    return found


def _bronze_lines(business: Business) -> dg.AssetChecksDefinition:
    descriptions = {
        ACCOUNTED: "Recounted: lines in the raw files = rows in bronze + rows in its rejects.",
        CLEAN: "No line was rejected. Otherwise lists the reasons of some rejects.",
    }
    specs = [
        dg.AssetCheckSpec(name, asset=["bronze", table], description=description)
        for table in business.names
        for name, description in descriptions.items()
    ]

    @dg.multi_asset_check(name="bronze_lines", specs=specs, can_subset=True)
    def bronze_lines(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Results:
        opened, keys = lake.open(), _keys_of_run(context, BATCH)
        for name, wanted in _selected(context).items():
            count = lines_against_bronze(opened, name, batches(opened, name) if keys is None else keys)
            metadata = {"lines": count.lines, "rows": count.rows, "rejects": count.rejects}
            asset = dg.AssetKey(["bronze", name])
            if ACCOUNTED in wanted:
                passed = count.lines == count.rows + count.rejects
                yield dg.AssetCheckResult(passed=passed, asset_key=asset, check_name=ACCOUNTED, metadata=metadata)
            if CLEAN in wanted:
                yield dg.AssetCheckResult(
                    passed=not count.rejects,
                    severity=dg.AssetCheckSeverity.WARN,
                    asset_key=asset,
                    check_name=CLEAN,
                    metadata={**metadata, "reasons": count.reasons},
                )

    return bronze_lines


def _silver_keys(business: Business) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset=["silver", table], description=description)
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
                yield from _key_results(opened, table, wanted, windows if table.is_fact else None)
            if table.parent:
                yield from _parent_results(opened, table, business.table(table.parent), wanted, windows)

    return silver_keys


def _key_results(lake: Lake, table: Table, wanted: set[str], windows: list[str] | None) -> Results:
    uri = lake.table("silver", table.name)
    version, since = (None, None) if table.is_fact else (mark(lake, uri, BRONZE_VERSION), held_before(lake, uri))
    count = count_keys(lake, table, windows, version, since)
    asset = dg.AssetKey(["silver", table.name])
    if UNIQUE in wanted:
        yield dg.AssetCheckResult(
            passed=not count.null and not count.double,
            asset_key=asset,
            check_name=UNIQUE,
            metadata={"rows": count.rows, "without key": count.null, "too many": count.double},
        )
    if COMPLETE in wanted:
        yield dg.AssetCheckResult(
            passed=not count.lost and not count.invented,
            asset_key=asset,
            check_name=COMPLETE,
            metadata={"rows": count.rows, "lost": count.lost, "not in bronze": count.invented},
        )


def _parent_results(lake: Lake, table: Table, parent: Table, wanted: set[str], windows: list[str] | None) -> Results:
    for name, rows, others in ((PARENTS, table, parent), (COVERED, parent, table)):
        if name in wanted:
            alone, examples = rows_without_parent(lake, rows, others, windows)
            yield dg.AssetCheckResult(
                passed=not alone,
                severity=dg.AssetCheckSeverity.WARN,
                asset_key=dg.AssetKey(["silver", table.name]),
                check_name=name,
                metadata={
                    f"rows without {others.name}": alone,
                    f"{rows.shard_key} of some": [str(key) for key in examples],
                },
            )


def _freshness(layer: Layer, names: list[str], latest: Callable[[Lake, str], str | None]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            FRESH,
            asset=[layer.name, name],
            description=f"The latest partition ended at most {layer.amber} ago (warning), or {layer.red} (error).",
        )
        for name in names
    ]

    @dg.multi_asset_check(name=f"{layer.name}_freshness", specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Results:
        opened, now = lake.open(), datetime.now(UTC)
        for name in _selected(context):
            key, faults = None, list[str]()
            with apart(faults):
                key = latest(opened, name)
            lag = layer.lag(parse(key), now) if key else None
            state = layer.state(lag) if lag is not None else "red"
            yield dg.AssetCheckResult(
                passed=state == "green",
                severity=dg.AssetCheckSeverity.ERROR if state == "red" else dg.AssetCheckSeverity.WARN,
                asset_key=dg.AssetKey([layer.name, name]),
                check_name=FRESH,
                metadata={
                    "latest": key or " ".join(faults) or "nothing yet",
                    "lag (minutes)": lag.total_seconds() / 60 if lag else -1.0,
                },
            )

    return check


def _latest_raw(lake: Lake, name: str) -> str | None:
    return arrivals.latest(lake, name, datetime.now(UTC))


def _latest_in(layer: str) -> Callable[[Lake, str], str | None]:
    return lambda lake, name: max(
        (file.partition for file in listed(lake, lake.table(layer, name)).files), default=None
    )
