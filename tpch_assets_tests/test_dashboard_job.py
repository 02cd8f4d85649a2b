"""A dashboard that is down is started again, here or on Coiled; one that answers is left alone."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import coiled.utils
import dagster as dg
import psutil
import pytest
from coiled.cli.run import run as coiled_run

from dashboards import cloud
from dashboards.cloud import CoiledStarter
from dashboards.keeper import ALIVE, DashboardError, local_url, trouble
from dashboards.local import LocalStarter
from dashboards.settings import HEALTH, DashboardSettings, load_dashboard_settings
from tpch_assets import dashboard_job, serve
from tpch_assets.instance import prepare_home
from tpch_assets.settings import PREFIX, Settings, SettingsError, load_settings
from tpch_assets_tests.conftest import left

pytestmark = pytest.mark.filterwarnings("ignore:Python 3.11 support:UserWarning")
PASSWORD, COOKIE, TOKEN = "open-sesame-5417", "c00kie-c00kie-c00kie", "t0ken-of-coiled-3f9"

# Answers as the dashboard does, at once: what matters here is who starts and stops it, and when.
SERVER = f"""
import http.server, json, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({ALIVE!r}).encode() if self.path == {HEALTH!r} else b"a page")

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

# Coiled's own command line reads the arguments; then it does on this machine what Coiled would do on another.
COILED = """
import json, os, subprocess, sys

folder, server, *arguments = sys.argv[1:]
with open(folder + "/calls", "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if arguments[:2] == ["cluster", "stop"]:
    sys.exit(f"Error: Unable to find cluster with name {arguments[2]!r} in workspace 'somewhere'")

from coiled.cli.run import run
from coiled.utils import dict_from_key_val_list

given = run.make_context("run", arguments[1:]).params
print("Running with", os.environ)
values = dict_from_key_val_list(given["env"])
with open(folder + "/values", "w") as file:
    json.dump({**values, "command": given["command"]}, file)
if os.path.exists(folder + "/broken"):
    sys.exit("There was an error: no machines left")
subprocess.Popen(
    [sys.executable, server, values["TPCH_DASHBOARD_PORT"]],
    env=values, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
)
"""


