"""Decides when layers run: schedules for raw, silver and gold, a sensor for new raw files, and one for late data.

Every tick checks the lake for missing or stale partitions and requests exactly those. So gaps (a night off, a failed
run, a late file) are caught up automatically, with many partitions in few runs. Dagster's declarative automation does
not see files in a folder, and its open bugs (#34094, #27857) would request partitions twice. So the project has its own
sensors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg

from tpch_assets.bronze import arrivals
from tpch_assets.calendar import batch_key, floor
from tpch_assets.gold.blocked import open_faults
from tpch_assets.gold.queries import Query, load_queries
from tpch_assets.gold.stale import stale_days
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import printable
from tpch_assets.lake.snapshot import apart, snapshot
from tpch_assets.layers import BATCH, GOLD, LATE, RAW, SILVER, cron
from tpch_assets.models.declared import load_models
from tpch_assets.models.stale import due_models
from tpch_assets.orchestration import setbacks
from tpch_assets.orchestration.due import Due, due_in_groups, due_in_silver, lost_in_gold
from tpch_assets.orchestration.jobs import PARTITIONS_PER_RUN, Job, Requests
from tpch_assets.orchestration.ticks import Found, layer_schedule, layer_sensor
from tpch_assets.raw.files import files_of
from tpch_assets.raw.missing import missing_batches, missing_once
from tpch_assets.schema import Business
from tpch_assets.settings import Settings
from tpch_assets.silver.stale import stale_dimensions

WHOLE_HISTORY = 0  # The hour in which the raw schedule checks the whole history.
AFTER_WINDOW, AFTER_DAY = timedelta(minutes=20), timedelta(minutes=45)
"""Delay of silver and gold after the end of a window or day, so that the previous layer is done."""


CAREFUL = 8
"""How many pieces of ranges that failed a tick requests at most: if nothing can be read, that many runs fail."""
LOOK, LOOK_REMOTE = 5, 60
"""Seconds between two looks at raw: as often as Dagster's daemon looks at its sensors. On S3 each look costs money."""
NAMED = 5
"""How many batches that are set aside a tick names, each with why."""


