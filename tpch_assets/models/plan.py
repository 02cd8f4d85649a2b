"""Trains the version of a day: features of new shards, then the model, then the judgement and the registry's entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from tpch_assets.compute import cluster
from tpch_assets.compute.shapes import Collection
from tpch_assets.gold.blocked import check_blocked
from tpch_assets.gold.graph import PartialGraph
from tpch_assets.gold.plan import graph_of, snapshots_for
from tpch_assets.lake.commit import CommitConflict
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.models import registry
from tpch_assets.models.declared import BoundModel, check_features
from tpch_assets.models.identity import Made, Split, made_from, split
from tpch_assets.models.judgement import judge
from tpch_assets.models.registry import ModelVersion
from tpch_assets.models.training import Job, Trained, train
from tpch_assets.schema import Business

Compute: TypeAlias = Callable[[Sequence[Collection]], list[Any]]


@dataclass(frozen=True)
class Outcome:
    """A version, and what it took.

    Attributes:
        rows_read: Rows of silver that were read for features that were not kept.
        shards_kept: Shards whose features were kept.
    """

    version: ModelVersion
    shards: int = 0
    shards_kept: int = 0
    rows_read: int = 0


def train_day(
    bound: BoundModel,
    business: Business,
    lake: Lake,
    day: str,
    *,
    machine_rows: int,
    compute: Compute = cluster.compute,
) -> Outcome:
    """Train, judge and register the version of a day. If it is the day's latest already, nothing changes.

    Args:
        machine_rows: More rows than this are trained on by the cluster's workers together.
        compute: Runs tasks; a caller may want to hear of their progress.

    Raises:
        Refused: The features read what is barred or are not made row by row, or a window is not to be read.
        HalfWritten: The files of a shard are not from the same build.
        LakeError: A table that the features read does not exist yet.
        CommitConflict: Another run made a champion meanwhile.
    """
    check_features(bound, business)
    check_blocked(lake, bound.query, business, [day])
    silver = snapshots_for(bound.query, business, lake)
    made, found = made_from(bound, business, silver, day), split(bound, silver, day)
    versions = registry.versions(lake, bound.name)
    have = next((one for one in reversed(versions) if one.day == day), None)
    if have and _same(have, made) and (not have.path or lake.store.exists(lake.path(have.path))):
        return Outcome(have)
    rival = registry.champion_of(versions)
    # A champion of a later day was trained on these rows, which says nothing about either.
    job = Job(lake, bound.declared, bound.features, rival if rival and rival.day <= day else None)
    shards = [*found.training, *found.validation]
    graph = graph_of(bound.query, business, silver, bound.statement, {}, bound.group, shards)
    trained = _trained(job, day, graph, silver, found, machine_rows, compute)
    one = _version(bound, day, made, trained, rival)
    registry.change(lake, bound.name, lambda known: _added(known, one, rival))
    return Outcome(one, len(shards), graph.kept, graph.rows_read)


def _trained(
    job: Job, day: str, graph: PartialGraph, silver: Snapshots, found: Split, machine_rows: int, compute: Compute
) -> Trained:
    training, validation = graph.add(silver, found.training), graph.add(silver, found.validation)
    rows = sum(max(file.rows for file in shard) for shard in found.training)
    if min(rows, job.model.most_rows or rows) > machine_rows:
        from tpch_assets.models.together import train_together

        return train_together(job, day, graph, training, validation, compute)
    (done,) = compute([graph.delayed(train, job, day, training, validation)])
    assert isinstance(done, Trained)
    return done


def _version(bound: BoundModel, day: str, made: Made, trained: Trained, rival: ModelVersion | None) -> ModelVersion:
    status, reason = judge(trained, bound.declared.limits, day, rival)
    return ModelVersion(
        model=bound.name,
        version=f"{day}-{(trained.sha256 or made.shards)[:12]}",
        day=day,
        trained_at=datetime.now(UTC),
        path=trained.path,
        sha256=trained.sha256,
        features=trained.features,
        derived=bound.declared.derived,
        metrics=trained.metrics,
        baselines=trained.baselines,
        importances=trained.importances,
        calibration=trained.calibration,
        drift=trained.drift,
        threshold=bound.declared.threshold,
        inputs={**made.facts, "code": made.code, "shards": made.shards, "dimensions": made.dimensions},
        status=status,
        reason=reason,
    )


def _added(known: list[ModelVersion], one: ModelVersion, rival: ModelVersion | None) -> list[ModelVersion]:
    """The registry's versions with one more.

    Raises:
        CommitConflict: The champion is another one by now than the version was judged against.
    """
    now = registry.champion_of(known)
    if (now and now.version) != (rival and rival.version):
        raise CommitConflict(f"gold/{registry.TABLE}: {one.model} has another champion by now; run it again")
    if now is not None and now.version == one.version:  # The same bytes, made of something else.
        one = replace(one, status="champion", reason="")
    return registry.succeeded(known, one)


def _same(one: ModelVersion, made: Made) -> bool:
    return (made.code, made.shards, made.dimensions) == tuple(one.inputs[k] for k in ("code", "shards", "dimensions"))
