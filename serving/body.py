"""Reads a request's body within limits of size and time. What the body says does not belong here, but in `records`."""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

BYTES = 512 << 10
"""The largest body. A thousand records of twenty features take half of it."""
SECONDS = 10.0
"""How long a client may take to send a request's head, and its body."""


class Refused(Exception):
    """A request whose body is not read, or not further; with the status and the sentence to answer."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


async def read(scope: Scope, receive: Receive) -> bytes:
    """The whole body of a request.

    Raises:
        Refused: It is not JSON by its headers, too large (known before it is read, if its length is), or too slow.
        ClientDisconnect: Nobody waits for the answer any more.
    """
    headers = dict(scope["headers"])
    kind, _, charset = headers.get(b"content-type", b"").lower().partition(b";")
    if kind.strip() != b"application/json" or charset.strip().replace(b'"', b"") not in (b"", b"charset=utf-8"):
        raise Refused(415, "Send the body as Content-Type: application/json.")
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refused(415, "Send the body without Content-Encoding.")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length[:20]) > BYTES:
        raise _too_large()
    body, more, loop = bytearray(), True, asyncio.get_running_loop()
    deadline = loop.time() + SECONDS
    while more:
        message = await _next(receive, deadline)
        body += message["body"]
        more = message.get("more_body", False)
        if len(body) > BYTES:
            raise _too_large()
    return bytes(body)


async def _next(receive: Receive, deadline: float) -> Message:
    try:
        async with asyncio.timeout_at(deadline):
            message = await receive()
    except TimeoutError:
        raise Refused(408, f"The body did not arrive within {SECONDS:g} seconds: send it faster.") from None
    if message["type"] != "http.request":
        raise ClientDisconnect
    return message


def _too_large() -> Refused:
    return Refused(413, f"The body is larger than {BYTES >> 10} KiB: send fewer records at a time.")
