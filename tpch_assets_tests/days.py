"""Whole days for tests: a replay by the command line, the graph in this process, and what must come out.

What must come out is told by tpchgen's own Parquet and by formulas of its own here, never by the code under test.
"""

import functools
import gzip
import importlib.util
import json
import logging
import os
import runpy
import shutil
import subprocess
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pytest

from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, read, snapshot
from tpch_assets.layers import LAYERS
from tpch_assets.orchestration.dagster_private import databases_held_open
from tpch_assets.orchestration.instance import prepare_home
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets.orchestration.resources import LakeResource
from tpch_assets.settings import PREFIX, PROJECT, Settings, current_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.together import START, once
from tpch_assets_tests.tpch_tables import FACTS, TABLE_NAMES, TABLES

BATCH = timedelta(minutes=15)
SCALE_FACTOR = 0.01
ORDERS_A_DAY, BATCHES = 15_000, 96
LAKE = f"{PREFIX}LAKE"
SCRIPTS = Path(sysconfig.get_path("scripts"))


def key(number: int) -> str:
    """The partition key of batch `number`."""
    return (START + number * BATCH).strftime("%Y-%m-%dT%H%M")


def day(number: int) -> str:
    """The partition key of day `number`."""
    return str((START + timedelta(days=number)).date())


def keys(first: int, count: int) -> list[str]:
    return [key(number) for number in range(first, first + count)]


@dataclass(frozen=True)
class Place:
    """A folder with a lake and a Dagster home in it."""

    folder: Path

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def temporary(self) -> str:
        """Where processes put their temporary files: a killed one cannot clear up."""
        return str(self.folder)

    @property
    def home(self) -> Path:
        return self.folder / "dagster"

    def copy(self, to: Path) -> "Place":
        """The same lake in another folder, with a Dagster home that knows of no runs."""
        shutil.copytree(self.lake.uri, to / "lake")
        return Place(to)

    def environment(self, **settings: object) -> dict[str, str]:
        """A process's environment with every setting in it, so that no `.env` of a developer reaches the tests."""
        ours = {"lake": self.lake.uri, "start": day(0), "scale_factor": SCALE_FACTOR, "workers": 2, **settings}
        values = {name: ours.get(name, field.default) for name, field in Settings.model_fields.items()}
        values["owners"] = "team:data-platform"
        there = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        found = {PREFIX + name.upper(): str(value) for name, value in values.items() if value is not None}
        # The tests' own businesses are packages of this folder, which is not installed.
        return {**there, **found, "DAGSTER_HOME": str(self.home), "PYTHONPATH": str(PROJECT)}

    def deliver(self, table: str, batch: str, name: str, rows: bytes | Iterable[dict[str, Any]]) -> Path:
        """Put a file into raw as anybody would: under another name first. A name with .gz packs it."""
        content = rows if isinstance(rows, bytes) else b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        folder = Path(self.lake.uri, "raw", table, batch)
        folder.mkdir(parents=True, exist_ok=True)
        hidden = folder / f".{name}"
        hidden.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return hidden.rename(folder / name)

    def start(self, *command: str, **settings: object) -> subprocess.Popen[str]:
        """Start `tpch-assets`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "output.txt").open("a") as output:
            return subprocess.Popen(
                [SCRIPTS / "tpch-assets", *command],
                cwd=self.folder,
                env={**self.environment(**settings), "TMPDIR": self.temporary},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def replay(self, *options: str) -> None:
        """Run `tpch-assets replay` to its end."""
        assert self.start("replay", *options).wait(timeout=400) == 0, self.output()

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()[-4000:]

    def instance(self) -> dg.DagsterInstance:
        """The Dagster instance of the home, with the project's dagster.yaml."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(self.home))
            prepare_home()
        return dg.DagsterInstance.from_config(str(self.home))


@functools.cache
def whole_day() -> Place:
    """One day of 96 batches by `tpch-assets replay`, made once for all tests. Copy it to change it."""
    return Place(once("day", lambda folder: Place(folder).replay("--start", day(0), "--batches", str(BATCHES))))


