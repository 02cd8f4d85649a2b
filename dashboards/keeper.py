"""Tells whether the dashboard answers, and what starts it where it does not. No Panel.

Ends in words for people: why it does not answer, what was done, or why that failed. Never in anybody's credentials.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Protocol
from urllib.parse import urlsplit

from dashboards.settings import HEALTH, DashboardSettings

POLL, ANSWER = 0.2, 5.0
ALIVE = {"dashboard": "alive"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class DashboardError(RuntimeError):
    """The dashboard could not be started; the message says why."""


class Starter(Protocol):
    """Starts the dashboard that answers at `url`."""

    url: str

    def start(self) -> str:
        """Start it, and wait until it answers. Returns what was done, in a sentence.

        Raises:
            DashboardError: It could not be started, or does not answer.
            SettingsError: A setting is missing or cannot be used.
        """
        ...


def trouble(url: str) -> str | None:
    """Why no healthy dashboard answers at `url` within some seconds, in words; None where one does."""
    # A proxy for the world outside cannot reach this machine's own address.
    proxies: dict[str, str] | None = {} if urlsplit(url).hostname in LOOPBACK else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    try:
        with opener.open(url + HEALTH, timeout=ANSWER) as response:
            answer = json.loads(response.read(1000))
    except urllib.error.HTTPError as error:
        with error:
            return f"{url}{HEALTH} answers with status {error.code}"
    except (OSError, http.client.HTTPException) as error:
        return f"{url} does not answer ({getattr(error, 'reason', None) or error or type(error).__name__})"
    except ValueError:
        answer = None
    return None if answer == ALIVE else f"something else than the dashboard answers at {url}"


def answers_within(url: str, seconds: float) -> bool:
    """Wait until the dashboard answers, for `seconds` at most."""
    deadline = time.monotonic() + seconds
    while trouble(url):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL)
    return True


def local_url(settings: DashboardSettings) -> str:
    """Where a dashboard with these settings answers on its own machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.address, settings.address)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
