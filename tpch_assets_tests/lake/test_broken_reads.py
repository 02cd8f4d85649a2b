"""Answers of S3 that break within an object's content: boto3 leaves these to its callers."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError

from tpch_assets.lake import s3
from tpch_assets.lake.s3_store import READS, S3

CONTENT = b"0123456789"
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\nETag: x\r\nConnection: close\r\n\r\n".encode()


class Server:
    """Answers some requests with half of the content, and then with all of it."""

    def __init__(self, how: str, times: int) -> None:
        self.how, self.left = how, times
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # It was closed.
            while True:
                with self.socket.accept()[0] as connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(HEAD + (CONTENT[:5] if self.left else CONTENT))
        if self.left and self.how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.left = max(0, self.left - 1)

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


@pytest.fixture(params=["cut", "reset"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    found = Server(request.param, READS - 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    yield found
    found.close()


def test_a_small_object_is_read_again(server: Server) -> None:
    assert S3("s3://bucket/lake", s3.connect).content("s3://bucket/lake/a.json") == CONTENT


def test_a_file_is_fetched_again_and_is_whole(server: Server) -> None:
    assert Path(S3("s3://bucket/lake", s3.connect).local("s3://bucket/lake/a.json", "x")).read_bytes() == CONTENT


def test_an_answer_that_always_breaks_is_an_error(server: Server) -> None:
    server.left = 100
    with pytest.raises(BotoCoreError):
        S3("s3://bucket/lake", s3.connect).content("s3://bucket/lake/a.json")
