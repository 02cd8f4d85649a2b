"""A real S3 over HTTP: moto's server in a process of its own, with a log of all requests and faults to inject.

(In this process it could not answer: some of deltalake's calls keep Python's lock while they wait.)
"""

import functools
import multiprocessing
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.managers import BaseManager
from typing import Any
from urllib.parse import parse_qs, unquote

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

REGION = "eu-central-1"
BUCKET = "lake"


@dataclass(frozen=True)
class Request:
    """One request as the server saw it."""

    method: str
    path: str
    query: str
    agent: str
    conditional: bool
    copies: bool

    @property
    def prefix(self) -> str | None:
        """What a LIST lists; None for any other request."""
        listing = self.method == "GET" and LISTS in self.query
        return parse_qs(self.query).get("prefix", [""])[0] if listing else None


@dataclass(frozen=True)
class Fault:
    """What to answer instead of the truth.

    Attributes:
        after: The request is carried out all the same: only its answer is lost.
        method: The requests it concerns; all if empty.
        where: A pattern in their path and query.
        times: How often.
    """

    status: str
    code: str
    message: str = "as the test wants it"
    after: bool = False
    method: str = ""
    where: str = ""
    times: int = 1_000_000

    def on(self, method: str = "", where: str = "", times: int = 1_000_000) -> "Fault":
        return replace(self, method=method, where=where, times=times)

    def concerns(self, request: Request) -> bool:
        return self.method in ("", request.method) and bool(re.search(self.where, f"{request.path}?{request.query}"))


DENIED = Fault("403 Forbidden", "AccessDenied", "Access Denied")
EXPIRED = Fault("400 Bad Request", "ExpiredToken", "The provided token has expired.")
LOST = Fault("500 Internal Server Error", "InternalError", "We encountered an internal error.", after=True)
COMMITS = r"/_delta_log/\d{20}\.json"
LISTS = "list-type=2"


class Served:
    """What runs in the server's process."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self._seen: list[Request] = []
        self._faulty: list[Request] = []
        self._fault: Fault | None = None
        self._unconditional = False
        self._lock, self._one_writer = threading.Lock(), threading.Lock()
        self._backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        threading.Thread(target=self._server.serve_forever, name="s3", daemon=True).start()

    def port(self) -> int:
        return self._server.server_port

    def seen(self, begin: int) -> list[Request]:
        return self._seen[begin:]

    def count(self) -> int:
        return len(self._seen)

    def set_fault(self, fault: Fault | None) -> list[Request]:
        """Answer so from now on; gives the requests that the last fault hit."""
        self._fault, hit, self._faulty = fault, self._faulty, []
        return hit

    def set_unconditional(self, on: bool) -> None:
        self._unconditional = on

    def fill(self, keys: list[str], body: bytes) -> None:
        for key in keys:
            self._backend.put_object(BUCKET, key, body)

    def age(self, key: str, age: timedelta) -> None:
        found: Any = self._backend.get_object(BUCKET, key)
        found.last_modified -= age

    def contents(self, prefix: str) -> dict[str, bytes]:
        backend: Any = self._backend
        keys = [key for key in list(backend.get_bucket(BUCKET).keys) if key.startswith(prefix)]
        return {key.removeprefix(prefix): backend.get_object(BUCKET, key).value for key in keys}

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(
            environ["REQUEST_METHOD"],
            unquote(environ["PATH_INFO"]),
            environ.get("QUERY_STRING", ""),
            environ.get("HTTP_USER_AGENT", ""),
            "HTTP_IF_NONE_MATCH" in environ,
            "HTTP_X_AMZ_COPY_SOURCE" in environ,
        )
        with self._lock:
            self._seen.append(request)
            fault = self._fault
            if fault and fault.concerns(request) and len(self._faulty) < fault.times:
                self._faulty.append(request)
            else:
                fault = None
        if fault is None:
            return self._carry_out(environ, start_response)
        if fault.after:
            list(self._carry_out(environ, lambda *_: None))
        else:  # What is not read of a body would be taken for the next request.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>".encode()
        start_response(fault.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body] if request.method != "HEAD" else []

    def _carry_out(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._unconditional:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if "HTTP_IF_NONE_MATCH" not in environ:
            return self._app(environ, start_response)
        with self._one_writer:  # moto looks and writes in two steps; S3 does both in one.
            return list(self._app(environ, start_response))


class _Quiet(MotoRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: tests read `S3Server.requests`."""


class _Manager(BaseManager):
    pass


_Manager.register("serve", Served)


class S3Server:
    """S3 on a free port of this machine until the tests end."""

    def __init__(self) -> None:
        self._manager = _Manager(ctx=multiprocessing.get_context("spawn"))
        self._manager.start()
        self._served: Any = self._manager.serve()  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._served.port()}"
        self.client().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    @property
    def environment(self) -> dict[str, str]:
        """The usual AWS variables that lead here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @functools.cache  # noqa: B019 (one server lives as long as the tests)
    def client(self) -> Any:
        """A client of the tests' own."""
        keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION, **keys)

    def put(self, uri: str, body: bytes = b"{}\n") -> None:
        """Put one object, as anybody would."""
        self.client().put_object(Bucket=BUCKET, Key=_key(uri), Body=body)

    def fill(self, uris: Iterable[str], body: bytes = b"{}\n") -> None:
        """Many objects, without a request for each."""
        self._served.fill([_key(uri) for uri in uris], body)

    def age(self, uri: str, age: timedelta) -> None:
        """Make an object older."""
        self._served.age(_key(uri), age)

    def contents(self, uri: str) -> dict[str, bytes]:
        """All objects below a URI, by their key below it."""
        return {key.lstrip("/"): content for key, content in self._served.contents(_key(uri)).items()}

    @contextmanager
    def requests(self) -> Iterator[list[Request]]:
        """The requests of the block, from all processes; filled at its end."""
        begin = self._served.count()
        found: list[Request] = []
        yield found
        found.extend(self._served.seen(begin))

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[list[Request]]:
        """Answer so in the block; gives the requests that were hit, at its end."""
        hit: list[Request] = []
        self._served.set_fault(fault)
        try:
            yield hit
        finally:
            hit.extend(self._served.set_fault(None))

    @contextmanager
    def unconditional(self) -> Iterator[None]:
        """Be an S3 that knows of no conditional writes, in the block."""
        self._served.set_unconditional(True)
        try:
            yield
        finally:
            self._served.set_unconditional(False)

    def stop(self) -> None:
        self._manager.shutdown()


def _key(uri: str) -> str:
    return uri.removeprefix(f"s3://{BUCKET}").lstrip("/")


@pytest.fixture(scope="session")
def one_server() -> Iterator[S3Server]:
    """One server for all tests: it takes a second to start."""
    found = S3Server()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def server(one_server: S3Server) -> Iterator[S3Server]:
    """An S3 to which the AWS environment of this process and its children leads."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in one_server.environment.items():
            patch.setenv(name, value)
        yield one_server