@pytest.fixture
def instance(environment: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, since a tick opens its own."""
    prepare_home()
    with dg.DagsterInstance.get() as found:
        yield found


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def server(tmp_path: Path) -> Path:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return path


@pytest.fixture
def started(tmp_path: Path, port: int, server: Path) -> Iterator[LocalStarter]:
    """A starter of the quick server, which is stopped in the end."""
    home = tmp_path / "home"
    home.mkdir()
    starter = LocalStarter(f"http://127.0.0.1:{port}", home, 20, (sys.executable, str(server), str(port)))
    yield starter
    starter.stop()


def wait(done: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def process(starter: LocalStarter) -> psutil.Process:
    found = starter.process()
    assert found
    return found


# The job, with the real dashboard


def test_a_dashboard_that_was_killed_is_up_again(
    environment: Path, port: int, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    for name, value in {"PORT": port, "BASIC_AUTH": PASSWORD, "COOKIE_SECRET": COOKIE}.items():
        monkeypatch.setenv(f"TPCH_DASHBOARD_{name}", str(value))
    settings = load_settings(dashboard_mode="local", automation=True)
    job, schedule = dashboard_job.dashboard(settings)
    starter = dashboard_job.starter(settings)
    assert isinstance(starter, LocalStarter)

    def tick() -> Any:
        return schedule(dg.build_schedule_context(instance=instance))

    def run() -> str:
        result = job.execute_in_process(instance=instance)
        assert result.success
        (event,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
        return str(event.step_output_data.metadata["done"].value)

    assert schedule.cron_schedule == "*/5 * * * *"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    try:
        assert isinstance(tick(), dg.RunRequest)
        assert "Started the dashboard" in run()
        first = process(starter)
        assert trouble(starter.url) is None
        # Healthy: the tick asks for nothing, and a run started by hand starts nothing.
        assert isinstance(tick(), dg.SkipReason)
        assert "answers" in run()
        assert process(starter) == first
        # Open without sign-in, and so it tells nothing; the pages are not open.
        assert json.load(urllib.request.urlopen(starter.url + HEALTH)) == ALIVE
        assert "login" in urllib.request.urlopen(starter.url).url
        first.kill()
        wait(lambda: trouble(starter.url) and starter.process() is None)
        assert isinstance(tick(), dg.RunRequest)
        assert "Started the dashboard" in run()
        assert process(starter) != first
        assert trouble(starter.url) is None
    finally:
        starter.stop()
    assert trouble(starter.url)


def test_a_tick_waits_while_a_run_is_starting_it(
    environment: Path, port: int, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv("TPCH_DASHBOARD_PORT", str(port))
    job, schedule = dashboard_job.dashboard(load_settings(dashboard_mode="local"))
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    under_way = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    found = schedule(dg.build_schedule_context(instance=instance))
    assert isinstance(found, dg.SkipReason)
    assert "being started" in str(found.skip_message)
    instance.report_run_failed(under_way)
    assert isinstance(schedule(dg.build_schedule_context(instance=instance)), dg.RunRequest)


def test_off_it_is_nobodys_work(environment: Path, instance: dg.DagsterInstance) -> None:
    job, schedule = dashboard_job.dashboard(load_settings(automation=True))
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert isinstance(schedule(dg.build_schedule_context(instance=instance)), dg.SkipReason)
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    assert "TPCH_DASHBOARD_MODE=off" in str(result.all_events)


# A process of this machine


def test_it_outlives_who_started_it(started: LocalStarter) -> None:
    program = (
        "import sys; from pathlib import Path; from dashboards.local import LocalStarter; "
        "LocalStarter(sys.argv[1], Path(sys.argv[2]), 20, sys.argv[3:]).start()"
    )
    arguments = [started.url, str(started.note.parent), *started.command]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, timeout=60)
    assert trouble(started.url) is None
    found = process(started)
    started.stop()
    assert started.process() is None
    assert not left([found])


def test_one_that_hangs_is_replaced(started: LocalStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"keeper.ANSWER": 0.5, "local.PATIENCE": 0.1, "local.GRACE": 0.5}.items():
        monkeypatch.setattr(f"dashboards.{name}", value)
    started.start()
    hung = process(started)
    hung.suspend()
    assert "does not answer" in str(trouble(started.url))
    assert "Started" in started.start()
    assert process(started) != hung
    assert not left([hung])


def test_one_that_is_starting_is_waited_for(started: LocalStarter) -> None:
    child, _ = started._spawn()
    assert str(child.pid) in started.start()
    assert process(started).pid == child.pid


def test_another_process_with_its_number_is_left_alone(started: LocalStarter) -> None:
    started.note.write_text(json.dumps({"pid": os.getpid(), "created": 1.0}))
    assert started.process() is None
    started.stop()
    assert not started.note.exists()


def test_why_it_ended_is_told(started: LocalStarter) -> None:
    started.command = (sys.executable, "-c", "import sys; sys.exit('dashboard: TPCH_DASHBOARD_PORT: no such port')")
    with pytest.raises(DashboardError, match="exit code 1: dashboard: TPCH_DASHBOARD_PORT: no such port"):
        started.start()


def test_something_else_at_its_address_is_told(started: LocalStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    started.start()
    monkeypatch.setattr("dashboards.keeper.HEALTH", "/another")
    assert "something else" in str(trouble(started.url))


@pytest.mark.parametrize(
    ("address", "url"), [("0.0.0.0", "http://127.0.0.1:7"), ("::", "http://[::1]:7"), ("10.0.0.1", "http://10.0.0.1:7")]
)
def test_where_it_answers_on_its_machine(environment: Path, address: str, url: str) -> None:
    assert local_url(load_dashboard_settings(address=address, port=7)) == url


# `make dev`


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch, environment: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A process in Dagster's place."""
    made: list[subprocess.Popen[bytes]] = []

    def dagster() -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return made[-1]

    monkeypatch.setattr(serve, "_dagster", dagster)
    (environment / "dagster" / "dagster.yaml").touch()
    yield made
    for process in made:
        process.kill()
        process.wait()


@pytest.fixture
def served(beside: list[subprocess.Popen[bytes]], capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Serves in a thread, and gives what it says."""
    threads: list[threading.Thread] = []
    said: list[str] = []

    def say() -> str:
        said.append(capsys.readouterr().err)
        return "".join(said)

    def start(starter: LocalStarter, kept: bool) -> tuple[threading.Thread, Callable[[], str]]:
        threads.append(threading.Thread(target=serve.serve, args=(starter, kept)))
        threads[-1].start()
        return threads[-1], say

    yield start
    for process in beside:
        process.kill()
    for thread in threads:
        thread.join(20)


@pytest.mark.parametrize("kept", [False, True])
def test_a_dashboard_that_ends_takes_dagster_with_it_unless_it_is_kept_up(
    started: LocalStarter, beside: list[subprocess.Popen[bytes]], served: Any, kept: bool
) -> None:
    thread, said = served(started, kept)
    wait(lambda: "Started the dashboard" in said())
    (dagster,) = beside
    process(started).kill()
    wait(lambda: "has ended" in said())
    if kept:
        assert dagster.poll() is None
        started.start()  # As the job does.
        dagster.kill()
    thread.join(20)
    assert not thread.is_alive()
    assert dagster.poll() is not None
    assert started.process() is None
    assert trouble(started.url)


def test_a_dashboard_that_answers_already_is_not_doubled(
    started: LocalStarter, beside: list[subprocess.Popen[bytes]], served: Any
) -> None:
    started.start()
    first = process(started)
    started.note.unlink()  # Somebody else's.
    thread, said = served(started, False)
    wait(lambda: "answers" in said() and "already" in said())
    assert started.process() is None
    beside[0].kill()
    thread.join(20)
    assert not thread.is_alive()
    assert trouble(started.url) is None
    first.kill()


def test_all_that_dagster_started_ends_with_it() -> None:
    """As in a shell's background, where interrupts are ignored."""
    child = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)"
    begin = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {child!r}])"
    parent = f"{begin}; print(1, flush=True); child.wait()"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.read(1)
    (grandchild,) = psutil.Process(process.pid).children()
    with pytest.MonkeyPatch.context() as patch:
        wait_procs = psutil.wait_procs
        patch.setattr(psutil, "wait_procs", lambda found, timeout: wait_procs(found, 1))
        serve._stop(process)
    process.stdout.close()
    assert not left([grandchild])
    assert process.returncode is not None


