"""Coiled's control plane over HTTP: the token, costs, and a last resort for stopping a cluster.

What the `coiled` client does not do well belongs here: a question here never opens a browser, needs no event loop and
ends after `SECONDS`. Clusters themselves are in `coiled_cluster`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import dask
import httpx

from tpch_assets.compute.shapes import ClusterDetails, Membership
from tpch_assets.settings import SettingsError

SERVER = "https://cloud.coiled.io"
SECONDS = 5.0  # To connect, and between two pieces of an answer.
NO_TOKEN = (
    "TPCH_COMPUTE=coiled needs a Coiled token: run `coiled login`, or set DASK_COILED__TOKEN (where the code runs, "
    "not on workers)."
)
# Dollars for one of Coiled's credits (a CPU for an hour), and our estimate where the cloud's price is unknown.
CREDIT = 0.05


class CoiledError(RuntimeError):
    """Coiled's control plane could not be asked, or refused; the message says what and why."""


@dataclass(frozen=True)
class CoiledApi:
    """A token and a server, from Dask's configuration (`~/.config/dask/coiled.yaml`, `DASK_COILED__…`)."""

    token: str
    server: str

    @classmethod
    def configured(cls) -> "CoiledApi":
        """The token and the server that the configuration names.

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
        """See that Coiled accepts the token; the `coiled` client opens a browser for one that it does not.

        Raises:
            SettingsError: Coiled refuses it, or does not answer.
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
            return str(named)
        memberships = cast(list[Membership], self._ask("GET", "/api/v2/user/me/memberships"))
        slugs = [one["account"]["slug"] for one in memberships if one.get("is_default_account")]
        slugs += [one["account"]["slug"] for one in memberships]
        if not slugs:
            raise CoiledError(f"{self.server} knows no workspace of this token; set DASK_COILED__WORKSPACE.")
        return slugs[0]

    def clusters(self, name: str) -> list[ClusterDetails]:
        """All clusters that ever had a name, stopped ones too."""
        found = self._ask("GET", f"/api/v2/clusters/account/{self.workspace}/", params={"name": name})
        return cast(list[ClusterDetails], found)

    def details(self, cluster_id: int) -> ClusterDetails:
        return cast(ClusterDetails, self._ask("GET", f"/api/v2/clusters/account/{self.workspace}/id/{cluster_id}"))

    def stop(self, cluster_id: int, reason: str) -> None:
        """Stop a cluster; nothing happens if it has stopped."""
        self._ask("DELETE", f"/api/v2/clusters/account/{self.workspace}/id/{cluster_id}", params={"reason": reason})

    def _ask(self, method: str, path: str, params: dict[str, str] | None = None) -> object:
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
        return cast(object, answer.json())


def dollars(details: ClusterDetails) -> float:
    """A cluster's cost so far: the cloud's price of its machines, and Coiled's credits."""
    credits_ = float(details.get("total_cost") or 0) * CREDIT
    return float(details.get("cloud_total_cost") or credits_) + credits_
