"""Raw files as they were delivered: which of a table there are, folder by folder.

How folders are listed belongs in `lake/folder.py` and `lake/s3_store.py`, and which folders are batches in `bronze/`.
"""

from collections.abc import Collection, Iterator

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import printable
from tpch_assets.lake.store import StoredFile

RawFile = StoredFile
"""One delivered file. Its size and stamp show whether it was delivered again."""

Delivery = tuple[str, list[RawFile]]
"""A folder's name and its visible files, sorted by name."""


def deliveries(
    lake: Lake, table_name: str, since: str = "", until: str = "", *, faults: list[str] | None = None
) -> Iterator[Delivery]:
    """The folders of a table from `since` on and before `until`, each with its visible files, in order.

    Args:
        faults: Gets a sentence for each entry that cannot be read; the listing goes on without these.
    """
    for folder, files in lake.store.deliveries(lake.path("raw", table_name), since, until):
        if faults is not None:
            faults += (
                f"raw/{table_name}/{printable(folder)}/{file.name} is not read: {file.fault}"
                for file in files
                if file.fault
            )
        yield folder, _visible(files)


def files_of(lake: Lake, table_name: str, batches: Collection[str]) -> dict[str, list[RawFile]]:
    """The visible files of some batches; on S3 by one listing from the first of them to the last."""
    found: dict[str, list[RawFile]] = {batch: [] for batch in batches}
    if found:
        folder = lake.path("raw", table_name)
        listed = lake.store.deliveries(folder, min(found), behind(max(found)), only=found)
        found |= {batch: _visible(files) for batch, files in listed}
    return found


def batches(lake: Lake, table_name: str, since: str = "") -> list[str]:
    """Names of a table's folders from `since` on, sorted. This costs what their number is."""
    return sorted(name for name in lake.store.names(lake.path("raw", table_name), since) if name >= since)


def behind(folder: str) -> str:
    """The least `since` that leaves a folder out; in the order of listings "0" comes right after "/"."""
    return f"{folder}0"


def visible(name: str) -> bool:
    """Whether a file is delivered: hidden and temporary ones are still on their way."""
    hidden = any(part.startswith((".", "_")) for part in name.split("/"))
    return bool(name) and not hidden and not name.endswith((".tmp", "/"))


def _visible(files: list[RawFile]) -> list[RawFile]:
    return [file for file in files if not file.fault and visible(file.name)]
