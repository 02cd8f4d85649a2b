"""Which windows of bronze may hold some keys, from a small file for each window instead of its rows.

Ranges say that where keys grow with time. Hashes and UUIDs are in no order: each window spans all of them, and so does
one with a single late row among keys in order. What is to be done with windows that share keys belongs in `sharing.py`.

A file holds one digest for each key of a window, sorted, under the name of the bronze files that it was made from. It
only saves time: whoever finds it missing, damaged or made from other files makes it anew.
"""

import hashlib
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tpch_assets.calendar import window_of
from tpch_assets.compute.database import cursor
from tpch_assets.lake.snapshot import DataFile, Snapshots
from tpch_assets.schema import Group
from tpch_assets.silver.inputs import digest
from tpch_assets.silver.rows import Part, keys_of

FEW = 8
"""So many windows are not worth asking: their keys are read at once."""
FOLDER = "_keys"  # In silver's; names of tables do not begin with an underscore.
READERS = 8
"""Threads, so that a lake on S3 waits for several answers at once."""
HOW = "md5 1"
"""Names how digests are made. They are DuckDB's `md5_number_lower`, whose values no release changes."""
HEAD = 12  # Bytes that name what a file was made from.


def holding(group: Group, bronze: Snapshots, keys: Collection[Part], windows: Collection[str]) -> set[str]:
    """Those of some windows that hold any of the keys in some files, and by chance (one in 10¹⁰) one that does not."""
    if len(windows) <= FEW:
        return set(windows)
    ours, files = _digests(keys), _by_window(group, bronze, windows)

    def holds(window: str) -> bool:
        return _have_any_in_common(ours, _keys_in(group, bronze, window, files[window]))

    with ThreadPoolExecutor(READERS) as pool:
        return {window for window, has in zip(files, pool.map(holds, files), strict=True) if has}


def _by_window(group: Group, bronze: Snapshots, windows: Collection[str]) -> dict[str, list[Part]]:
    """All files of each window, in one pass over those of bronze."""
    found: dict[str, list[Part]] = {window: [] for window in windows}
    for table in group.facts:
        files: dict[str, list[DataFile]] = {}
        for file in bronze[table.name].files:
            files.setdefault(window_of(file.partition), []).append(file)
        for window, parts in found.items():
            parts.append((table, bronze[table.name], tuple(files.get(window, ()))))
    return found


def _keys_in(group: Group, bronze: Snapshots, window: str, files: list[Part]) -> np.ndarray:
    """The sorted digests of a window's keys (uint64)."""
    lake = bronze[group.names[0]].lake
    path = lake.path("silver", FOLDER, group.name, f"{window}.keys")
    head = digest([HOW, *(f"{table.name}/{file.path}" for table, _, of_table in files for file in of_table)]).encode()
    content = lake.store.content(path) or b""
    if content.startswith(head + _checksum(content[2 * HEAD :])):
        return np.frombuffer(content, np.uint64, offset=2 * HEAD)
    found = _digests(files)
    keys = found.tobytes()
    lake.write(path, head + _checksum(keys) + keys)
    return found


def _checksum(keys: bytes) -> bytes:
    return hashlib.sha256(keys).hexdigest()[:HEAD].encode()


def _digests(parts: Iterable[Part]) -> np.ndarray:
    query = keys_of(parts)
    if not query:
        return np.empty(0, np.uint64)
    with cursor() as con:
        found = con.sql(f"SELECT DISTINCT md5_number_lower(key::VARCHAR) AS key FROM ({query})").fetchnumpy()["key"]
    return np.sort(np.asarray(found, np.uint64))


def _have_any_in_common(some: np.ndarray, others: np.ndarray) -> bool:
    few, many = sorted((some, others), key=len)
    if not len(few):
        return False
    places = np.searchsorted(many, few)
    return bool((many[np.minimum(places, len(many) - 1)] == few).any())
