"""Deletes the files of versions that the registry no longer has."""

from datetime import datetime, timedelta

from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry


def sweep(lake: Lake, now: datetime, keep: timedelta) -> list[str]:
    """Delete files of models that are in no registry, and did not change for `keep`. Returns their paths.

    A file is written before its version is registered, and a server may still be loading one that has just left the
    registry, so young files stay.
    """
    folder = lake.path("models")
    old = [file for file in lake.store.files(folder) if now.timestamp() - file.modified > keep.total_seconds()]
    if not old:
        return []
    known = registry.paths(lake)  # After the listing, so that what was registered meanwhile stays.
    gone = [file.uri for file in old if file.name.endswith(".ubj") and f"models/{file.name}" not in known]
    for uri in gone:
        lake.store.delete(uri)
    return gone
