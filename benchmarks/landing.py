"""How long a raw file takes from its landing to its rows being readable in bronze, while `make dev` has nothing to do.

Replays a day, serves Dagster and the dashboard as `make dev` does, measures what that costs idle, and then lands files
one by one at random moments: as foreign writers do, under names of their own, every other one gzipped. Landing means
that the file's last byte is written; a row is readable when DuckDB finds it through deltalake.

    python -m benchmarks.landing [--files 20] [--idle 60] [--seed 1]
"""

import argparse
import gzip
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import dagster as dg
import duckdb
import httpx
import psutil
from deltalake import DeltaTable

from tpch_assets.calendar import batch_key, floor
from tpch_assets.layers import BATCH, DAY

TABLES = ("orders", "lineitem")
STAGES = {
    "wait": "settle time, and the wait for the sensor's tick",
    "queue": "the run is queued",
    "launch": "its process starts and imports",
    "run": "it parses and commits",
}
PATIENCE = 180  # Seconds.
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Landing:
    """One file: its name, seconds from landing to readable rows, and seconds by stage."""

    name: str
    seconds: float
    stages: dict[str, float]


def main() -> None:
    """Replay, serve, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--idle", type=float, default=60, help="seconds over which idle processes are measured")
    parser.add_argument("--seed", type=int, default=1, help="of the moments at which files land")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        lake, home = Path(folder) / "lake", Path(folder) / "home"
        os.environ |= {
            "DAGSTER_HOME": str(home),
            "TPCH_LAKE": str(lake),
            "TPCH_START": str((datetime.now(UTC) - DAY).date()),
            "TPCH_SCALE_FACTOR": "0.01",
            "TPCH_DAGSTER_PORT": str(free_port()),
            "TPCH_DASHBOARD_PORT": str(free_port()),
        }
        replay = [str(Path(sys.executable).with_name("tpch-assets")), "replay"]
        replayed = subprocess.run(replay, capture_output=True, text=True, check=False)
        if replayed.returncode:
            raise SystemExit(f"landing: the replay failed: {replayed.stderr[-2000:]}")
        with serving() as server, dg.DagsterInstance.from_config(str(home)) as instance:
            land(lake, instance, "first", TABLES[0])  # The first tick repairs, the first run compiles modules.
            wait_until_idle(instance)
            report_idle(idle(server, arguments.idle))
            report(list(landings(lake, instance, arguments.files, chance)), arguments.seed)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def serving() -> Iterator[psutil.Popen]:
    """Serve as `make dev` does until the block ends; files land on their own."""
    environment = {**os.environ, "TPCH_AUTOMATION": "true", "TPCH_GENERATE": "false"}
    command = [sys.executable, "-m", "tpch_assets.commands.serve"]
    server = psutil.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{os.environ['TPCH_DAGSTER_PORT']}/server_info"))
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def answers(url: str) -> bool:
    """Whether a web server answers."""
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def wait_for(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit(f"landing: nothing came of it in {seconds:g} s")
        time.sleep(0.05)


def wait_until_idle(instance: dg.DagsterInstance) -> None:
    """Wait until no run is under way."""
    wait_for(lambda: all(run.status in FINISHED for run in instance.get_runs(limit=20)))


def landings(lake: Path, instance: dg.DagsterInstance, files: int, chance: random.Random) -> Iterator[Landing]:
    """Land files one by one, each at a random moment at which nothing runs."""
    for number in range(files):
        wait_until_idle(instance)
        time.sleep(chance.uniform(0, 10))
        wait_until_idle(instance)
        yield land(lake, instance, f"from elsewhere {number}", TABLES[number % len(TABLES)], zipped=number % 4 > 1)


def land(lake: Path, instance: dg.DagsterInstance, stem: str, table: str, *, zipped: bool = False) -> Landing:
    """Land one file in the batch that ended last, and wait for its rows."""
    batch = batch_key(floor(datetime.now(UTC), BATCH) - BATCH)
    source = next((lake / "raw" / table).glob(f"{datetime.now(UTC) - DAY:%Y-%m-%d}T20*/*.json"))
    target = lake / "raw" / table / batch / (f"{stem}.json.gz" if zipped else f"{stem}.json")
    content = source.read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content) if zipped else content)
    landed = time.time()
    wait_for(lambda: readable(lake / "bronze" / table, batch, target.name))
    return Landing(target.name, time.time() - landed, stages(instance, landed, time.time()))


def readable(table: Path, batch: str, name: str) -> bool:
    """Whether a file's rows can be read, as anybody would."""
    uris = [uri for uri in DeltaTable(str(table)).file_uris() if f"/{batch}/" in uri]
    if not uris:
        return False
    with duckdb.connect() as con:
        found = con.execute("SELECT count(*) FROM read_parquet($1) WHERE _file = $2", [uris, name]).fetchone()
    return bool(found and found[0])


def stages(instance: dg.DagsterInstance, landed: float, read: float) -> dict[str, float]:
    """Where the time went, from the events of the run that read the file."""
    wanted = (dg.DagsterEventType.RUN_ENQUEUED, dg.DagsterEventType.RUN_STARTING, dg.DagsterEventType.RUN_START)
    newest = instance.get_runs(dg.RunsFilter(job_name="bronze_job"), limit=1)[0]
    logged = [entry for entry in instance.all_logs(newest.run_id) if entry.dagster_event]
    events = {entry.dagster_event.event_type: entry.timestamp for entry in logged if entry.dagster_event}
    moments = [landed, *(events[kind] for kind in wanted), read]
    return dict(zip(STAGES, (after - before for before, after in pairwise(moments)), strict=True))


def idle(server: psutil.Process, seconds: float) -> dict[str, float]:
    """Share of a core that each kind of process takes while nothing runs."""
    before = {process: used(process) for process in [server, *server.children(recursive=True)]}
    time.sleep(seconds)
    found: dict[str, float] = {}
    for process, then in before.items():
        if process.is_running():
            name = kind(process)
            found[name] = found.get(name, 0) + (used(process) - then) / seconds
    return found


def used(process: psutil.Process) -> float:
    """Processor seconds of a process so far."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def kind(process: psutil.Process) -> str:
    """What a process does, by its command."""
    command = " ".join(process.cmdline())
    known = {
        "dagster._daemon": "daemon",
        "daemon run": "daemon",
        "dagster_webserver": "web server",
        "code-server": "code server",
        "api grpc": "code server",
        "dashboards": "dashboard",
    }
    return next((name for part, name in known.items() if part in command), "other")


def report_idle(found: dict[str, float]) -> None:
    """Print what idling costs."""
    print("idle, percent of a core:")
    for name, share in sorted(found.items(), key=lambda item: -item[1]):
        print(f"  {name:12} {share:6.1%}")
    print(f"  {'all':12} {sum(found.values()):6.1%}")


def report(found: list[Landing], seed: int) -> None:
    """Print median and 95th percentile, whole and by stage."""
    print(f"from landing to readable rows, {len(found)} files (seed {seed}), seconds:")
    print(f"  {'':8} {'median':>7} {'p95':>7} {'max':>7}")
    for name, what in {**STAGES, "all": ""}.items():
        values = sorted(one.stages[name] if name in STAGES else one.seconds for one in found)
        high = statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
        print(f"  {name:8} {statistics.median(values):7.1f} {high:7.1f} {values[-1]:7.1f}  {what}")


if __name__ == "__main__":
    main()