@dataclass(frozen=True)
class Graph:
    """The real definitions over one lake, run in this process."""

    place: Place
    defs: dg.Definitions
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return self.place.lake

    def run(self, requests: Iterable[dg.RunRequest], **options: Any) -> list[dg.ExecuteInProcessResult]:
        """Execute run requests, as a run launcher would: the job, its assets and checks, with the tags."""
        return [self._run(request, **options) for request in requests]

    def _run(self, request: dg.RunRequest, **options: Any) -> dg.ExecuteInProcessResult:
        assert request.job_name is not None
        job = self.defs.resolve_job_def(request.job_name).get_subset(
            asset_selection=frozenset(request.asset_selection or []) or None,
            asset_check_selection=None
            if request.asset_check_keys is None
            else frozenset(request.asset_check_keys or []),
        )
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return job.execute_in_process(instance=self.instance, tags=request.tags, run_config=quiet, **options)

    def sensor(self, name: str, cursor: str | None = None, log: logging.Handler | None = None) -> Any:
        """One tick of a sensor: its run requests, skip message and cursor."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            resources={"lake": LakeResource(uri=self.lake.uri)},
            definitions=self.defs,
        ) as context:
            if log:
                context.log.addHandler(log)
            return self.defs.resolve_sensor_def(name).evaluate_tick(context)

    def schedule(self, name: str, moment: datetime) -> Any:
        """One tick of a schedule at `moment`: its run requests and skip message."""
        with dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=moment,
            resources={"lake": LakeResource(uri=self.lake.uri)},
            repository_def=self.defs.get_repository_def(),
        ) as context:
            return self.defs.resolve_schedule_def(name).evaluate_tick(context)

    def settle(self, limit: int = 12) -> list[dg.RunRequest]:
        """Let the two sensors work until neither asks for anything; gives what they asked for, in order."""
        asked: list[dg.RunRequest] = []
        for _ in range(limit):
            requests = self.sensor("bronze_sensor").run_requests or self.sensor("late_data_sensor").run_requests
            if not requests:
                return asked
            for request in requests:
                # Of few rows no model can be trained: it is kept back, which fails its run.
                may_fail = {key.path[-1] for key in request.asset_selection or ()} <= MODELS
                (result,) = self.run([request], raise_on_error=not may_fail)
                assert result.success or may_fail
            asked += requests
        raise AssertionError(f"still pending after {limit} rounds: {requests}")

    def table(self, layer: str, name: str) -> pa.Table:
        return rows_of(self.lake, layer, name)


@contextmanager
def graph(place: Place, **settings: object) -> Iterator[Graph]:
    """The definitions as a new process would load them with these settings."""
    settings = {"settle_seconds": 0, **settings}
    environment = place.environment(**settings)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        current_settings.cache_clear()
        others = {name: value for name, value in environment.items() if name.startswith(PREFIX) and name != LAKE}
        defs = definitions(Lake(environment[LAKE]).remote, *sorted(others.items()))
        with place.instance() as instance, databases_held_open(place.home):
            yield Graph(place, defs, instance)
    current_settings.cache_clear()


@functools.lru_cache(maxsize=8)
def definitions(remote: bool, *settings: tuple[str, str]) -> dg.Definitions:
    """What the environment's settings make of the definitions, with whatever lake it names when they are used.

    To load them takes longer than most runs of a test. Of the lake they only ask whether it is remote.
    """
    spec = importlib.util.find_spec("tpch_assets.definitions")
    assert spec is not None and spec.origin is not None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
        loaded: dg.Definitions = runpy.run_path(spec.origin)["defs"]
    here, others = dg.EnvVar(LAKE), loaded.resources or {}
    ours = {"io_manager": LakeIOManager(uri=here), "lake": LakeResource(uri=here), "in_force": others["in_force"]}
    return dg.Definitions(
        assets=loaded.assets,
        asset_checks=loaded.asset_checks,
        jobs=loaded.jobs,
        schedules=loaded.schedules,
        sensors=loaded.sensors,
        resources=ours,
        executor=loaded.executor,
    )


def without_retries(patch: pytest.MonkeyPatch) -> None:
    """Let what fails in bronze and silver fail at once; other tests' graphs keep their definitions."""
    for layer in ("bronze", "silver"):
        patch.setattr(f"tpch_assets.orchestration.assets.{layer}.RETRY", dg.RetryPolicy(max_retries=0))
    patch.setattr("tpch_assets_tests.days.definitions", functools.lru_cache(definitions.__wrapped__))


