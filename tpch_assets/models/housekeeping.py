"""Deletes the files of versions that the registry no longer has, and says which features are still needed."""

from datetime import datetime, timedelta

from tpch_assets.calendar import day_of
from tpch_assets.gold.plan import graph_of, snapshots_for
from tpch_assets.gold.sweep import Needs, all_needed, keys_needed, told
from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets.models.declared import BoundModel, load_models
from tpch_assets.models.identity import split
from tpch_assets.schema import Business


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


def needs_of_models(business: Business, lake: Lake) -> dict[str, Needs]:
    """By the folder of a model's features, which partials its next version is made of; all where that is unknown."""
    found: dict[str, Needs] = {model.name: all_needed for model in business.models}
    for bound in load_models(business).values():
        with told():
            found[bound.name] = keys_needed(_keys(bound, business, lake))
    return found


def _keys(bound: BoundModel, business: Business, lake: Lake) -> set[str]:
    silver = snapshots_for(bound.query, business, lake)
    windows = [file.partition for name in bound.group.names for file in silver[name].files]
    if not windows:
        return set()
    latest = split(bound, silver, day_of(max(windows)))
    shards = [*latest.training, *latest.validation]
    return graph_of(bound.query, business, silver, bound.statement, {}, bound.group, shards).needed(shards)
