"""Reads from Dagster's storage how long the runs of an asset took. The dashboard draws the charts."""

from collections.abc import Collection
from pathlib import Path

import dagster as dg

LIMIT = 200
LONGEST = 300
"""So many letters of what a check found are told."""


def run_times(home: Path, layer: str, name: str) -> list[tuple[float, float]]:
    """Return start and end (Unix seconds) of the finished runs of an asset's newest materializations.

    Args:
        home: The folder of the Dagster instance.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        made = instance.fetch_materializations(dg.AssetKey([layer, name]), limit=LIMIT).records
        if not made:
            return []
        chosen = dg.RunsFilter(run_ids=sorted({record.run_id for record in made}))
        records = instance.get_run_records(filters=chosen)
    return [(r.start_time, r.end_time) for r in records if r.start_time and r.end_time]


def mean_costs(
    home: Path, names: Collection[tuple[str, str]], limit: int = 20
) -> dict[tuple[str, str], tuple[float | None, float | None]]:
    """Return rows and seconds per partition of each (layer, name), over its newest materializations.

    Args:
        home: The folder of the Dagster instance.
    """
    found = {}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for layer, name in names:
            records = instance.fetch_materializations(dg.AssetKey([layer, name]), limit=limit).records
            made = [record.asset_materialization for record in records if record.asset_materialization]
            rows = [_number(one, "dagster/partition_row_count", "dagster/row_count") for one in made]
            # A run's seconds are in the record of each of its partitions.
            runs = {
                record.run_id: _number(one, "seconds of the run", "seconds")
                for record, one in zip(records, made, strict=True)
            }
            found[layer, name] = (_mean(rows), _mean(list(runs.values()), len(made)))
    return found


def _number(one: dg.AssetMaterialization, *names: str) -> float | None:
    """The first of some figures that a materialization has."""
    value = next((one.metadata[name].value for name in names if name in one.metadata), None)
    return float(value) if isinstance(value, int | float) else None


def _mean(values: list[float | None], count: int = 0) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / (count or len(known)) if known else None


def failed_checks(home: Path, runs: int = 60) -> list[tuple[str, str, bool, float, str, str]]:
    """Return the checks whose last evaluation in the newest runs failed, the newest first.

    Args:
        home: The folder of the Dagster instance.

    Returns:
        Each as asset, check, whether it is an error, time (Unix seconds), what it found, and run.
    """
    found: dict[tuple[str, str], tuple[bool, tuple[str, str, bool, float, str, str]]] = {}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for record in instance.get_run_records(limit=runs):
            run_id = record.dagster_run.run_id
            for entry in reversed(instance.all_logs(run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)):
                event = entry.dagster_event
                said = event.asset_check_evaluation_data if event else None
                if said is None:
                    continue
                asset = "/".join(said.asset_key.path)
                error = said.severity == dg.AssetCheckSeverity.ERROR
                told = (asset, said.check_name, error, entry.timestamp, words_of(said), run_id)
                found.setdefault((asset, said.check_name), (said.passed, told))
    return sorted((told for passed, told in found.values() if not passed), key=lambda told: -told[3])


def words_of(said: dg.AssetCheckEvaluation) -> str:
    """What a check found: its own sentences, else the first of what it counted. Without a full stop."""
    counts = [f"{name.replace('_', ' ')} {one.value}" for name, one in list(said.metadata.items())[:3]]
    words = said.description or ", ".join(counts)
    return (words if len(words) <= LONGEST else f"{words[:LONGEST]}…").rstrip(".")