def asset_names(requests: Iterable[dg.RunRequest]) -> set[str]:
    return {"/".join(asset.path) for request in requests for asset in request.asset_selection or []}


def stretch(request: dg.RunRequest) -> tuple[str, str]:
    """The first and last partition that a request is for."""
    tags = request.tags
    return tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]


def request(layer: str, names: Iterable[str], first: str = "", last: str = "") -> dg.RunRequest:
    """A request for a range of partitions of some assets (of assets without partitions: no keys), without checks."""
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    return dg.RunRequest(
        job_name=f"{layer}_job",
        asset_selection=[dg.AssetKey([layer, name]) for name in names],
        asset_check_keys=[],
        tags=tags if first else {},
    )


# What there is


def tables_of(lake: Lake) -> dict[str, Snapshot]:
    """All tables of assets that exist, rejects too, by `<layer>/<name>`: the registry of models is none."""
    names = [
        (layer, path.name)
        for layer in LAYERS
        for path in sorted(Path(lake.uri, layer).glob("*"))
        if (path / "_delta_log").is_dir() and (layer, path.name) != ("gold", "models")
    ]
    return {f"{layer}/{name}": snapshot(lake, lake.table(layer, name)) for layer, name in names}


def raw_rows(lake: Lake, table: str, batch: str) -> list[dict[str, Any]]:
    """What the files of one raw batch say, in the order in which it counts: by file name, then by line."""
    folder = Path(lake.uri, "raw", table, batch)
    files = (path.read_bytes() for path in sorted(folder.glob("[!.]*")))
    plain = (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content for content in files)
    return [json.loads(line) for content in plain for line in content.splitlines()]


def rows_of(lake: Lake, layer: str, name: str, partition: str | None = None) -> pa.Table:
    found = snapshot(lake, lake.table(layer, name))
    return read(found, None if partition is None else found.of({partition}))


def answer(lake: Lake, query: str, day: str) -> pa.Table:
    """A gold answer as of a day, without the day."""
    table = rows_of(lake, "gold", query, day)
    assert set(table["as_of"].to_pylist()) <= {datetime.fromisoformat(day).date()}
    return table.drop_columns(["as_of"])


def partial_files(lake: Lake) -> set[str]:
    """The partials that are kept, as `<query>/<hash>.parquet`."""
    return {str(path.relative_to(path.parent.parent)) for path in Path(lake.uri, "partials").glob("*/*.parquet")}


def assert_same_lake(one: Lake, other: Lake) -> None:
    """Asserts that both lakes hold the same rows in all tables of all layers; gold in the same order."""
    ours, theirs = tables_of(one), tables_of(other)
    assert not ours.keys() ^ theirs.keys(), f"only in one of both: {sorted(ours.keys() ^ theirs.keys())}"
    for name, table in ours.items():
        if name.startswith("gold/"):
            assert read(table).equals(read(theirs[name])), name
        else:
            assert_same_rows(read(table), read(theirs[name]), name)


def assert_same_rows(actual: pa.Table, expected: pa.Table, name: str = "") -> None:
    """Asserts the same columns, and the same rows each as often, in any order."""
    assert actual.column_names == expected.column_names, name
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("actual", actual)
        con.register("expected", expected)
        more = con.sql("FROM actual EXCEPT ALL FROM expected LIMIT 3").fetchall()
        less = con.sql("FROM expected EXCEPT ALL FROM actual LIMIT 3").fetchall()
        assert (more, less) == ([], []), f"{name}: {actual.num_rows} rows, not {expected.num_rows}"


