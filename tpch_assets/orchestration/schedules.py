"""Decides when layers run: schedules for raw, silver and gold, a sensor for new raw files, and one for late data.

Every tick checks the lake for missing or stale partitions and requests exactly those. So gaps (a night off, a failed
run, a late file) are caught up automatically, with many partitions in few runs. Dagster's declarative automation does
not see files in a folder, and its open bugs (#34094, #27857) would request partitions twice. So the project has its own
sensors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from tpch_assets.bronze import arrivals
from tpch_assets.calendar import batch_key, floor
from tpch_assets.gold.queries import load_queries
from tpch_assets.gold.stale import stale_days
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import BATCH, GOLD, LATE, RAW, SILVER, cron
from tpch_assets.orchestration.jobs import Job, Requests
from tpch_assets.orchestration.ticks import Found, layer_schedule, layer_sensor, schedule_status
from tpch_assets.raw.missing import missing_batches, missing_once
from tpch_assets.schema import Business
from tpch_assets.settings import Settings
from tpch_assets.silver.stale import due_dimensions, due_windows, stale_dimensions, stale_windows

WHOLE_HISTORY = 0  # The hour in which the raw schedule checks the whole history.
AFTER_WINDOW, AFTER_DAY = timedelta(minutes=20), timedelta(minutes=45)
"""Delay of silver and gold after the end of a window or day, so that the previous layer is done."""
AFTER_BATCH = timedelta(minutes=5)
"""Delay of the freshness checks after the end of a batch. At most a third of a batch."""


@dataclass(frozen=True)
class Planner:
    """Finds the missing or stale partitions of each layer in the lake, and requests runs for them."""

    settings: Settings
    business: Business
    requests: Requests

    def raw(self, lake: Lake, moment: datetime) -> Found:
        """Request batches that ended by `moment` and are missing in raw, and missing tables that arrive once."""
        if not self.settings.generate or self.business.source is None:
            return Found(reason="TPCH_GENERATE=false: files land in raw on their own.")
        start = self.settings.start
        recent = max(start, floor(moment, BATCH) - arrivals.RECENT)
        missing = missing_batches(lake, self.business, recent, moment)
        # Batches are generated in order, so a gap reaches further back only if the first recent batch is missing.
        if recent > start and (moment.hour == WHOLE_HISTORY or batch_key(recent) in missing):
            missing = missing_batches(lake, self.business, start, moment)
        requests = self.requests.for_ranges("raw", {table.name: missing for table in self.business.streams})
        if missing and (once := missing_once(lake, self.business)):
            requests += self.requests.for_ranges("raw", {table.name: [batch_key(start)] for table in once})
        return Found(requests, "Every batch that has ended is in raw.")

    def bronze(self, lake: Lake, cursor: str | None) -> Found:
        """Request batches with raw files that are not in bronze."""
        now, start = datetime.now(UTC), batch_key(self.settings.start)
        found = arrivals.scan(lake, self.business, cursor, now, self.settings.settle_seconds)
        warnings = []
        for name in self.business.names:
            if odd := [batch for batch in found.pending[name] if batch < start] + found.strays[name]:
                warnings.append(
                    f"raw/{name}/{odd[0]} is not a batch since TPCH_START={start}: {len(odd)} such folders are not read"
                )
        wanted = {name: [b for b in new if start <= b < batch_key(now)] for name, new in found.pending.items()}
        return Found(self.ranges("bronze", wanted), "Bronze contains every raw file.", found.cursor, warnings)

    def ranges(self, layer: str, wanted: Mapping[str, Sequence[str]]) -> list[dg.RunRequest]:
        """Request partitions by asset."""
        return self.requests.for_ranges(layer, wanted)

    def windows(self, lake: Lake, until: datetime) -> list[dg.RunRequest]:
        """Request stale windows of silver that ended by `until`."""
        wanted: dict[str, Sequence[str]] = {}
        for group in self.business.groups:
            wanted |= dict.fromkeys(group.names, stale_windows(lake, group, until))
        return self.ranges("silver", wanted)

    def dimensions(self, lake: Lake) -> list[dg.RunRequest]:
        """Request one run for all stale dimensions of silver."""
        stale = stale_dimensions(lake, self.business)
        return [self.requests.for_assets("silver", [table.name for table in stale])] if stale else []

    def silver(self, lake: Lake, moment: datetime) -> Found:
        """Request everything that is stale in silver."""
        return Found(self.windows(lake, moment) + self.dimensions(lake), "Silver is up to date with bronze.")

    def days(self, lake: Lake, until: datetime) -> list[dg.RunRequest]:
        """Request days with answers that are missing, or not made by the current query from the current silver."""
        queries = load_queries(self.business).values()
        start, scale_factor = self.settings.start, self.settings.scale_factor
        return self.ranges("gold", stale_days(lake, self.business, queries, start, until, scale_factor))

    def gold(self, lake: Lake, moment: datetime) -> Found:
        """Request stale days of gold that ended by `moment`."""
        return Found(self.days(lake, moment), "Gold is up to date with silver.")

    def late(self, lake: Lake, cursor: str | None) -> Found:
        """Request windows or days with late data. The schedules handle younger windows and days."""
        until = datetime.now(UTC) - LATE
        warnings = self.held(lake, until)
        if windows := self.windows(lake, until):
            return Found(windows + self.dimensions(lake), warnings=warnings)
        return Found(self.days(lake, until), warnings[0] if warnings else "Nothing is late.", warnings=warnings)

    def held(self, lake: Lake, until: datetime) -> list[str]:
        """Return a sentence for everything stale in silver that cannot be built now."""
        windows = [due_windows(lake, group, until).held for group in self.business.groups]
        return [*(text for held in windows for text in held.values()), *due_dimensions(lake, self.business)[1].values()]


def layer_schedules(planner: Planner, jobs: Mapping[str, Job]) -> list[dg.ScheduleDefinition]:
    """Return the schedules of raw, silver and gold, and of the freshness checks."""
    settings = planner.settings
    freshness = dg.ScheduleDefinition(
        name="freshness_schedule",
        job=jobs["freshness"],
        cron_schedule=cron(BATCH, min(AFTER_BATCH, BATCH // 3)),
        default_status=schedule_status(settings),
        description=f"Every {RAW.every}: check how old the data of each layer is.",
    )
    return [
        layer_schedule(
            settings,
            jobs["raw"],
            cron(RAW.step),
            f"Every {RAW.every}: generate the batches that have ended and are missing in raw.",
            ["raw"],
            planner.raw,
        ),
        layer_schedule(
            settings,
            jobs["silver"],
            cron(SILVER.step, AFTER_WINDOW),
            f"Every {SILVER.every}: compact the windows that have ended, and update the dimensions.",
            ["silver"],
            planner.silver,
        ),
        layer_schedule(
            settings,
            jobs["gold"],
            cron(GOLD.step, AFTER_DAY),
            f"Every {GOLD.every}, after its last window is in silver: answer every query as of that day.",
            ["gold", "silver"],
            planner.gold,
        ),
        freshness,
    ]


def layer_sensors(planner: Planner, jobs: Mapping[str, Job]) -> list[dg.SensorDefinition]:
    """Return the sensors of bronze and of late data."""
    return [
        layer_sensor(
            planner.settings,
            "bronze_sensor",
            [jobs["bronze"]],
            60,
            "Every minute: ingest raw files that are not in bronze, whoever wrote them and however late they arrive.",
            ["bronze"],
            planner.bronze,
        ),
        layer_sensor(
            planner.settings,
            "late_data_sensor",
            [jobs["silver"], jobs["gold"]],
            300,
            "Every 5 minutes: propagate late, redelivered or missed data to silver, and from there to gold.",
            ["bronze", "silver", "gold"],
            planner.late,
        ),
    ]
