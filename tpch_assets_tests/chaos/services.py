"""What the services of a market do, by the layers' own functions: look what is due, make it, commit it.

It is what Dagster's ticks and runs do, without Dagster: each call of `tick` is one look and its runs.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from deltalake.exceptions import DeltaError
from duckdb import IOException

from tpch_assets.bronze import plan as bronze_plan
from tpch_assets.bronze.arrivals import scan
from tpch_assets.bronze.fingerprint import rejects_of
from tpch_assets.gold.form import form_of
from tpch_assets.gold.partials import Damaged
from tpch_assets.gold.plan import plan_answers
from tpch_assets.gold.queries import load_queries, parameters
from tpch_assets.gold.stale import stale_days
from tpch_assets.lake import listing, recovery
from tpch_assets.lake.commit import CommitConflict
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.pieces import write_raw
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.update import MadeRows, Report, TableRows, TableUpdate
from tpch_assets.orchestration import maintenance
from tpch_assets.orchestration.assets.common import RETRY
from tpch_assets.raw.files import files_of
from tpch_assets.schema import Business, Column
from tpch_assets.silver.shards import HalfWritten
from tpch_assets.silver.stale import due_windows, stale_dimensions
from tpch_assets_tests import runs
from tpch_assets_tests.chaos import market
from tpch_assets_tests.chaos.feed import START, Delivery

RUN_FAILS = (
    OSError,
    LakeError,
    CommitConflict,
    Damaged,
    HalfWritten,
    DeltaError,
    IOException,
    Boto3Error,
    BotoCoreError,
    ClientError,
)
"""Errors that end a run, which the next tick asks for again. Any other is a mistake of the code."""
OTHER_COLUMNS = ("has the columns", "were written")
SHARD_ROWS = 5
WEIGHT = Column("weight", "INTEGER", "Added later.", nullable=True)


def weighed() -> Business:
    """The market once items have a column more."""
    tables = tuple(
        replace(table, columns=(*table.columns, WEIGHT)) if table.name == "items" else table
        for table in market.BUSINESS.tables
    )
    return replace(market.BUSINESS, tables=tables)


@cache
def judge_forms() -> None:
    """Have the process know how all queries run: a life must not depend on the ones before it."""
    for business in (market.BUSINESS, weighed()):
        for query in load_queries(business).values():
            form_of(query, business, parameters(query, 1, START.date()))


@dataclass
class Services:
    """The services over one lake."""

    lake: Lake
    business: Business = market.BUSINESS
    asked: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    busy_since: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        """What each service does first."""
        listing._known.clear()  # As in a new process.
        recovery.repair(self.lake)

    def deliver(self, one: Delivery, stamp: int) -> None:
        """Land a file as the source does; its time is unlike that of any other."""

        def write(path: str) -> Report:
            Path(path).write_bytes(one.content)
            os.utime(path, (stamp, stamp))
            return Report(one.content.count(b"\n"))

        write_raw(self.lake, self.lake.path("raw", one.table, one.batch, one.file), _Written(write))

    def declare_weight(self) -> None:
        """Items get a column more."""
        self.business = weighed()

    def tick(self, now: datetime, who: str = "") -> list[str]:
        """Make everything that is due, layer by layer; gives what was asked for."""
        self.busy_since[who] = time.time()
        self.asked = []
        for layer in (self._bronze, self._silver, self._dimensions, self._gold):
            self._try(lambda layer=layer: layer(now))  # type: ignore[misc]
        return self.asked

    def _try(self, run: Callable[[], None]) -> None:
        try:
            run()
        except RUN_FAILS as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        except ValueError as error:  # A run that began before columns were declared meets what has them.
            if not any(words in str(error) for words in OTHER_COLUMNS):
                raise
            self.failures.append(str(error))

    def _bronze(self, now: datetime) -> None:
        found = scan(self.lake, self.business, None, now)
        for table in self.business.tables:
            if batches := found.pending[table.name]:
                self.asked.append(f"bronze/{table.name}")
                self._try(lambda table=table, batches=batches: self._ingest(table.name, batches))  # type: ignore[misc]

    def _ingest(self, name: str, batches: list[str]) -> None:
        present = snapshot(self.lake, self.lake.table("bronze", name))
        rejects = rejects_of(present)
        raw = files_of(self.lake, name, batches)
        self._store("bronze", name, bronze_plan.plan_batches(self.business.table(name), raw, present, rejects))

    def _silver(self, now: datetime) -> None:
        for group in self.business.groups:
            if windows := due_windows(self.lake, group, now).ready:
                self.asked.append(f"silver/{group.name}")
                for name, update in runs.shards(self.lake, group, windows, SHARD_ROWS).items():
                    self._store("silver", name, update)

    def _dimensions(self, now: datetime) -> None:
        for table in stale_dimensions(self.lake, self.business):
            self.asked.append(f"silver/{table.name}")
            self._store("silver", table.name, runs.dimension(self.lake, table, SHARD_ROWS))

    def _gold(self, now: datetime) -> None:
        queries = load_queries(self.business)
        stale = stale_days(self.lake, self.business, queries.values(), START, now, 1)
        for name, days in stale.items():
            self.asked.append(f"gold/{name}")
            self._try(lambda name=name, days=days: self._answer_again(name, days))  # type: ignore[misc]

    def _answer_again(self, name: str, days: list[str]) -> None:
        """A step that fails is tried again: a damaged partial is found when it is read, and may have been of others."""
        for _ in range(RETRY.max_retries):
            with suppress(Damaged):
                self._answer(name, days)
                return
        self._answer(name, days)

    def _answer(self, name: str, days: list[str]) -> None:
        update = plan_answers(load_queries(self.business)[name], self.business, self.lake, days, 1)
        self._store("gold", name, computed(update))

    def _store(self, layer: str, name: str, update: TableUpdate) -> None:
        runs.store(self.lake, layer, name, update)

    def vacuum(self) -> None:
        """Delete files that left their table long ago; those that nobody is at work on are made so old."""
        begun = min(self.busy_since.values(), default=time.time())
        for path in Path(self.lake.uri).glob("*/*/*/*.parquet"):
            if "_delta_log" not in path.parts and path.stat().st_mtime < begun:
                os.utime(path, (begun - 30 * 86_400,) * 2)
        said: list[str] = []
        if faults := maintenance.vacuum_all(self.lake, said.append):
            raise OSError(faults[0])


@dataclass(frozen=True)
class _Written:
    write: Callable[[str], Report]


def computed(update: TableUpdate) -> TableUpdate:
    """An update of gold whose answers are computed in this thread."""
    made = {day: {file: _made(content) for file, content in files.items()} for day, files in update.files.items()}
    return replace(update, files=made)


def _made(content: object) -> MadeRows | TableRows:
    """An answer that is computed where it is written, task by task in this thread."""
    assert isinstance(content, TableRows)
    rows = content.rows
    compute = getattr(rows, "compute", None)
    return content if compute is None else MadeRows(lambda: compute(scheduler="sync"), content.options)
