"""Keeps the dashboard running on Coiled: a tick checks it every 5 minutes, and launches a run if it does not respond.

A run per check would fill the list of runs and cost a Dagster Cloud credit each time. The command line of `coiled`
contains only names of environment variables, so no process list and no log shows a secret.
"""

import os
import re
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, TimeoutExpired, run
from urllib.parse import urlsplit

import dagster as dg

from tpch_assets.deployment import deployment
from tpch_assets.orchestration.liveness import lasting_trouble, trouble
from tpch_assets.orchestration.ticks import UNDER_WAY
from tpch_assets.settings import S3_ENDPOINT, S3_REGION, Settings, SettingsError, variables

NAME = "dashboard_job"
OFF = "TPCH_DASHBOARD_MODE=off: set it to `coiled` to keep a dashboard running on Coiled."
PROGRAM = (str(Path(sys.executable).with_name("coiled")),)
DASHBOARD = ("python", "-m", "dashboards")
PATIENCE, START = 30.0, 600.0  # Seconds to wait for a slow dashboard, and for a new machine.
# The machine reads the lake with the role attached to it, so it receives no credentials.
FORWARDED = re.compile("|".join((r"TPCH_(DASHBOARD_\w+|LAKE|START|SCALE_FACTOR|BUSINESS)", *S3_REGION, *S3_ENDPOINT)))
SECRET = re.compile(r"TPCH_DASHBOARD_\w*(AUTH|KEY|SECRET)")
PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+=~-]*")  # `coiled run` inserts values unquoted into a shell command.


def start(settings: Settings) -> str:
    """Replace the dashboard's machine if it does not respond. Returns a sentence that says what was done."""
    from tpch_assets.compute.coiled_api import CoiledApi  # Imported lazily, so that definitions load faster.

    url, name, values = str(settings.dashboard_url), f"tpch-dashboard-{deployment().name}", environment(settings)
    if not lasting_trouble(url, PATIENCE):
        return f"The dashboard answers at {url}."
    api = CoiledApi.configured()
    api.check()  # With a rejected token, `coiled` would open a browser and poll.
    secrets = [api.token, *(value for name, value in values.items() if SECRET.fullmatch(name))]
    call(["cluster", "stop", name], values, secrets)
    said = call(command(settings, name, values), values, secrets)
    if why := lasting_trouble(url, START):
        raise dg.Failure(f"Coiled started {name}, but {why}. It said: {said}")
    return f"Started the dashboard at {url} on Coiled, as {name}."


def environment(settings: Settings) -> dict[str, str]:
    """Return the machine's environment variables.

    Raises:
        SettingsError: The dashboard has no sign-in or no lake on S3, or `coiled` cannot pass a value.
    """
    found = {name: value for name, value in variables().items() if value and FORWARDED.fullmatch(name)}
    if not settings.lake.startswith("s3://"):
        raise SettingsError(f"TPCH_LAKE={settings.lake}: a dashboard on Coiled can read only a lake on S3.")
    sign_in = found.keys() & {"TPCH_DASHBOARD_BASIC_AUTH", "TPCH_DASHBOARD_OAUTH_PROVIDER"}
    if not sign_in or "TPCH_DASHBOARD_COOKIE_SECRET" not in found:
        raise SettingsError(
            "The dashboard would be open to everybody: set TPCH_DASHBOARD_BASIC_AUTH or "
            "TPCH_DASHBOARD_OAUTH_PROVIDER, and TPCH_DASHBOARD_COOKIE_SECRET."
        )
    address, origins = urlsplit(str(settings.dashboard_url)), found.get("TPCH_DASHBOARD_ORIGINS", "")
    found["TPCH_LAKE"] = settings.lake
    found["TPCH_DASHBOARD_ADDRESS"] = "0.0.0.0"
    found["TPCH_DASHBOARD_PORT"] = str(address.port or {"https": 443}.get(address.scheme, 80))
    found["TPCH_DASHBOARD_ORIGINS"] = f"{origins},{address.netloc}"
    if bad := [name for name, value in found.items() if not PLAIN.fullmatch(value)]:
        raise SettingsError(f"`coiled run` cannot pass some characters of {bad[0]}: use letters, digits, ._-+=")
    return found


def command(settings: Settings, name: str, values: dict[str, str]) -> list[str]:
    """Return the arguments of `coiled`."""
    options = {
        "--name": name,
        "--subdomain": str(urlsplit(settings.dashboard_url).hostname).split(".")[0],
        "--port": values["TPCH_DASHBOARD_PORT"],
        "--vm-type": settings.dashboard_vm_type,
        "--region": settings.coiled_region,
        "--container": settings.dashboard_image,
    }
    given = [word for option, value in options.items() if value for word in (option, value)]
    tags = ["--tag", "project=tpch-assets", "--tag", f"deployment={deployment().name}"]
    names = [word for name in values for word in ("--env", name)]
    # The machine's role stays valid. Forwarded credentials expire within hours.
    return ["run", *given, *tags, *names, "--detach", "--no-credential-forwarding", "--", *DASHBOARD]


def call(arguments: list[str], values: dict[str, str], secrets: list[str]) -> str:
    """Run `coiled`. Returns the end of its output, without secrets."""
    given, name = {**os.environ, **values}, f"`coiled {arguments[0]}`"
    try:
        done = run([*PROGRAM, *arguments], env=given, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, timeout=START)
    except TimeoutExpired:
        raise dg.Failure(f"{name} did not end within {START:g} s.") from None
    said = " ".join(done.stdout.decode(errors="replace").splitlines()[-5:])
    for secret in secrets:
        said = said.replace(secret, "***")
    if done.returncode and "nable to find cluster" not in said:
        raise dg.Failure(f"{name} failed with exit code {done.returncode}: {said}")
    return said


def dashboard(settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Return the job and its schedule."""
    off, url = settings.dashboard_mode == "off", str(settings.dashboard_url)

    @dg.op(pool="dashboard", description="Start the dashboard on Coiled if it does not respond.")
    def keep_dashboard(context: dg.OpExecutionContext) -> None:
        if off:
            raise dg.Failure(OFF)
        try:
            done = start(settings)
        except SettingsError as error:
            raise dg.Failure(str(error)) from None
        context.log.info(done)
        context.add_output_metadata({"url": dg.MetadataValue.url(url), "done": done})

    @dg.job(name=NAME, description="Check whether the dashboard responds, and start it if it does not.")
    def dashboard_job() -> None:
        keep_dashboard()

    running = settings.automation and not off

    @dg.schedule(
        job=dashboard_job,
        cron_schedule="*/5 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description="Every 5 minutes: start the dashboard if it does not respond.",
    )
    def dashboard_schedule(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | dg.RunRequest:
        if off:
            return dg.SkipReason(OFF)
        if not (why := trouble(url)):
            return dg.SkipReason(f"The dashboard answers at {url}.")
        if context.instance.get_runs(dg.RunsFilter(job_name=NAME, statuses=UNDER_WAY), limit=1):
            return dg.SkipReason(f"A run is starting it. {why}")
        return dg.RunRequest()

    return dashboard_job, dashboard_schedule
