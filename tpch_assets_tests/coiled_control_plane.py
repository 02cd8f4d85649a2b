"""The part of Coiled's control plane that its client needs, over HTTP on this machine; schedulers and workers are real.

A cluster is a Dask scheduler with the calls of Coiled's own schedulers, and Dask workers. All are processes of this
machine, over TLS with the cluster's own certificate.
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from distributed.security import Security

WORKSPACE, TOKEN = "team", "0123456789abcdef-secret"
PRELOAD = '''
"""The calls of Coiled's schedulers that its client makes, and their end when every client has gone."""
import asyncio, os, time, urllib.request
from dask.utils import parse_timedelta

def dask_setup(scheduler):
    async def nothing(**ignored):
        return None
    async def keepalive(keepalive=None):
        scheduler.keepalive = parse_timedelta(keepalive) if keepalive else None
    async def watch():
        alone = time.monotonic()
        while True:
            await asyncio.sleep(0.2)
            if any(name.startswith("Client") for name in scheduler.clients):
                alone = time.monotonic()
            if scheduler.keepalive is not None and time.monotonic() - alone > scheduler.keepalive:
                stop = urllib.request.Request(os.environ["CONTROL_PLANE"] + "?reason=no+client", method="DELETE")
                stop.add_header("Authorization", os.environ["CONTROL_PLANE_TOKEN"])
                await asyncio.to_thread(urllib.request.urlopen, stop)
                return
    scheduler.keepalive = None
    scheduler.handlers["coiled_set_keepalive"] = keepalive
    for name in ("coiled_unset_env_vars", "coiled_update_env_vars", "aws_update_credentials"):
        scheduler.handlers[name] = nothing
    scheduler.watching = asyncio.ensure_future(watch())
