"""What the deployment files say is so: Dagster Cloud's own code reads them, and a branch cannot touch production."""

import ast
import importlib.metadata
import importlib.util
import json
import re
import shlex
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer.main
import yaml
from dagster_cloud_cli.config import DagsterCloudConfigDefaultsMerger
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml

from dashboards.settings import DashboardSettings
from serving.settings import ServingSettings
from tpch_assets.deployment import LONGEST, DeploymentError, deployment, slug
from tpch_assets.layers import LAYERS
from tpch_assets.settings import (
    DASHBOARD_PREFIX,
    PREFIX,
    PROJECT,
    SERVING_PREFIX,
    Settings,
    SettingsError,
    load_settings,
)
from tpch_assets_tests.conftest import BROWSERS
from tpch_assets_tests.tpch_tables import TABLES

SCRIPTS = Path(sysconfig.get_path("scripts"))
LOCATIONS = ("dagster_cloud.yaml", "deploy/dagster_cloud_hybrid.yaml")
WORKFLOWS = sorted((PROJECT / ".github").rglob("*.yml"))
LOCATION = "tpch_assets"
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
PIP = ["-m", "pip", "install"]


def read(path: str) -> Any:
    return yaml.safe_load((PROJECT / path).read_text())


# The code location


@pytest.mark.parametrize("path", LOCATIONS)
def test_dagster_cloud_accepts_its_locations(path: str) -> None:
    found = DagsterCloudConfigDefaultsMerger().process(load_dagster_cloud_yaml((PROJECT / path).read_text()))
    (location,) = found.locations
    assert location.location_name == LOCATION
    assert location.code_source and location.build and location.build.directory
    assert importlib.util.find_spec(str(location.code_source.module_name))
    # Built from the project's folder, whichever folder the file lies in.
    assert (PROJECT / location.build.directory / "Containerfile").is_file()


def test_hybrid_names_secrets_and_gives_settings_that_are_valid(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = load_dagster_cloud_yaml((PROJECT / LOCATIONS[1]).read_text()).locations[0]
    assert location.build and location.build.registry
    ecs = (location.container_context or {})["ecs"]
    for name, value in (entry.split("=", 1) for entry in ecs["env_vars"]):
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.compute, settings.automation) == ("coiled", True)
    assert settings.lake.startswith("s3://")
    assert all(secret["valueFrom"].startswith("arn:aws:secretsmanager:") for secret in ecs["secrets"])
    assert not [entry for entry in ecs["env_vars"] if re.search("TOKEN|SECRET|PASSWORD|KEY", entry)]


def test_the_cloud_has_the_limits_of_the_local_instance() -> None:
    cloud, local = read("deploy/deployment_settings.yaml"), read("dagster.yaml")
    assert cloud["concurrency"] == local["concurrency"]
    assert cloud["run_monitoring"]["max_runtime_seconds"] == local["run_monitoring"]["max_runtime_seconds"]
    # As the reference of full deployments' settings has it.
    assert set(cloud) <= {"concurrency", "run_monitoring", "run_retries", "sso_default_role", "non_isolated_runs"}
    assert set(cloud["run_monitoring"]) <= {"start_timeout_seconds", "cancel_timeout_seconds", "max_runtime_seconds"}
    assert set(cloud["run_retries"]) <= {"max_retries", "retry_on_asset_or_op_failure"}


# Branch deployments

BRANCH = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_DEPLOYMENT_NAME": "0a1b2c3d"}
NAMES = (
    "main",
    "fix-1",
    "fix/1",
    "Fix/1",
    "FIX-1",
    "fix_1",
    "fix 1",
    "../../prod",
    "über",
    "漢字",
    "-",
    "a" * 200,
    "a" * 201,
)


@pytest.fixture
def cloud(environment: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Production's settings, which Dagster Cloud hands to every deployment where nobody scoped them."""
    values = {
        "LAKE": "s3://lake/tpch",
        "AUTOMATION": "true",
        "DASHBOARD_MODE": "coiled",
        "DASHBOARD_URL": "http://a.b:1",
    }
    for name, value in values.items():
        monkeypatch.setenv(PREFIX + name, value)
    return monkeypatch


def branch(cloud: pytest.MonkeyPatch, name: str) -> Settings:
    for variable, value in {**BRANCH, "DAGSTER_CLOUD_GIT_BRANCH": name}.items():
        cloud.setenv(variable, value)
    return load_settings()


def test_production_is_as_it_is_set(cloud: pytest.MonkeyPatch) -> None:
    cloud.setenv("DAGSTER_CLOUD_DEPLOYMENT_NAME", "prod")
    cloud.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "0")
    settings = load_settings()
    assert (settings.lake, settings.automation, settings.dashboard_mode) == ("s3://lake/tpch", True, "coiled")
    assert deployment().name == "prod"


