"""Asset checks of what arrives: raw files that are not read and why, holes in the feed, tables that never came.

`watch.py` reports them when they change. `checks.py` recounts what was read.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from tpch_assets.bronze.arrivals import pending
from tpch_assets.calendar import batch_key, is_batch, parse
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import printable
from tpch_assets.lake.snapshot import apart, snapshot
from tpch_assets.layers import BATCH, BRONZE
from tpch_assets.orchestration import setbacks
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.raw.files import batches, deliveries
from tpch_assets.schema import Business, Table
from tpch_assets.settings import Settings

READ, WHOLE, ARRIVED = "every_raw_file_is_read", "feed_has_no_hole", "has_arrived"
LOOK_BACK = timedelta(days=30)
"""Files and holes of older batches are left to the sensor, which sweeps the whole history."""
SHOWN = 10
Results = Iterator[dg.AssetCheckResult]


def feed_checks(settings: Settings, business: Business) -> list[dg.AssetChecksDefinition]:
    """Return the checks of a business's raw files."""
    return [_read(settings, business), _whole(business), _arrived(business)]


def feed(lake: Lake, settings: Settings, business: Business, instance: dg.DagsterInstance, now: datetime) -> Results:
    """The results of all these checks now."""
    failed = setbacks.failures_of(instance, "bronze", now)
    for table in business.tables:
        yield _read_result(lake, table, settings, failed, now)
    for table in business.streams:
        yield _whole_result(lake, table.name, now)
    for table in business.once:
        yield _arrived_result(lake, table.name)


def _read(settings: Settings, business: Business) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            READ,
            asset=["bronze", name],
            description="Bronze contains every raw file. Otherwise lists what is not read, and why.",
        )
        for name in business.names
    ]

    @dg.multi_asset_check(name="bronze_reads_raw", specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Results:
        now = datetime.now(UTC)
        failed = setbacks.failures_of(context.instance, "bronze", now)
        for key in context.selected_asset_check_keys:
            table = business.table(key.asset_key.path[-1])
            yield _read_result(lake.open(), table, settings, failed, now)

    return check


def _read_result(
    lake: Lake, table: Table, settings: Settings, failed: Sequence[setbacks.Failure], now: datetime
) -> dg.AssetCheckResult:
    since, start = batch_key(max(settings.start, now - LOOK_BACK)), batch_key(settings.start)
    entries: list[str] = []
    damage: list[str] = []
    list(deliveries(lake, table.name, since, faults=entries))
    waiting: list[str] = []
    with apart(damage):
        waiting = pending(lake, table, since=since, until=batch_key(now), settle=BRONZE.amber.total_seconds())
    alone = [b for b in waiting if any(one.batches == 1 and one.covers(table.name, b) for one in failed)]
    strays = [name for name in batches(lake, table.name) if not is_batch(name) or name < start]
    long = [batch for batch in waiting if BRONZE.state(BRONZE.lag(parse(batch), now)) == "red"]
    return dg.AssetCheckResult(
        passed=not (waiting or strays or entries or damage),
        severity=dg.AssetCheckSeverity.ERROR if damage or long else dg.AssetCheckSeverity.WARN,
        asset_key=dg.AssetKey(["bronze", table.name]),
        check_name=READ,
        metadata={
            "batches that wait": len(waiting),
            "some that wait": waiting[:SHOWN],
            "set aside, since bronze failed on them alone": alone[:SHOWN],
            "entries that cannot be read": entries[:SHOWN],
            "folders that are no batch since the calendar's start": [printable(name) for name in strays[:SHOWN]],
            "table": damage,
        },
    )


def _whole(business: Business) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            WHOLE,
            asset=["raw", table.name],
            description=f"Between its first and its last batch of the last {LOOK_BACK.days} days each one has files. "
            "Otherwise answers are made without the missing ones.",
        )
        for table in business.streams
    ]

    @dg.multi_asset_check(name="raw_feeds", specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Results:
        for key in context.selected_asset_check_keys:
            yield _whole_result(lake.open(), key.asset_key.path[-1], datetime.now(UTC))

    return check


def _whole_result(lake: Lake, name: str, now: datetime) -> dg.AssetCheckResult:
    holes = _holes([b for b, files in deliveries(lake, name, batch_key(now - LOOK_BACK)) if files])
    return dg.AssetCheckResult(
        passed=not holes,
        severity=dg.AssetCheckSeverity.WARN,
        asset_key=dg.AssetKey(["raw", name]),
        check_name=WHOLE,
        metadata={"batches without files": len(holes), "some of them": holes[:SHOWN]},
    )


def _holes(delivered: list[str]) -> list[str]:
    """The batches that are missing between the first and the last."""
    there = {batch for batch in delivered if is_batch(batch)}
    if not there:
        return []
    begin, end = parse(min(there)), parse(max(there))
    return [key for i in range((end - begin) // BATCH) if (key := batch_key(begin + i * BATCH)) not in there]


def _arrived(business: Business) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            ARRIVED,
            asset=["raw", table.name],
            description="The table has been delivered. Until then the queries that read it have no answer.",
        )
        for table in business.once
    ]

    @dg.multi_asset_check(name="raw_arrivals", specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Results:
        for key in context.selected_asset_check_keys:
            yield _arrived_result(lake.open(), key.asset_key.path[-1])

    return check


def _arrived_result(lake: Lake, name: str) -> dg.AssetCheckResult:
    came = next((batch for batch, files in deliveries(lake, name) if files and is_batch(batch)), None)
    # Raw files may be deleted by their retention; bronze keeps what they held.
    passed = came is not None or snapshot(lake, lake.table("bronze", name)).version >= 0
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        asset_key=dg.AssetKey(["raw", name]),
        check_name=ARRIVED,
        metadata={"first batch": came or "nothing yet"},
    )
