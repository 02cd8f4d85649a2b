"""One job per layer, and run requests for ranges of partitions: many batches in one run."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import dagster as dg

from tpch_assets.calendar import key_format, parse, stretches
from tpch_assets.layers import BATCHES_PER_DAY, LAYERS

RANGE_START, RANGE_END, PARTITION = (
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
    "dagster/partition",
)
PARTITIONS_PER_RUN = BATCHES_PER_DAY
"""The maximum number of partitions per run. It limits the work that a failure loses to a day of batches."""
FRESH = "is_fresh"
ABOUT = "tpch_assets/about"
"""The tag of a run that says in words what it makes."""
NAMED = 3
"""So many tables are named there."""
LOCATION = __name__.split(".", 1)[0]
"""The code location, as workspace.yaml and dagster_cloud.yaml name it."""
Job: TypeAlias = Any  # Dagster's public API does not name the return type of `define_asset_job`.


def range_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The first and the last partition of a run, by its tags; None if it has none."""
    first, last = tags.get(RANGE_START, tags.get(PARTITION)), tags.get(RANGE_END, tags.get(PARTITION))
    return (first, last) if first and last else None


def job_name(layer: str) -> str:
    return f"{layer}_job"


def layer_jobs(freshness: Sequence[dg.AssetChecksDefinition]) -> list[Job]:
    """Return one job per layer. Freshness checks are in a separate job."""
    return [
        dg.define_asset_job(
            job_name(layer.name),
            selection=dg.AssetSelection.groups(layer.name) - dg.AssetSelection.checks(*freshness),
            description=layer.description,
        )
        for layer in LAYERS.values()
    ]


def freshness_job(freshness: Sequence[dg.AssetChecksDefinition]) -> Job:
    """Return the job that checks how old the data is, and what has not arrived or is not read."""
    return dg.define_asset_job(
        "freshness_job",
        selection=dg.AssetSelection.checks(*freshness),
        description="Check how old the data of each layer is, and what has not arrived or is not read.",
    )


class Requests:
    """Creates run requests for assets, together with their data checks."""

    def __init__(self, data_checks: Collection[dg.AssetChecksDefinition]) -> None:
        self._checks = [key for check in data_checks for key in check.check_keys]

    def for_ranges(
        self, layer: str, wanted: Mapping[str, Sequence[str]], most: int = PARTITIONS_PER_RUN
    ) -> list[dg.RunRequest]:
        """Return requests for the wanted partitions. Assets that want the same range share a run.

        Args:
            wanted: Partition keys by asset name in the layer.
            most: The maximum number of partitions per run.
        """
        step = LAYERS[layer].step
        by_stretch: dict[tuple[str, str], list[str]] = {}
        for name, keys in wanted.items():
            for stretch in _split(stretches(keys, step), step, most):
                by_stretch.setdefault(stretch, []).append(name)
        return [
            self.for_assets(layer, names, {RANGE_START: first, RANGE_END: last})
            for (first, last), names in sorted(by_stretch.items())
        ]

    def for_assets(self, layer: str, names: Iterable[str], tags: dict[str, str] | None = None) -> dg.RunRequest:
        """Return a request for some assets of a layer and their data checks."""
        keys = [dg.AssetKey([layer, name]) for name in names]
        checks = [check for check in self._checks if check.asset_key in keys]
        told = {**(tags or {}), ABOUT: _about(layer, [key.path[-1] for key in keys], tags or {})}
        return dg.RunRequest(job_name=job_name(layer), asset_selection=keys, asset_check_keys=checks, tags=told)


def _about(layer: str, names: Sequence[str], tags: Mapping[str, str]) -> str:
    """What a run makes: `bronze of visits, clicks: 96 batches, 2026-01-01T0000 to 2026-01-01T2345`."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    what = f"{layer} of {', '.join(names[:NAMED])}{more}"
    asked = range_of(tags)
    if asked is None:
        return what
    first, last = map(parse, asked)
    count = (last - first) // LAYERS[layer].step + 1
    if count == 1:
        return f"{what}: {LAYERS[layer].partition} {asked[0]}"
    return f"{what}: {LAYERS[layer].counted(count)}, {asked[0]} to {asked[1]}"


def _split(found: list[tuple[str, str]], step: timedelta, most: int) -> Iterator[tuple[str, str]]:
    """Split ranges into pieces of at most `most` partitions."""
    form = key_format(step)
    for first, last in found:
        begin, end = parse(first), parse(last)
        while begin <= end:
            stop = min(end, begin + (most - 1) * step)
            yield begin.strftime(form), stop.strftime(form)
            begin = stop + step
