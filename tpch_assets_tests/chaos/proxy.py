"""A proxy before an S3 server that fails by chance: 503, resets, slow and cut answers, answers lost after success."""

import http.client
import multiprocessing
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.managers import BaseManager
from typing import Any

FAULTS = ("503", "throttled", "reset", "slow", "cut", "lost")
SLOW = 0.3  # Seconds.
ERRORS = {"503": ("ServiceUnavailable", "Please try again."), "throttled": ("SlowDown", "Please reduce your rate.")}
HOP = {"connection", "transfer-encoding", "keep-alive"}


class Proxy:
    """What runs in the proxy's process."""

    def __init__(self, upstream: str, seed: int) -> None:
        self.host, _, port = upstream.removeprefix("http://").partition(":")
        self.port_there = int(port)
        self.share, self.chance, self.lock = 0.0, random.Random(seed), threading.Lock()
        self.happened: Counter[str] = Counter()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def port(self) -> int:
        return self._server.server_port

    def set_share(self, share: float) -> dict[str, int]:
        """Have this share of the requests fail from now on; gives what happened so far."""
        self.share = share
        return dict(self.happened)

    def fault(self) -> str:
        """What becomes of the next request; empty if nothing does."""
        with self.lock:
            self.happened["requests"] += 1
            if self.chance.random() >= self.share:
                return ""
            found = self.chance.choice(FAULTS)
            self.happened[found] += 1
            return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.fault()
        if fault in ERRORS:
            code, message = ERRORS[fault]
            self._answer(503, {}, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())
            return
        if fault == "reset":
            self._reset()
            return
        status, headers, content = self._upstream(body)
        if fault == "lost":
            self._reset()
        elif fault == "cut" and len(content) > 1:
            self._answer(status, headers, content, cut=len(content) // 2)
        else:
            time.sleep(SLOW if fault == "slow" else 0)
            self._answer(status, headers, content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

    def _upstream(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        there = http.client.HTTPConnection(self.proxy.host, self.proxy.port_there, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        there.request(self.command, self.path, body=body, headers=headers)
        answer = there.getresponse()
        content = answer.read()
        there.close()
        return answer.status, {n: v for n, v in answer.getheaders() if n.lower() not in HOP}, content

    def _answer(self, status: int, headers: dict[str, str], content: bytes, cut: int | None = None) -> None:
        self.send_response_only(status)
        length = headers.pop("Content-Length", headers.pop("content-length", None))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", (length or "0") if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:cut])
        if cut is not None:
            self.wfile.flush()
            self._reset()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


class _Manager(BaseManager):
    pass


_Manager.register("proxy", Proxy)


@contextmanager
def proxied(upstream: str, seed: int) -> Iterator[tuple[str, Any]]:
    """A proxy in a process of its own: its address, and itself."""
    manager = _Manager(ctx=multiprocessing.get_context("spawn"))
    manager.start()
    try:
        proxy: Any = manager.proxy(upstream, seed)  # type: ignore[attr-defined]
        yield f"http://127.0.0.1:{proxy.port()}", proxy
    finally:
        manager.shutdown()