# Coiled


@pytest.fixture
def on_coiled(environment: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings of a dashboard on Coiled, whose address is this machine's."""
    ours = {
        "TPCH_LAKE": "s3://bucket/tpch",
        "TPCH_DASHBOARD_MODE": "coiled",
        "TPCH_DASHBOARD_URL": f"http://localhost:{port}",
        "TPCH_DASHBOARD_BASIC_AUTH": PASSWORD,
        "TPCH_DASHBOARD_COOKIE_SECRET": COOKIE,
        "TPCH_COILED_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
        "AWS_SECRET_ACCESS_KEY": "not-for-the-machine",
        "DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod",
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def coiled_starter(environment: Path, server: Path, **more: Any) -> CoiledStarter:
    script = environment / "in_coileds_place.py"
    script.write_text(COILED)
    program = (sys.executable, str(script), str(environment), str(server))
    with_token = {"coiled.token": TOKEN}
    import dask

    dask.config.set(with_token)
    return CoiledStarter(load_settings(), load_dashboard_settings(), program, 0, 30, **more)


@pytest.fixture(autouse=True)
def _no_token_stays() -> Iterator[None]:
    import dask

    with dask.config.set({"coiled.token": None}):
        yield


def calls(environment: Path) -> list[list[str]]:
    path = environment / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kill_at(port: int) -> None:
    for connection in psutil.net_connections("tcp"):
        if (
            connection.laddr
            and connection.laddr.port == port
            and connection.status == psutil.CONN_LISTEN
            and connection.pid
        ):
            psutil.Process(connection.pid).kill()


def test_coiled_starts_one_and_leaves_one_that_answers_alone(
    on_coiled: pytest.MonkeyPatch, environment: Path, server: Path, port: int
) -> None:
    starter = coiled_starter(environment, server)
    try:
        assert "on Coiled" in starter.start()
        assert trouble(starter.url) is None
        assert [arguments[0] for arguments in calls(environment)] == ["cluster", "run"]
        assert "again" in starter.start()
        assert len(calls(environment)) == 2
    finally:
        kill_at(port)
    values = json.loads((environment / "values").read_text())
    assert values.pop("command") == ["python", "-m", "dashboards"]
    assert values["AWS_REGION"] == "eu-central-1"
    assert "AWS_SECRET_ACCESS_KEY" not in values
    # With these alone the dashboard there has the settings of the one here, and is reached from outside.
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        on_coiled.delenv(name)
    for name, value in values.items():
        on_coiled.setenv(name, value)
    there = load_dashboard_settings()
    assert (there.address, there.port, there.origins) == ("0.0.0.0", port, [f"localhost:{port}"])
    assert (there.basic_auth, there.cookie_secret) == (PASSWORD, COOKIE)
    assert load_settings().lake == "s3://bucket/tpch"


def test_coileds_own_command_line_takes_the_command(
    on_coiled: pytest.MonkeyPatch, environment: Path, server: Path
) -> None:
    on_coiled.setenv("TPCH_DASHBOARD_URL", "http://tpch.workspace.dask.host:5006")
    on_coiled.setenv("TPCH_DASHBOARD_IMAGE", "registry.example.org/tpch:1")
    starter = coiled_starter(environment, server)
    name, *arguments = starter.command(starter.environment())
    assert name == coiled_run.name
    given = coiled_run.make_context(name, arguments).params
    assert (
        given
        | {
            "name": "tpch-dashboard-prod",
            "subdomain": "tpch",
            "port": (5006,),
            "vm_type": ("t3.medium",),
            "region": "eu-central-1",
            "container": "registry.example.org/tpch:1",
            "detach": True,
            "no_credential_forwarding": True,
            "tag": ("project=tpch-assets", "deployment=prod"),
            "command": ("python", "-m", "dashboards"),
        }
        == given
    )
    assert all(name.isidentifier() for name in given["env"])
    stop = coiled.cli.cluster.crud.stop.make_context("stop", [starter.name]).params
    assert stop["cluster"] == "tpch-dashboard-prod"
    assert isinstance(coiled_run, click.Command)


def test_secrets_are_in_no_command_line_and_no_log(
    on_coiled: pytest.MonkeyPatch,
    environment: Path,
    server: Path,
    instance: dg.DagsterInstance,
    capfd: pytest.CaptureFixture[str],
) -> None:
    starter = coiled_starter(environment, server)
    (environment / "broken").touch()
    on_coiled.setattr(dashboard_job, "starter", lambda _: starter)
    job, _ = dashboard_job.dashboard(load_settings())
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    events = "".join(map(str, instance.all_logs(result.run_id)))
    assert "no machines left" in events
    output = capfd.readouterr()
    told = events + output.out + output.err + json.dumps(calls(environment))
    assert "***" in told
    assert [secret for secret in (PASSWORD, COOKIE, TOKEN) if secret in told] == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TPCH_LAKE", "/data/lake", "on S3 only"),
        ("TPCH_DASHBOARD_BASIC_AUTH", "", "open to everybody"),
        ("TPCH_DASHBOARD_BASIC_AUTH", "a b; rm -rf /", "TPCH_DASHBOARD_BASIC_AUTH has signs"),
        ("TPCH_DASHBOARD_OAUTH_EXTRA_PARAMS", '{"a": "b"}', "TPCH_DASHBOARD_OAUTH_EXTRA_PARAMS has signs"),
    ],
)
def test_what_cannot_be_started_on_coiled_is_one_sentence(
    on_coiled: pytest.MonkeyPatch, environment: Path, server: Path, name: str, value: str, words: str
) -> None:
    on_coiled.setenv(name, value)
    starter = coiled_starter(environment, server)
    with pytest.raises(SettingsError, match=words):
        starter.start()
    assert calls(environment) == []


