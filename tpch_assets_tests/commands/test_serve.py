"""`make dev`: the dashboard is kept up beside Dagster, and nothing is left when both end."""

import ast
import codecs
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import dagster as dg
import httpx
import psutil
import pytest

from dashboards.settings import DashboardSettings
from tpch_assets.commands import serve
from tpch_assets.orchestration.instance import SERVER_TAG, prepare_home, reap_served
from tpch_assets.orchestration.liveness import trouble
from tpch_assets.settings import (
    HEALTH,
    PROJECT,
    DashboardAddress,
    ServingAddress,
    SettingsError,
    current_settings,
    load_address,
)
from tpch_assets_tests.orchestration.test_dashboard_job import SERVER
from tpch_assets_tests.orchestration.test_dashboard_job import port as port

READS = 100


def wait(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# The two packages


def test_the_platform_does_not_import_the_dashboard() -> None:
    found = [
        (path, node)
        for path in (PROJECT / "tpch_assets").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
    ]
    names = [(path.name, node.module or "") for path, node in found if isinstance(node, ast.ImportFrom)]
    names += [(path.name, name.name) for path, node in found if isinstance(node, ast.Import) for name in node.names]
    assert ("serve.py", "tpch_assets.orchestration.liveness") in names
    assert [path for path, name in names if name.split(".")[0] == "dashboards"] == []


def test_the_dashboard_links_to_dagsters_port(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPCH_DAGSTER_PORT", "3456")
    current_settings.cache_clear()
    assert load_address(DashboardSettings).dagster_url == "http://127.0.0.1:3456"
    monkeypatch.setenv("TPCH_DASHBOARD_DAGSTER_URL", "https://dagster.example.org/")
    assert load_address(DashboardSettings).dagster_url == "https://dagster.example.org"


@pytest.mark.parametrize(
    ("address", "url"), [("0.0.0.0", "http://127.0.0.1:7"), ("::", "http://[::1]:7"), ("10.0.0.1", "http://10.0.0.1:7")]
)
def test_where_a_dashboard_answers_on_its_machine(environment: Path, address: str, url: str) -> None:
    assert load_address(DashboardAddress, address=address, port=7).url == url


# Ports


def test_a_port_that_is_taken_is_one_sentence(environment: Path, port: int) -> None:
    def dashboard(**address: object) -> list[serve.Server]:
        return [serve.Server("the dashboard", load_address(DashboardAddress, **address), (), "TPCH_DASHBOARD_")]

    free = dashboard(port=port)
    with socket.create_server(("0.0.0.0", 0)) as taken:
        number = taken.getsockname()[1]
        sentence = f"port {number} is in use: set TPCH_{{}} or stop the other program"
        with pytest.raises(SettingsError) as error:
            serve.check_ports(free, number)
        assert str(error.value) == sentence.format("DAGSTER_PORT")
        with pytest.raises(SettingsError) as error:
            serve.check_ports(dashboard(port=number), port)
        assert str(error.value) == sentence.format("DASHBOARD_PORT")
    with pytest.raises(SettingsError, match="set TPCH_DASHBOARD_PORT"):
        serve.check_ports(free, port)
    model = serve.Server("the model's server", load_address(ServingAddress, port=port), (), "TPCH_SERVING_")
    with pytest.raises(SettingsError, match="set TPCH_SERVING_PORT"):
        serve.check_ports([*free, model], number)
    with pytest.raises(SettingsError, match=r"of 192\.0\.2\.1 cannot be used"):
        serve.check_ports(dashboard(address="192.0.2.1", port=port), number)
    serve.check_ports(free, number)


def test_ports_are_checked_before_a_replay(environment: Path, port: int) -> None:
    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tpch_assets.commands.serve", "--check"]
        there = {**os.environ, "TPCH_DAGSTER_PORT": str(port), "TPCH_DASHBOARD_PORT": str(port - 1)}
        there["TPCH_SERVING_PORT"] = str(port - 2)
        return subprocess.run(command, cwd=PROJECT, env=there, capture_output=True, text=True, check=False)

    assert check().returncode == 0
    with socket.create_server(("127.0.0.1", port)):
        refused = check()
    assert refused.returncode == 1
    assert refused.stderr == f"serve: port {port} is in use: set TPCH_DAGSTER_PORT or stop the other program\n"
    demo = subprocess.run(["make", "-n", "demo"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert demo.index("--check") < demo.index("replay")


# A dashboard that is kept up


@pytest.fixture
def keep(
    environment: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Callable[[], str]]]:
    """Keeps a program up as the dashboard, impatiently; gives what is said."""
    stopping, threads, said = Event(), list[Thread](), list[str]()

    def say() -> str:
        said.append(capsys.readouterr().err)
        return "".join(said)

    def start(program: str, patience: float = 60) -> Callable[[], str]:
        arguments = (f"http://127.0.0.1:{port}", ("-c", program, str(port)), stopping, patience, 0.05)
        threads.append(Thread(target=serve.keep_up, args=arguments))
        threads[-1].start()
        return say

    yield start
    stopping.set()
    for thread in threads:
        thread.join(20)
    assert trouble(f"http://127.0.0.1:{port}")


def listener(port: int) -> psutil.Process:
    """The process that answers."""
    wait(lambda: trouble(f"http://127.0.0.1:{port}") is None)
    listening = [one for one in psutil.net_connections("tcp") if one.status == "LISTEN"]
    (pid,) = {one.pid for one in listening if one.laddr and one.laddr.port == port}
    return psutil.Process(pid)


def test_a_dashboard_that_was_killed_starts_again(keep: Callable[..., Callable[[], str]], port: int) -> None:
    said = keep(SERVER)
    first = listener(port)
    first.kill()
    wait(lambda: said() == "The dashboard ended with exit code -9; it starts again in 0.05 s.\n")
    assert listener(port) != first


def test_a_dashboard_that_hangs_starts_again(keep: Callable[..., Callable[[], str]], port: int) -> None:
    said = keep(SERVER, patience=3)
    first = listener(port)
    first.suspend()
    wait(lambda: "The dashboard does not answer; it starts again in" in said())
    assert listener(port) != first
    assert not first.is_running() or first.status() == psutil.STATUS_ZOMBIE


def test_the_pauses_grow_and_what_it_says_is_passed_on(keep: Callable[..., Callable[[], str]]) -> None:
    said = keep("import sys; sys.exit('dashboard: TPCH_DASHBOARD_PROCESSES: no such number')")
    wait(lambda: said().count("starts again") >= 3)
    pauses = [line.split(" in ")[1] for line in said().splitlines() if "starts again" in line]
    assert pauses[:3] == ["0.05 s.", "0.1 s.", "0.2 s."]
    assert "dashboard: TPCH_DASHBOARD_PROCESSES: no such number" in said()


def test_the_console_shows_where_runs_begin_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "now - dagster - DEBUG - raw_job - run - 1 - RUN_START - Started execution",
        "now - dagster - DEBUG - raw_job - run - 1 - STEP_START - Started execution of step",
        "now - dagster - INFO - raw_job - run - raw - 8 batches",
        "now - dagster - DEBUG - raw_job - run - 1 - RUN_SUCCESS - Finished execution",
        "nanobind: leaked 28 instances!",
        ' - leaked instance 0x556c79bbf2d0 of type "DuckDBPyType"',
        "now - dagster - ERROR - raw_job - run - 1 - RUN_FAILURE - Execution failed",
    ]
    serve.start(("-c", f"print({chr(10).join(lines)!r})"), Event()).wait(20)
    said = ""

    def whole() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "RUN_FAILURE" in said

    wait(whole)
    assert said.splitlines() == [line.replace("DEBUG", "INFO") for line in lines if not re.search("STEP|leaked", line)]


# The end

SLEEP = "import time; time.sleep(60)"


class Served:
    """`make dev` on a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self.terminal, other = pty.openpty()

        def on_its_terminal() -> None:
            os.login_tty(other)
            for number in (signal.SIGINT, signal.SIGHUP):  # Whoever runs the tests may ignore them, as nohup does.
                signal.signal(number, signal.SIG_DFL)

        self.process = subprocess.Popen(
            command, cwd=PROJECT, stdin=other, stdout=other, stderr=other, preexec_fn=on_its_terminal
        )
        os.close(other)
        self.said, self.decoder = "", codecs.getincrementaldecoder("utf-8")()

    def read(self) -> str:
        """What was said so far: at most so much at once, since a program may say something for ever."""
        with suppress(OSError):  # The terminal's other side is closed.
            for _ in range(READS):
                if not select.select([self.terminal], [], [], 0)[0]:
                    break
                self.said += self.decoder.decode(os.read(self.terminal, 10_000))
        return self.said

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def press_ctrl_c(self) -> None:
        os.write(self.terminal, b"\x03")

    def close(self) -> None:
        for one in [*self.family(), psutil.Process(self.process.pid)] if self.process.poll() is None else []:
            one.kill()
        self.process.wait(40)
        os.close(self.terminal)


@pytest.fixture
def serving(environment: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> Iterator[Callable[..., Served]]:
    """Serves on free ports: real programs, or quick ones in their place."""
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("TPCH_DAGSTER_PORT", str(free.getsockname()[1]))
        model = str(other.getsockname()[1])
    monkeypatch.setenv("TPCH_SERVING_PORT", model)
    monkeypatch.setenv("TPCH_DASHBOARD_PORT", str(port))
    made: list[Served] = []

    def start(dagster: str | None = None) -> Served:
        quick = f"serve.DAGSTER, serve.DASHBOARD = ('-c', {dagster!r}), ('-c', {SERVER!r}, '{port}')"
        quick = f"{quick}; serve.SERVING = ('-c', {SERVER!r}, '{model}')" if dagster else ""
        program = f"from tpch_assets.commands import serve\n{quick}\nserve.main()"
        made.append(Served(sys.executable, "-c", program))
        return made[-1]

    yield start
    for served in made:
        served.close()


def ends(served: Served, stop: Callable[[], None], seconds: float) -> str:
    """What it says from when it is asked to stop; nothing of it is left then."""
    family, before = served.family(), len(served.read())
    stop()
    assert served.process.wait(seconds) == 0
    wait(lambda: not alive(family), 20)
    return served.read()[before:].replace("\r\n", "\n")


def test_ctrl_c_ends_dagster_and_the_servers_with_one_line(serving: Callable[..., Served], port: int) -> None:
    served, webserver = serving(), f"http://127.0.0.1:{os.environ['TPCH_DAGSTER_PORT']}"
    dashboard, model = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{os.environ['TPCH_SERVING_PORT']}"
    urls = f"{webserver}/server_info", f"{dashboard}{HEALTH}", f"{model}{HEALTH}"
    wait(lambda: all(map(answers, urls)), 120)
    # Dagster with its two code servers, daemon and web server; the dashboard with two more; the model's server.
    assert len(served.family()) >= 8
    wait(lambda: "there is no model yet" in served.read())
    lines = served.read().splitlines()
    assert lines[0] == (
        f"Dagster starts at {webserver}, the dashboard at {dashboard}, the model's server at {model}; Ctrl-C ends all."
    )
    assert sorted(lines[1:]) == [
        f"Dashboard of {current_settings().lake}: {dashboard}",
        f"Predictions of late_delivery_model: {model}",
        "WARNING serving: The registry has no champion of late_delivery_model; there is no model yet.",
    ]
    assert ends(served, served.press_ctrl_c, 40) == "^CStopping Dagster, the dashboard and the model's server.\n"


def answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, trust_env=False).is_success
    return False


def test_a_signal_ends_both_while_dagster_says_a_lot(serving: Callable[..., Served], port: int) -> None:
    """As `make` does, which passes SIGTERM on."""
    served = serving(f"import signal, sys; signal.signal(15, lambda *_: sys.exit('Traceback …')); {SLEEP}")
    listener(port)
    assert ends(served, served.process.terminate, 40) == "Stopping Dagster, the dashboard and the model's server.\n"


def test_the_dashboard_ends_with_dagster(serving: Callable[..., Served], port: int, tmp_path: Path) -> None:
    sign = tmp_path / "end"
    served = serving(f"import os, sys, time\nwhile not os.path.exists({str(sign)!r}): time.sleep(0.02)\nsys.exit(3)")
    dashboard = listener(port)
    sign.touch()
    assert served.process.wait(30) == 3
    assert "Dagster ended with exit code 3." in served.read()
    wait(lambda: not alive([dashboard]), 20)


def test_what_takes_no_hint_is_killed_with_all_that_it_started() -> None:
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
    child = serve.start(
        ("-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {stubborn!r}])"), Event()
    )
    wait(lambda: psutil.Process(child.pid).children())
    family = psutil.Process(child.pid).children()
    wait(lambda: ignores(family[0], signal.SIGTERM))
    serve.stop(child, patience=0.2)
    assert child.returncode is not None
    wait(lambda: not alive(family), 20)


def ignores(process: psutil.Process, number: int) -> bool:
    (line,) = re.findall(r"^SigIgn:\s+(\w+)", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    return bool(int(line, 16) >> (number - 1) & 1)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_runs_of_a_dagster_that_was_killed_have_failed_and_others_go_on(environment: Path, tmp_path: Path) -> None:
    prepare_home()
    path, gone = str(tmp_path / "server"), str(tmp_path / "gone")
    with dg.DagsterInstance.get() as instance, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        (tmp_path / "gone").touch()
        tags = [{SERVER_TAG: json.dumps({"socket": socket_})} for socket_ in (path, gone)]
        job = dg.GraphDefinition(name="nothing").to_job()
        runs = [instance.create_run_for_job(job, tags=tag, status=dg.DagsterRunStatus.STARTED) for tag in (*tags, {})]
        assert reap_served(instance) == 1
        found = [instance.get_run_by_id(run.run_id) for run in runs]
        assert [run.status.value for run in found if run] == ["STARTED", "FAILURE", "STARTED"]


# In production, on one machine


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("name", ["tpch-dashboard.service", "tpch-serving.service"])
def test_systemd_takes_the_service(tmp_path: Path, name: str) -> None:
    text = (PROJECT / "deploy" / name).read_text()
    unit = tmp_path / name
    unit.write_text(text.replace("/opt/tpch-assets/.venv/bin/python", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")
