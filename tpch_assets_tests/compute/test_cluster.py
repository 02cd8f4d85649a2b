"""The four places to compute: each makes the same writes, and says in one clear sentence why it cannot be used."""

import json
import logging
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import dask
import psutil
import pyarrow as pa
import pytest
from dask.delayed import Delayed
from distributed import Client
from distributed.security import Security

from tpch_assets.compute import cluster
from tpch_assets.compute.dask_config import ENVIRONMENT
from tpch_assets.compute.progress import Progress
from tpch_assets.compute.worker_logs import LINES
from tpch_assets.gold.graph import PartialGraph
from tpch_assets.gold.tasks import Statement
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import task, write_piece
from tpch_assets.lake.snapshot import DataFile, Snapshot, read, snapshot
from tpch_assets.lake.update import MadeRows, TableRows, TableUpdate
from tpch_assets.orchestration.io_manager import LakeIOManager
from tpch_assets.settings import SettingsError
from tpch_assets.silver.shards import Shard
from tpch_assets_tests import days
from tpch_assets_tests.conftest import use
from tpch_assets_tests.days import Place
from tpch_assets_tests.tpch_tables import FACTS, GROUP

PIECES = 6


@pytest.fixture
def place(environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The test's own cluster; the test puts its settings into the environment before the first use."""
    cluster.close()
    yield monkeypatch
    cluster.close()


def where(count: int = 20) -> set[int]:
    """The processes that tasks run in; the results come back in order."""

    # Functions within functions travel by value, so that workers need not import this module and Dagster with it.
    def process_id(number: int) -> tuple[int, int]:
        time.sleep(0.05)  # Long enough for the other worker to take a task, too.
        return number, os.getpid()

    found = cluster.compute([dask.delayed(process_id, pure=False)(number) for number in range(count)])
    assert [number for number, _ in found] == list(range(count))
    return {process for _, process in found}


def check_write(lake: Lake, instance: dg.DagsterInstance) -> None:
    """A table is written through the IO manager, by workers, and read back."""

    def total(piece: pa.Table) -> pa.Table:
        return pa.table({"piece": piece.column("piece").slice(0, 1), "sum": [sum(piece.column("key").to_pylist())]})

    def rows(number: int) -> pa.Table:
        return pa.table({"piece": [number] * 1000, "key": range(1000)})

    @dg.asset(key=["silver", "things"])
    def things() -> TableUpdate:
        made = {f"{number}-{{content}}.parquet": MadeRows(partial(rows, number)) for number in range(PIECES)}
        return TableUpdate({"all": made})

    @dg.asset(key=["silver", "sums"], ins={"rows": dg.AssetIn(["silver", "things"])})
    def sums(rows: list) -> list:
        return [dask.delayed(total)(piece) for piece in rows]

    resources = {"io_manager": LakeIOManager(uri=lake.uri)}
    assert dg.materialize([things, sums], instance=instance, resources=resources).success
    assert read(snapshot(lake, lake.table("silver", "things"))).num_rows == PIECES * 1000
    found = read(snapshot(lake, lake.table("silver", "sums"))).to_pylist()
    assert sorted((row["piece"], row["sum"]) for row in found) == [(n, 499_500) for n in range(PIECES)]


def test_threads_compute_in_this_process(place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance) -> None:
    assert where() == {os.getpid()}
    check_write(lake, instance)


def test_processes_compute_in_workers_of_their_own(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance
) -> None:
    use(place, compute="processes", workers="2")
    found = where()
    assert len(found) == 2
    assert os.getpid() not in found
    client: Any = cluster.client()
    assert client.scheduler.address.startswith("tls://127.0.0.1:")
    check_write(lake, instance)
    check_logs(lake, instance)


def test_other_machines_cannot_reach_what_is_started_here(place: pytest.MonkeyPatch) -> None:
    client: Any = cluster.client()
    assert client.scheduler.address.startswith("inproc://")
    open_ports = [c for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert {connection.laddr.ip for connection in open_ports} == {"127.0.0.1"}


def test_a_cluster_is_started_once_and_again_after_it_was_closed(place: pytest.MonkeyPatch) -> None:
    first = cluster.client()
    assert cluster.client() is first
    cluster.close()
    cluster.close()
    assert cluster.client() is not first


def test_the_first_error_is_raised_and_progress_is_counted(place: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ArithmeticError("a task is bad")

    said: list[str] = []
    progress: Progress[int] = Progress(lambda level, text: said.append(text), rows_of=lambda number: 10 * number)
    tasks = [dask.delayed(abs, pure=False)(number) for number in (-1, 2, -3)]
    assert cluster.compute(tasks, progress) == [1, 2, 3]
    assert (progress.done, progress.total, progress.rows) == (3, 3, 60)
    assert said == [], "a call that is over in no time says nothing"
    with pytest.raises(ArithmeticError, match="a task is bad"):
        cluster.compute([*tasks, dask.delayed(fail)()])
    assert cluster.compute([]) == []


# Several worker processes, over TCP and TLS


@dataclass
class Dask:
    """A scheduler and workers that somebody else started: processes of their own, reached by an address alone."""

    folder: Path
    address: str = ""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, **environment: str) -> None:
        code = f"import sys; from distributed.cli.dask_{command[0]} import main; main(sys.argv[1:])"
        options = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1", *command[1:]]
        with (self.folder / "dask.txt").open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", code, *options],
                env={**os.environ, **ENVIRONMENT, **environment},
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)

    def scheduler(self, *options: str) -> str:
        file = self.folder / "scheduler.json"
        self.start("scheduler", "--port", "0", "--scheduler-file", str(file), *options)
        await_(lambda: file.exists() and file.read_text().strip().endswith("}"))
        self.address = json.loads(file.read_text())["address"]
        return self.address

    def wait(self, workers: int) -> dict[str, Any]:
        """Wait until this many workers have joined; returns them by address."""
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=120)
            return client.scheduler_info(n_workers=-1)["workers"]

    def workers(self, address: str, count: int, *options: str, **environment: str) -> None:
        for _ in range(count):
            self.start("worker", address, "--nthreads", "1", "--no-nanny", *options, **environment)

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()


