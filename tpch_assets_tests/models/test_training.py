"""Training: which rows, always the same bytes, features of new shards alone, and one definition of the features."""

import shutil
from collections import Counter
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
import pytest

from tpch_assets.lake.commit import CommitConflict
from tpch_assets.lake.lake import Lake, LakeError, Refused
from tpch_assets.models import registry, rows, training
from tpch_assets.models.features import Feature, encoders, matrix
from tpch_assets.models.rows import Source, read, with_categories
from tpch_assets_tests.models import parcels
from tpch_assets_tests.models.parcels import MODEL, ROWS

A_DAY = 4 * ROWS


def test_a_version_is_trained_on_the_days_before_and_judged_on_the_last(lake: Lake) -> None:
    parcels.lake_of(lake, 3)
    one = parcels.run(lake, 2).version
    assert (one.status, one.reason, one.day) == ("champion", "", parcels.day(2))
    assert (one.metrics["training_rows"], one.metrics["rows"]) == (2 * A_DAY, A_DAY)
    assert one.metrics["auc"] > 0.68
    assert one.metrics["log_loss"] < one.baselines["majority"]["log_loss"]
    assert one.baselines["majority"]["auc"] == 0.5
    assert 0.6 < one.baselines["rule"]["auc"] < one.metrics["auc"] + 0.05
    assert max(one.importances, key=lambda name: one.importances[name]) == "promised_days"
    assert sum(one.importances.values()) == pytest.approx(1)
    assert sum(part.count for part in one.calibration) == A_DAY
    assert {f.name: f.categories for f in one.features}["carrier"] == tuple(sorted(parcels.CARRIERS))
    assert one.inputs["silver"] == {"carrier": 1, "parcel": 12}
    assert one.inputs["libraries"].keys() >= {"duckdb", "numpy"}
    assert registry.champion(lake, MODEL.name) == one


def test_the_first_day_is_judged_on_its_last_window(lake: Lake) -> None:
    parcels.lake_of(lake, 1)
    one = parcels.run(lake, 0).version
    assert (one.metrics["training_rows"], one.metrics["rows"], one.status) == (3 * ROWS, ROWS, "kept back")
    assert "150 rows to validate on are too few; 200 are needed" in one.reason
    one = parcels.run(lake, 0, parcels.changed(limits=parcels.SMALL)).version
    assert one.status == "champion"


def test_too_little_is_registered_with_its_reason_and_no_model(lake: Lake) -> None:
    parcels.carriers(lake)
    parcels.deliver(lake, 0, of=parcels.windows(0)[-1:])
    one = parcels.run(lake, 0).version
    assert (one.status, one.path) == ("kept back", "")
    assert one.reason == "0 rows to train on are too few; 200 are needed"
    with pytest.raises(LakeError, match="was not trained: 0 rows"):
        registry.load(lake, one)


