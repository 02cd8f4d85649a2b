"""Checks whether a dashboard responds. Does not import Dagster."""

import time
from urllib.parse import urlsplit

from tpch_assets.settings import HEALTH


def trouble(url: str, timeout: float = 5) -> str | None:
    """Return why no dashboard responds at `url`, in words; None if one does."""
    import httpx  # Imported lazily, so that definitions load faster.

    remote = urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")  # Local addresses are not behind a proxy.
    try:
        status = httpx.get(url + HEALTH, timeout=timeout, trust_env=remote, verify=remote).status_code
    except httpx.HTTPError as error:
        return f"{url} does not answer ({str(error) or type(error).__name__})"
    return None if status == 200 else f"{url}{HEALTH} answers with status {status}"


def lasting_trouble(url: str, seconds: float) -> str | None:
    """Wait up to `seconds` for a dashboard. Return why none responds; None as soon as one does."""
    deadline = time.monotonic() + seconds
    while (why := trouble(url)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return why