@dataclass(frozen=True)
class Planner:
    """Finds the missing or stale partitions of each layer in the lake, and requests runs for them."""

    settings: Settings
    business: Business
    requests: Requests

    @property
    def _queries(self) -> list[Query]:
        return list(load_queries(self.business).values())

    def raw(self, lake: Lake, moment: datetime) -> Found:
        """Request batches that ended by `moment` and are missing in raw, and missing tables that arrive once."""
        if not self.settings.generates(self.business):
            return Found(reason="TPCH_GENERATE=false: files land in raw on their own.")
        start = self.settings.start
        recent = max(start, floor(moment, BATCH) - arrivals.RECENT)
        missing = missing_batches(lake, self.business, start, recent, moment)
        # Batches are generated in order, so a gap reaches further back only if the first recent batch is missing.
        if recent > start and (moment.hour == WHOLE_HISTORY or any(batch_key(recent) in b for b in missing.values())):
            missing = missing_batches(lake, self.business, start, start, moment)
        requests = self.requests.for_ranges("raw", missing)
        if requests and (once := missing_once(lake, self.business)):
            requests += self.requests.for_ranges("raw", {table.name: [batch_key(start)] for table in once})
        return Found(requests, "Every batch that has ended is in raw.")

    def catch_up(self, lake: Lake, cursor: str | None, instance: dg.DagsterInstance) -> Found:
        """The same at once for what the schedule should have requested some time ago, at most once per batch.

        So a new lake has data within seconds, and not at the schedule's next tick.
        """
        now = datetime.now(UTC)
        if cursor and now - datetime.fromisoformat(cursor) < BATCH:
            return Found(reason=f"It was requested less than {RAW.every} ago.", cursor=cursor)
        found = self.raw(lake, now - BATCH // 3)
        return replace(found, cursor=now.isoformat() if found.requests else cursor)

    def bronze(self, lake: Lake, cursor: str | None, instance: dg.DagsterInstance) -> Found:
        """Request batches with raw files that are not in bronze; those on which it failed as `setbacks` says."""
        now, start = datetime.now(UTC), batch_key(self.settings.start)
        begun = arrivals.round_began(cursor)
        if cursor and begun and setbacks.failed_since(instance, "bronze", begun):
            cursor = arrivals.with_another_round(cursor)  # What it was asked for may be of long ago.
        found = arrivals.scan(lake, self.business, cursor, now, self.settings.settle_seconds)
        warnings = list(found.faults)
        for name in self.business.names:
            if odd := [batch for batch in found.pending[name] if batch < start] + found.strays[name]:
                warnings.append(
                    f"raw/{name}/{printable(odd[0])} is not a batch since TPCH_START={start}: {len(odd)} such folders "
                    "are not read"
                )
        wanted: dict[str, Sequence[str]] = {
            name: [b for b in new if start <= b < batch_key(now)] for name, new in found.pending.items()
        }
        requests, aside = self._attempts(lake, instance, wanted, now)
        warnings += aside
        swept = arrivals.round_began(found.cursor) or now
        reason = (
            f"Bronze contains every raw file{' that can be read' if warnings else ''}. Folders older than a day were "
            f"last looked through from {swept:%H:%M} on."
        )
        return Found(requests, reason, found.cursor, warnings)

    def _attempts(
        self, lake: Lake, instance: dg.DagsterInstance, wanted: dict[str, Sequence[str]], now: datetime
    ) -> tuple[list[dg.RunRequest], list[str]]:
        """Requests for batches of bronze, and a sentence for each batch that is set aside."""
        failed = setbacks.failures_of(instance, "bronze", now) if any(wanted.values()) else []

        def changed(table: str, batch: str) -> datetime:
            times = [file.modified for file in files_of(lake, table, [batch])[batch]]
            # A time ahead of the clock says nothing about which came first.
            return datetime.fromtimestamp(max((t for t in times if t <= now.timestamp()), default=0), UTC)

        found = setbacks.attempts(wanted, failed, now, changed, partial(setbacks.has_died, instance))
        sized = {size: self.requests.for_ranges("bronze", tables, size) for size, tables in found.by_size.items()}
        careful = [request for size in sorted(sized) if size < PARTITIONS_PER_RUN for request in sized[size]]
        sentences = [
            aside.sentence(setbacks.reason_of(instance, aside.failure.run_id)) for aside in found.aside[:NAMED]
        ]
        if more := found.aside[NAMED:]:
            sentences.append(f"{len(more)} more batches are set aside.")
        return [*sized.get(PARTITIONS_PER_RUN, []), *careful[:CAREFUL]], sentences

    def ranges(self, layer: str, wanted: Mapping[str, Sequence[str]]) -> list[dg.RunRequest]:
        """Request partitions by asset."""
        return self.requests.for_ranges(layer, wanted)

    def windows(self, lake: Lake, until: datetime, faults: list[str] | None = None) -> list[dg.RunRequest]:
        """Request stale windows of silver that ended by `until`.

        Args:
            faults: Gets a sentence for each table that cannot be opened; without it, the first one raises.
        """
        return self.ranges("silver", due_in_groups(lake, self.business, until, faults)[0])

    def dimensions(self, lake: Lake, faults: list[str] | None = None) -> list[dg.RunRequest]:
        """Request one run for all stale dimensions of silver. `faults` is as in `windows`."""
        stale = [table.name for table in stale_dimensions(lake, self.business, faults)]
        return [self.requests.for_assets("silver", stale)] if stale else []

    def _runs(self, due: Due) -> list[dg.RunRequest]:
        windows = self.ranges("silver", due.windows)
        return windows + ([self.requests.for_assets("silver", due.dimensions)] if due.dimensions else [])

    def silver(self, lake: Lake, moment: datetime) -> Found:
        """Request everything that is stale in silver."""
        faults: list[str] = []
        due = due_in_silver(lake, self.business, moment, faults)
        requests = self._runs(due)
        held = [] if requests else self._held(lake, due)
        return Found(requests, next(iter(held), "Silver is up to date with bronze."), warnings=faults)

    def days(
        self, lake: Lake, until: datetime, faults: list[str] | None = None, *, accept_loss: bool = False
    ) -> list[dg.RunRequest]:
        """Request days with answers or models that are stale. A model gets a run of its own, which it may fail."""
        return self.answers(lake, until, faults, accept_loss=accept_loss) + self.models(lake, until, faults)

    def answers(
        self, lake: Lake, until: datetime, faults: list[str] | None = None, *, accept_loss: bool = False
    ) -> list[dg.RunRequest]:
        """Request days with answers that are missing, or not made by the current query from the current silver."""
        start, scale_factor = self.settings.start, self.settings.scale_factor
        stale = stale_days(
            lake, self.business, self._queries, start, until, scale_factor, accept_loss=accept_loss, faults=faults
        )
        return self.ranges("gold", stale)

    def models(self, lake: Lake, until: datetime, faults: list[str] | None = None) -> list[dg.RunRequest]:
        """Request days without a model, and the latest day if its model is not made from the current silver."""
        models = load_models(self.business).values()
        due = due_models(lake, self.business, models, self.settings.start, until, faults)
        return self.ranges("gold", {name: list(found) for name, found in due.items()})

    def gold(self, lake: Lake, moment: datetime) -> Found:
        """Request stale days of gold that ended by `moment`."""
        faults: list[str] = []
        requests = self.days(lake, moment, faults)
        reasons = ["Gold is up to date with silver.", *self._waiting(lake)]
        return Found(requests, " ".join(reasons), warnings=[*self._blocked(lake), *faults])

    def _waiting(self, lake: Lake) -> list[str]:
        """A sentence for each table that silver does not have and queries wait for."""
        needs = [{*query.tables, *(name for group in query.groups for name in group.names)} for query in self._queries]
        counts = {name: sum(name in tables for tables in needs) for name in self.business.names}
        found = []
        for name, count in counts.items():
            with apart([]):  # A damaged table is named already.
                if count and snapshot(lake, lake.table("silver", name)).version < 0:
                    found.append(f"{count} queries wait for {name}, of which nothing is in silver.")
        return found

    def _held(self, lake: Lake, due: Due) -> list[str]:
        """A sentence for everything stale that cannot be built now, and for answers that wait."""
        return [*due.held, *lost_in_gold(lake, self.business, self._queries), *self._blocked(lake)]

    def _blocked(self, lake: Lake) -> list[str]:
        """A sentence for everything that gold does not read, since a blocking check failed."""
        with apart([]):
            return [f"Gold does not go on: {fault.sentence}." for fault in open_faults(lake)]
        return []

    def late(self, lake: Lake, cursor: str | None, instance: dg.DagsterInstance) -> Found:
        """Request windows or days with late data. The schedules handle younger windows and days."""
        until, faults = datetime.now(UTC) - LATE, list[str]()
        due = due_in_silver(lake, self.business, until, faults)
        held = self._held(lake, due)
        if any(due.windows.values()):
            return Found(self._runs(due), warnings=[*held, *faults])
        requests = self.days(lake, until, faults)
        return Found(requests, held[0] if held else "Nothing is late.", warnings=list(dict.fromkeys([*held, *faults])))


def layer_schedules(planner: Planner, jobs: Mapping[str, Job]) -> list[dg.ScheduleDefinition]:
    """Return the schedules of raw, silver and gold."""
    settings = planner.settings
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
    ]


def layer_sensors(planner: Planner, jobs: Mapping[str, Job]) -> list[dg.SensorDefinition]:
    """Return the sensors of raw, if its files are generated, of bronze, and of late data."""
    look = LOOK_REMOTE if Lake(planner.settings.lake).remote else LOOK
    raw = layer_sensor(
        planner.settings,
        "raw_sensor",
        [jobs["raw"]],
        30,
        "Every 30 seconds: generate what raw_schedule should have generated before, as on a new lake.",
        ["raw"],
        planner.catch_up,
    )
    return [
        *([raw] if planner.settings.generates(planner.business) else []),
        layer_sensor(
            planner.settings,
            "bronze_sensor",
            [jobs["bronze"]],
            look,
            f"Every {look} seconds: ingest raw files that are not in bronze, whoever wrote them and however late they "
            "arrive.",
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
