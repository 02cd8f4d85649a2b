"""Raw files as they were delivered: which of a table there are, folder by folder. No Dagster, no Delta.

A listing goes from one folder's name on, in order, and costs what it finds, not what lies before it: on S3 it is one
request for each 1,000 files.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tpch_assets.lake import s3


@dataclass(frozen=True)
class RawFile:
    """One delivered file: where it is, and the size and stamp (mtime or ETag) that tell a redelivery."""

    uri: str
    name: str
    size: int
    stamp: str
    modified: float


Delivery = tuple[str, list[RawFile]]
"""A folder's name and its visible files, sorted by name."""


def behind(folder: str) -> str:
    """The least `since` that leaves a folder out; in the order of listings "0" comes right after "/"."""
    return f"{folder}0"


def on_disk(table: str, since: str = "", until: str = "") -> Iterator[Delivery]:
    """Deliveries in the folders of `table` from the name `since` on and before `until`, in S3's order."""
    try:
        names = sorted(f"{entry.name}/" for entry in os.scandir(table))
    except FileNotFoundError:
        return
    for name in names:
        if name > since and (not until or name < until):
            yield name[:-1], in_folder(f"{table}/{name[:-1]}")


def in_folder(folder: str) -> list[RawFile]:
    """The visible files of one folder on disk, at any depth."""
    found = []
    for path, _, names in os.walk(folder):
        below = "" if path == folder else f"{os.path.relpath(path, folder)}/"
        for name in names:
            if visible(below + name):
                stat = os.stat(f"{path}/{name}")
                stamp = str(stat.st_mtime_ns)
                found.append(RawFile(f"{path}/{name}", below + name, stat.st_size, stamp, stat.st_mtime))
    return sorted(found, key=lambda file: file.name)


def on_s3(client: Any, table: str, since: str = "", until: str = "") -> Iterator[Delivery]:
    """The same below the URI `table`; pages are asked for as the deliveries are."""
    prefix = f"{table}/"
    keys = s3.objects(client, prefix, since)
    start = len(s3.split(prefix)[1])
    for folder, found in groupby(keys, lambda entry: entry["Key"][start:].split("/", 1)[0]):
        if until and f"{folder}/" > until:
            return
        files = [_of_object(entry, prefix, folder, start) for entry in found]
        yield folder, sorted((file for file in files if visible(file.name)), key=lambda file: file.name)


def _of_object(entry: dict[str, Any], prefix: str, folder: str, start: int) -> RawFile:
    path = entry["Key"][start:]
    name = path[len(folder) + 1 :]
    return RawFile(prefix + path, name, entry["Size"], entry["ETag"], entry["LastModified"].timestamp())


def visible(name: str) -> bool:
    """Whether a file is delivered: hidden and temporary ones are still on their way."""
    hidden = any(part.startswith((".", "_")) for part in name.split("/"))
    return bool(name) and not hidden and not name.endswith((".tmp", "/"))


def deliveries(lake, table: str, since: str = "", until: str = ""):
    return lake.deliveries(table, since, until)


def files_of(lake, table: str, batches):
    return lake.raw(table, batches)


def batches(lake, table: str, since: str = ""):
    return lake.raw_batches(table, since)