def test_users_in_a_file_are_not_for_coiled(on_coiled: pytest.MonkeyPatch, environment: Path, server: Path) -> None:
    (environment / "users.json").write_text("{}")
    on_coiled.setenv("TPCH_DASHBOARD_BASIC_AUTH", str(environment / "users.json"))
    with pytest.raises(SettingsError, match="for several people use OAuth"):
        coiled_starter(environment, server).start()


def test_coiled_needs_a_token_and_an_address(on_coiled: pytest.MonkeyPatch) -> None:
    starter = CoiledStarter(load_settings(), load_dashboard_settings(), patience=0)
    with pytest.raises(SettingsError, match="set DASK_COILED__TOKEN"):
        starter.start()
    on_coiled.delenv("TPCH_DASHBOARD_URL")
    with pytest.raises(SettingsError, match="needs TPCH_DASHBOARD_URL"):
        load_settings()


@pytest.mark.parametrize("url", ["tpch.dask.host:5006", "http://a/b", "http://user:pw@a", "http://", "ftp://a"])
def test_an_address_that_is_none_is_one_sentence(environment: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"^TPCH_DASHBOARD_URL=.*write an address without a path"):
        load_settings(dashboard_url=url)
    assert load_settings(dashboard_url="https://a.b:1/").dashboard_url == "https://a.b:1"


def test_coiled_that_takes_too_long_is_told(on_coiled: pytest.MonkeyPatch, environment: Path, server: Path) -> None:
    starter = coiled_starter(environment, server)
    starter.program, starter.seconds = [sys.executable, "-c", "import time; time.sleep(60)"], 0.3
    with pytest.raises(DashboardError, match="was not done within"):
        starter.start()


def test_every_secret_of_the_dashboard_is_known_as_one() -> None:
    secret = {name for name in DashboardSettings.model_fields if name.endswith(("_secret", "_key", "_auth"))}
    assert secret == set(cloud.SECRETS)
    assert not [name for name in Settings.model_fields if name.endswith(("_secret", "_key", "_token"))]
    assert coiled.utils.dict_from_key_val_list(["HOME"]) == {"HOME": os.environ["HOME"]}