# What must be


@functools.cache
def tpchgen() -> Path:
    """tpchgen's own eight Parquet files, made in one piece."""
    command = [str(SCRIPTS / "tpchgen-cli"), "parquet", "--quiet", "-s", str(SCALE_FACTOR), "-o"]
    return once("tpchgen", lambda folder: subprocess.run([*command, str(folder)], check=True, capture_output=True))


@contextmanager
def tpch() -> Iterator[duckdb.DuckDBPyConnection]:
    """The eight tables as they are after the first day; times by formulas of here.

    The i-th of a batch's n orders is placed i/n of 15 minutes after the batch's begin, and a day of TPC-H's shipping
    takes 3/121 of a day. The first day brings all of TPC-H, in 95 batches of 156 orders and a last one of the rest.
    """
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for name in TABLE_NAMES:
            if name not in ("orders", "lineitem"):
                con.execute(f"CREATE VIEW {name} AS FROM '{tpchgen()}/{name}.parquet'")
        con.execute(
            f"""CREATE TABLE orders AS
            WITH ranked AS (
                SELECT *, row_number() OVER (ORDER BY o_orderkey) - 1 AS rank FROM '{tpchgen()}/orders.parquet'
            ),
            placed AS (
                SELECT *, least(rank // 156, 95) AS batch,
                    CASE WHEN rank < 95 * 156 THEN 156 ELSE {ORDERS_A_DAY} - 95 * 156 END AS orders
                FROM ranked
            )
            SELECT
                * EXCLUDE (rank, batch, orders),
                TIMESTAMPTZ '{START.isoformat()}' + to_minutes(15 * batch)
                    + to_microseconds((rank - 156 * batch) * 900_000_000 // orders) AS o_ordertime
            FROM placed"""
        )
        con.execute(
            f"""CREATE TABLE lineitem AS
            SELECT l.*, o_ordertime + to_microseconds((l_shipdate - o_orderdate) * 259_200_000_000 // 121) AS l_shiptime
            FROM '{tpchgen()}/lineitem.parquet' AS l JOIN orders ON o_orderkey = l_orderkey"""
        )
        yield con


def add_raw(con: duckdb.DuckDBPyConnection, lake: Lake, batches: Iterable[str]) -> None:
    """Add to `orders` and `lineitem` what the raw files of other batches tell."""
    for table in FACTS:
        files = [f"{lake.uri}/raw/{table}/{batch}/*.json" for batch in batches]
        con.execute(f"INSERT INTO {table} FROM read_json({files}, columns = {_types(con, table)})")


def replace_by_raw(
    con: duckdb.DuckDBPyConnection,
    raw: Callable[[str, str], list[dict[str, Any]]],
    folder: Path,
    batches: int = BATCHES,
) -> None:
    """Make `orders` and `lineitem` what the raw files of some batches tell: of rows with one key the last counts.

    Args:
        raw: The rows of a table's batch in the order in which it counts.
        folder: Where to put files for it.
    """
    for table in FACTS:
        key = TABLES[table].key
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for batch in keys(0, batches):
            rows |= {tuple(row[k] for k in key): row for row in raw(table, batch)}
        file = folder / f"{table}.json"
        file.write_text("\n".join(map(json.dumps, rows.values())))
        con.execute(f"CREATE OR REPLACE TABLE {table} AS FROM read_json('{file}', columns = {_types(con, table)})")


def _types(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """The types of a table's columns as an SQL struct."""
    types = (f"{name}: '{type_}'" for name, type_, *_ in con.sql(f"DESCRIBE {table}").fetchall())
    return f"{{{', '.join(types)}}}"


def columns(con: duckdb.DuckDBPyConnection, name: str) -> pa.Table:
    return con.sql(f"FROM {name}").to_arrow_table()


QUERIES = load_queries(BUSINESS)
MODELS = {model.name for model in BUSINESS.models}
