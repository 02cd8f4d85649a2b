"""The versions of a model, as the registry in the lake describes them.

What a server makes of the champion does not belong here, but in `predictions`.
"""

import pandas as pd

from dashboards.store.store import Store
from tpch_assets.models.registry import ModelVersion, champion_of, described

__all__ = ["ModelVersion", "champion_of", "over_days", "versions"]

COMPARED = "champion"
"""The baseline that is another version, and no yardstick that stays."""


def versions(store: Store, model: str) -> list[ModelVersion]:
    """The versions of a model, the oldest day first.

    Raises:
        LakeError: They cannot be read now.
    """
    source = store.registry
    if source is None:
        return []
    rows = store.rows(source, source.of({model}))
    return store.cached(("models", source.uri, source.id, source.version, model), lambda: described(rows))


def over_days(found: list[ModelVersion], figure: str) -> pd.DataFrame:
    """A figure of each day's latest version and of its baselines: column `day`, and one for each of them."""
    latest = {one.day: one for one in found if figure in one.metrics}
    rows = [
        {"day": pd.Timestamp(day), "Model": one.metrics[figure]}
        | {name.capitalize(): of.get(figure) for name, of in one.baselines.items() if name != COMPARED}
        for day, one in sorted(latest.items())
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")
