"""A dashboard on Coiled that is down is started again; one that answers is left alone, and no secret gets out."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import coiled.cli.cluster.crud
import coiled.utils
import dagster as dg
import dask
import psutil
import pytest
from coiled.cli.run import run as coiled_run

from dashboards.settings import DashboardSettings
from tpch_assets.orchestration import on_coiled
from tpch_assets.orchestration.instance import prepare_home
from tpch_assets.orchestration.liveness import trouble
from tpch_assets.orchestration.on_coiled import kept_up
from tpch_assets.orchestration.servers import DASHBOARD
from tpch_assets.settings import HEALTH, PREFIX, Settings, SettingsError, load_address, load_settings
from tpch_assets_tests.coiled_control_plane import TOKEN, ControlPlane

pytestmark = pytest.mark.filterwarnings("ignore:Python 3.11 support:UserWarning")
PASSWORD, COOKIE = "open-sesame-5417", "c00kie-c00kie-c00kie"

# Answers as the dashboard does, at once: what matters here is who starts and stops it, and when.
SERVER = f"""
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == {HEALTH!r} else 404)
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

# Coiled's own command line reads the arguments; then this does here what Coiled would do on another machine.
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
print("Running with", os.environ, os.environ.get("DASK_COILED__TOKEN"))
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
def port() -> Iterator[int]:
    """A free port; what listens there in the end is stopped."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        free = int(found.getsockname()[1])
    yield free
    stop_at(free)


def stop_at(port: int) -> None:
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        if connection.laddr.port == port and connection.pid:
            process = psutil.Process(connection.pid)
            process.kill()
            process.wait(10)


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    found = ControlPlane(tmp_path)
    yield found
    found.close()


@pytest.fixture
def place(
    environment: Path, port: int, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """Settings of a dashboard on Coiled, whose address is this machine's, and a `coiled` that starts it here."""
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
        "DASK_COILED__TOKEN": TOKEN,
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    for name, text in {"server.py": SERVER, "in_coileds_place.py": COILED}.items():
        (environment / name).write_text(text)
    program = [environment / "in_coileds_place.py", environment, environment / "server.py"]
    monkeypatch.setattr(on_coiled, "PROGRAM", (sys.executable, *map(str, program)))
    monkeypatch.setattr(on_coiled, "PATIENCE", 0)
    monkeypatch.setattr(on_coiled, "START", 30)
    with dask.config.set({"coiled.token": TOKEN, "coiled.server": plane.url}):
        yield monkeypatch


def calls(environment: Path) -> list[list[str]]:
    path = environment / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def tick(schedule: dg.ScheduleDefinition, instance: dg.DagsterInstance) -> object:
    with dg.build_schedule_context(instance=instance) as context:
        return schedule(context)


def done(job: dg.JobDefinition, instance: dg.DagsterInstance) -> str:
    """What a run of the job says that it did."""
    result = job.execute_in_process(instance=instance)
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return str(event.step_output_data.metadata["done"].value)


def test_a_dashboard_that_ended_is_up_again(
    place: pytest.MonkeyPatch, environment: Path, port: int, instance: dg.DagsterInstance
) -> None:
    job, schedule = kept_up(DASHBOARD, load_settings(automation=True))
    assert schedule.cron_schedule == "*/5 * * * *"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    for started in (1, 2):
        assert isinstance(tick(schedule, instance), dg.RunRequest)
        assert (
            done(job, instance)
            == f"Started the dashboard at http://localhost:{port} on Coiled, as tpch-dashboard-prod."
        )
        assert trouble(f"http://localhost:{port}") is None
        # It answers, so the tick asks for no run, and a run by hand starts nothing.
        assert isinstance(tick(schedule, instance), dg.SkipReason)
        assert done(job, instance) == f"The dashboard answers at http://localhost:{port}."
        # A machine that no longer answers ends before a new one starts.
        assert [words[0] for words in calls(environment)] == ["cluster", "run"] * started
        stop_at(port)


