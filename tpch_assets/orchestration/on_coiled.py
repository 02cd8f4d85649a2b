"""Keeps a server running on Coiled: a tick checks it every 5 minutes, and launches a run if it does not respond.

A run per check would fill the list of runs and cost a Dagster Cloud credit each time. The command line of `coiled`
contains only names of environment variables, so no process list and no log shows a secret. Which servers there are does
not belong here, but in `servers`.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, TimeoutExpired, run
from urllib.parse import urlsplit

import dagster as dg

from tpch_assets.deployment import deployment
from tpch_assets.orchestration.liveness import lasting_trouble, trouble
from tpch_assets.orchestration.ticks import UNDER_WAY
from tpch_assets.settings import PREFIX, S3_ENDPOINT, S3_REGION, Settings, SettingsError, variables

PROGRAM = (str(Path(sys.executable).with_name("coiled")),)
PATIENCE, START = 30.0, 600.0  # Seconds to wait for a slow dashboard, and for a new machine.
# The machine reads the lake with the role attached to it, so it receives no credentials.
FORWARDED = "|".join((r"TPCH_(LAKE|START|SCALE_FACTOR|BUSINESS)", *S3_REGION, *S3_ENDPOINT))
SECRET = re.compile(r"TPCH_(DASHBOARD|SERVING)_\w*(AUTH|KEY|SECRET|TOKEN)")
PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+=~-]*")  # `coiled run` inserts values unquoted into a shell command.


@dataclass(frozen=True)
class CoiledServer:
    """A server on a machine of its own.

    Attributes:
        kind: `dashboard` or `serving`: begins the names of its settings, its job, its schedule and its machine.
        title: What sentences call it.
        forwarded: Pattern of the settings that the machine gets.
        complete: Adds to the machine's environment.

    Raises:
        SettingsError: By `complete`, if the server would be open to everybody.
    """

    kind: str
    title: str
    arguments: tuple[str, ...]
    forwarded: str
    complete: Callable[[Mapping[str, str], str], Mapping[str, str]]

    @property
    def prefix(self) -> str:
        return f"{PREFIX}{self.kind.upper()}_"

    @property
    def off(self) -> str:
        return f"{self.prefix}MODE=off: set it to `coiled` to keep {self.title} running on Coiled."

    @property
    def machine(self) -> str:
        return f"tpch-{self.kind}-{deployment().name}"

    def answers(self, url: str) -> str:
        """The sentence that it responds."""
        return f"{self.title[0].upper()}{self.title[1:]} answers at {url}."

    def of(self, settings: Settings, name: str) -> str:
        """One of its settings: `mode`, `url`, `vm_type` or `image`."""
        return str(getattr(settings, f"{self.kind}_{name}") or "")


def start(server: CoiledServer, settings: Settings) -> str:
    """Replace a server's machine if it does not respond. Returns a sentence that says what was done."""
    from tpch_assets.compute.coiled_api import CoiledApi  # Imported lazily, so that definitions load faster.

    url, name, values = server.of(settings, "url"), server.machine, environment(server, settings)
    if not lasting_trouble(url, PATIENCE):
        return server.answers(url)
    api = CoiledApi.configured()
    api.check()  # With a rejected token, `coiled` would open a browser and poll.
    secrets = [api.token, *(value for name, value in values.items() if SECRET.fullmatch(name))]
    call(["cluster", "stop", name], values, secrets)
    said = call(command(server, settings, values), values, secrets)
    if why := lasting_trouble(url, START):
        raise dg.Failure(f"Coiled started {name}, but {why}. It said: {said}")
    return f"Started {server.title} at {url} on Coiled, as {name}."


def environment(server: CoiledServer, settings: Settings) -> dict[str, str]:
    """Return the machine's environment variables.

    Raises:
        SettingsError: The server asks for no sign-in, the lake is not on S3, or `coiled` cannot pass a value.
    """
    wanted = re.compile(f"{server.forwarded}|{FORWARDED}")
    found = {name: value for name, value in variables().items() if value and wanted.fullmatch(name)}
    if not settings.lake.startswith("s3://"):
        raise SettingsError(f"{PREFIX}LAKE={settings.lake}: {server.title} on Coiled can read only a lake on S3.")
    address = urlsplit(server.of(settings, "url"))
    found |= server.complete(found, address.netloc)
    found[f"{PREFIX}LAKE"] = settings.lake
    found[f"{server.prefix}ADDRESS"] = "0.0.0.0"
    found[f"{server.prefix}PORT"] = str(address.port or {"https": 443}.get(address.scheme, 80))
    if bad := [name for name, value in found.items() if not PLAIN.fullmatch(value)]:
        raise SettingsError(f"`coiled run` cannot pass some characters of {bad[0]}: use letters, digits, ._-+=")
    return found


def command(server: CoiledServer, settings: Settings, values: Mapping[str, str]) -> list[str]:
    """Return the arguments of `coiled`."""
    options = {
        "--name": server.machine,
        "--subdomain": str(urlsplit(server.of(settings, "url")).hostname).split(".")[0],
        "--port": values[f"{server.prefix}PORT"],
        "--vm-type": server.of(settings, "vm_type"),
        "--region": settings.coiled_region,
        "--container": server.of(settings, "image"),
    }
    given = [word for option, value in options.items() if value for word in (option, value)]
    tags = ["--tag", "project=tpch-assets", "--tag", f"deployment={deployment().name}"]
    names = [word for name in values for word in ("--env", name)]
    # The machine's role stays valid. Forwarded credentials expire within hours.
    return ["run", *given, *tags, *names, "--detach", "--no-credential-forwarding", "--", *server.arguments]


def call(arguments: list[str], values: Mapping[str, str], secrets: list[str]) -> str:
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


def kept_up(server: CoiledServer, settings: Settings) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Return a server's job and its schedule."""
    job = _job(server, settings)
    return job, _schedule(server, settings, job)


def _job(server: CoiledServer, settings: Settings) -> dg.JobDefinition:
    off, url = _is_off(server, settings), server.of(settings, "url")

    @dg.op(
        name=f"keep_{server.kind}",
        pool=server.kind,
        description=f"Start {server.title} on Coiled if it does not respond.",
    )
    def keep(context: dg.OpExecutionContext) -> None:
        if off:
            raise dg.Failure(server.off)
        try:
            done = start(server, settings)
        except SettingsError as error:
            raise dg.Failure(str(error)) from None
        context.log.info(done)
        context.add_output_metadata({"url": dg.MetadataValue.url(url), "done": done})

    @dg.job(
        name=f"{server.kind}_job", description=f"Check whether {server.title} responds, and start it if it does not."
    )
    def job() -> None:
        keep()

    return job


def _schedule(server: CoiledServer, settings: Settings, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    off, url = _is_off(server, settings), server.of(settings, "url")
    running = settings.automation and not off

    @dg.schedule(
        name=f"{server.kind}_schedule",
        job=job,
        cron_schedule="*/5 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description=f"Every 5 minutes: start {server.title} if it does not respond.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | dg.RunRequest:
        if off:
            return dg.SkipReason(server.off)
        if not (why := trouble(url)):
            return dg.SkipReason(server.answers(url))
        if context.instance.get_runs(dg.RunsFilter(job_name=job.name, statuses=UNDER_WAY), limit=1):
            return dg.SkipReason(f"A run is starting it. {why}")
        return dg.RunRequest()

    return schedule


def _is_off(server: CoiledServer, settings: Settings) -> bool:
    return server.of(settings, "mode") == "off"
