"""Local servers that take messages: a webhook over HTTP and a mail server, which can be out for a while."""

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@dataclass
class Hook:
    """A webhook: what it was told, and the status that it answers with."""

    url: str = ""
    texts: list[str] = field(default_factory=list)
    status: int = 200


@contextmanager
def webhook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if hook.status == 200:
                hook.texts.append(told["text"])
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        hook.url = f"http://127.0.0.1:{server.server_port}/services/secret"
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Post:
    """A mail server: its port, and the mails that it took as (subject, to, text)."""

    port: int
    mails: list[tuple[str, str, str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content)
        text = mail.get_payload(decode=True)
        assert isinstance(text, bytes)
        self.mails.append((mail["Subject"], mail["To"], text.decode()))
        return "250 taken"


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[Post]:
    """A mail server; with `tls` it wants STARTTLS, and the user `me` with the password `pass word`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        post = Post(free.getsockname()[1])

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"me", b"pass word"), handled=False)

    wanted: dict[str, Any] = {"auth_required": True, "require_starttls": True, "authenticator": check} if tls else {}
    server = Controller(post, hostname="127.0.0.1", port=post.port, tls_context=tls, **wanted)
    server.start()
    try:
        yield post
    finally:
        server.stop()


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1, in `certificate.pem`."""
    name, key = folder / "certificate.pem", folder / "key.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", *options, *subject, "-keyout", str(key), "-out", str(name)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(name, key)
    return context