def await_(true: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "the condition did not become true in time"
        time.sleep(0.05)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Dask]:
    """For schedulers and workers that a test starts itself."""
    found = Dask(tmp_path)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A cluster with two workers."""
    found = Dask(tmp_path_factory.mktemp("running"))
    found.workers(found.scheduler(), 2)
    yield found
    found.stop()


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dask's own settings for TLS, pointing to a certificate's files, for this process and those it starts."""
    made, names = Security.temporary(), {"ca-file": "ca_file"}
    for role in ("scheduler", "worker", "client"):
        names |= {f"{role}.{part}": f"{role}_{part}" for part in ("cert", "key")}
    files = {}
    for name, attribute in names.items():
        file = files[f"distributed.comm.tls.{name}"] = tmp_path / f"{name}.pem"
        file.write_text(getattr(made, f"tls_{attribute}"))
        variable = f"DASK_DISTRIBUTED__COMM__TLS__{name.replace('.', '__').replace('-', '_').upper()}"
        monkeypatch.setenv(variable, str(file))
    with dask.config.set({name: str(file) for name, file in files.items()}):
        yield


def written_by(lake: Lake, instance: dg.DagsterInstance, pieces: int) -> list[set[int]]:
    """Write a table in two runs; returns the processes that wrote its files, by run."""

    def rows(number: int) -> pa.Table:
        time.sleep(0.1)  # Long enough for the other workers to take a piece, too.
        # The time makes each run's rows new: files with the same rows are the same, and would not be committed again.
        same = {"piece": number, "process": os.getpid(), "time": time.time_ns()}
        return pa.table({**{name: [value] * 1000 for name, value in same.items()}, "key": range(1000)})

    @dg.asset(key=["silver", "things"])
    def things() -> TableUpdate:
        made = {f"{number}-{{content}}.parquet": MadeRows(partial(rows, number)) for number in range(pieces)}
        return TableUpdate({"all": made})

    uri, found = lake.table("silver", "things"), []
    for _ in range(2):
        before = snapshot(lake, uri).version
        assert dg.materialize(
            [things], instance=instance, resources={"io_manager": LakeIOManager(uri=lake.uri)}
        ).success
        table = snapshot(lake, uri)
        assert table.version == max(before, 0) + 1, "one commit per table and run"
        assert len(table.files) == pieces
        assert table.rows == pieces * 1000
        found.append({row["process"] for row in read(table).to_pylist()})
    return found


