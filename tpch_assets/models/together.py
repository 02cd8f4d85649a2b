"""Trains a version on the workers of the cluster together, where the rows outgrow one machine.

Each worker holds some of the rows. Which ones is up to the cluster, so the model is not the same to the last bit from
one time to the next; everything around it is as on one machine.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tpch_assets.compute import cluster
from tpch_assets.compute.shapes import Collection
from tpch_assets.gold.graph import PartialGraph
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import task
from tpch_assets.models.features import Feature, Matrix, names
from tpch_assets.models.rows import Labels, Source, read, with_categories, with_typical
from tpch_assets.models.training import COMPARED_ROWS, Job, Trained, named, parameters, score, too_little
from tpch_assets.schema.models import Model

if TYPE_CHECKING:
    import xgboost

Surveyed = tuple[tuple[Feature, ...], Source, int, list[str]]


def train_together(
    job: Job,
    day: str,
    graph: PartialGraph,
    training: Sequence[str],
    validation: Sequence[str],
    compute: Callable[[Sequence[Collection]], list[Any]],
) -> Trained:
    """Train on the cluster's workers, write the model to the lake, and score it.

    Args:
        graph: Makes the features that are missing; `training` and `validation` are its paths and keys of tasks.
    """
    from xgboost import dask as together

    (surveyed,) = compute([graph.delayed(survey, job, list(training), list(validation))])
    features, source, count, held = surveyed
    client: Any = cluster.client()
    rows, label = _arrays(source, features)
    with client.as_current():  # XGBoost asks for the current client besides.
        data = together.DaskQuantileDMatrix(client, rows, label, **named(features, job.model))
        booster = together.train(client, parameters(job.model), data, job.model.rounds)["booster"]
    (done,) = compute([task(finish, job, day, booster, features, source, count, held)])
    assert isinstance(done, Trained)
    return done


def survey(job: Job, training: list[str], validation: list[str]) -> Surveyed:
    """The features as the rows have them, the rows to train on and their number, and the validation rows' paths.

    Runs on a worker.
    """
    source = job.training(training)
    features = with_typical(source, with_categories(source, job.features))
    return features, source, source.count(), validation


def finish(
    job: Job,
    day: str,
    booster: "xgboost.Booster",
    features: tuple[Feature, ...],
    source: Source,
    count: int,
    validation: list[str],
) -> Trained:
    """Score a model by a sample of its training rows and the validation rows. Runs on a worker."""
    known, held = read(source.sample(COMPARED_ROWS), features), read(job.validation(validation), features)
    if problem := too_little(job.model, known[1], held[1]):
        return Trained(features, {"training_rows": count, "rows": len(held[1])}, problem=problem)
    return score(job, day, booster, features, known, held, validation, count)


def _arrays(source: Source, features: tuple[Feature, ...]) -> tuple[Any, Any]:
    """The training rows as Dask arrays, a block per file."""
    import dask.array

    da: Any = dask.array  # It has no types.
    width = len(names(features, source.model.derived))
    blocks: list[Any] = [task(_block, source.lake, source.model, path, source.limit, features) for path in source.paths]
    rows = [da.from_delayed(block[0], (np.nan, width), np.float32) for block in blocks]
    label = [da.from_delayed(block[1], (np.nan,), np.bool_) for block in blocks]
    return da.concatenate(rows, allow_unknown_chunksizes=True), da.concatenate(label, allow_unknown_chunksizes=True)


def _block(
    lake: Lake, model: Model, path: str, limit: int | None, features: tuple[Feature, ...]
) -> tuple[Matrix, Labels]:
    return read(Source(lake, model, (path,), limit), features)
