"""A toy model: whether a parcel comes late, told by how many days were promised, in a registry of any lake."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import xgboost

from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets.models.features import Feature, encoders, matrix, names, types
from tpch_assets.models.registry import Bin, ModelVersion
from tpch_assets.schema.models import Derived

NAME = "late_parcels"
FEATURES = (
    Feature("weight", "number", description="Kilograms.", typical=12.5),
    Feature("carrier", "category", ("AIR", "ROAD", "SEA"), nullable=True, description="Who carries it.", typical="SEA"),
    Feature("ordered", "date", description="When it was ordered.", typical="2026-01-01"),
    Feature("promised", "date", description="When it was promised for.", typical="2026-01-03"),
)
DERIVED = (Derived("days", "days between", ("promised", "ordered"), "Days promised."),)
INPUTS = {"identity": "abc", "silver": {"parcels": 3}, "features": "def", "libraries": {"xgboost": "3"}}


def records(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Some parcels."""
    random = np.random.default_rng(seed)
    return [
        {
            "weight": float(random.integers(1, 100)) / 4,
            "carrier": [None, "AIR", "ROAD", "SEA"][random.integers(4)],
            "ordered": date(2026, 1, 1),
            "promised": date(2026, 1, 1) + timedelta(days=int(random.integers(1, 60))),
        }
        for _ in range(count)
    ]


@cache
def model(rounds: int = 5) -> bytes:
    """A booster that knows that few days are late."""
    rows = records(400)
    numbers = np.array([[e(row[f.name]) for f, e in zip(FEATURES, encoders(FEATURES), strict=True)] for row in rows])
    made = matrix(numbers, FEATURES, DERIVED)
    label = (made[:, -1] < 20).astype(np.float32)
    data = xgboost.QuantileDMatrix(
        made, label, feature_names=names(FEATURES, DERIVED), feature_types=types(FEATURES, DERIVED)
    )
    booster = xgboost.train({"objective": "binary:logistic", "seed": 1}, data, rounds)
    return bytes(booster.save_raw("ubj"))


def version(day: str = "2026-01-01", status: registry.Status = "champion", rounds: int = 5) -> ModelVersion:
    """A version of the toy, as it would be registered."""
    made = f"{day}-{rounds:04}"
    return ModelVersion(
        model=NAME,
        version=made,
        day=day,
        trained_at=datetime(2026, 1, 2, tzinfo=UTC),
        path=f"models/{NAME}/{made}.ubj",
        features=FEATURES,
        derived=DERIVED,
        metrics={"auc": 0.9, "log_loss": 0.4, "calibration_error": 0.01, "rows": 400.0},
        baselines={"majority": {"auc": 0.5}},
        importances={"days": 0.9},
        calibration=(Bin(0.1, 0.11, 300), Bin(0.8, 0.79, 100)),
        threshold=0.5,
        inputs=INPUTS,
        status=status,
        sha256=hashlib.sha256(model(rounds)).hexdigest(),
        reason="" if status == "champion" else "worse than the champion",
    )


def register(lake: Lake, one: ModelVersion, rounds: int = 5) -> ModelVersion:
    """Put a version of the toy, and its file, into a lake."""
    lake.store.create(lake.path(one.path), model(rounds))
    registry.change(lake, NAME, lambda found: registry.succeeded(found, one))
    return one
