"""When layers run: raw, silver and gold by schedules, bronze by the files it finds, and what was late by a sensor.

Every tick asks the lake what is missing or stale and requests exactly that, so a gap (a night off, a failed run, a late
file) is caught up by itself, many partitions in few runs. Dagster's declarative automation does not see files in a
folder, and its open defects (#34094, #27857) would ask for partitions twice; so the project has sensors of its own.
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
from tpch_assets.silver.stale import stale_dimensions, stale_windows

WHOLE_HISTORY = 0  # In this hour the raw schedule looks at all of the history.
AFTER_WINDOW, AFTER_DAY = timedelta(minutes=20), timedelta(minutes=45)
"""When silver and gold run after a window or day has ended, so that the layer before is done."""
AFTER_BATCH = timedelta(minutes=5)
"""When freshness is checked after a batch has ended; a third of the batch where batches are shorter."""


@dataclass(frozen=True)
class Planner:
    """Asks the lake what is missing or stale, layer by layer, and makes requests for it."""

    settings: Settings
    business: Business
    requests: Requests

    def raw(self, lake: Lake, moment: datetime) -> Found:
        """Runs for batches that ended by `moment` and are not in raw, and for tables that come once."""
        if not self.settings.generate or self.business.source is None:
            return Found(reason="TPCH_GENERATE=false: files land in raw by themselves.")
        start = self.settings.start
        recent = max(start, floor(moment, BATCH) - arrivals.RECENT)
        missing = missing_batches(lake, self.business, recent, moment)
        # Batches are made in order: a gap goes on before the recent ones only if it holds the first of them.
        if recent > start and (moment.hour == WHOLE_HISTORY or batch_key(recent) in missing):
            missing = missing_batches(lake, self.business, start, moment)
        requests = self.requests.for_ranges("raw", {table.name: missing for table in self.business.streams})
        if missing and (once := missing_once(lake, self.business)):
            requests += self.requests.for_ranges("raw", {table.name: [batch_key(start)] for table in once})
        return Found(requests, "Every batch that has ended is in raw.")

    def bronze(self, lake: Lake, cursor: str | None) -> Found:
        """Runs for batches whose raw files bronze does not hold."""
        now, start = datetime.now(UTC), batch_key(self.settings.start)
        found = arrivals.scan(lake, self.business, cursor, now, self.settings.settle_seconds)
        warnings = []
        for name in self.business.names:
            if odd := [batch for batch in found.pending[name] if batch < start] + found.strays[name]:
                warnings.append(
                    f"raw/{name}/{odd[0]} is not a batch since TPCH_START={start}: {len(odd)} such folders are not read"
                )
        wanted = {name: [b for b in new if start <= b < batch_key(now)] for name, new in found.pending.items()}
        return Found(self.ranges("bronze", wanted), "Bronze holds every raw file.", found.cursor, warnings)

    def ranges(self, layer: str, wanted: Mapping[str, Sequence[str]]) -> list[dg.RunRequest]:
        """Runs for partitions by asset."""
        return self.requests.for_ranges(layer, wanted)

    def windows(self, lake: Lake, until: datetime) -> list[dg.RunRequest]:
        """Silver runs for stale windows that ended by `until`."""
        wanted: dict[str, Sequence[str]] = {}
        for group in self.business.groups:
            wanted |= dict.fromkeys(group.names, stale_windows(lake, group, until))
        return self.ranges("silver", wanted)

    def dimensions(self, lake: Lake) -> list[dg.RunRequest]:
        """One silver run for the stale dimensions, if there are any."""
        stale = stale_dimensions(lake, self.business)
        return [self.requests.for_assets("silver", [table.name for table in stale])] if stale else []

    def silver(self, lake: Lake, moment: datetime) -> Found:
        """Silver runs for everything that is stale."""
        return Found(self.windows(lake, moment) + self.dimensions(lake), "Silver holds all that bronze holds.")

    def days(self, lake: Lake, until: datetime) -> list[dg.RunRequest]:
        """Gold runs for the days whose answers are missing or made from other data than silver's."""
        queries = load_queries(self.business).values()
        return self.ranges("gold", stale_days(lake, self.business, queries, self.settings.start, until))

    def gold(self, lake: Lake, moment: datetime) -> Found:
        """Gold runs for days that ended by `moment`."""
        return Found(self.days(lake, moment), "Every day in silver is answered.")

    def late(self, lake: Lake, cursor: str | None) -> Found:
        """Silver or gold runs for what came late; younger windows and days are the schedules' own work."""
        until = datetime.now(UTC) - LATE
        if windows := self.windows(lake, until):
            return Found(windows + self.dimensions(lake))
        return Found(self.days(lake, until), "Nothing is late.")


def layer_schedules(planner: Planner, jobs: Mapping[str, Job]) -> list[dg.ScheduleDefinition]:
    """The schedules of raw, silver and gold, and of the freshness checks."""
    settings = planner.settings
    freshness = dg.ScheduleDefinition(
        name="freshness_schedule",
        job=jobs["freshness"],
        cron_schedule=cron(BATCH, min(AFTER_BATCH, BATCH // 3)),
        default_status=schedule_status(settings),
        description=f"Every {RAW.every}: check how old each layer's data is.",
    )
    return [
        layer_schedule(
            settings,
            jobs["raw"],
            cron(RAW.step),
            f"Every {RAW.every}: make the batches that have ended and are not in raw.",
            ["raw"],
            planner.raw,
        ),
        layer_schedule(
            settings,
            jobs["silver"],
            cron(SILVER.step, AFTER_WINDOW),
            f"Every {SILVER.every}: compact the windows that have ended, and merge the dimensions.",
            ["silver"],
            planner.silver,
        ),
        layer_schedule(
            settings,
            jobs["gold"],
            cron(GOLD.step, AFTER_DAY),
            f"Every {GOLD.every}, when its last window is in silver: answer every query as of that day.",
            ["gold", "silver"],
            planner.gold,
        ),
        freshness,
    ]


def layer_sensors(planner: Planner, jobs: Mapping[str, Job]) -> list[dg.SensorDefinition]:
    """The sensors of bronze, and of what was late."""
    return [
        layer_sensor(
            planner.settings,
            "bronze_sensor",
            [jobs["bronze"]],
            60,
            "Every minute: ingest raw files that bronze does not hold, whoever wrote them and however late.",
            ["bronze"],
            planner.bronze,
        ),
        layer_sensor(
            planner.settings,
            "late_data_sensor",
            [jobs["silver"], jobs["gold"]],
            300,
            "Every 5 minutes: bring late, redelivered or missed data on to silver, and from there to gold.",
            ["bronze", "silver", "gold"],
            planner.late,
        ),
    ]
