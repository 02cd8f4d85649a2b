"""Unpacks gzip as far as it goes: what comes before the damage is not lost. No JSON here."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tpch_assets.bronze.json_lines import reasons

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 16


def unpacked(source: str, folder: str) -> tuple[str, str | None]:
    """The path of the plain file; and how it is damaged, if it was gzip and is."""
    with Path(source).open("rb") as file:
        start = file.read(len(_GZIP))
        if start != _GZIP and not (source.endswith(".gz") and _GZIP.startswith(start)):
            return source, None
        file.seek(0)
        plain = Path(folder, "plain.json")
        with plain.open("wb") as output:
            try:
                for block in _gunzip(file):
                    output.write(block)
            except (EOFError, zlib.error) as error:
                return str(plain), reasons.DAMAGED_GZIP.format(error=error)
    return str(plain), None


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    """All that can be unpacked, up to the last byte; then EOFError or zlib.error if the file is cut off or corrupt."""
    data = file.read(_BLOCK)
    while True:
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            if not data and not (data := file.read(_BLOCK)):
                yield stream.flush()
                raise EOFError("it is cut off")
            before = stream.copy()
            try:
                block = stream.decompress(data, _BLOCK)
            except zlib.error:
                yield from _until_error(before, data)
                raise
            data = stream.unconsumed_tail
            yield block
        data = stream.unused_data.lstrip(b"\0")
        while not data and (data := file.read(_BLOCK)):
            data = data.lstrip(b"\0")
        if not data:
            return


def _until_error(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """What comes before the error: zlib gives nothing of the block in which it fails."""
    try:
        while byte := stream.decompress(data, 1):
            yield byte
            data = stream.unconsumed_tail
    except zlib.error:
        return
