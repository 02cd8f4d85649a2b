"""Partials as files: where they lie, what their names say, and whether a file is what its name says.

Which partials there are is planned in `graph.py`, and which ones go in `sweep.py`.
"""

from contextlib import suppress

from tpch_assets.lake.lake import Lake
from tpch_assets.lake.local_files import discard, sha256

FOLDER = "partials"
"""All that gold keeps besides answers lies below: a folder per query, and those that begin with `_`."""


class Damaged(RuntimeError):
    """A partial was not what its name says. It has been deleted: who plans again computes it."""


def kept_in(lake: Lake, folder: str) -> dict[str, str]:
    """The names of the partials in a folder, by key. Of several with one key each is right, and one is taken."""
    names = sorted(lake.store.names(folder), reverse=True)
    return {key_of(name): name for name in names if _is_partial(name)}


def _is_partial(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(".")


def key_of(name: str) -> str:
    """What a partial is named by: the hash of all it depends on."""
    return name.split(".", 1)[0].split("-", 1)[0]


def publish(lake: Lake, staged: str, target: str) -> str:
    """Keep a written partial at `target`, a path without its end: that holds the hash of the content."""
    path = f"{target}-{sha256(staged)}.parquet"
    lake.store.publish(staged, path)
    return path


def sound(lake: Lake, path: str) -> str:
    """A local path with the content of a partial.

    Raises:
        Damaged: The content is not the one that was written.
        FileNotFoundError: The partial is gone.
    """
    local = lake.store.local(path)
    if _is_sound(local, path.rsplit("/", 1)[-1]):
        return local
    lake.store.delete(path)
    discard(local)  # On S3 this process has a copy.
    raise Damaged(f"{path} was damaged, and is deleted: run this again, which computes it anew")


def delete_damaged(lake: Lake, path: str) -> None:
    """Delete whatever else is damaged of the query of a partial: a power loss damages many, and each run finds one."""
    top = lake.path(FOLDER)
    query = path.removeprefix(f"{top}/").split("/", 1)[0]
    for file in lake.store.files(f"{top}/{query}"):
        if _is_partial(file.name.rsplit("/", 1)[-1]):
            with suppress(Damaged, FileNotFoundError):
                sound(lake, file.uri)


def _is_sound(local: str, name: str) -> bool:
    _, _, content = name.removesuffix(".parquet").partition("-")
    if content:
        return sha256(local) == content
    return _has_a_footer(local)  # Lakes of former versions have names without the content.


def _has_a_footer(local: str) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(local)
    except pa.ArrowInvalid:
        return False
    return True