def test_a_branch_writes_to_a_lake_of_its_own_and_starts_nothing(cloud: pytest.MonkeyPatch) -> None:
    settings = branch(cloud, "fix-1")
    assert (settings.lake, settings.automation, settings.dashboard_mode) == (
        "s3://lake/tpch/branches/fix-1",
        False,
        "off",
    )
    assert "branches" not in LAYERS, "no layer of production's lake is called so"
    cloud.setenv("TPCH_BRANCH_LAKES", "s3://elsewhere/branches/")
    cloud.setenv("TPCH_BRANCH_AUTOMATION", "true")
    settings = branch(cloud, "fix-1")
    assert (settings.lake, settings.automation) == ("s3://elsewhere/branches/fix-1", True)


def test_no_two_branches_share_a_lake_and_none_leaves_its_folder(cloud: pytest.MonkeyPatch) -> None:
    lakes = [branch(cloud, name).lake for name in NAMES]
    assert len({lake.lower() for lake in lakes}) == len(NAMES)
    for lake in lakes:
        assert re.fullmatch(rf"s3://lake/tpch/branches/[a-z0-9][a-z0-9-]{{0,{LONGEST - 1}}}", lake)
    assert [slug(name) for name in NAMES] == [lake.rsplit("/", 1)[1] for lake in lakes]


