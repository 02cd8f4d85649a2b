"""Trains a version of a model on one machine, and scores it on the days that it has not seen. Runs on a worker.

The same rows give the same model, byte for byte, whatever the number of threads: rows have one order, and XGBoost's
histograms do not depend on who sums them.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tpch_assets.compute.database import worker_threads
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.models import library, quality, registry
from tpch_assets.models.features import Feature, Matrix, names, types
from tpch_assets.models.registry import Bin, Figures, ModelVersion
from tpch_assets.models.rows import Labels, Source, read, with_categories, with_typical
from tpch_assets.schema.models import Model

if TYPE_CHECKING:
    import xgboost

_log = logging.getLogger(__name__)

PARAMETERS: Mapping[str, int | float | str] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 4,
    "learning_rate": 0.1,
    "min_child_weight": 20,
    "seed": 0,
}
"""XGBoost's parameters, unless a model has others."""
THREADED_ROWS = 1_000_000
"""From so many rows on, training uses all threads. They wait for each other at every split: with fewer rows they save
nothing."""
COMPARED_ROWS = 1_000_000
"""So many rows of the validation days, at most, tell how good a version is."""
EXAMINED_ROWS = 100_000
"""So many rows tell whether a feature drifted, and what it tells alone."""


@dataclass(frozen=True)
class Job:
    """What a worker needs to train and score a version.

    Attributes:
        features: Without categories: these are the training rows'.
        rival: The champion, which is scored on the same rows.
    """

    lake: Lake
    model: Model
    features: tuple[Feature, ...]
    rival: ModelVersion | None = None

    def training(self, paths: Sequence[str]) -> Source:
        """The rows to train on."""
        return Source(self.lake, self.model, tuple(paths)).sample(self.model.most_rows)

    def validation(self, paths: Sequence[str]) -> Source:
        """The rows to score on."""
        return Source(self.lake, self.model, tuple(paths)).sample(COMPARED_ROWS)


@dataclass(frozen=True)
class Trained:
    """A trained version's file, and what is known of it; without a file if there was too little to train on.

    Attributes:
        alone: By column of the matrix: its AUC by itself.
        problem: Why there is no model.
    """

    features: tuple[Feature, ...]
    metrics: Figures
    path: str = ""
    sha256: str = ""
    baselines: Mapping[str, Figures] = field(default_factory=dict)
    importances: Figures = field(default_factory=dict)
    calibration: tuple[Bin, ...] = ()
    drift: Figures = field(default_factory=dict)
    alone: Figures = field(default_factory=dict)
    problem: str = ""


def train(job: Job, day: str, training: Sequence[str], validation: Sequence[str]) -> Trained:
    """Train on one machine, write the model to the lake, and score it."""
    source = job.training(training)
    features = with_typical(source, with_categories(source, job.features))
    rows, label = read(source, features)
    held, held_label = read(job.validation(validation), features)
    if problem := too_little(job.model, label, held_label):
        return Trained(features, {"training_rows": len(label), "rows": len(held_label)}, problem=problem)
    xgboost = library.xgboost()
    threads = worker_threads() if len(rows) >= THREADED_ROWS else 1
    data = xgboost.QuantileDMatrix(rows, label, nthread=threads, **named(features, job.model))
    booster = xgboost.train({**parameters(job.model), "nthread": threads}, data, job.model.rounds)
    return score(job, day, booster, features, (rows, label), (held, held_label), validation)


def parameters(model: Model) -> dict[str, object]:
    """XGBoost's parameters for a model."""
    return {**PARAMETERS, **model.parameters}


def named(features: Sequence[Feature], model: Model) -> dict[str, list[str]]:
    """What XGBoost is told of the matrix's columns."""
    return {"feature_names": names(features, model.derived), "feature_types": types(features, model.derived)}


def too_little(model: Model, training: Labels, validation: Labels) -> str:
    """Why rows are too few to train and judge a model on; empty if they are not."""
    for what, label in (("train", training), ("validate", validation)):
        if len(label) < model.limits.least_rows:
            return f"{len(label):,} rows to {what} on are too few; {model.limits.least_rows:,} are needed"
        if len(np.unique(label)) < 2:
            return f"all {len(label):,} rows to {what} on have the same label"
    return ""


