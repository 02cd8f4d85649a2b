"""A lake on S3: what works on disk works there too, by several processes at once."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml
from distributed import LocalCluster

from dashboards.store.store import Store
from tpch_assets.compute import cluster
from tpch_assets.compute.scratch import PREFIX
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.orchestration.instance import prepare_home
from tpch_assets.settings import PROJECT
from tpch_assets_tests import days
from tpch_assets_tests.commands.test_cli import Shell, shell
from tpch_assets_tests.days import Graph, Place, graph, tpch
from tpch_assets_tests.gold.plain import assert_same, plain_answer
from tpch_assets_tests.s3_server import BUCKET, Request, S3Server, one_server, server
from tpch_assets_tests.tpch_tables import FACTS, TABLE_NAMES, TABLES

__all__ = ["one_server", "server", "shell"]
pytestmark = pytest.mark.long
DAY = days.day(0)
WORKERS = 2
GENERATED, LANDED = (0, 1), (30, 31, 60, 61, 90, 91)
"""The batches that are generated, and those in which files land: two of each window, as requests to S3 take long."""


@dataclass(frozen=True)
class S3Place(Place):
    """A lake on S3, and a folder with a Dagster home."""

    server: S3Server
    name: str = "day"

    @property
    def lake(self) -> Lake:
        return Lake(f"s3://{BUCKET}/{self.name}")

    @property
    def temporary(self) -> str:
        """A path that leads each process below its own folder: none finds another one's file by its name."""
        return "/proc/self/cwd/tmp"

    def put(self, table: str, batch: str, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Put a file into raw as anybody would."""
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        self.server.put(self.lake.path("raw", table, batch, name), content)

    def raw_rows(self, table: str, batch: str) -> list[dict[str, Any]]:
        """What the files of one raw batch say, by file name, then by line."""
        found = self.server.contents(f"{self.lake.uri}/raw/{table}/{batch}/")
        return [json.loads(line) for name in sorted(found) for line in found[name].splitlines()]


@contextmanager
def workers(place: Place, count: int) -> Iterator[str]:
    """A Dask cluster whose workers are processes in folders of their own; gives the scheduler's address."""
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        processes = []
        for number in range(count):
            folder = place.folder / f"worker {number}"
            (folder / "tmp").mkdir(parents=True)
            command = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address, "--no-nanny"]
            options = ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
            environment = {**place.environment(), "TMPDIR": place.temporary}
            with (folder / "output.txt").open("w") as output:
                processes.append(
                    subprocess.Popen([*command, *options], cwd=folder, env=environment, stdout=output, stderr=output)
                )
        try:
            yield cluster.scheduler_address
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=30)


@dataclass(frozen=True)
class Day:
    place: S3Place
    requests: list[Request]

    @property
    def lake(self) -> Lake:
        return self.place.lake


