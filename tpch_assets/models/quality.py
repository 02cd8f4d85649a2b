"""How good predictions are, how much their inputs drifted, and what a single feature tells: figures of arrays alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tpch_assets.models.features import Matrix
from tpch_assets.models.registry import Bin
from tpch_assets.models.rows import Labels

BINS = 10
LEAST_SHARE = 1e-4  # In a bin that is empty: the index has a logarithm.
Probabilities = npt.NDArray[np.floating]


def figures(label: Labels, probability: Probabilities, threshold: float) -> dict[str, float]:
    """AUC, log loss, calibration error, and the accuracy of decisions from a threshold on."""
    return {
        "auc": auc(label, probability),
        "log_loss": log_loss(label, probability),
        "calibration_error": calibration_error(calibration(label, probability)),
        "accuracy": float(np.mean((probability >= threshold) == label)),
    }


def auc(label: Labels, score: npt.NDArray[np.floating]) -> float:
    """The probability that a row with the label scores higher than one without; 0.5 if there is only one kind."""
    from scipy.stats import rankdata

    yes = int(label.sum())
    no = len(label) - yes
    if not yes or not no:
        return 0.5
    ranks = rankdata(score)
    return float((ranks[label].sum() - yes * (yes + 1) / 2) / (yes * no))


def log_loss(label: Labels, probability: Probabilities) -> float:
    """The mean negative logarithm of what was predicted for what came true."""
    right = np.where(label, probability, 1 - probability.astype(np.float64))
    return float(-np.log(np.clip(right, 1e-7, 1)).mean())


def calibration(label: Labels, probability: Probabilities) -> tuple[Bin, ...]:
    """Rows in bins of equal size by what was predicted."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return tuple(Bin(float(probability[p].mean(dtype=np.float64)), float(label[p].mean()), len(p)) for p in parts)


def calibration_error(bins: Sequence[Bin]) -> float:
    """The mean distance of what was predicted from what came true, over bins, by their size."""
    return sum(abs(one.predicted - one.observed) * one.count for one in bins) / sum(one.count for one in bins)


def drift(before: Matrix, after: Matrix, kind: str) -> float:
    """The population stability index of one column, less what chance alone gives as many rows.

    Args:
        kind: `c` for categories, which are bins by themselves; else ten bins have equal shares of `before`.
    """
    bins_before, bins_after = _bins(before, after, kind)
    count = int(max(bins_before.max(), bins_after.max())) + 1
    shares = [
        np.maximum(np.bincount(bins, minlength=count) / len(bins), LEAST_SHARE) for bins in (bins_before, bins_after)
    ]
    index = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    chance = (len(np.unique(np.concatenate([bins_before, bins_after]))) - 1) * (1 / len(before) + 1 / len(after))
    return max(0.0, index - chance)


def _bins(before: Matrix, after: Matrix, kind: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The bin of each value; missing ones have bin 0."""
    if kind == "c":
        edges = np.unique(before[~np.isnan(before)])
    else:
        known = before[~np.isnan(before)]
        edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else known
    first, second = (np.where(np.isnan(v), 0, np.searchsorted(edges, v, side="right") + 1) for v in (before, after))
    return first, second


def alone(before: Matrix, label_before: Labels, after: Matrix, label: Labels, kind: str) -> float:
    """The AUC of one column by itself on the rows `after`; a category counts as its share of the label `before`."""
    known = ~np.isnan(after)
    score = after[known]
    if kind == "c":
        seen = ~np.isnan(before)
        codes = before[seen].astype(np.int64)
        size = int(max(codes.max(initial=0), score.max(initial=0))) + 1
        count = np.bincount(codes, minlength=size)
        shares = np.bincount(codes, label_before[seen], minlength=size) / np.maximum(count, 1)
        score = shares[score.astype(np.int64)].astype(np.float32)
    found = auc(label[known], score)
    return max(found, 1 - found)