def score(
    job: Job,
    day: str,
    booster: "xgboost.Booster",
    features: tuple[Feature, ...],
    training: tuple[Matrix, Labels],
    validation: tuple[Matrix, Labels],
    paths: Sequence[str],
    count: int | None = None,
) -> Trained:
    """Write a model to the lake and tell how good it is.

    Args:
        training: Rows that it was trained on, or a sample of them.
        paths: The files of the validation rows, for the champion, which has features of its own.
        count: How many rows it was trained on, if `training` is a sample.
    """
    model, (rows, label), (held, held_label) = job.model, training, validation
    content = bytes(booster.save_raw("ubj"))
    sha256 = hashlib.sha256(content).hexdigest()
    path = f"models/{model.name}/{day}-{sha256[:12]}.ubj"
    # One that is there already gets young, so that no housekeeping deletes it.
    job.lake.write(job.lake.path(path), content)
    probability = booster.inplace_predict(held, validate_features=False)
    counts = {"label_rate": float(held_label.mean()), "rows": len(held_label), "training_rows": count or len(label)}
    before, after = (slice(None, None, -(-len(part) // EXAMINED_ROWS)) for part in (rows, held))
    columns = list(enumerate(zip(names(features, model.derived), types(features, model.derived), strict=True)))
    calendar = {one.name for one in model.derived if one.operation == "weekday"}
    return Trained(
        features,
        {**quality.figures(held_label, probability, model.threshold), **counts},
        path,
        sha256,
        _baselines(job, training, validation, features, paths),
        _importances(booster),
        quality.calibration(held_label, probability),
        # The calendar moves on by itself: a day has one weekday.
        {n: quality.drift(rows[before, i], held[after, i], t) for i, (n, t) in columns if n not in calendar},
        {
            name: quality.alone(rows[before, i], label[before], held[after, i], held_label[after], type_)
            for i, (name, type_) in columns
        },
    )


def _importances(booster: "xgboost.Booster") -> Figures:
    """The share of each column in the total gain."""
    gains = booster.get_score(importance_type="total_gain")
    total = sum(map(float, gains.values())) or 1.0  # type: ignore[arg-type]
    return {name: float(gain) / total for name, gain in sorted(gains.items())}  # type: ignore[arg-type]


def _baselines(
    job: Job,
    training: tuple[Matrix, Labels],
    validation: tuple[Matrix, Labels],
    features: tuple[Feature, ...],
    paths: Sequence[str],
) -> dict[str, Figures]:
    """The figures of what a model has to beat, on the validation rows: the majority, the rule and the champion."""
    model, (rows, label), (held, held_label) = job.model, training, validation
    rate = np.full(len(held_label), label.mean())
    found: dict[str, Figures] = {"majority": quality.figures(held_label, rate, 0.5)}
    if model.rule is not None:
        column = names(features, model.derived).index(model.rule.feature)
        below = rows[:, column] < model.rule.below
        shares = [float(label[side].mean()) if side.any() else float(label.mean()) for side in (below, ~below)]
        predicted = np.where(held[:, column] < model.rule.below, *shares)
        found["rule"] = quality.figures(held_label, predicted, 0.5)
    if job.rival is not None and (theirs := _of_rival(job, job.rival, paths)):
        found["champion"] = theirs
    return found


def _of_rival(job: Job, rival: ModelVersion, paths: Sequence[str]) -> Figures:
    """The champion's figures on the validation rows; its own ones if these rows lack what it needs.

    None at all if its file cannot be read: then it serves nobody, and is to be replaced.
    """
    known = {feature.name for feature in job.features}
    if not known.issuperset(feature.name for feature in rival.features):
        return rival.metrics
    try:
        predictor = registry.load(job.lake, rival)
    except LakeError as error:
        _log.warning("the champion is not compared with: %s", error)
        return {}
    rows, label = read(job.validation(paths), rival.features, rival.derived)
    return quality.figures(label, predictor.probabilities(rows), rival.threshold)
