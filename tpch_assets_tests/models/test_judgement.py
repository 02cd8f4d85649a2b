"""The champion stays when a version leaks, drifted or is worse: with leaks, drift and worse models really planted."""

from pathlib import Path

import numpy as np
import pytest

from tpch_assets.lake.lake import Lake
from tpch_assets.models import quality, registry
from tpch_assets.models.plan import Outcome
from tpch_assets_tests.models import parcels
from tpch_assets_tests.models.parcels import MODEL, Columns


def with_champion(lake: Lake, days: int = 2) -> registry.ModelVersion:
    """A lake with a sound champion of its last day."""
    parcels.lake_of(lake, days)
    one = parcels.run(lake, days - 1).version
    assert one.status == "champion", one.reason
    return one


def kept_back(lake: Lake, champion: registry.ModelVersion, found: Outcome) -> str:
    """Why a version is kept back, while the champion stays."""
    assert found.version.status == "kept back"
    assert registry.champion(lake, MODEL.name) == champion
    assert registry.versions(lake, MODEL.name)[-1] == found.version
    return found.version.reason


def test_a_sound_version_replaces_the_champion(lake: Lake) -> None:
    first = with_champion(lake)
    parcels.deliver(lake, 2)
    second = parcels.run(lake, 2).version
    assert registry.champion(lake, MODEL.name) == second
    assert second.baselines["champion"]["auc"] == pytest.approx(second.metrics["auc"], abs=0.05)
    assert [one.status for one in registry.versions(lake, MODEL.name)] == ["challenger", "champion"]
    assert first.version != second.version


def test_a_feature_that_knows_the_label_is_named(lake: Lake, tmp_path: Path) -> None:
    """A column that nobody barred tells what became of the parcel, as it is set after the fact."""
    champion = with_champion(lake)

    def leak(rows: Columns, _: np.random.Generator) -> None:
        pairs = zip(rows["p_received"], rows["p_promised"], strict=True)
        rows["p_note"] = ["complaint" if came > promised else "thanks" for came, promised in pairs]

    for number in range(3):
        parcels.deliver(lake, number, leak)
    reason = kept_back(lake, champion, parcels.run(lake, 2))
    assert "p_note alone tells the label (AUC 1.0000, above 0.97): it leaks" in reason


def test_features_that_know_the_label_together_are_found(lake: Lake, tmp_path: Path) -> None:
    """Days under way tell it only together with the days promised."""
    champion = with_champion(lake)

    def leak(rows: Columns, _: np.random.Generator) -> None:
        pairs = zip(rows["p_received"], rows["p_promised"], strict=True)
        rows["p_weight"] = [(came - promised).days + 50 + i % 2 * 100 for i, (came, promised) in enumerate(pairs)]

    for number in range(3):
        parcels.deliver(lake, number, leak)
    reason = kept_back(lake, champion, parcels.run(lake, 2, parcels.changed(rounds=60)))
    assert "is not plausible (above 0.97): a leak" in reason


def test_inputs_that_drifted_are_named(lake: Lake) -> None:
    champion = with_champion(lake)

    def heavy(rows: Columns, _: np.random.Generator) -> None:
        rows["p_weight"] = [weight * 3 for weight in rows["p_weight"]]

    parcels.deliver(lake, 2, heavy)
    reason = kept_back(lake, champion, found := parcels.run(lake, 2))
    assert reason.startswith("p_weight drifted: its population stability index is")
    assert found.version.drift["p_weight"] > 0.25
    assert max(index for name, index in found.version.drift.items() if name != "p_weight") < 0.1


def test_a_category_that_is_new_drifts(lake: Lake) -> None:
    champion = with_champion(lake)

    def other(rows: Columns, _: np.random.Generator) -> None:
        rows["p_note"] = ["roof"] * len(rows["p_note"])

    parcels.deliver(lake, 2, other)
    assert "p_note drifted" in kept_back(lake, champion, parcels.run(lake, 2))


def test_a_worse_version_is_kept_back(lake: Lake) -> None:
    champion = with_champion(lake)
    parcels.deliver(lake, 2)
    worse = parcels.changed(rounds=1, parameters={"learning_rate": 0.001})
    reason = kept_back(lake, champion, found := parcels.run(lake, 2, worse))
    assert "worse than the champion: log loss" in reason
    assert found.version.baselines["champion"]["log_loss"] < found.version.metrics["log_loss"]


def test_a_version_without_what_matters_is_worse_though_it_cannot_be_compared_on_the_same_rows(
    lake: Lake, tmp_path: Path
) -> None:
    champion = with_champion(lake)
    parcels.deliver(lake, 2)
    blind = parcels.with_features(
        tmp_path,
        lambda text: text.replace("    p_ordered,\n    p_promised\n", "    0 AS nothing\n"),
        derived=(),
        rule=None,
    )
    reason = kept_back(lake, champion, found := parcels.run(lake, 2, blind))
    assert "worse than the champion: AUC" in reason
    assert found.version.baselines["champion"] == champion.metrics


def test_a_version_of_an_earlier_day_is_a_challenger(lake: Lake) -> None:
    parcels.lake_of(lake, 3)
    champion = parcels.run(lake, 2).version
    earlier = parcels.run(lake, 1).version
    assert (earlier.status, earlier.reason) == ("challenger", f"the champion is of a later day, {parcels.day(2)}")
    assert registry.champion(lake, MODEL.name) == champion


def test_a_damaged_champion_is_replaced(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    champion = with_champion(lake)
    Path(lake.path(champion.path)).write_bytes(b"not a model")
    parcels.deliver(lake, 2)
    with caplog.at_level("WARNING"):
        second = parcels.run(lake, 2).version
    assert second.status == "champion"
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_the_share_of_pairs_in_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    label, score = random.random(60) < 0.4, random.integers(0, 10, 60).astype(np.float32)
    pairs = [(a > b) + (a == b) / 2 for a in score[label] for b in score[~label]]
    assert quality.auc(label, score) == pytest.approx(np.mean(pairs))


def test_chance_alone_is_no_drift_and_a_shift_is() -> None:
    random = np.random.default_rng(7)
    for size in (200, 20_000):
        before, after = random.normal(size=(2, size)).astype(np.float32)
        assert quality.drift(before, after, "q") < 0.1
        assert quality.drift(before, after + 0.7, "q") > 0.25
        many = random.integers(0, 60, (2, size)).astype(np.float32)
        assert quality.drift(many[0], many[1], "c") < 0.2
    missing = np.where(random.random(200) < 0.5, np.nan, 1).astype(np.float32)
    assert quality.drift(np.ones(200, np.float32), missing, "q") > 1


def test_calibration_says_how_far_predictions_are_off() -> None:
    label = np.arange(1000) % 4 == 0
    bins = quality.calibration(label, np.full(1000, 0.35, np.float32))
    assert sum(one.count for one in bins) == 1000
    assert quality.calibration_error(bins) == pytest.approx(0.1, abs=1e-3)
