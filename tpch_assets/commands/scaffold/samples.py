"""Sample files, read line by line as bronze reads them. Which tables they make does not belong here."""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tpch_assets.bronze.json_lines.careful import parse
from tpch_assets.bronze.json_lines.values import Reject
from tpch_assets.settings import SettingsError

SUFFIXES = (".json", ".jsonl", ".ndjson")

Row = dict[str, object]
"""A line's fields; numbers are `Number`s, as they are spelled."""


@dataclass(frozen=True)
class Sample:
    """The sample lines of one table: the lines as they are, and what they say."""

    table: str
    lines: tuple[bytes, ...]
    rows: tuple[Row, ...]


def read_samples(folder: Path) -> list[Sample]:
    """Read `<table>.json` and `<table>/*.json`, also .jsonl and .ndjson, also packed (.gz). Each file has JSON lines.

    Raises:
        SettingsError: There is no such folder or no line in it, or a line is no JSON object.
    """
    if not folder.is_dir():
        raise SettingsError(f"there is no folder {folder}; --from needs one with a file <table>.json for each table")
    found = [_sample(table, files) for table, files in sorted(_files(folder).items())]
    if not found:
        raise SettingsError(f"{folder} has no samples: put JSON lines into {folder / '<table>.json'}")
    return found


def _files(folder: Path) -> dict[str, list[Path]]:
    """The files by table."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        if names := [file for file in files if file.is_file() and _stem(file) and not file.name.startswith(".")]:
            found.setdefault(_table_name(path.name if path.is_dir() else _stem(path), path), []).extend(names)
    return found


def _stem(path: Path) -> str:
    """A file's name without its endings; empty if it is of another kind."""
    name = path.name.removesuffix(".gz")
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), "")


def _table_name(text: str, path: Path) -> str:
    name = re.sub(r"\W+", "_", text.lower()).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name == "partials" or name.endswith("_rejects"):
        raise SettingsError(f"{path} cannot name a table: use lower-case letters, digits and _, such as order_lines")
    return name


def _sample(table: str, files: list[Path]) -> Sample:
    lines, rows = [], []
    for file in files:
        for number, line in _lines(file):
            try:
                rows.append(parse(line))
            except (Reject, RecursionError) as error:
                raise SettingsError(f"{file}, line {number}: {error}; a sample has one JSON object per line") from None
            lines.append(line)
    if not lines:
        raise SettingsError(f"{files[0]} is empty: a sample has one JSON object per line")
    return Sample(table, tuple(lines), tuple(rows))


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, by number."""
    try:
        content = gzip.decompress(file.read_bytes()) if file.name.endswith(".gz") else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if text := line.strip():
            yield number, text
