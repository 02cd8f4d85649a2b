"""Ends connections that are too slow, or send a request's head without an end. uvicorn sets none of these limits.

uvicorn documents that `http` takes a protocol of one's own; only what asyncio and the parser call is extended here.
How large a body may be does not belong here, but in `body`.
"""

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving import body

HEAD = 32 << 10
"""The largest head of a request, in bytes."""


class Impatient(HttpToolsProtocol):
    """One connection. A head may take `SECONDS`, and so may a body; all of a request takes at most thrice as long."""

    _clock: TimerHandle | None = None
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(body.SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._clock is not None:
            self._clock.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD:
            self._end("431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._wait(3 * body.SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait(body.SECONDS)  # For the next head, and for what is left of this body: it is read, and thrown away.

    def _wait(self, seconds: float) -> None:
        if self._clock is not None:
            self._clock.cancel()
        self._clock = self.loop.call_later(seconds, self._end, "408 Request Timeout")

    def _end(self, status: str) -> None:
        if self.transport.get_write_buffer_size():  # The client does not read either.
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            self.transport.close()