def test_a_branch_without_a_name_is_refused(cloud: pytest.MonkeyPatch) -> None:
    cloud.setenv("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "1")
    with pytest.raises(SettingsError, match="neither DAGSTER_CLOUD_GIT_BRANCH nor DAGSTER_CLOUD_DEPLOYMENT_NAME"):
        load_settings()
    with pytest.raises(DeploymentError):
        deployment({"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "DAGSTER_CLOUD_GIT_BRANCH": ""})
    assert deployment(BRANCH).name == "0a1b2c3d"


LOAD = """
import json, resource, tpch_assets.definitions as module
defs = module.defs
defs.resolve_asset_graph()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "lake": defs.resources["lake"].uri,
    "running": [s.name for s in [*defs.schedules, *defs.sensors] if s.default_status.value == "RUNNING"],
    "uris": [spec.metadata["dagster/uri"] for spec in defs.resolve_all_asset_specs()],
    "seconds": used.ru_utime + used.ru_stime,
}))
"""


def test_a_branchs_code_location_loads_in_time_and_points_to_its_own_lake(cloud: pytest.MonkeyPatch) -> None:
    branch(cloud, "fix/1")
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["lake"] == f"s3://lake/tpch/branches/{slug('fix/1')}"
    assert found["running"] == []
    assert found["uris"] and all(uri.startswith(found["lake"] + "/") for uri in found["uris"])
    # Of a processor's time, which other work on this machine does not stretch.
    assert found["seconds"] < 5


# Alerts, as https://docs.dagster.io/guides/observe/alerts/yaml-reference describes them: what each event may come with.

ASSETS = {"asset_key_target", "asset_selection_target", "asset_group_target"}
TARGETS = {
    "JOB_FAILURE": {"run_result_target"},
    "JOB_SUCCESS": {"run_result_target"},
    "JOB_LONG_RUNNING": {"long_running_job_threshold_target"},
    "ASSET_MATERIALIZATION_FAILURE": ASSETS,
    "ASSET_CHECK_EXECUTION_FAILURE": ASSETS,
    "ASSET_CHECK_SEVERITY_ERROR": ASSETS,
    "ASSET_CHECK_SEVERITY_WARN": ASSETS,
    "TICK_FAILURE": {"schedule_or_sensor_target"},
    "CODE_LOCATION_ERROR": {"code_location_target"},
    "AGENT_UNAVAILABLE": set(),
    "INSIGHTS_CONSUMPTION_EXCEEDED": {"credit_limit_target"},
}
FIELDS = {
    "run_result_target": {"jobs", "tags", "location_names"},
    "long_running_job_threshold_target": {"threshold_seconds", "jobs", "tags", "location_names"},
    "asset_group_target": {"asset_group", "location_name", "repo_name"},
    "schedule_or_sensor_target": {"schedules_or_sensors", "location_names", "types"},
    "code_location_target": {"location_names"},
    "credit_limit_target": set(),
}
NOTIFY = {
    "email": {"email_addresses"},
    "slack": {"slack_workspace_name", "slack_channel_name"},
    "microsoft_teams": {"webhook_url"},
    "pagerduty": {"integration_key"},
}
OPTIONS = {
    "include_description_in_notification": set(TARGETS),
    "consecutive_failure_threshold": {"TICK_FAILURE"},
    "renotify_interval_minutes": {"TICK_FAILURE", "AGENT_UNAVAILABLE", "CODE_LOCATION_ERROR"},
}
POLICIES = read("deploy/alert_policies.yaml")["alert_policies"]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy["name"])
def test_an_alert_is_as_documented(policy: dict[str, Any]) -> None:
    assert set(policy) <= {
        "name",
        "description",
        "enabled",
        "event_types",
        "alert_targets",
        "notification_service",
        "policy_options",
    }
    assert policy["enabled"] is True and policy["event_types"]
    targets = [target for entry in policy["alert_targets"] for target in entry.items()]
    for event in policy["event_types"]:
        assert all(kind in TARGETS[event] for kind, _ in targets)
    for kind, fields in targets:
        assert set(fields) <= FIELDS[kind]
        assert {fields.get("location_name", LOCATION), *fields.get("location_names", [])} == {LOCATION}
    ((service, details),) = policy["notification_service"].items()
    assert set(details) == NOTIFY[service]
    for option in policy.get("policy_options", {}):
        assert set(policy["event_types"]) <= OPTIONS[option]
    if "JOB_LONG_RUNNING" in policy["event_types"]:
        seconds = targets[0][1]["threshold_seconds"]
        assert seconds < read("deploy/deployment_settings.yaml")["run_monitoring"]["max_runtime_seconds"]


def test_alerts_cover_every_layer_and_every_kind_of_trouble() -> None:
    assert len({policy["name"] for policy in POLICIES}) == len(POLICIES)
    groups = {
        target["asset_group_target"]["asset_group"]
        for policy in POLICIES
        for target in policy["alert_targets"]
        if "asset_group_target" in target
    }
    assert groups == {"raw", "bronze", "silver", "gold", "operations"}
    events = {event for policy in POLICIES for event in policy["event_types"]}
    assert events >= {"JOB_FAILURE", "ASSET_CHECK_SEVERITY_ERROR", "TICK_FAILURE", "CODE_LOCATION_ERROR"}


# GitHub's workflows


@pytest.fixture(scope="module")
def dagster_cloud() -> Any:
    """Dagster Cloud's own command line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Of Typer, in Dagster Cloud's own code.
        from dagster_cloud_cli.entrypoint import app

        return typer.main.get_command(app)


def steps(path: Path) -> list[dict[str, Any]]:
    found = yaml.safe_load(path.read_text())
    if "runs" in found:
        return list(found["runs"]["steps"])
    return [step for job in found["jobs"].values() for step in (job.get("steps") or [job])]


def lines() -> list[tuple[str, str]]:
    """Every command of every workflow, with the name of its file."""
    found = []
    for path in WORKFLOWS:
        for step in steps(path):
            for line in str(step.get("run", "")).splitlines():
                found += [(path.name, part.split(">>")[0].strip()) for part in line.split("|")]
    return [(name, line) for name, line in found if line]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_uses_is_pinned_or_here(path: Path) -> None:
    text = path.read_text()
    for step in steps(path):
        if used := step.get("uses"):
            if used.startswith("./"):
                assert (PROJECT / used).is_file() or (PROJECT / used / "action.yml").is_file(), used
            else:
                assert re.search(rf"uses: {used} # v\d+\.\d+\.\d+$", text, re.MULTILINE), used
                assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", used)
        else:
            assert step["run"]


@pytest.mark.parametrize(("name", "command"), lines())
def test_the_commands_of_workflows_exist(
    name: str, command: str, dagster_cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        done = subprocess.run(["make", "-n", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    elif program == "dagster-cloud":
        for variable in ("DAGSTER_BUILD_STATEDIR", "DAGSTER_CLOUD_ORGANIZATION", "DAGSTER_CLOUD_API_TOKEN"):
            monkeypatch.setenv(variable, "given")
        monkeypatch.chdir(PROJECT)
        parse(dagster_cloud, arguments)
    elif program == "python":
        assert arguments == [*PIP, "--quiet", "--require-hashes", "--requirement", "requirements/deploy.txt"]
    else:
        assert program in ("docker", "aws")
    for word in arguments:
        if re.fullmatch(r"(\w+/)?\w+\.(yaml|txt)|Containerfile", word):
            assert (PROJECT / word).is_file()


def parse(command: Any, arguments: list[str]) -> None:
    """Read the arguments as Dagster Cloud's own command line does, down to the command that they name."""
    context = command.make_context("dagster-cloud", list(arguments[:0]), resilient_parsing=True)
    while hasattr(command, "resolve_command"):
        name, found, arguments = command.resolve_command(context, list(arguments))
        assert found is not None, name
        parts = bool(getattr(found, "commands", None))
        context = found.make_context(name, [] if parts else arguments, parent=context, resilient_parsing=parts)
        command = found
    assert not context.args


def test_an_option_that_does_not_exist_is_found_out(dagster_cloud: Any) -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(dagster_cloud, ["ci", "deploy", "--statedir", "x", "--fast"])


def test_production_waits_for_the_tests_and_branches_see_no_secrets_of_forks() -> None:
    production, branches = read(".github/workflows/production.yml"), read(".github/workflows/branch_deployment.yml")
    assert production["jobs"]["deploy"]["needs"] == "test"
    assert "workflow_call" in read(".github/workflows/test.yml")[True]
    for job in branches["jobs"].values():
        assert "head.repo.full_name == github.repository" in job["if"]
    for job in (production["jobs"]["deploy"], *branches["jobs"].values()):
        assert "vars.DAGSTER_CLOUD_ORGANIZATION != ''" in job["if"], "not everybody has Dagster Cloud"
    assert {"opened", "synchronize", "reopened", "closed"} == set(branches[True]["pull_request"]["types"])


def test_the_tests_run_on_every_python_that_is_named_in_a_container_with_an_init_process() -> None:
    job = read(".github/workflows/test.yml")["jobs"]["test"]
    named = [name.rpartition(" ")[2] for name in PYPROJECT["project"]["classifiers"] if "Python :: 3." in name]
    assert job["strategy"]["matrix"]["python"] == named
    assert "--init" in job["container"]["options"].split()
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "make chromium",
        "make check",
        "make test",
        "make test-long",
        "make chaos-proof SHORT=1",
        "make proof",
    ]


def test_an_auditor_of_workflows_finds_nothing() -> None:
    command = [str(SCRIPTS / "zizmor"), "--offline", "--quiet", "--min-severity", "medium", ".github"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# The lock

LOCKS = {
    "dev": ["dev", "build", "deploy", "install"],
    "image": ["cloud", "build"],
    "deploy": ["deploy"],
    "uv": ["install"],
}
"""The files of requirements/, with the groups and extras of pyproject.toml that each is for."""


def plain(name: str) -> str:
    """A package's name as the lock writes it, without the extras and versions that follow it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ;]", name)[0]).lower()


def pins(lock: str) -> dict[str, tuple[str, list[str]]]:
    """By package, its release and the hashes of its files."""
    found = {}
    for entry in re.split(r"\n(?=\S)", (PROJECT / "requirements" / f"{lock}.txt").read_text().strip()):
        name, release, hashes = re.fullmatch(
            r"([\w.-]+)(?:\[[\w, -]+\])?==([\w.+!]+)(?: ; [^\\\n]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)", entry
        ).groups()  # type: ignore[union-attr]
        assert name == plain(name) and name not in found
        found[name] = release, re.findall(r"[0-9a-f]{64}", hashes)
    return found


@pytest.mark.parametrize(("lock", "parts"), LOCKS.items(), ids=LOCKS)
def test_a_lock_has_what_is_declared_and_the_releases_of_the_others(lock: str, parts: list[str]) -> None:
    project, groups = PYPROJECT["project"], PYPROJECT["dependency-groups"]
    declared = set() if lock in ("deploy", "uv") else {*project["dependencies"]}
    for entry in [entry for part in parts for entry in {**groups, **project["optional-dependencies"]}[part]]:
        if isinstance(entry, str):
            declared.add(entry)
        else:
            assert entry["include-group"] in parts
    assert {plain(name) for name in declared} <= set(pins(lock))
    assert PYPROJECT["build-system"]["requires"] == groups["build"]
    everything = pins("dev")
    assert [name for name, pin in pins(lock).items() if everything.get(name, pin) != pin] == []


def _is_for_types(node: ast.AST) -> bool:
    """Whether a block is `if TYPE_CHECKING:`, which only the type checker imports."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_what_the_code_imports_is_declared() -> None:
    """Not only there by chance, since another package brings it."""
    declared = {plain(name) for name in PYPROJECT["project"]["dependencies"]}
    ours = {"tpch_assets", "dashboards", "serving"}
    imported = set()
    for package in ours:
        for path in (PROJECT / package).rglob("*.py"):
            tree = ast.parse(path.read_text())
            for_types = {id(node) for block in ast.walk(tree) if _is_for_types(block) for node in ast.walk(block)}
            for node in (node for node in ast.walk(tree) if id(node) not in for_types):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    imported.add(node.module.split(".")[0])
    names = importlib.metadata.packages_distributions()
    others = imported - ours - sys.stdlib_module_names
    assert [name for name in sorted(others) if not declared & {plain(found) for found in names[name]}] == []


def test_no_file_names_a_registry_or_a_machine() -> None:
    named = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    files = [
        PROJECT / name
        for name in named
        if re.match(r"requirements/|Makefile|Containerfile|\.ci/|\.github/|pyproject", name)
    ]
    assert len(files) > 8
    pattern = r"--(extra-)?index-url|--find-links|file://|pypi|pythonhosted"
    assert [path.name for path in files if re.search(pattern, path.read_text())] == []
    assert [path.name for path in (PROJECT / "requirements").iterdir() if "//" in path.read_text()] == []


def test_the_makefile_looks_for_the_tests_browsers() -> None:
    (line,) = re.findall(r"^BROWSERS := (.+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert tuple(line.split()) == BROWSERS


# The image


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", (PROJECT / "Containerfile").read_text())
    found = [line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, rest in found]


def test_a_linter_of_container_files_finds_nothing() -> None:
    done = subprocess.run(
        [SCRIPTS / "hadolint", "Containerfile"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_image_copies_is_there_and_nothing_else_is_sent_to_the_builder() -> None:
    copied = {source for word, rest in instructions() if word == "COPY" for source in rest.split()[:-1]}
    assert [source for source in copied if not (PROJECT / source).exists()] == []
    sent = (PROJECT / ".dockerignore").read_text().split("\n*\n")[1].splitlines()
    assert {line.removeprefix("!") for line in sent if line.startswith("!")} == copied


def test_the_image_runs_what_is_installed_in_it() -> None:
    project = PYPROJECT["project"]
    ((_, command),) = [entry for entry in instructions() if entry[0] == "CMD"]
    python, option, module = json.loads(command)
    assert (python, option) == ("python", "-m")
    assert importlib.util.find_spec(f"{module}.__main__")
    assert "dagster-cloud" in project["optional-dependencies"]["cloud"]
    ((_, base),) = [entry for entry in instructions() if entry[0] == "FROM"]
    assert re.match(r"python:3\.11-slim", base)
    assert project["requires-python"] == ">=3.11"
    assert [word for word, _ in instructions()][-1] == "CMD" and not [w for w, _ in instructions() if w == "ENTRYPOINT"]


# The bucket


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 of this module's own, in a process of its own, since asking for rights would reach all that share it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("w") as output:
        command = [str(SCRIPTS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=output, stderr=output)
    deadline = time.monotonic() + 120
    while not ready(port):
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.kill()
    server.wait()


def ready(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def client(service: str, url: str, key: str = "admin", secret: str = "admin") -> Any:
    session: Any = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")
    return session.client(service, endpoint_url=url)


def test_the_policies_allow_the_lake_and_nothing_else(s3: str) -> None:
    bucket = client("s3", s3)
    for name in ("example-lake", "another"):
        bucket.create_bucket(Bucket=name)
    bucket.put_bucket_versioning(Bucket="example-lake", VersioningConfiguration={"Status": "Enabled"})
    rules = json.loads((PROJECT / "deploy/s3_lifecycle.json").read_text())
    bucket.put_bucket_lifecycle_configuration(Bucket="example-lake", LifecycleConfiguration=rules)
    stored = bucket.get_bucket_lifecycle_configuration(Bucket="example-lake")["Rules"]
    assert [rule["ID"] for rule in stored] == [rule["ID"] for rule in rules["Rules"]]
    bucket.put_object(Bucket="example-lake", Key="tpch/raw/x", Body=b"1")
    iam = client("iam", s3)
    users = {}
    for name in ("iam_policy", "iam_policy_read", "iam_policy_branch"):
        iam.create_user(UserName=name)
        document = (PROJECT / f"deploy/{name}.json").read_text()
        iam.put_user_policy(UserName=name, PolicyName="lake", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        users[name] = client("s3", s3, key["AccessKeyId"], key["SecretAccessKey"])
    ask_for_rights(s3)
    for name, user in users.items():
        assert user.list_objects_v2(Bucket="example-lake", Prefix="tpch/")["KeyCount"]
        for elsewhere in ({"Bucket": "another", "Key": "tpch/x"}, {"Bucket": "example-lake", "Key": "elsewhere/x"}):
            refused(user.put_object, **elsewhere)
        refused(user.delete_bucket, Bucket="example-lake")
        raw, branch = ({"Bucket": "example-lake", "Key": f"tpch/{key}"} for key in ("raw/x", "branches/fix-1/raw/x"))
        if name == "iam_policy_branch":
            refused(user.get_object, **raw)
        else:
            assert user.get_object(**raw)["Body"].read() == b"1"
        for key, allowed in ((raw, name == "iam_policy"), (branch, name != "iam_policy_read")):
            if allowed:
                user.put_object(**key, Body=b"1")
                user.delete_object(**branch)
            else:
                refused(user.put_object, **key)


def ask_for_rights(url: str) -> None:
    """From now on, each call needs them."""
    request = urllib.request.Request(f"{url}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"})
    urllib.request.urlopen(request).close()


def refused(call: Any, **arguments: Any) -> None:
    with pytest.raises(Exception, match="AccessDenied"):
        call(**arguments)


# The guide

GUIDE = (PROJECT / "docs/deploy.md").read_text()
STEPS = re.split(r"^## (?=\d+\. )", GUIDE, flags=re.MULTILINE)[1:]


def test_every_step_says_what_one_sees_and_what_it_costs() -> None:
    assert [int(step.split(".")[0]) for step in STEPS] == list(range(1, len(STEPS) + 1))
    for step in STEPS:
        assert "**You see**" in step and re.search(r"\*\*It\s+costs\*\*", step), step.splitlines()[0]


def test_prices_are_defined_and_settings_and_files_are_there() -> None:
    defined = set(re.findall(r"^\| `(P_\w+)`(?:, `(P_\w+)`)?", GUIDE, re.MULTILINE))
    assert {sign for pair in defined for sign in pair if sign} == set(re.findall(r"\bP_\w+", GUIDE))
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    own = {DASHBOARD_PREFIX + name.upper() for name in DashboardSettings.model_fields}
    named = {name for name in re.findall(r"TPCH_[A-Z_]+", GUIDE) if not name.endswith("_")}
    own |= {SERVING_PREFIX + name.upper() for name in ServingSettings.model_fields}
    assert named <= known | own
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", GUIDE) if "://" not in link]
    files = [f"../{name}" for name in re.findall(r"file://(\S+)", GUIDE)]
    assert [name for name in links + files if not (PROJECT / "docs" / name).exists()] == []
    for target in re.findall(r"make ([a-z-]+)", GUIDE):
        subprocess.run(["make", "-n", target], cwd=PROJECT, capture_output=True, check=True)


def test_what_materializes_each_batch_is_as_many_as_the_guide_counts() -> None:
    arriving = sum(table.arrives == "every batch" for table in TABLES.values())
    assert f"2 * {arriving} * 96 = {2 * arriving * 96} materializations in raw and bronze, 2 * 4 in" in GUIDE
