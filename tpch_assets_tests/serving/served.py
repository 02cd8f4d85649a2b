"""A model's server in a thread of the tests' process, over a real socket and a lake with the toy model."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx

from serving.app import listening, server
from serving.follow import Follower
from serving.registry import registry_of
from serving.settings import ServingSettings
from tpch_assets.lake.lake import Lake
from tpch_assets.settings import load_address
from tpch_assets_tests.models import toy

RECORD = {"weight": 2.5, "carrier": "AIR", "ordered": "2026-01-01", "promised": "2026-01-09"}


class Served:
    """A running server."""

    def __init__(self, follower: Follower, port: int) -> None:
        self.follower, self.port = follower, port
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def predict(self, payload: object, **headers: str) -> httpx.Response:
        """Ask for predictions."""
        return self.client.post("/predict", json=payload, headers=headers)

    def post(self, content: Any, **headers: str) -> httpx.Response:
        """Send a body as it is."""
        given = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client.post("/predict", content=content, headers=given)

    def connect(self) -> socket.socket:
        """A connection on which nothing is sent yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


def follower_of(lake: Lake) -> Follower:
    """A follower that looks only when it is told to."""
    return Follower(registry_of(lake.uri, toy.NAME), 60)


@contextmanager
def serving(follower: Follower, **settings: object) -> Iterator[Served]:
    """Serve what a follower has."""
    chosen = load_address(ServingSettings, port=1, **settings)
    with socket.create_server(("127.0.0.1", 0)) as free:
        chosen = chosen.model_copy(update={"port": free.getsockname()[1]})
    taken, running = listening(chosen), server(follower, chosen)
    thread = Thread(target=running.run, args=([taken],))
    thread.start()
    found = Served(follower, chosen.port)
    try:
        yield found
    finally:
        found.client.close()
        running.should_exit = True
        thread.join(20)
    assert not thread.is_alive()
