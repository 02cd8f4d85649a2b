"""Starts the dashboard on a machine of its own by `coiled run`.

Every value goes by reference: the command line has names of environment variables, `coiled` takes their values from
its environment and hands them to the machine. So neither a process list, nor a log, nor a run's page shows a secret.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dashboards.keeper import DashboardError, answers_within, trouble
from dashboards.settings import PREFIX, DashboardSettings
from tpch_assets.deployment import deployment
from tpch_assets.settings import Settings, SettingsError

COILED = str(Path(sys.executable).with_name("coiled"))
SECRETS = ("basic_auth", "oauth_key", "oauth_secret", "oauth_encryption_key", "cookie_secret")
# Of the usual AWS environment what is no secret. The machine reads the lake with the role attached to it.
AWS = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
# `coiled run` writes the values unquoted into a shell command on the machine.
PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+=~-]*")


class CoiledStarter:
    """Starts one machine per deployment, in the place of one that no longer answers.

    Args:
        program: The command line of Coiled.
        patience: Seconds that a dashboard gets to answer after all, before its users lose it.
        seconds: How long a new machine may take until it answers.
    """

    def __init__(
        self,
        settings: Settings,
        dashboard: DashboardSettings,
        program: Sequence[str] = (COILED,),
        patience: float = 30,
        seconds: float = 600,
    ) -> None:
        self.url, self.settings, self.dashboard = settings.dashboard_url or "", settings, dashboard
        self.program, self.patience, self.seconds = list(program), patience, seconds
        self.name = f"tpch-dashboard-{deployment().name}"

    def start(self) -> str:
        """See `Starter`."""
        environment = self.environment()
        if answers_within(self.url, self.patience):
            return f"The dashboard answers at {self.url} again."
        self._call(["cluster", "stop", self.name], environment, fine="nable to find cluster")
        said = self._call(self.command(environment), environment)
        if not answers_within(self.url, self.seconds):
            raise DashboardError(
                f"Coiled started {self.name}, but {trouble(self.url) or 'it was slow'}. It said: {said}"
            )
        return f"Started the dashboard at {self.url} on Coiled, as {self.name}."

    def command(self, environment: Mapping[str, str]) -> list[str]:
        """The arguments of `coiled`: names of environment variables, no values."""
        address = urlsplit(self.url)
        options = {
            "--name": self.name,
            "--subdomain": str(address.hostname).split(".")[0],
            "--port": str(self.port),
            "--vm-type": self.settings.dashboard_vm_type,
            "--region": self.settings.coiled_region,
            "--container": self.settings.dashboard_image,
        }
        given = [word for option, value in options.items() if value for word in (option, value)]
        tags = ["--tag", "project=tpch-assets", "--tag", f"deployment={deployment().name}"]
        names = [word for name in environment for word in ("--env", name)]
        # The role attached to the machine stays valid; forwarded credentials end within hours.
        flags = ["--detach", "--no-credential-forwarding"]
        return ["run", *given, *tags, *flags, *names, "--", "python", "-m", "dashboards"]

    @property
    def port(self) -> int:
        """Where the dashboard listens on its machine: the port in its URL."""
        address = urlsplit(self.url)
        return address.port or (443 if address.scheme == "https" else 80)

    def environment(self) -> dict[str, str]:
        """The environment variables of the dashboard's machine.

        Raises:
            SettingsError: One cannot be handed over, or the dashboard would be open to everybody.
        """
        self._check()
        given = {
            f"{PREFIX}{name.upper()}": _text(getattr(self.dashboard, name)) for name in self.dashboard.model_fields_set
        }
        ours = {
            "TPCH_LAKE": self.settings.lake,
            "TPCH_START": self.settings.start.date().isoformat(),
            "TPCH_SCALE_FACTOR": str(self.settings.scale_factor),
            f"{PREFIX}ADDRESS": "0.0.0.0",
            f"{PREFIX}PORT": str(self.port),
            f"{PREFIX}ORIGINS": _text([*self.dashboard.origins, urlsplit(self.url).netloc]),
        }
        found = {**given, **{name: os.environ[name] for name in AWS if os.environ.get(name)}, **ours}
        if bad := [name for name, value in found.items() if not PLAIN.fullmatch(value)]:
            raise SettingsError(f"{bad[0]} has signs that `coiled run` cannot hand over: use letters, digits and ._-+=")
        return found

    def _check(self) -> None:
        import dask

        # Without a token the client would open a browser and poll for ten minutes.
        if not dask.config.get("coiled.token", None):
            raise SettingsError("TPCH_DASHBOARD_MODE=coiled needs a Coiled token: set DASK_COILED__TOKEN.")
        if not self.settings.lake.startswith("s3://"):
            raise SettingsError(f"TPCH_LAKE={self.settings.lake}: a dashboard on Coiled reads a lake on S3 only.")
        auth = self.dashboard.basic_auth
        if not (auth or self.dashboard.oauth_provider):
            raise SettingsError(
                f"The dashboard at {self.url} would be open to everybody: set TPCH_DASHBOARD_BASIC_AUTH or "
                "TPCH_DASHBOARD_OAUTH_PROVIDER, and TPCH_DASHBOARD_COOKIE_SECRET."
            )
        if auth and auth.endswith(".json"):
            raise SettingsError("On Coiled TPCH_DASHBOARD_BASIC_AUTH is a password; for several people use OAuth.")

    def _call(self, arguments: list[str], environment: Mapping[str, str], fine: str | None = None) -> str:
        """Call `coiled`; returns the end of what it said, without secrets.

        Args:
            fine: A failure that says this is none.
        """
        try:
            done = subprocess.run(
                [*self.program, *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=self.seconds,
            )
        except subprocess.TimeoutExpired:
            raise DashboardError(f"`coiled {arguments[0]}` was not done within {self.seconds:.0f} s.") from None
        said = " ".join(self._without_secrets(done.stdout).strip().splitlines()[-5:])
        if done.returncode and not (fine and fine in done.stdout):
            raise DashboardError(
                f"`coiled {arguments[0]}` failed with exit code {done.returncode}: {said or 'nothing said'}"
            )
        return said

    def _without_secrets(self, text: str) -> str:
        import dask

        secrets = [getattr(self.dashboard, name) for name in SECRETS] + [dask.config.get("coiled.token", None)]
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        return text


def _text(value: object) -> str:
    """A setting as it is written in the environment."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "" if value is None else json.dumps(value) if isinstance(value, dict) else str(value)
