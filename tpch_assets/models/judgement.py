"""Decides what a new version becomes: the champion, a challenger, or kept back, and why."""

from collections.abc import Iterator

from tpch_assets.models.registry import ModelVersion, Status
from tpch_assets.models.training import Trained
from tpch_assets.schema.models import Limits


def judge(trained: Trained, limits: Limits, day: str, champion: ModelVersion | None) -> tuple[Status, str]:
    """What a version becomes, and why it is not the champion.

    Args:
        day: The version's.
        champion: The one that `trained` was compared with.
    """
    if reasons := list(faults(trained, limits)):
        return "kept back", "; ".join(reasons)
    if champion is not None and day < champion.day:
        return "challenger", f"the champion is of a later day, {champion.day}"
    return "champion", ""


def faults(trained: Trained, limits: Limits) -> Iterator[str]:
    """What is wrong with a version, a sentence each."""
    if trained.problem:
        yield trained.problem
        return
    yield from _leaks(trained, limits)
    drifted = {name: index for name, index in trained.drift.items() if index > limits.drift}
    for name, index in sorted(drifted.items(), key=lambda item: -item[1]):
        yield f"{name} drifted: its population stability index is {index:.2f}, above {limits.drift}"
    majority = trained.baselines["majority"]
    if trained.metrics["log_loss"] >= majority["log_loss"]:
        yield f"no better than the majority: log loss {trained.metrics['log_loss']:.4f} ({majority['log_loss']:.4f})"
    if theirs := trained.baselines.get("champion"):
        if trained.metrics["auc"] < theirs["auc"] - limits.worse_auc:
            yield f"worse than the champion: AUC {trained.metrics['auc']:.4f} ({theirs['auc']:.4f})"
        if trained.metrics["log_loss"] > theirs["log_loss"] + limits.worse_log_loss:
            yield f"worse than the champion: log loss {trained.metrics['log_loss']:.4f} ({theirs['log_loss']:.4f})"


def _leaks(trained: Trained, limits: Limits) -> Iterator[str]:
    """Signs that a feature knows the label: nothing that is known beforehand tells so much."""
    telling = {name: auc for name, auc in trained.alone.items() if auc > limits.plausible_auc}
    for name, auc in sorted(telling.items(), key=lambda item: -item[1]):
        yield f"{name} alone tells the label (AUC {auc:.4f}, above {limits.plausible_auc}): it leaks"
    if not telling and trained.metrics["auc"] > limits.plausible_auc:
        yield f"an AUC of {trained.metrics['auc']:.4f} is not plausible (above {limits.plausible_auc}): a leak"
