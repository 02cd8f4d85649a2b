"""The jobs, one per layer, and requests for ranges of their partitions: many batches in one run."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import dagster as dg

from tpch_assets.calendar import BATCH, DAY, DAY_FORMAT, TIME_FORMAT, WINDOW, parse, stretches
from tpch_assets.orchestration.checks import FRESHNESS, RANGE_END, RANGE_START, data_checks_of

BATCHES_PER_RUN = 96

STEP: dict[str, timedelta] = {"raw": BATCH, "bronze": BATCH, "silver": WINDOW, "gold": DAY}
DESCRIPTIONS = {
    "raw": "Make the batches of the source, in range runs.",
    "bronze": "Parse raw files into typed bronze tables, in range runs.",
    "silver": "Compact windows of bronze into unique silver tables.",
    "gold": "Answer every business query as of a day.",
}
JOBS = {
    layer: dg.define_asset_job(
        f"{layer}_job",
        selection=dg.AssetSelection.groups(layer) - dg.AssetSelection.checks(*FRESHNESS),
        description=description,
    )
    for layer, description in DESCRIPTIONS.items()
}
FRESHNESS_JOB = dg.define_asset_job(
    "freshness_job",
    selection=dg.AssetSelection.checks(*FRESHNESS),
    description="Check how old each layer's data is.",
)


def range_requests(layer: str, wanted: dict[str, Sequence[str]]) -> list[dg.RunRequest]:
    """Run requests for the partitions each asset wants: assets that want the same stretch share a run.

    Args:
        wanted: Partition keys by asset name in the layer.
    """
    by_stretch: dict[tuple[str, str], list[str]] = {}
    for name, keys in wanted.items():
        for stretch in _split(stretches(list(keys), STEP[layer]), STEP[layer]):
            by_stretch.setdefault(stretch, []).append(name)
    return [
        request(layer, names, {RANGE_START: first, RANGE_END: last})
        for (first, last), names in sorted(by_stretch.items())
    ]


def request(layer: str, names: Iterable[str], tags: dict[str, str] | None = None) -> dg.RunRequest:
    """A request for some assets of a layer and the checks that run with them."""
    keys = [dg.AssetKey([layer, name]) for name in names]
    return dg.RunRequest(
        job_name=JOBS[layer].name, asset_selection=keys, asset_check_keys=data_checks_of(keys), tags=tags or {}
    )


def _split(found: list[tuple[str, str]], step: timedelta) -> Iterable[tuple[str, str]]:
    """Stretches cut so that a run has at most a day of batches: a failure costs no more than that."""
    form = DAY_FORMAT if step == DAY else TIME_FORMAT
    for first, last in found:
        begin, end = parse(first), parse(last)
        while begin <= end:
            stop = min(end, begin + (BATCHES_PER_RUN - 1) * step)
            yield begin.strftime(form), stop.strftime(form)
            begin = stop + step
