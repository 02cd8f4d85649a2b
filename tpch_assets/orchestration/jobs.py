"""The jobs, one per layer, and requests for ranges of their partitions: many batches in one run."""

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
"""A run has at most a day of batches: a failure costs no more than that."""
FRESH = "is_fresh"
Job: TypeAlias = Any  # Dagster's public API has no name for what `define_asset_job` returns.


def job_name(layer: str) -> str:
    return f"{layer}_job"


def layer_jobs(freshness: Sequence[dg.AssetChecksDefinition]) -> list[Job]:
    """One job per layer. Freshness checks have a job of their own."""
    return [
        dg.define_asset_job(
            job_name(layer.name),
            selection=dg.AssetSelection.groups(layer.name) - dg.AssetSelection.checks(*freshness),
            description=layer.description,
        )
        for layer in LAYERS.values()
    ]


def freshness_job(freshness: Sequence[dg.AssetChecksDefinition]) -> Job:
    """The job that checks how old data is."""
    return dg.define_asset_job(
        "freshness_job",
        selection=dg.AssetSelection.checks(*freshness),
        description="Check how old each layer's data is.",
    )


class Requests:
    """Makes run requests for assets and the data checks that run with them."""

    def __init__(self, data_checks: Collection[dg.AssetChecksDefinition]) -> None:
        self._checks = [key for check in data_checks for key in check.check_keys]

    def for_ranges(self, layer: str, wanted: Mapping[str, Sequence[str]]) -> list[dg.RunRequest]:
        """Requests for the partitions each asset wants: assets that want the same stretch share a run.

        Args:
            wanted: Partition keys by asset name in the layer.
        """
        step = LAYERS[layer].step
        by_stretch: dict[tuple[str, str], list[str]] = {}
        for name, keys in wanted.items():
            for stretch in _split(stretches(keys, step), step):
                by_stretch.setdefault(stretch, []).append(name)
        return [
            self.for_assets(layer, names, {RANGE_START: first, RANGE_END: last})
            for (first, last), names in sorted(by_stretch.items())
        ]

    def for_assets(self, layer: str, names: Iterable[str], tags: dict[str, str] | None = None) -> dg.RunRequest:
        """A request for some assets of a layer and the checks that run with them."""
        keys = [dg.AssetKey([layer, name]) for name in names]
        checks = [check for check in self._checks if check.asset_key in keys]
        return dg.RunRequest(job_name=job_name(layer), asset_selection=keys, asset_check_keys=checks, tags=tags or {})


def _split(found: list[tuple[str, str]], step: timedelta) -> Iterator[tuple[str, str]]:
    """Stretches cut into pieces of at most `PARTITIONS_PER_RUN`."""
    form = key_format(step)
    for first, last in found:
        begin, end = parse(first), parse(last)
        while begin <= end:
            stop = min(end, begin + (PARTITIONS_PER_RUN - 1) * step)
            yield begin.strftime(form), stop.strftime(form)
            begin = stop + step
