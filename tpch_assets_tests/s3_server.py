"""A real S3 over HTTP: moto's server on a free port, with a log of all requests and faults to inject."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

REGION = "eu-central-1"
BUCKET = "lake"


@dataclass(frozen=True)
class Request:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, list[str]]

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and "prefix" in self.query

    @property
    def prefix(self) -> str:
        return self.query.get("prefix", [""])[0]


@dataclass(frozen=True)
class Fault:
    """What to answer instead of the truth; `after`: the request is carried out all the same, its answer is lost."""

    status: str
    code: str
    message: str = "as the test wants it"
    after: bool = False


DENIED = Fault("403 Forbidden", "AccessDenied", "Access Denied")
EXPIRED = Fault("400 Bad Request", "ExpiredToken", "The provided token has expired.")
LOST = Fault("500 Internal Server Error", "InternalError", "We encountered an internal error.", after=True)


class S3Server:
    """Serves S3 on a free port of this machine until `stop`."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self._requests: list[Request] = []
        self._fault: Callable[[Request], Fault | None] = lambda request: None
        self._lock = threading.Lock()
        threading.Thread(target=self._server.serve_forever, name="s3", daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

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

    def client(self) -> Any:
        """A client of the tests' own."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def requests(self) -> Iterator[list[Request]]:
        """The requests of the block, from all processes."""
        begin = len(self._requests)
        seen: list[Request] = []
        yield seen
        seen.extend(self._requests[begin:])

    @contextmanager
    def fault(self, choose: Callable[[Request], Fault | None]) -> Iterator[list[Request]]:
        """Answer the requests of the block with the fault that `choose` gives; gives the requests that got one."""
        hit: list[Request] = []

        def chosen(request: Request) -> Fault | None:
            fault = choose(request)
            if fault:
                hit.append(request)
            return fault

        self._fault = chosen
        try:
            yield hit
        finally:
            self._fault = lambda request: None

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(
            environ["REQUEST_METHOD"],
            unquote(environ["PATH_INFO"]),
            parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True),
        )
        with self._lock:
            self._requests.append(request)
            fault = self._fault(request)
        if fault is None:
            return self._app(environ, start_response)
        if fault.after:
            list(self._app(environ, lambda *_: None))
        else:  # What is not read of a body would be taken for the next request.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>".encode()
        start_response(fault.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body] if request.method != "HEAD" else []


class _Quiet(MotoRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: tests read `S3Server.requests`."""