def test_a_tick_waits_while_a_run_starts_it(place: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> None:
    job, schedule = kept_up(DASHBOARD, load_settings())
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    under_way = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    found = tick(schedule, instance)
    assert isinstance(found, dg.SkipReason)
    assert "A run is starting it" in str(found.skip_message)
    instance.report_run_failed(under_way)
    assert isinstance(tick(schedule, instance), dg.RunRequest)


def test_off_it_does_nothing_and_says_so(environment: Path, instance: dg.DagsterInstance) -> None:
    job, schedule = kept_up(DASHBOARD, load_settings(automation=True))
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert isinstance(tick(schedule, instance), dg.SkipReason)
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    assert "TPCH_DASHBOARD_MODE=off" in str(result.all_events)


def test_the_machine_gets_the_settings_of_here_and_no_credentials(
    place: pytest.MonkeyPatch, environment: Path, port: int
) -> None:
    on_coiled.start(DASHBOARD, load_settings())
    values = json.loads((environment / "values").read_text())
    assert values.pop("command") == ["python", "-m", "dashboards"]
    assert values["AWS_REGION"] == "eu-central-1"
    assert not {"AWS_SECRET_ACCESS_KEY", "DASK_COILED__TOKEN"} & values.keys()
    # With these alone the dashboard there has the settings of the one here, and is reached from outside.
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        place.delenv(name)
    for name, value in values.items():
        place.setenv(name, value)
    there = load_address(DashboardSettings)
    assert (there.address, there.port, there.origins) == ("0.0.0.0", port, [f"localhost:{port}"])
    assert (there.basic_auth, there.cookie_secret) == (PASSWORD, COOKIE)
    assert load_settings().lake == "s3://bucket/tpch"


def test_coileds_own_command_line_takes_the_command(place: pytest.MonkeyPatch) -> None:
    place.setenv("TPCH_DASHBOARD_URL", "http://tpch.workspace.dask.host:5006")
    place.setenv("TPCH_DASHBOARD_IMAGE", "registry.example.org/tpch:1")
    settings = load_settings()
    name, *arguments = on_coiled.command(DASHBOARD, settings, on_coiled.environment(DASHBOARD, settings))
    assert name == coiled_run.name
    given = coiled_run.make_context(name, arguments).params
    expected = {
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
    assert {name: given[name] for name in expected} == expected
    assert all(name.isidentifier() for name in given["env"])
    assert coiled.utils.dict_from_key_val_list(["HOME"]) == {"HOME": os.environ["HOME"]}
    stop = coiled.cli.cluster.crud.stop.make_context("stop", ["tpch-dashboard-prod"]).params
    assert stop["cluster"] == "tpch-dashboard-prod"


def test_secrets_are_in_no_command_line_and_no_log(
    place: pytest.MonkeyPatch, environment: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    (environment / "broken").touch()
    job, _ = kept_up(DASHBOARD, load_settings())
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    events = "".join(map(str, instance.all_logs(result.run_id)))
    assert "`coiled run` failed with exit code 1" in events and "no machines left" in events
    output = capfd.readouterr()
    told = events + output.out + output.err + json.dumps(calls(environment))
    assert "***" in told
    assert [secret for secret in (PASSWORD, COOKIE, TOKEN) if secret in told] == []


def test_every_secret_of_the_dashboard_is_known_as_one() -> None:
    names = [f"TPCH_DASHBOARD_{name}".upper() for name in DashboardSettings.model_fields]
    found = {name.rsplit("_", 1)[-1] for name in names if on_coiled.SECRET.fullmatch(name)}
    assert found == {"AUTH", "KEY", "SECRET"}
    assert not [name for name in names if name.endswith(("_TOKEN", "_PASSWORD"))]
    assert not [name for name in Settings.model_fields if name.endswith(("_secret", "_key", "_token"))]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TPCH_LAKE", "/data/lake", "only a lake on S3"),
        ("TPCH_DASHBOARD_BASIC_AUTH", "", "open to everybody"),
        ("TPCH_DASHBOARD_COOKIE_SECRET", "", "open to everybody"),
        ("TPCH_DASHBOARD_BASIC_AUTH", "a b; rm -rf /", "characters of TPCH_DASHBOARD_BASIC_AUTH"),
        ("TPCH_DASHBOARD_OAUTH_EXTRA_PARAMS", '{"a": "b"}', "characters of TPCH_DASHBOARD_OAUTH_EXTRA_PARAMS"),
    ],
)
def test_what_cannot_start_on_coiled_is_one_sentence(
    place: pytest.MonkeyPatch, environment: Path, name: str, value: str, words: str
) -> None:
    place.setenv(name, value)
    with pytest.raises(SettingsError, match=words):
        on_coiled.start(DASHBOARD, load_settings())
    assert calls(environment) == []


@pytest.mark.parametrize(
    ("token", "words"), [(None, "set DASK_COILED__TOKEN"), ("an-old-one", "refuses the Coiled token")]
)
def test_without_a_token_that_coiled_takes_its_program_is_never_called(
    place: pytest.MonkeyPatch, environment: Path, token: str | None, words: str
) -> None:
    with dask.config.set({"coiled.token": token}), pytest.raises(SettingsError, match=words):
        on_coiled.start(DASHBOARD, load_settings())
    assert calls(environment) == []


def test_a_coiled_that_hangs_is_one_sentence(place: pytest.MonkeyPatch) -> None:
    place.setattr(on_coiled, "PROGRAM", (sys.executable, "-c", "import time; time.sleep(60)"))
    place.setattr(on_coiled, "START", 0.2)
    with pytest.raises(dg.Failure) as error:
        on_coiled.start(DASHBOARD, load_settings())
    assert error.value.description == "`coiled cluster` did not end within 0.2 s."


def test_a_machine_that_does_not_answer_is_one_sentence(place: pytest.MonkeyPatch, environment: Path) -> None:
    (environment / "server.py").write_text("")
    place.setattr(on_coiled, "lasting_trouble", lambda url, _: trouble(url))
    with pytest.raises(dg.Failure) as error:
        on_coiled.start(DASHBOARD, load_settings())
    assert "Coiled started tpch-dashboard-prod, but http://localhost:" in str(error.value.description)


def test_coiled_needs_an_address(place: pytest.MonkeyPatch) -> None:
    place.delenv("TPCH_DASHBOARD_URL")
    with pytest.raises(SettingsError, match="needs TPCH_DASHBOARD_URL"):
        load_settings()


@pytest.mark.parametrize("url", ["tpch.dask.host:5006", "http://a/b", "http://user:pw@a", "http://", "ftp://a"])
def test_an_address_that_is_none_is_one_sentence(environment: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"^TPCH_DASHBOARD_URL=.*write an address without a path"):
        load_settings(dashboard_url=url)
    assert load_settings(dashboard_url="https://a.b:1/").dashboard_url == "https://a.b:1"
