"""Batch, window and day: keys, their arithmetic, and Dagster's partitions and mappings of them."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tpch_assets import calendar
from tpch_assets.layers import BATCH, BATCHES_PER_DAY, DAY, GOLD, RAW, SILVER, WINDOW
from tpch_assets.orchestration.partitions import partitions
from tpch_assets_tests.conftest import START


def test_a_day_is_four_windows_and_96_batches() -> None:
    end = START + DAY
    assert len(partitions(RAW, START).get_partition_keys(current_time=end)) == BATCHES_PER_DAY == 96
    assert len(partitions(SILVER, START).get_partition_keys(current_time=end)) == 4
    assert partitions(GOLD, START).get_partition_keys(current_time=end) == ["2024-01-01"]


def test_keys_are_those_of_dagster() -> None:
    end = START + DAY
    moments = [START + i * BATCH for i in range(96)]
    assert partitions(RAW, START).get_partition_keys(current_time=end) == [calendar.batch_key(m) for m in moments]
    assert partitions(SILVER, START).get_partition_keys(current_time=end) == sorted(
        map(calendar.window_key, moments[::24])
    )
    assert calendar.day_key(moments[-1]) == "2024-01-01"
    for moment in moments:
        assert calendar.parse(calendar.batch_key(moment)) == moment


@pytest.mark.parametrize(
    ("finer", "coarser", "key", "first", "count"),
    [
        (partitions(RAW, START), partitions(SILVER, START), "2024-01-01T0600", "2024-01-01T0600", 24),
        (partitions(RAW, START), partitions(SILVER, START), "2024-02-29T1800", "2024-02-29T1800", 24),
        (partitions(SILVER, START), partitions(GOLD, START), "2024-02-29", "2024-02-29T0000", 4),
        (partitions(RAW, START), partitions(GOLD, START), "2024-12-31", "2024-12-31T0000", 96),
    ],
    ids=["window", "window on a leap day", "day", "day of batches"],
)
def test_partitions_map_onto_the_finer_ones_they_hold(
    finer: dg.TimeWindowPartitionsDefinition,
    coarser: dg.TimeWindowPartitionsDefinition,
    key: str,
    first: str,
    count: int,
) -> None:
    subset = coarser.empty_subset().with_partition_keys([key])
    found = dg.TimeWindowPartitionMapping().get_upstream_mapped_partitions_result_for_partitions(
        subset, coarser, finer, current_time=datetime(2025, 1, 1, tzinfo=UTC)
    )
    keys = sorted(found.partitions_subset.get_partition_keys())
    assert (keys[0], len(keys)) == (first, count)


def test_the_batches_of_a_window_lie_in_it() -> None:
    for window in ("2024-01-01T0000", "2024-01-01T1800"):
        batches = calendar.batches_of(window)
        assert len(batches) == WINDOW // BATCH == 24
        assert {calendar.window_of(batch) for batch in batches} == {window}


@pytest.mark.parametrize("text", ["", "2023-02-29T0000", "2024-01-01T2400", "2024-01-01T00:00", "some"])
def test_what_is_no_key_has_no_window(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not match|unconverted|day is out of range"):
        calendar.window_of(text)


@pytest.mark.parametrize("text", ["2024-01-01T0000", "2024-02-29T2345", "2024-12-31T1215"])
def test_batch_names_are_recognised(text: str) -> None:
    assert calendar.is_batch(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-01",
        "2024-01-01T0007",
        "2024-1-1T0000",
        "2024-01-01T00:00",
        "2023-02-29T0000",
        "tmp",
        "2024-01-01T2400",
    ],
)
def test_other_names_are_no_batches(text: str) -> None:
    assert not calendar.is_batch(text)


def test_moments_are_rounded_down() -> None:
    moment = datetime(2024, 3, 31, 23, 59, 59, 999_999, UTC)
    assert calendar.floor(moment, BATCH) == datetime(2024, 3, 31, 23, 45, tzinfo=UTC)
    assert calendar.floor(moment, WINDOW) == datetime(2024, 3, 31, 18, tzinfo=UTC)
    assert calendar.floor(moment, DAY) == datetime(2024, 3, 31, tzinfo=UTC)


def test_neighbours_make_one_stretch() -> None:
    key = lambda number: calendar.batch_key(START + number * BATCH)  # noqa: E731
    assert calendar.stretches([key(5), key(3), key(4), key(95), key(96), key(9)], BATCH) == [
        (key(3), key(5)),
        (key(9), key(9)),
        (key(95), key(96)),
    ]
    assert calendar.stretches([], BATCH) == []
    assert calendar.stretches(["2024-02-28", "2024-02-29", "2024-03-01"], DAY) == [("2024-02-28", "2024-03-01")]
    assert timedelta(0) < BATCH < WINDOW < DAY
