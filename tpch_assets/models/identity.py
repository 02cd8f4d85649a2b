"""What a version is made of, by name: its code, the shards of its days, dimension rows and libraries."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata

from tpch_assets.calendar import day_key, end_of_day, parse, window_key
from tpch_assets.gold.identity import dimension_digest
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.layers import DAY
from tpch_assets.models.declared import BoundModel
from tpch_assets.models.training import parameters
from tpch_assets.schema import Business
from tpch_assets.silver.shards import Shard, complete_shards, content_of

VERSION = 1
"""Raise it when models are trained in another way: then the latest day's is trained again."""
LIBRARIES = ("duckdb", "numpy", "xgboost", "xgboost-cpu")


@dataclass(frozen=True)
class Split:
    """The shards that a version of a day is trained and validated on.

    The last days are for validation, and those before for training. As long as there are none before, the last window
    is for validation, and the windows before are for training.
    """

    training: list[Shard]
    validation: list[Shard]


def split(bound: BoundModel, silver: Snapshots, day: str) -> Split:
    """The shards of a version, by time.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
    """
    model = bound.declared
    held = parse(day) - (model.validation_days - 1) * DAY
    first = end_of_day(day_key(held - (model.history_days + 1) * DAY))
    shards = [s for s in complete_shards(bound.group, silver, until=end_of_day(day)) if s[0].partition >= first]
    begin = window_key(held)
    if shards and not any(shard[0].partition < begin for shard in shards):
        begin = max(shard[0].partition for shard in shards)
    training = [shard for shard in shards if shard[0].partition < begin]
    return Split(training, [shard for shard in shards if shard[0].partition >= begin])


@dataclass(frozen=True)
class Made:
    """What a version of a day is made of, by digest.

    Attributes:
        facts: The same in words, for the registry.
    """

    code: str
    shards: str
    dimensions: str
    facts: dict[str, object] = field(compare=False)


def made_from(bound: BoundModel, business: Business, silver: Snapshots, day: str) -> Made:
    """What a version of a day would be made of now.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
    """
    model, found = bound.declared, split(bound, silver, day)
    libraries = {name: version for name in LIBRARIES if (version := _version(name))}
    told: dict[str, object] = {
        "features": bound.digest,
        "parameters": {**parameters(model), "rounds": model.rounds},
        "libraries": libraries,
        "derived": [{**asdict(one), "of": list(one.of)} for one in model.derived],
        "rule": asdict(model.rule) if model.rule else None,
        "days": [model.validation_days, model.history_days],
        "most_rows": model.most_rows,
        "threshold": model.threshold,
        "limits": asdict(model.limits),
        "made": VERSION,
    }
    names = [[content_of(file) for file in shard] for part in (found.training, found.validation) for shard in part]
    versions = {name: silver[name].version for name in bound.query.tables}
    return Made(
        _digest(told),
        _digest([len(found.training), *names]),
        dimension_digest(bound.query, business, silver),
        {**told, "silver": versions},
    )


@cache
def _version(name: str) -> str:
    """The version of a library; empty if it is not there. The lookup reads files, and every tick asks for it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _digest(parts: Sequence[object] | Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]
