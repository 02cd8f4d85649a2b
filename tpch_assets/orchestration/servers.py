"""The servers that are kept running on Coiled: the dashboard and the model's. Neither starts open to everybody.

How a server is kept running there belongs in `on_coiled`.
"""

from collections.abc import Mapping

import dagster as dg

from tpch_assets.orchestration.on_coiled import CoiledServer, kept_up
from tpch_assets.schema import Business
from tpch_assets.settings import DASHBOARD_PREFIX, SERVING_PREFIX, Settings, SettingsError


def _signed_in(found: Mapping[str, str], reached: str) -> dict[str, str]:
    """Return what else the dashboard's machine needs: the host under which browsers reach it.

    Raises:
        SettingsError: The dashboard has no sign-in.
    """
    sign_in = found.keys() & {"TPCH_DASHBOARD_BASIC_AUTH", "TPCH_DASHBOARD_OAUTH_PROVIDER"}
    if not sign_in or "TPCH_DASHBOARD_COOKIE_SECRET" not in found:
        raise SettingsError(
            "The dashboard would be open to everybody: set TPCH_DASHBOARD_BASIC_AUTH or "
            "TPCH_DASHBOARD_OAUTH_PROVIDER, and TPCH_DASHBOARD_COOKIE_SECRET."
        )
    name = f"{DASHBOARD_PREFIX}ORIGINS"
    return {name: f"{found.get(name, '')},{reached}"}


def _with_token(found: Mapping[str, str], _: str) -> dict[str, str]:
    """Return nothing: the model's server needs no more.

    Raises:
        SettingsError: It asks for no token.
    """
    if f"{SERVING_PREFIX}TOKEN" not in found:
        raise SettingsError(f"The model's server would be open to everybody: set {SERVING_PREFIX}TOKEN.")
    return {}


# Its page of a model asks the model's server, so it gets that one's address and token.
DASHBOARD = CoiledServer(
    "dashboard", "the dashboard", ("python", "-m", "dashboards"), r"TPCH_(DASHBOARD|SERVING)_\w+", _signed_in
)
SERVING = CoiledServer("serving", "the model's server", ("python", "-m", "serving"), r"TPCH_SERVING_\w+", _with_token)


def servers(settings: Settings, business: Business) -> list[tuple[dg.JobDefinition, dg.ScheduleDefinition]]:
    """Return the job and the schedule of each server; without models there is none of theirs."""
    return [kept_up(server, settings) for server in (DASHBOARD, *([SERVING] if business.models else []))]
