"""A market whose services are the real ones: Dagster's daemon, its code server and its runs, each a process."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import psutil
import pytest

from tpch_assets.commands import serve
from tpch_assets.orchestration.instance import EXECUTED, OWNER_TAG
from tpch_assets.settings import PROJECT
from tpch_assets_tests import days
from tpch_assets_tests.chaos import feed, impatient
from tpch_assets_tests.chaos.life import Broken, Life
from tpch_assets_tests.conftest import left
from tpch_assets_tests.days import Graph, Place, graph
from tpch_assets_tests.orchestration.test_dashboard_job import SERVER

BUSINESS = "tpch_assets_tests.chaos.market"
SETTINGS: dict[str, Any] = {"business": BUSINESS, "generate": False, "settle_seconds": 0}
UNFINISHED = [dg.DagsterRunStatus.QUEUED, *EXECUTED]
PROGRAM = f"""
from tpch_assets.commands import serve
dagster = list(serve.DAGSTER)
dagster[dagster.index("-w") : dagster.index("-w") + 2] = ["-m", {impatient.__name__!r}]
serve.DAGSTER, serve.DASHBOARD = dagster, ("-c", {SERVER!r}, "{{port}}")
serve.main()
"""


def wait_for(what: str, true: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until something is true, and give it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)
    return found


class Town:
    """A market in a folder, with Dagster's home beside the lake; its first day was ten days ago.

    Use `town`, which sets the market's calendar.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.place, self.life = Place(folder), Life(folder, seed)
        self.days = 0

    def next_day(self) -> None:
        """Land what comes on one more day."""
        for one in feed.deliveries(self.life.chance, self.days, self.life.landed):
            self.life.land(one)
            self.life.landed.append(one)
        self.days += 1

    def correct(self, slot: int, text: str = "") -> None:
        """Land another file of sales under a name that there is: with one line more than the last one."""
        batch = feed.batch(slot)
        number = len(self.life.landed)
        row = text or f'{{"sale": {number + 500_000}, "customer": 1, "total": 2.5}}\n'
        before = b"".join(line + b"\n" for line in self.life.delivered["sales"].files.get((batch, "a.json"), []))
        one = feed.Delivery("sales", batch, "a.json", before + row.encode())
        self.life.land(one)
        self.life.landed.append(one)

    def graph(self, **settings: object) -> Any:
        """The definitions in this process."""
        return graph(self.place, **{**SETTINGS, **settings})

    def start_up(self) -> None:
        """What `make dev` does before it starts Dagster."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.place.environment(**SETTINGS).items():
                patch.setenv(name, value)
            serve.prepare(self.place.lake.uri)

    def settle(self, loaded: Graph, ticks: int = 2) -> None:
        """Let the sensors work until nothing is asked for, in so many rounds of all layers; the checker must agree."""
        for _ in range(ticks):
            _round(loaded)
        left_over = [one for name in SENSORS for one in loaded.sensor(name).run_requests or ()]
        if left_over:
            raise Broken(f"still asked for after {ticks} ticks: {left_over}")
        self.life.check(self.days - 1)

    def wrong(self) -> str:
        """What the checker has to say."""
        try:
            self.life.check(self.days - 1)
        except Exception as error:  # noqa: BLE001 - the lake changes while it is looked at
            return f"{type(error).__name__}: {error}"
        return ""


SENSORS = ("bronze_sensor", "late_data_sensor")


def _round(loaded: Graph) -> None:
    """One look of each sensor at each layer, and the runs that it asks for; some may fail."""
    for name in ("bronze_sensor", "late_data_sensor", "late_data_sensor"):  # Silver first, then gold.
        loaded.run(loaded.sensor(name).run_requests or (), raise_on_error=False)


@contextmanager
def town(folder: Path, seed: int) -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "START", days.START)
        yield Town(folder, seed)


class Served:
    """`make dev` over a town."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
            self.port, self.dashboard = one.getsockname()[1], two.getsockname()[1]

    def start(self) -> None:
        more = {"automation": True, "dagster_port": self.port}
        there = {**self.town.place.environment(**SETTINGS, **more), "TPCH_DASHBOARD_PORT": str(self.dashboard)}
        program = PROGRAM.replace("{port}", str(self.dashboard))
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program],
                cwd=PROJECT,
                env={**there, "TMPDIR": str(self.town.place.folder)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        self.town.place.folder.mkdir(parents=True, exist_ok=True)
        return self.town.place.folder / "served.txt"

    def family(self) -> list[psutil.Process]:
        """This process and all that it started, itself first."""
        if self.process is None or self.process.poll() is not None:
            return []
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def reboot(self) -> None:
        """Kill everything at once; nothing is asked whether it has finished."""
        family = self.family()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        if self.process:
            self.process.wait(20)
        assert not left(family)

    def stop(self) -> list[psutil.Process]:
        """End it as Ctrl-C does; gives what lives on."""
        family = self.family()
        if self.process and family:
            self.process.terminate()
            self.process.wait(60)
        return left(family)

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Ask Dagster's web server."""
        content = {"query": query, "variables": variables}
        answer = httpx.post(f"http://127.0.0.1:{self.port}/graphql", json=content, timeout=60, trust_env=False)
        found: dict[str, Any] = answer.json()["data"]
        return found

    def answers(self) -> bool:
        with suppress(httpx.HTTPError, ValueError):
            return bool(self.ask("{ version }"))
        return False


def process_of(run: dg.DagsterRun) -> int | None:
    """The process that executes a run, if it has said so."""
    owner = run.tags.get(OWNER_TAG, "")
    return int(owner.rpartition(":")[2]) if owner else None


def kill_a_run(instance: dg.DagsterInstance) -> str:
    """Kill the process of a run that is at work; gives the run's id."""

    def killed() -> str:
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            if pid := process_of(run):
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)
                    return run.run_id
        return ""

    return str(wait_for("a run at work", killed))
