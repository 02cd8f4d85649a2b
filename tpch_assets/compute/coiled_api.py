"""Coiled's control plane over HTTP, as far as it is needed beside the `coiled` client: the token, costs, and a last
resort for stopping a cluster. Asking here never opens a browser, and needs no event loop. No Dagster, no Dask cluster.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dask
import httpx

from tpch_assets.settings import SettingsError

SERVER = "https://cloud.coiled.io"
SECONDS = 5.0
NO_TOKEN = (
    "TPCH_COMPUTE=coiled needs a Coiled token: run `coiled login`, or set DASK_COILED__TOKEN (where the code runs, "
    "not on workers)."
)
CREDIT = 0.05  # Dollars for one of Coiled's credits (a CPU for an hour), which it also takes for the cloud's price.


class CoiledError(RuntimeError):
    """Coiled's control plane could not be asked, or refused; the message says what and why."""


@dataclass(frozen=True)
class CoiledApi:
    """A token and a server, as Dask's configuration has them (`~/.config/dask/coiled.yaml`, `DASK_COILED__…`)."""

    token: str
    server: str

    @classmethod
    def configured(cls) -> "CoiledApi":
        """The one that the configuration names.

        Raises:
            SettingsError: There is no token.
        """
        token = dask.config.get("coiled.token", None)
        if not token:
            raise SettingsError(NO_TOKEN)
        return cls(token.strip(), (dask.config.get("coiled.server", None) or SERVER).rstrip("/"))

    def __repr__(self) -> str:
        return f"CoiledApi({self.server})"

    def check(self) -> None:
        """See that the token is taken; the `coiled` client would open a browser where it is not.

        Raises:
            SettingsError: It is refused, or Coiled does not answer.
        """
        try:
            self._ask("GET", "/api/v2/user/me")
        except CoiledError as error:
            raise SettingsError(f"TPCH_COMPUTE=coiled cannot be used: {error}") from None

    @cached_property
    def workspace(self) -> str:
        """The workspace in use: the configured one, else the user's default."""
        named = dask.config.get("coiled.workspace", None) or dask.config.get("coiled.account", None)
        if named:
            return named
        memberships = self._ask("GET", "/api/v2/user/me/memberships")
        slugs = [one["account"]["slug"] for one in memberships if one.get("is_default_account")]
        slugs += [one["account"]["slug"] for one in memberships]
        if not slugs:
            raise CoiledError(f"{self.server} knows of no workspace for this token; set DASK_COILED__WORKSPACE.")
        return slugs[0]

    def clusters(self, name: str) -> list[dict[str, Any]]:
        """All clusters there have been under a name, those that have stopped too."""
        return self._ask("GET", f"/api/v2/clusters/account/{self.workspace}/", params={"name": name})

    def details(self, cluster_id: int) -> dict[str, Any]:
        return self._ask("GET", f"/api/v2/clusters/account/{self.workspace}/id/{cluster_id}")

    def stop(self, cluster_id: int, reason: str) -> None:
        """Stop a cluster; nothing happens where it has stopped."""
        self._ask("DELETE", f"/api/v2/clusters/account/{self.workspace}/id/{cluster_id}", params={"reason": reason})

    def _ask(self, method: str, path: str, params: dict[str, str] | None = None) -> Any:
        kind = "ApiToken" if "-" in self.token else "Token"  # Coiled's newer tokens have a dash.
        headers = {"Authorization": f"{kind} {self.token}"}
        try:
            answer = httpx.request(method, f"{self.server}{path}", params=params, headers=headers, timeout=SECONDS)
        except httpx.HTTPError as error:
            raise CoiledError(f"{self.server} does not answer ({str(error) or type(error).__name__}).") from None
        if answer.status_code in (401, 403):
            raise CoiledError(f"{self.server} refuses the Coiled token; run `coiled login`, or set DASK_COILED__TOKEN.")
        if answer.is_error:
            raise CoiledError(f"{self.server} answers {answer.status_code} to {method} {path}.")
        return answer.json()


def dollars(details: dict[str, Any]) -> float:
    """A cluster's cost so far: the cloud's price of its machines, and Coiled's credits."""
    credits_ = float(details.get("total_cost") or 0) * CREDIT
    return float(details.get("cloud_total_cost") or credits_) + credits_
