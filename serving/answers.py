"""What `/health` and `/model` answer."""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Literal

from pydantic import BaseModel, Field

from serving.follow import Served, Trouble
from tpch_assets.models.features import Feature


class Health(BaseModel):
    """Whether the server predicts, and whether it follows the registry."""

    status: Literal["ok", "behind", "no model"] = Field(
        description="`behind`: the registry cannot be followed, and the model in force may be an old one."
    )
    model: str
    version: str | None
    since: datetime | None = Field(description="Since when the registry cannot be followed.")
    reason: str | None = Field(description="Why it cannot be followed.")


class FeatureAnswer(BaseModel):
    """A feature of the model."""

    name: str
    kind: Literal["number", "category", "date"]
    categories: list[str]
    nullable: bool
    description: str


class ModelAnswer(BaseModel):
    """The version in force."""

    model: str
    version: str
    trained_on: str = Field(description="The last day of the data that it was trained and judged on.")
    trained_at: datetime
    threshold: float = Field(description="The probability from which the decision is true.")
    metrics: dict[str, float | None]
    baselines: dict[str, dict[str, float | None]]
    importances: dict[str, float | None]
    features: list[FeatureAnswer]


def health(model: str, served: Served | None, trouble: Trouble | None) -> Health:
    """What is so now."""
    status: Literal["ok", "behind", "no model"] = "no model" if served is None else "behind" if trouble else "ok"
    return Health(
        status=status,
        model=model,
        version=served.version.version if served else None,
        since=trouble.since if trouble else None,
        reason=trouble.reason if trouble else None,
    )


def described(served: Served) -> ModelAnswer:
    """The version in force."""
    version = served.version
    return ModelAnswer(
        model=version.model,
        version=version.version,
        trained_on=version.day,
        trained_at=version.trained_at,
        threshold=version.threshold,
        metrics=_figures(version.metrics),
        baselines={name: _figures(figures) for name, figures in version.baselines.items()},
        importances=_figures(version.importances),
        features=[_feature(feature) for feature in version.features],
    )


def _feature(feature: Feature) -> FeatureAnswer:
    return FeatureAnswer(
        name=feature.name,
        kind=feature.kind,
        categories=list(feature.categories),
        nullable=feature.nullable,
        description=feature.description,
    )


def _figures(found: Mapping[str, float]) -> dict[str, float | None]:
    """Figures as JSON has them, which knows no NaN."""
    return {name: value if isfinite(value) else None for name, value in found.items()}
