"""The asset of a query or model that cannot be used: its runs fail with the sentence that says why."""

import dagster as dg

from tpch_assets.gold.queries import BrokenQuery
from tpch_assets.layers import GOLD
from tpch_assets.orchestration.partitions import backfills, partitions
from tpch_assets.settings import Settings


def broken_asset(broken: BrokenQuery, kind: str, settings: Settings) -> dg.AssetsDefinition:
    """Return an asset of gold that only says what is wrong.

    Args:
        kind: What it was to be: `query` or `model`.
    """

    @dg.asset(
        key=["gold", broken.name],
        description=f"This {kind} is broken. {broken.error}",
        group_name="gold",
        owners=settings.owners,
        partitions_def=partitions(GOLD, settings.start),
        backfill_policy=backfills(),
    )
    def gold() -> None:
        raise dg.Failure(broken.error, allow_retries=False)

    return gold
