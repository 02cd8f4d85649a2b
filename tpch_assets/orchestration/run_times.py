"""Reads from Dagster's storage how long the runs of an asset took. The dashboard draws the charts."""

from pathlib import Path

import dagster as dg

LIMIT = 200


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