@pytest.fixture(scope="module")
def day(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A day with all rows of TPC-H, replayed by three layers at once and computed by two worker processes."""
    place = S3Place(tmp_path_factory.mktemp("s3"), server)
    (place.folder / "tmp").mkdir()
    with server.requests() as seen:
        with graph(place) as loaded:
            once, always = ([n for n, t in TABLES.items() if t.arrives == when] for when in ("once", "every batch"))
            first, last = map(days.key, GENERATED)
            loaded.run([days.request("raw", once, first), days.request("raw", always, first, last)])
        land_the_rest(place, always)
        with workers(place, WORKERS) as address:
            settings = {"compute": "address", "address": address, "generate": False}
            process = place.start("replay", "--start", DAY, "--batches", "96", **settings)
            assert process.wait(timeout=400) == 0, place.output()
    return Day(place, seen)


def land_the_rest(place: S3Place, tables: Iterable[str]) -> None:
    """Put the day's other batches into a few folders."""
    rest = [days.key(number) for number in range(96) if number not in GENERATED]
    for table in tables:
        raw = Path(days.whole_day().lake.uri, "raw", table)
        for first, number in enumerate(LANDED):
            content = b"".join((raw / batch / f"{table}.json").read_bytes() for batch in rest[first :: len(LANDED)])
            place.server.put(place.lake.path("raw", table, days.key(number), f"{table}.json"), content)


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with tpch() as con:
        yield con


@pytest.mark.parametrize("query", days.QUERIES)
def test_gold_is_the_answer_of_plain_sql(day: Day, plain: duckdb.DuckDBPyConnection, query: str) -> None:
    assert_same(days.answer(day.lake, query, DAY), plain_answer(plain, query, date.fromisoformat(DAY)))


def test_raw_has_the_bytes_of_a_lake_on_disk(day: Day) -> None:
    local = Path(days.whole_day().lake.uri, "raw")
    made = [path for number in GENERATED for path in local.glob(f"*/{days.key(number)}/*")]
    assert len(made) == 3 * 2 + 5
    found = day.place.server.contents(f"{day.lake.uri}/raw/")
    assert len(found) == 3 * 8 + 5
    assert {str(path.relative_to(local)): path.read_bytes() for path in made}.items() <= found.items()


def test_tables_have_the_rows_of_a_lake_on_disk(day: Day) -> None:
    """But for the batches in which they arrived."""
    for name, table in days.tables_of(days.whole_day().lake).items():
        ours, theirs = read(snapshot(day.lake, day.lake.table(*name.split("/")))), read(table)
        assert ours.column_names == theirs.column_names, name
        same = [column for column in ours.column_names if column not in ("_batch", "_file")]
        days.assert_same_rows(ours.select(same), theirs.select(same), name)
    assert not day.lake.store.names(day.lake.table("bronze", "orders_rejects"))


def test_commits_are_conditional_puts_and_no_file_is_written_twice(day: Day) -> None:
    puts = [request for request in day.requests if request.method == "PUT"]
    logs = [request for request in puts if "/_delta_log/" in request.path and request.path.endswith(".json")]
    names = [*days.tables_of(days.whole_day().lake), "gold/models"]
    tables = [snapshot(day.lake, day.lake.table(*name.split("/"))) for name in names]
    assert len({request.path for request in logs}) == sum(table.version + 1 for table in tables)
    assert all(request.conditional for request in logs)
    assert not any(request.copies for request in day.requests), "a copy to the log's next name may overwrite another's"
    written = Counter(request.path for request in puts if request.path.endswith((".parquet", ".json")))
    assert {path: count for path, count in written.items() if count > 1} == {}


def test_every_worker_wrote_files_of_its_own(day: Day) -> None:
    for number in range(WORKERS):
        folder = day.place.folder / f"worker {number}"
        assert "Traceback" not in (folder / "output.txt").read_text()
        assert not list((folder / "tmp").glob(f"{PREFIX}*")), "a process's temporary files go with it"


def test_status_and_show_read_it(day: Day, shell: Shell) -> None:
    lines = [line.split() for line in shell("status", "--lake", day.lake.uri).splitlines()]
    found = {(words[0], words[1]): words[2:] for words in lines if len(words) > 2}
    assert found["raw", "orders"][:2] == ["8", "8"] and days.key(91) in found["raw", "orders"]
    assert found["bronze", "lineitem"][:2] == ["8", "60,175"]
    assert found["silver", "orders"][:2] == ["4", "15,000"]
    assert {name for layer, name in found if layer == "gold"} == {*days.QUERIES, "models"}
    assert f"as of {DAY}" in shell("show", "q01_pricing_summary", "--lake", day.lake.uri)


def test_the_dashboard_reads_it(day: Day) -> None:
    store = Store(day.lake)
    store.poll()
    store.poll_raw()
    assert store.state.kind == "ok", store.state
    assert len(store.tables) == len(days.QUERIES) + 2 * len(TABLE_NAMES)
    assert (store.raw["lineitem"].batches, store.raw["lineitem"].latest) == (8, days.key(91))
    local = snapshot(days.whole_day().lake, days.whole_day().lake.table("gold", "unshipped_orders"))
    ours = store.table("gold", "unshipped_orders")
    assert ours is not None
    assert store.rows(ours, ours.files).equals(read(local))
    assert [commit.version for commit in store.commits(ours)] == [1, 0]
    with day.place.server.requests() as seen:
        store.poll()
    assert {request.method for request in seen} == {"HEAD"}, "while nothing changes only the next version is asked for"


# Late files. They change the day's lake, so they come last.


@dataclass(frozen=True)
class Watched(Graph):
    """The graph, and what its bronze runs ask of S3."""

    seen: list[Request] = field(default_factory=list)

    def run(self, requests: Iterable[dg.RunRequest], **options: Any) -> list[dg.ExecuteInProcessResult]:
        assert isinstance(self.place, S3Place)
        wanted = list(requests)
        with self.place.server.requests() as seen:
            results = super().run(wanted, **options)
        if {request.job_name for request in wanted} == {"bronze_job"}:
            self.seen.extend(seen)
        return results


class Late:
    """A late file, a redelivery and a file by another name, after the sensors have settled; by `processes`."""

    def __init__(self, place: S3Place) -> None:
        self.place = place
        before, again = place.raw_rows("orders", days.key(1)), place.raw_rows("orders", days.key(60))
        line = place.raw_rows("lineitem", days.key(1))[0]
        place.put("orders", days.key(50), "late.json", [{**before[0], "o_totalprice": 99_999.99, "o_custkey": 7}])
        place.put("orders", days.key(60), "orders.json", [{**again[0], "o_orderpriority": "1-URGENT"}, *again[2:]])
        place.put("lineitem", days.key(50), "from the shop.txt", [{**line, "l_quantity": 49.0}])
        cluster.close()
        with graph(place, compute="processes", generate=False) as loaded:
            watched = Watched(loaded.place, loaded.defs, loaded.instance)
            self.asked, self.requests = watched.settle(), watched.seen
            client: Any = cluster.client()
            self.workers = len(client.scheduler_info()["workers"])
        cluster.close()


@pytest.fixture(scope="module")
def late(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Late:
    return Late(replace(day.place, folder=tmp_path_factory.mktemp("late")))


@pytest.fixture(scope="module")
def corrected(late: Late) -> Iterator[duckdb.DuckDBPyConnection]:
    with tpch() as con:
        days.replace_by_raw(con, late.place.raw_rows, late.place.folder)
        yield con


def test_sensors_find_what_came_late(late: Late) -> None:
    def of(layer: str) -> set[tuple[str, str]]:
        return {days.stretch(request) for request in late.asked if request.job_name == f"{layer}_job"}

    assert of("bronze") == {(days.key(batch), days.key(batch)) for batch in (50, 60)}
    assert of("silver") == {(days.key(48), days.key(48))}
    assert of("gold") == {(DAY, DAY)}
    assert late.workers == WORKERS


def test_a_bronze_run_lists_raw_once_to_read_and_once_to_check(late: Late) -> None:
    runs = sum(len(request.asset_selection or ()) for request in late.asked if request.job_name == "bronze_job")
    lists = [request for request in late.requests if "/raw/" in (request.prefix or "")]
    assert len(lists) == 2 * runs == 6


def test_late_and_redelivered_rows_are_in_silver_and_gold(late: Late, corrected: duckdb.DuckDBPyConnection) -> None:
    for table in FACTS:
        silver = days.rows_of(late.place.lake, "silver", table)
        days.assert_same_rows(silver.drop_columns(["_batch"]), days.columns(corrected, table))
    for query in days.QUERIES:
        answer = plain_answer(corrected, query, date.fromisoformat(DAY))
        assert_same(days.answer(late.place.lake, query, DAY), answer)


def test_housekeeping_runs_and_deletes_nothing_young(late: Late) -> None:
    before = late.place.server.contents(late.place.lake.uri).keys()
    with graph(late.place) as loaded:
        assert loaded.defs.resolve_job_def("maintenance_job").execute_in_process(instance=loaded.instance).success
    assert before <= late.place.server.contents(late.place.lake.uri).keys()


# Run logs


def test_the_production_instance_is_the_laptops_with_run_logs_on_s3() -> None:
    ours, production = (
        yaml.safe_load((PROJECT / name).read_text()) for name in ("dagster.yaml", "deploy/dagster.yaml")
    )
    logs = production.pop("compute_logs")
    assert production == ours
    assert (logs["module"], logs["class"]) == ("dagster_aws.s3", "S3ComputeLogManager")


TALKATIVE = """
import sys
import dagster as dg

@dg.asset
def talkative():
    print("said on stdout")
    print("said on stderr", file=sys.stderr)
"""


def test_what_a_run_prints_lands_in_the_bucket(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_LOGS_BUCKET", BUCKET)
    prepare_home()
    (tmp_path / "code.py").write_text(TALKATIVE)
    command = [str(days.SCRIPTS / "dagster"), "asset", "materialize", "--select", "talkative", "-f", "code.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
    found = server.contents(f"s3://{BUCKET}/dagster-logs/storage/{run.run_id}/compute_logs/")
    output = {name.rsplit(".", 1)[-1]: content for name, content in found.items()}
    assert b"said on stdout" in output["out"] and b"said on stderr" in output["err"]