def test_the_same_inputs_give_the_same_bytes(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parcels.lake_of(lake, 2)
    first = parcels.run(lake, 1).version
    shutil.copytree(lake.table("silver", ""), tmp_path / "other" / "silver")
    monkeypatch.setattr(training, "THREADED_ROWS", 0)
    again = parcels.run(other := Lake(str(tmp_path / "other")), 1).version
    assert (again.version, again.sha256) == (first.version, first.sha256)
    assert lake.store.content(lake.path(first.path)) == other.store.content(other.path(again.path))
    assert parcels.run(lake, 1, parcels.changed(rounds=21)).version.sha256 != first.sha256


def test_a_rerun_changes_nothing(lake: Lake) -> None:
    parcels.lake_of(lake, 2)
    first = parcels.run(lake, 1)
    before = registry.fingerprint(lake, MODEL.name)
    assert parcels.run(lake, 1).version == first.version
    assert registry.fingerprint(lake, MODEL.name) == before


def test_a_lost_file_is_made_again(lake: Lake) -> None:
    parcels.lake_of(lake, 2)
    first = parcels.run(lake, 1).version
    lake.store.delete(lake.path(first.path))
    again = parcels.run(lake, 1).version
    assert (again.version, again.status) == (first.version, "champion")
    assert registry.load(lake, again)


def test_a_retrain_reads_the_new_shards_alone(lake: Lake) -> None:
    parcels.lake_of(lake, 2)
    first = parcels.run(lake, 1)
    assert (first.shards, first.shards_kept, first.rows_read) == (8, 0, 8 * ROWS)
    parcels.deliver(lake, 2)
    second = parcels.run(lake, 2)
    assert (second.shards, second.shards_kept, second.rows_read) == (12, 8, 4 * ROWS)
    parcels.carriers(lake, ("AIR", "RAIL", "ROAD", "SHIP"))
    assert parcels.run(lake, 2).rows_read == 12 * ROWS


def test_history_is_bounded_and_a_sample_is_fixed(lake: Lake) -> None:
    parcels.lake_of(lake, 4)
    assert parcels.run(lake, 3, parcels.changed(history_days=2)).version.metrics["training_rows"] == 2 * A_DAY
    sampled = parcels.changed(most_rows=600)
    some = parcels.run(lake, 3, sampled).version
    assert some.metrics["training_rows"] == pytest.approx(600, rel=0.15)
    source = Source(lake, sampled, tuple(_partials(lake))).sample(600)
    assert source.count() == source.sample(10_000).count() < 800


def test_serving_sees_the_numbers_of_training(lake: Lake) -> None:
    parcels.lake_of(lake, 2)
    parcels.run(lake, 1)
    source = Source(lake, MODEL, tuple(_partials(lake)))
    features = with_categories(source, parcels.bound()[0].features)
    trained, _ = read(source, features)
    assert np.array_equal(trained, by_python(source, features), equal_nan=True)
    assert np.isnan(trained).any()


def test_a_feature_says_what_it_usually_is(lake: Lake) -> None:
    parcels.lake_of(lake, 1)
    one = parcels.run(lake, 0, parcels.changed(limits=parcels.SMALL)).version
    trained = [parcels.parcels(window) for window in parcels.windows(0)[:-1]]

    def values(name: str) -> list[Any]:
        return [value for rows in trained for value in rows[name] if value is not None]

    notes = Counter(sorted(values("p_note"))).most_common(1)
    assert {feature.name: feature.typical for feature in one.features} == {
        "p_weight": median_low(values("p_weight")),
        "p_price": median_low(values("p_price")),
        "carrier": parcels.CARRIERS[Counter(sorted(values("p_carrier"))).most_common(1)[0][0]],
        "p_note": notes[0][0],
        "p_ordered": parcels.day(0),
        "p_promised": median_low(values("p_promised")).isoformat(),
    }


def by_python(source: Source, features: tuple[Feature, ...]) -> Any:
    """The matrix of the same rows, each value encoded as that of a request."""
    import duckdb

    with duckdb.connect() as con:
        found = con.sql(f"SELECT {', '.join(f.name for f in features)} FROM {source.rows}").fetchall()
    encode = encoders(features)
    numbers = np.array([[e(value) for e, value in zip(encode, row, strict=True)] for row in found])
    return matrix(numbers, features, source.model.derived)


def _partials(lake: Lake) -> list[str]:
    folder = lake.path("partials", MODEL.name)
    return [f"{folder}/{name}" for name in sorted(lake.store.names(folder)) if name.endswith(".parquet")]


def test_a_label_that_is_not_known_yet_counts_nowhere(lake: Lake) -> None:
    def half(columns: parcels.Columns, _: np.random.Generator) -> None:
        columns["p_received"][::2] = [None] * (ROWS // 2)

    parcels.carriers(lake)
    for number in range(2):
        parcels.deliver(lake, number, half)
    one = parcels.run(lake, 1).version
    assert (one.metrics["training_rows"], one.metrics["rows"]) == (A_DAY / 2, A_DAY / 2)


def test_a_champion_that_changed_meanwhile_is_not_passed_over(lake: Lake) -> None:
    parcels.lake_of(lake, 3)
    parcels.run(lake, 1)

    def compute(tasks: Any) -> list[Any]:
        from tpch_assets.compute import cluster

        parcels.run(lake, 2, parcels.changed(rounds=25))  # Another run is faster.
        return cluster.compute(tasks)

    with pytest.raises(CommitConflict, match="has another champion by now"):
        parcels.run(lake, 2, compute=compute)
    assert [one.day for one in registry.versions(lake, MODEL.name)] == [parcels.day(1), parcels.day(2)]
    assert parcels.run(lake, 2).version.status == "champion"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("p_weight,", "p_weight, p_received - p_ordered AS way,", "read p_received, which is barred: it is what is pr"),
        ("ON c_id = p_carrier", "ON c_id = p_carrier WHERE p_received > p_ordered", "read p_received, which is barred"),
        ("p_weight,", "max(p_weight) OVER () AS heaviest,", "not made row by row"),
        ("FROM parcel", "FROM (SELECT DISTINCT ON (p_carrier) * FROM parcel)", "not made row by row"),
    ],
)
def test_features_that_leak_or_are_not_row_by_row_are_refused(
    lake: Lake, tmp_path: Path, old: str, new: str, message: str
) -> None:
    parcels.lake_of(lake, 1)
    model = parcels.with_features(tmp_path, lambda text: text.replace(old, new))
    with pytest.raises(Refused, match=message):
        parcels.run(lake, 0, model)
    assert registry.versions(lake, MODEL.name) == []


def test_a_text_with_too_many_values_is_refused(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_CATEGORIES", 100)
    parcels.lake_of(lake, 2)
    model = parcels.with_features(tmp_path, lambda text: text.replace("p_note", "p_id::VARCHAR AS name"))
    with pytest.raises(Refused, match="name has 600 distinct values, a category at most 100"):
        parcels.run(lake, 1, model)