def test_every_worker_writes_its_own_files_and_one_commit_adds_them(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance
) -> None:
    use(place, compute="processes", workers="4")
    cluster.client().wait_for_workers(4, timeout=120)
    for processes in written_by(lake, instance, pieces=16):
        assert len(processes) == 4
        assert os.getpid() not in processes

    # What they answer with is what to add, and no rows.
    def large() -> pa.Table:
        return pa.table({"key": range(200_000), "text": ["x" * 100] * 200_000})

    uri, rows = lake.table("silver", "large"), MadeRows(large)
    pieces = cluster.compute([task(write_piece, lake, uri, "all", f"{n}-{{content}}.parquet", rows) for n in range(4)])
    assert [piece.rows.file.rows for piece in pieces] == [200_000] * 4
    assert all(len(pickle.dumps(piece)) < 10_000 for piece in pieces)


def test_each_run_of_the_graph_commits_once_per_table(place: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From raw files to an answer, by worker processes; and again after a redelivery."""
    batches, window = days.keys(0, 4), days.key(0)
    with days.graph(Place(tmp_path / "place"), shard_rows=1_000, compute="processes", workers=2) as graph:

        def run(layer: str, names: list[str], first: str = "", last: str = "") -> None:
            before = {name: table.version for name, table in days.tables_of(graph.lake).items()}
            (result,) = graph.run([days.request(layer, names, first, last)])
            assert result.success
            for name, table in days.tables_of(graph.lake).items():
                # A table that is new has its creation, without rows, as version 0.
                made = name.split("/")[0] == layer and name.removesuffix("_rejects").split("/")[1] in names
                assert table.version == max(before.get(name, 0), 0) + made, name

        run("raw", ["orders", "lineitem"], batches[0], batches[-1])
        run("bronze", ["orders", "lineitem"], batches[0], batches[-1])
        run("silver", ["orders", "lineitem"], window)
        run("gold", ["q06_forecasting_revenue_change"], days.day(0))
        assert len(days.tables_of(graph.lake)["silver/orders"].files) >= 2
        for table in ("orders", "lineitem"):
            rows = days.raw_rows(graph.lake, table, batches[0])
            Path(graph.lake.uri, "raw", table, batches[0], f"{table}.json").unlink()
            graph.place.deliver(table, batches[0], "again.json", rows)
        run("bronze", ["orders", "lineitem"], batches[0], batches[-1])


def check_address(place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance, at: Dask) -> None:
    use(place, compute="address", address=at.address)
    at.wait(2)
    for processes in written_by(lake, instance, pieces=6):
        assert processes <= {process.pid for process in at.started[1:]}
    cluster.close()
    assert all(process.poll() is None for process in at.started), "what we did not start is left running"


def test_an_address_computes_on_any_dask_cluster(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance, running: Dask
) -> None:
    check_address(place, lake, instance, running)


def test_an_address_may_be_tls(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance, certificates: None, elsewhere: Dask
) -> None:
    elsewhere.workers(elsewhere.scheduler("--protocol", "tls"), 2)
    assert elsewhere.address.startswith("tls://")
    check_address(place, lake, instance, elsewhere)


def test_a_cluster_that_goes_away_is_one_error_and_the_next_call_has_another(
    place: pytest.MonkeyPatch, elsewhere: Dask, environment: Path
) -> None:
    def slow(file: Path) -> None:
        file.touch()
        time.sleep(60)

    elsewhere.workers(elsewhere.scheduler(), 1)
    elsewhere.wait(1)
    use(place, compute="address", address=elsewhere.address)
    started = environment / "started"
    end = threading.Thread(target=lambda: [await_(started.exists), elsewhere.stop()])  # type: ignore[func-returns-value]
    end.start()
    with pytest.raises(cluster.ClusterLost, match="nothing was committed"):
        cluster.compute([dask.delayed(slow, pure=False)(started), dask.delayed(slow, pure=False)(started)])
    end.join()
    use(place, compute="threads")
    assert where() == {os.getpid()}


def test_a_cluster_without_workers_is_lost_after_a_while(place: pytest.MonkeyPatch, elsewhere: Dask) -> None:
    elsewhere.workers(elsewhere.scheduler(), 1)
    elsewhere.wait(1)
    use(place, compute="address", address=elsewhere.address)
    cluster.client()
    elsewhere.started[-1].kill()
    place.setattr("tpch_assets.compute.progress.SECONDS", 0.2)
    place.setattr(cluster, "NO_WORKER_SECONDS", 1)
    said: list[str] = []
    progress: Progress[object] = Progress(lambda level, text: said.append(text))
    with pytest.raises(cluster.ClusterLost, match="nothing was committed"):
        cluster.compute([dask.delayed(time.sleep, pure=False)(0)], progress)
    assert said[-1] == "the cluster has no worker yet: nothing is computed until one joins"


def test_a_scheduler_that_freezes_is_lost_after_a_while(place: pytest.MonkeyPatch, elsewhere: Dask) -> None:
    elsewhere.workers(elsewhere.scheduler(), 1)
    elsewhere.wait(1)
    use(place, compute="address", address=elsewhere.address)
    cluster.client()
    elsewhere.started[0].send_signal(signal.SIGSTOP)
    place.setattr("tpch_assets.compute.progress.SECONDS", 0.2)
    place.setattr("tpch_assets.compute.places.CLOSE_SECONDS", 1)
    place.setattr(cluster, "SCHEDULER_SECONDS", 1)
    with pytest.raises(cluster.ClusterLost, match="nothing was committed"):
        cluster.compute([dask.delayed(time.sleep, pure=False)(0)])


def warnings_of(place: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, at: Dask) -> list[str]:
    """What is said of workers where all of them could freeze that have a profiler."""
    place.setattr("tpch_assets.compute.places.can_freeze", lambda version: version == sys.version_info[:3])
    use(place, compute="address", address=at.address)
    assert cluster.compute([dask.delayed(abs, pure=False)(-1)]) == [1]
    return [record.getMessage() for record in caplog.records if record.name == "tpch_assets.compute.places"]


def test_workers_of_others_that_may_freeze_are_one_warning(
    place: pytest.MonkeyPatch, elsewhere: Dask, caplog: pytest.LogCaptureFixture
) -> None:
    # The profiler is on, but takes no sample as long as the test lasts.
    variables = {"INTERVAL": "1h", "ENABLED": "True"}
    profiler = {f"DASK_DISTRIBUTED__WORKER__PROFILE__{name}": value for name, value in variables.items()}
    elsewhere.workers(elsewhere.scheduler(), 2, **profiler)
    addresses = elsewhere.wait(2)
    (warning,) = warnings_of(place, caplog, elsewhere)
    assert warning.startswith(f"TPCH_ADDRESS={elsewhere.address}: {min(addresses)} (and 1 more) may freeze")
    assert "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False" in warning


def test_workers_of_others_without_a_profiler_are_no_warning(
    place: pytest.MonkeyPatch, running: Dask, caplog: pytest.LogCaptureFixture
) -> None:
    running.wait(2)
    assert warnings_of(place, caplog, running) == []


# Bad input


def refused(place: pytest.MonkeyPatch, **settings: str) -> str:
    """The one sentence with which a cluster is refused, within ten seconds and what a busy machine takes more."""
    use(place, **settings)
    started = time.monotonic()
    with pytest.raises(SettingsError) as error:
        cluster.client()
    assert time.monotonic() - started < 10 + 20
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("listens", [False, True])
def test_a_scheduler_that_is_not_there_is_one_sentence(place: pytest.MonkeyPatch, listens: bool) -> None:
    """Nothing listens at the port, or something listens and says nothing."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if listens:
            other.listen()
            place.setattr("tpch_assets.compute.places.ANSWER_SECONDS", 1)
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        message = refused(place, compute="address", address=address)
    assert message.startswith(f"TPCH_ADDRESS={address}: no Dask scheduler answers there")


def test_a_scheduler_without_workers_is_one_sentence(place: pytest.MonkeyPatch, elsewhere: Dask) -> None:
    message = refused(place, compute="address", address=elsewhere.scheduler())
    assert "the scheduler has no workers" in message


def test_a_tls_address_without_certificates_is_one_sentence(place: pytest.MonkeyPatch) -> None:
    message = refused(place, compute="address", address="tls://127.0.0.1:8786")
    assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in message


def test_a_worker_with_another_version_is_one_sentence_and_nothing_is_written(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance, elsewhere: Dask, environment: Path
) -> None:
    older = environment / "older" / "duckdb-1.0.0.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text("Metadata-Version: 2.1\nName: duckdb\nVersion: 1.0.0\n")
    elsewhere.workers(elsewhere.scheduler(), 1, "--name", "older", PYTHONPATH=str(older.parent))
    (worker,) = elsewhere.wait(1)
    message = refused(place, compute="address", address=elsewhere.address)
    assert f"{worker} has duckdb 1.0.0, not {version('duckdb')}" in message
    with pytest.raises(SettingsError):
        check_write(lake, instance)
    assert os.listdir(lake.uri) == ["lake.json"], "what it was begun with, and no table"


# What tasks log, and how far a call is


def logged(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """A run's log, as the UI shows it."""
    records = instance.get_records_for_run(run_id).records
    entries = [record.event_log_entry for record in records]
    return [entry.user_message for entry in entries if int(entry.level) >= logging.INFO]


def chatty(name: str, count: int = 2) -> dg.AssetsDefinition:
    """An asset whose tasks warn with its name."""

    def rows(number: int) -> pa.Table:
        logging.getLogger("reader").warning("%s: piece %d is odd", name, number)
        logging.getLogger("reader").debug("too much")
        time.sleep(0.2)
        return pa.table({"key": [number]})

    @dg.asset(key=["silver", name])
    def made() -> TableUpdate:
        return TableUpdate({"all": {f"{n}-{{content}}.parquet": MadeRows(partial(rows, n)) for n in range(count)}})

    return made


def check_logs(lake: Lake, instance: dg.DagsterInstance) -> None:
    """A run's log holds the lines of its own tasks, and no others."""
    for name in ("first", "second"):
        result = dg.materialize(
            [chatty(name)], instance=instance, resources={"io_manager": LakeIOManager(uri=lake.uri)}
        )
        found = sorted(text.split(" reader: ")[1] for text in logged(instance, result.run_id) if " reader: " in text)
        assert found == [f"{name}: piece 0 is odd", f"{name}: piece 1 is odd"]


def test_what_a_task_logs_is_in_its_runs_log(
    place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance
) -> None:
    check_logs(lake, instance)


def test_runs_at_once_on_one_cluster_do_not_see_each_others_lines(
    place: pytest.MonkeyPatch, running: Dask, environment: Path
) -> None:
    code = """
import logging, sys, time
import dask
from tpch_assets.compute import cluster
from tpch_assets.compute.dask_config import ENVIRONMENT
from tpch_assets.compute.progress import Progress

def warn(name, number):
    logging.getLogger("reader").warning("%s %d", name, number)
    time.sleep(0.05)

lines = []
progress = Progress(lambda level, text: lines.append(text))
cluster.compute([dask.delayed(warn, pure=False)(sys.argv[1], n) for n in range(20)], progress)
print("\\n".join(sorted(line.split(": ", 1)[1] for line in lines)))
"""
    (environment / "run.py").write_text(code)
    running.wait(2)
    use(place, compute="address", address=running.address)
    runs = [
        subprocess.Popen([sys.executable, "run.py", name], stdout=subprocess.PIPE, text=True, cwd=environment)
        for name in ("first", "second")
    ]
    for run, name in zip(runs, ("first", "second"), strict=True):
        assert run.communicate(timeout=120)[0].splitlines() == sorted(f"{name} {n}" for n in range(20))


def test_a_task_that_warns_in_a_loop_is_cut_short(place: pytest.MonkeyPatch) -> None:
    def loop() -> None:
        for number in range(3 * LINES):
            logging.getLogger("loop").warning("%d", number)

    said: list[str] = []
    cluster.compute([dask.delayed(loop, pure=False)()], Progress(lambda level, text: said.append(text)))
    assert len(said) == LINES
    assert "the rest is left out" in said[-1]


def test_a_long_step_says_how_far_it_is(place: pytest.MonkeyPatch, lake: Lake, instance: dg.DagsterInstance) -> None:
    def rows(number: int) -> pa.Table:
        time.sleep(0.2)
        return pa.table({"key": [number] * 1000})

    @dg.asset(key=["silver", "slow"])
    def slow() -> TableUpdate:
        return TableUpdate({"all": {f"{n}-{{content}}.parquet": MadeRows(partial(rows, n)) for n in range(8)}})

    place.setattr("tpch_assets.compute.progress.SECONDS", 0.3)
    result = dg.materialize([slow], instance=instance, resources={"io_manager": LakeIOManager(uri=lake.uri)})
    found = [text for text in logged(instance, result.run_id) if "pieces done" in text]
    assert len(found) >= 2
    assert any(re.fullmatch(r"\d of 8 pieces done, [\d,]+ rows/s, about \d+ s left", text) for text in found), found


@pytest.mark.parametrize("graph", ["delayed", "one dictionary"])
def test_shards_within_a_query_are_counted(place: pytest.MonkeyPatch, graph: str) -> None:
    def run_partial(number: int) -> int:
        time.sleep(0.2)
        return number

    def combine(numbers: list[int]) -> int:
        return sum(numbers)

    place.setattr("tpch_assets.compute.progress.SECONDS", 0.3)
    said: list[str] = []
    answer: Any = dask.delayed(combine)([dask.delayed(run_partial, pure=False)(number) for number in range(10)])
    if graph == "one dictionary":
        partials = {f"run_partial-q01_a-{number:032x}": (run_partial, number) for number in range(10)}
        answer = Delayed("combine-q01_a-1", {**partials, "combine-q01_a-1": (combine, list(partials))})
    progress: Progress[int] = Progress(lambda level, text: said.append(text), rows_in_units=1_000_000)
    assert cluster.compute([answer], progress) == [45]
    found = [re.fullmatch(r"(\d+) of 10 shards done(, [\d,]+ rows/s, about \d+ s left)?", text) for text in said]
    shares = [int(match[1]) for match in found if match]
    assert shares == sorted(shares)
    assert any(0 < share < 10 for share in shares)
    assert all(match[2] for match in found if match and int(match[1]))


def test_shards_within_the_graph_of_a_query_and_those_in_the_files_it_writes_are_counted(lake: Lake) -> None:
    silver: dict[str, Snapshot] = {name: Snapshot(lake, lake.table("silver", name), 0) for name in FACTS}
    shards: list[Shard] = [tuple(DataFile(f"w{n}/0-0of1-{n}.parquet", 1, rows) for rows in (2, 3)) for n in "abc"]
    graph = PartialGraph(Statement(lake, "SELECT 1", (), ()), GROUP, lake.path("partials", "sales"), [])
    answer = graph.delayed(list, graph.add(silver, shards))
    progress: Progress[object] = Progress(lambda level, text: None, rows_in_units=graph.rows_read)
    progress.begin([task(write_piece, lake, "gold/sales", "day", "x.parquet", TableRows(answer))])
    (kind,) = progress.units
    assert progress.words({kind: 1}, seconds=2.0) == "2 of 3 shards done, 5 rows/s, about 1 s left"