'''


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _state(state: str, updated: str = "", reason: str = "") -> dict[str, str]:
    return {"state": state, "updated": updated or _now(), "reason": reason}


@dataclass
class Made:
    """One cluster: its request, and its processes."""

    id: int
    asked: dict[str, Any]
    folder: Path
    plane: "ControlPlane"
    created: str = field(default_factory=_now)
    ended: str = ""
    reason: str = ""
    scheduler: "subprocess.Popen[bytes] | None" = None
    workers: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    count: int = 0
    cert: str = ""
    key: str = ""
    port: int = 0

    @property
    def running(self) -> bool:
        return not self.ended

    def start(self) -> None:
        self.folder.mkdir()
        security = Security.temporary()
        self.cert, self.key = security.tls_scheduler_cert, security.tls_scheduler_key
        for name, text in (("cert.pem", self.cert), ("key.pem", self.key), ("preload.py", PRELOAD)):
            (self.folder / name).write_text(text)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.scheduler = self._run("scheduler", "--port", str(self.port), "--preload", str(self.folder / "preload.py"))
        self.grow(self.asked["workers"])

    def grow(self, count: int) -> list[dict[str, Any]]:
        names = []
        for _ in range(count):
            self.count += 1
            name = f"{self.asked['name']}-worker-{self.count:04x}"
            options = ["--name", name, "--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
            self.workers[name] = self._run("worker", f"tls://127.0.0.1:{self.port}", *options)
            names.append(name)
        return [one for one in self.worker_list() if one["name"] in names]

    def shrink(self, ends: list[str]) -> None:
        for name in [name for name in self.workers if name.removeprefix(f"{self.asked['name']}-worker") in ends]:
            self.workers[name].kill()
            self.workers.pop(name).wait()

    def stop(self, reason: str) -> None:
        self.reason, self.ended = reason, self.ended or _now()
        for process in (*self.workers.values(), *([self.scheduler] if self.scheduler else [])):
            process.kill()
            process.wait()

    def _run(self, kind: str, *options: str) -> "subprocess.Popen[bytes]":
        code = f"import sys; from distributed.cli.dask_{kind} import main; main(sys.argv[1:])"
        tls = [
            "--tls-ca-file",
            "cert.pem",
            "--tls-cert",
            "cert.pem",
            "--tls-key",
            "key.pem",
            "--host",
            "tls://127.0.0.1",
        ]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DASK_")},
            **self.asked["environ"],
            "CONTROL_PLANE": f"{self.plane.url}/api/v2/clusters/account/{WORKSPACE}/id/{self.id}",
            "CONTROL_PLANE_TOKEN": f"ApiToken {TOKEN}",
        }
        with (self.folder / "log.txt").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-c", code, *options, *tls, "--dashboard-address", "127.0.0.1:0"],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def worker_list(self) -> list[dict[str, Any]]:
        return [
            {"id": i, "name": name, "created": self.created, "current_state": _state("started"), "instance": None}
            for i, name in enumerate(self.workers)
        ]

    def listed(self, up: bool | None = None) -> dict[str, Any]:
        if self.plane.broken and not self.ended:
            return self._in(_state("error", self.created, self.plane.broken))
        now = "stopped" if self.ended else "ready" if (self.listens() if up is None else up) else "starting"
        return self._in(_state(now, self.ended or self.created, self.reason))

    def _in(self, state: dict[str, str]) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.asked["name"],
            "created": self.created,
            "updated": self.ended or self.created,
            "tags": self.asked["tags"],
            "current_state": state,
        }

    def details(self) -> dict[str, Any]:
        ready = self.running and self.listens()
        seconds = (datetime.fromisoformat(self.ended or _now()) - datetime.fromisoformat(self.created)).total_seconds()
        address = f"http://127.0.0.1:{self.port}/status?token=dashboard-secret"
        return {
            **self.listed(ready),  # The client takes a ready cluster with an unready scheduler for broken.
            "workers": self.worker_list(),
            "desired_workers": self.asked["workers"],
            "backend_type": "vm_aws",
            "scheduler_port": self.port,
            "cluster_options": {"tls_cert": self.cert, "tls_key": self.key, "region_name": "eu-west-1"},
            "cluster_infra": {"give_scheduler_public_ip": True, "current_state": _state("created")},
            "scheduler": {
                "name": f"{self.asked['name']}-scheduler",
                "created": self.created,
                "current_state": _state("started" if ready else "starting"),
                "dashboard_address": address,
                "instance": {
                    "id": 1,
                    "name": "scheduler",
                    "created": self.created,
                    "public_ip_address": "127.0.0.1",
                    "private_ip_address": "127.0.0.1",
                    "current_state": _state("ready" if ready else "starting"),
                },
            },
            # Ten dollars an hour to the cloud, and a hundred credits, unless a test says otherwise.
            "cloud_total_cost": self.plane.costs.get(self.id, (10 * seconds / 3600, 0))[0],
            "total_cost": self.plane.costs.get(self.id, (0, 100 * seconds / 3600))[1],
        }


class ControlPlane:
    """The server. `requests` holds the requests, as (method, path), and `clusters` all clusters, stopped ones too."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clusters, self.requests = folder, list[Made](), list[tuple[str, str]]()
        self.broken = ""  # Why clusters cannot start.
        self.software: list[dict[str, Any]] = []
        self.wheels: list[str] = []
        self.costs: dict[int, tuple[float, float]] = {}  # By cluster id: dollars of the cloud, and credits.
        self.lock = threading.RLock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"plane": self}))
        # By name, like the real one: a client has to look it up.
        self.url = f"http://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        for cluster in self.clusters:
            cluster.stop("the test is over")
        self.server.shutdown()
        self.server.server_close()

    @property
    def running(self) -> list[Made]:
        return [cluster for cluster in self.clusters if cluster.running]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        for verb, pattern, function in _ROUTES:
            if verb == method and (match := re.fullmatch(pattern, path)):
                with self.lock, suppress(IndexError):  # A cluster that never existed.
                    return function(self, query, body, *match.groups())
        return 404, {"detail": f"this control plane knows no {method} {path}"}

    def by_id(self, number: str) -> Made:
        return self.clusters[int(number) - 1]


def _by_name(plane: ControlPlane, query: Any, body: Any, name: str) -> tuple[int, Any]:
    found = [cluster for cluster in plane.running if cluster.asked["name"] == name]
    return (200, found[0].listed()) if found else (404, {"detail": "not found"})


def _create(plane: ControlPlane, query: Any, body: Any) -> tuple[int, Any]:
    if there := [cluster for cluster in plane.running if cluster.asked["name"] == body["name"]]:
        return 200, {"id": there[0].id, "existing": True}
    number = len(plane.clusters) + 1
    cluster = Made(number, body, plane.folder / f"cluster-{number}", plane)
    plane.clusters.append(cluster)
    cluster.start()
    return 201, {"id": number, "existing": False}


def _list(plane: ControlPlane, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    names = query.get("name")
    if int(query.get("offset", ["0"])[0]):
        return 200, []
    return 200, [cluster.listed() for cluster in plane.clusters if not names or cluster.asked["name"] in names]


def _delete(plane: ControlPlane, query: dict[str, list[str]], body: Any, number: str) -> tuple[int, Any]:
    plane.by_id(number).stop(query.get("reason", [""])[0])
    return 200, {}


def _shrink(plane: ControlPlane, query: dict[str, list[str]], body: Any, number: str) -> tuple[int, Any]:
    plane.by_id(number).shrink(query.get("name", []))
    return 200, []


def _workers(plane: ControlPlane, query: dict[str, list[str]], body: Any, number: str) -> tuple[int, Any]:
    return 200, [] if int(query["offset"][0]) else plane.by_id(number).worker_list()


def _software(plane: ControlPlane, query: Any, body: dict[str, Any]) -> tuple[int, Any]:
    plane.software.append(body)
    return 201, {"id": len(plane.software), "name": body.get("name") or f"package-sync-{len(plane.software)}"}


def _approximate(plane: ControlPlane, query: Any, body: dict[str, Any]) -> tuple[int, Any]:
    """Every package exists, in exactly the requested version."""
    found = []
    for package in body["packages"]:
        kept = {name: package[name] for name in ("name", "conda_name", "channel_url")}
        exactly = {"client_version": package["version"], "specifier": f"=={package['version']}"}
        found.append({**kept, **exactly, "include": not package["wheel_target"], "note": None, "error": None})
    return 200, found


def _upload(plane: ControlPlane, query: Any, body: dict[str, Any]) -> tuple[int, Any]:
    plane.wheels.append(body["name"])
    return 200, {"id": len(plane.wheels), "should_upload": False}


_USER = {"username": "someone", "id": 1, "default_account": {"slug": WORKSPACE, "name": WORKSPACE}}
_MEMBERSHIP = {"account": {"id": 1, "slug": WORKSPACE, "name": WORKSPACE}, "is_admin": True, "is_default_account": True}
_CLUSTER = rf"/api/v2/clusters/account/{WORKSPACE}/id/(\d+)"
_ROUTES: list[tuple[str, str, Any]] = [
    ("GET", r"/api/v2/user/me", lambda plane, query, body: (200, _USER)),
    ("GET", r"/api/v2/user/me/memberships", lambda plane, query, body: (200, [_MEMBERSHIP])),
    ("GET", r"/api/v2/user/workspace/.+/dask-config-overrides", lambda plane, query, body: (200, {})),
    ("GET", rf"/api/v2/clusters/account/{WORKSPACE}/name/([^/]+)", _by_name),
    ("GET", rf"/api/v2/clusters/account/{WORKSPACE}/", _list),
    ("POST", rf"/api/v2/clusters/account/{WORKSPACE}/", _create),
    ("GET", _CLUSTER, lambda plane, query, body, number: (200, plane.by_id(number).details())),
    ("DELETE", _CLUSTER, _delete),
    ("GET", _CLUSTER + "/state", lambda p, query, body, n: (200, p.by_id(n).listed()["current_state"])),
    ("GET", _CLUSTER + "/states", lambda plane, query, body, number: (200, {})),
    ("POST", r"/api/v2/clusters/id/(\d+)/event", lambda plane, query, body, number: (200, {})),
    ("GET", rf"/api/v2/workers/account/{WORKSPACE}/cluster/(\d+)/", _workers),
    (
        "POST",
        rf"/api/v2/workers/account/{WORKSPACE}/cluster/(\d+)/",
        lambda plane, query, body, number: (200, plane.by_id(number).grow(body["n_workers"])),
    ),
    ("DELETE", rf"/api/v2/workers/account/{WORKSPACE}/cluster/(\d+)/", _shrink),
    ("GET", rf"/api/v1/{WORKSPACE}/backend_options/", lambda plane, query, body: (200, {"backend": "vm_aws"})),
    ("POST", rf"/api/v2/software-environment/account/{WORKSPACE}", _software),
    ("GET", r"/api/v2/packages/", lambda plane, query, body: (200, [])),
    ("POST", r"/api/v2/software-environment/approximate-packages", _approximate),
    ("POST", rf"/api/v2/software-environment/account/{WORKSPACE}/package-upload", _upload),
    ("POST", r"/api/v2/interactions/interaction", lambda plane, query, body: (200, {})),
]


class _Handler(BaseHTTPRequestHandler):
    plane: ControlPlane

    def _any(self) -> None:
        url = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(size)
        self.plane.requests.append((self.command, url.path))
        if self.headers.get("Authorization", "").split(" ")[-1] != TOKEN:
            status, answer = 401, {"detail": "Invalid token."}
        else:
            body = json.loads(content) if content and "json" in self.headers.get("Content-Type", "") else content
            status, answer = self.plane.answer(self.command, url.path, parse_qs(url.query), body)
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _any

    def log_message(self, format: str, *args: Any) -> None:
        pass


def wait_until(true: Any, seconds: float = 120) -> None:
    """Wait until `true()` is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "the condition did not become true in time"
        time.sleep(0.05)
