"""Hostile requests get a 4xx, and never a 500; their connections end, and memory stays bounded."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from serving import body
from serving.protocol import HEAD
from serving.records import RECORDS
from tpch_assets_tests.serving.served import RECORD, Served

MIB = 1 << 20
GOOD = json.dumps(RECORD).encode()
HEADERS = b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 422),
        (b'"text"', 422),
        (b"\xff\xfe", 400),
        (GOOD.replace(b"2.5", b"NaN"), 400),
        (GOOD.replace(b"2.5", b"-Infinity"), 400),
        (GOOD.replace(b"2.5", b"1e400"), 422),
        (GOOD.replace(b"2.5", b"1" + b"0" * 400), 422),
        (GOOD.replace(b"2.5", b"1" * 10_000), 400),
        (GOOD.replace(b"2.5", b'"2.5"'), 422),
        (GOOD.replace(b"AIR", b"\\ud800"), 422),
        (GOOD.replace(b"2.5", b'2.5, "weight": 3'), 400),
        (GOOD.replace(b"2.5", b'2.5, "__class__": {}'), 422),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b"[" + b",".join([GOOD] * (RECORDS + 1)) + b"]", 422),
        (b"[" + b",".join([b"{}"] * 170_000) + b"]", 422),
        (b"{" + b",".join(b'"%d":0' % n for n in range(50_000)) + b"}", 422),
        (b'{"' + b"k" * 500_000 + b'": 1}', 422),
    ],
    ids=[
        "nothing",
        "cut",
        "null",
        "text",
        "bytes",
        "NaN",
        "Infinity",
        "1e400",
        "400 digits",
        "10,000 digits",
        "number as text",
        "half a surrogate",
        "double key",
        "unknown field",
        "nested",
        "too many records",
        "many empty records",
        "many unknown fields",
        "long name",
    ],
)
def test_a_body_that_is_wrong_is_the_clients_fault(served: Served, content: bytes, status: int) -> None:
    found = served.post(content)
    assert found.status_code == status
    assert found.json()["error"]
    assert "Traceback" not in found.text and len(found.content) < 5000


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/xml"},
        {"content_type": ""},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": "multipart/form-data; boundary=a"},
        {"content_encoding": "gzip"},
    ],
    ids=str,
)
def test_another_content_type_is_refused(served: Served, headers: dict[str, str]) -> None:
    assert served.post(GOOD, **headers).status_code == 415


def test_a_large_body_is_refused_before_it_is_read(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(HEADERS + b"content-length: %d\r\n\r\n" % (10 * MIB))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
    # A client that goes on sending hears it too.
    assert served.post(b" " * 10 * MIB).status_code == 413


def test_a_large_body_of_unknown_length_is_refused_while_it_arrives(served: Served) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(160):
            yield b" " * 65536

    found = served.post(pieces())
    assert (found.status_code, found.json()["error"]) == (
        413,
        "The body is larger than 512 KiB: send fewer records at a time.",
    )


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"CONNECT /predict HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n",
    ],
    ids=["TLS", "version", "negative", "two lengths", "smuggled", "CONNECT", "path"],
)
def test_what_is_no_request_is_refused(served: Served, sent: bytes) -> None:
    with served.connect() as connection:
        connection.sendall(sent)
        assert connection.recv(65536).startswith(b"HTTP/1.1 4")


def test_a_head_without_an_end_is_refused(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nx: " + b"a" * (HEAD + 1000))
        assert answer(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /predict HT",
        HEADERS + b"content-length: 100\r\n\r\n{",
        HEADERS + b"transfer-encoding: chunked\r\n\r\n1\r\n",
    ],
    ids=["nothing", "head", "body", "chunk"],
)
def test_a_slow_sender_is_not_waited_for(served: Served, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.3)
    with served.connect() as connection:
        connection.sendall(sent)
        assert answer(connection).startswith(b"HTTP/1.1 408 ")


def test_a_sender_of_one_byte_at_a_time_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.3)
    with served.connect() as connection:
        found, deadline = b"", time.monotonic() + 20
        connection.settimeout(0.05)
        while not found:
            assert time.monotonic() < deadline
            try:
                connection.sendall(b"G" if not found else b"")
                found = connection.recv(100)
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert found[:13] in (b"", b"HTTP/1.1 408 ", b"HTTP/1.1 400 ")


def test_one_connection_too_many_is_told(served: Served) -> None:
    limit = 512
    others = [served.connect() for _ in range(limit)]
    try:
        with served.connect() as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            assert answer(connection).startswith(b"HTTP/1.1 503 ")
    finally:
        for one in others:
            one.close()
    deadline = time.monotonic() + 20
    while served.client.get("/health").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
