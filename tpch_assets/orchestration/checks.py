"""Asset checks: what must hold of the data, recounted from the files; and how old it may be."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from tpch_assets import layers as freshness
from tpch_assets.bronze import arrivals
from tpch_assets.calendar import BATCH, TIME_FORMAT, WINDOW, parse
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.delta import mark, snapshot
from tpch_assets.lake.lake import Lake
from tpch_assets.silver import recount
from tpch_assets.silver.dimensions import BRONZE_VERSION
from tpch_assets.tpch.tables import PAIRED, TABLE_NAMES, TABLES, TableName

RANGE_START, RANGE_END, PARTITION = (
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
    "dagster/partition",
)
ACCOUNTED, CLEAN = "every_line_is_in_bronze_or_rejects", "no_rejects"
UNIQUE, COMPLETE, ORPHANS = "key_is_unique_and_not_null", "holds_exactly_the_keys_of_bronze", "lines_have_an_order"
FRESH = "is_fresh"


def asset_checks() -> list[dg.AssetChecksDefinition]:
    """All checks of all layers."""
    return [*DATA, *FRESHNESS]


def data_checks_of(assets: Collection[dg.AssetKey]) -> list[dg.AssetCheckKey]:
    """The checks that run with these assets: all but those of age, which have their own schedule."""
    return [key for check in DATA for key in check.check_keys if key.asset_key in assets]


def _keys_of_run(context: dg.AssetCheckExecutionContext, step: timedelta) -> list[str] | None:
    """The partition keys that the run is about; None where it names none."""
    tags = context.run.tags
    first, last = tags.get(RANGE_START, tags.get(PARTITION)), tags.get(RANGE_END, tags.get(PARTITION))
    if not first or not last:
        return None
    begin = parse(first)
    return [(begin + i * step).strftime(TIME_FORMAT) for i in range((parse(last) - begin) // step + 1)]


def _selected(context: dg.AssetCheckExecutionContext) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key in context.selected_asset_check_keys:
        found.setdefault(key.asset_key.path[-1], set()).add(key.name)
    return found


def _bronze_lines() -> dg.AssetChecksDefinition:
    descriptions = {
        ACCOUNTED: "Lines in the raw files = rows in bronze + rows in its rejects, counted again.",
        CLEAN: "No line was rejected; the reasons of some that were.",
    }
    specs = [
        dg.AssetCheckSpec(name, asset=["bronze", table], description=description)
        for table in TABLE_NAMES
        for name, description in descriptions.items()
    ]

    @dg.multi_asset_check(name="bronze_lines", specs=specs, can_subset=True)
    def bronze_lines(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.AssetCheckResult]:
        batches = _keys_of_run(context, BATCH)
        for name, wanted in _selected(context).items():
            table: TableName = name
            count = recount.lines_against_bronze(lake, table, lake.raw_batches(table) if batches is None else batches)
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


def _silver_keys() -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset=["silver", table], description=description)
        for table in TABLE_NAMES
        for name, description in {
            UNIQUE: "Every row has a primary key, and no two rows have the same.",
            COMPLETE: "Silver has exactly the distinct keys that bronze has.",
        }.items()
    ]
    specs.append(
        dg.AssetCheckSpec(ORPHANS, asset=["silver", "lineitem"], description="Every order line belongs to an order.")
    )

    @dg.multi_asset_check(name="silver_keys", specs=specs, can_subset=True)
    def silver_keys(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.AssetCheckResult]:
        windows = _keys_of_run(context, WINDOW)
        for name, wanted in _selected(context).items():
            table: TableName = name
            asset = dg.AssetKey(["silver", name])
            if wanted & {UNIQUE, COMPLETE}:
                paired = name in PAIRED
                version = None if paired else mark(lake, lake.table("silver", name), BRONZE_VERSION)
                count = recount.silver_keys(lake, table, windows if paired else None, version)
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
            if ORPHANS in wanted:
                orphans, examples = recount.lines_without_order(lake, windows)
                yield dg.AssetCheckResult(
                    passed=not orphans,
                    severity=dg.AssetCheckSeverity.WARN,
                    asset_key=asset,
                    check_name=ORPHANS,
                    metadata={"lines without an order": orphans, "order keys": examples},
                )

    return silver_keys


def _freshness(layer: str, names: list[str], latest: Callable[[Lake, str], str | None]) -> dg.AssetChecksDefinition:
    amber, red = freshness.ALLOWED[layer]
    specs = [
        dg.AssetCheckSpec(
            FRESH,
            asset=[layer, name],
            description=f"The latest partition ended at most {amber} ago (warning), or {red} (error).",
        )
        for name in names
    ]

    @dg.multi_asset_check(name=f"{layer}_freshness", specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]) -> Iterator[dg.AssetCheckResult]:
        now = datetime.now(UTC)
        for name in _selected(context):
            key = latest(lake, name)
            lag = freshness.lag(layer, key, now) if key else None
            state = freshness.state(layer, lag) if lag is not None else "red"
            yield dg.AssetCheckResult(
                passed=state == "green",
                severity=dg.AssetCheckSeverity.ERROR if state == "red" else dg.AssetCheckSeverity.WARN,
                asset_key=dg.AssetKey([layer, name]),
                check_name=FRESH,
                metadata={"latest": key or "nothing yet", "lag (minutes)": lag.total_seconds() / 60 if lag else -1.0},
            )

    return check


def _latest_raw(lake: Lake, name: str) -> str | None:
    return arrivals.latest(lake, name, datetime.now(UTC))


def _latest_in(layer: str) -> Callable[[Lake, str], str | None]:
    return lambda lake, name: max(snapshot(lake, lake.table(layer, name)).by_partition(), default=None)


_STREAMS: list[str] = [name for name, table in TABLES.items() if table.arrives == "every batch"]

DATA: list[dg.AssetChecksDefinition] = [_bronze_lines(), _silver_keys()]
FRESHNESS: list[dg.AssetChecksDefinition] = [
    _freshness("raw", _STREAMS, _latest_raw),
    _freshness("bronze", _STREAMS, _latest_in("bronze")),
    _freshness("silver", list(PAIRED), _latest_in("silver")),
    _freshness("gold", list(load_queries()), _latest_in("gold")),
]
