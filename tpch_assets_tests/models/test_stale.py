"""Which days are due: each of the last days once, and the latest again when something changed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tpch_assets.gold.sweep import sweep as sweep_partials
from tpch_assets.lake.lake import Lake
from tpch_assets.models import registry
from tpch_assets.models.housekeeping import needs_of_models, sweep
from tpch_assets.models.stale import due_models
from tpch_assets.schema.models import Model
from tpch_assets_tests.models import parcels, toy
from tpch_assets_tests.models.parcels import MODEL, START


def due(lake: Lake, model: Model = MODEL, days: int = 9) -> dict[str, str]:
    """The days that are due, with the reasons."""
    one, business = parcels.bound(model)
    return dict(due_models(lake, business, [one], START, START + timedelta(days=days)).get(MODEL.name, {}))


def test_nothing_is_due_without_silver(lake: Lake) -> None:
    assert due(lake) == {}
    parcels.carriers(lake)
    assert due(lake) == {}


def test_missing_days_are_due_and_then_what_changed_concerns_the_latest(lake: Lake) -> None:
    parcels.lake_of(lake, 2)
    parcels.deliver(lake, 2, of=parcels.windows(2)[:2])
    assert due(lake) == {parcels.day(0): "missing", parcels.day(1): "missing"}
    assert due(lake, days=1) == {parcels.day(0): "missing"}
    for number in range(2):
        parcels.run(lake, number)
    assert due(lake) == {}
    parcels.deliver(lake, 0, lambda rows, _: rows.update(p_weight=[1.0] * parcels.ROWS), of=parcels.windows(0)[:1])
    assert due(lake) == {parcels.day(1): "data arrived"}
    assert due(lake, parcels.changed(rounds=3)) == {parcels.day(1): "model changed"}
    parcels.run(lake, 1)
    parcels.carriers(lake, ("AIR", "RAIL", "ROAD", "SHIP"))
    assert due(lake) == {parcels.day(1): "dimension changed"}
    parcels.run(lake, 1)
    assert due(lake) == {}


def test_inputs_that_change_back_are_trained_once_more_and_no_more(lake: Lake) -> None:
    parcels.lake_of(lake, 2)
    first = parcels.run(lake, 1).version
    parcels.run(lake, 1, parcels.changed(rounds=12))
    assert due(lake) == {parcels.day(0): "missing", parcels.day(1): "model changed"}
    again = parcels.run(lake, 1).version
    assert (again.version, again.status) == (first.version, "champion")
    assert due(lake) == {parcels.day(0): "missing"}


def test_old_days_are_not_trained_again_once_they_left_the_registry(lake: Lake) -> None:
    parcels.carriers(lake)
    count = registry.KEPT_DAYS + 2
    for number in range(count):
        parcels.deliver(lake, number, of=parcels.windows(number)[-1:])
    found = due(lake, days=count)
    assert list(found) == [parcels.day(number) for number in range(2, count)]


def test_files_of_versions_that_left_the_registry_are_swept_later(lake: Lake) -> None:
    kept = toy.register(lake, toy.version())
    lone = lake.path("models", toy.NAME, "2026-01-01-none.ubj")
    lake.store.create(lone, b"never registered")
    now, week = datetime.now(UTC), timedelta(days=7)
    assert sweep(lake, now, week) == []
    assert sweep(lake, now + timedelta(days=8), week) == [lone]
    assert not Path(lone).exists()
    assert registry.load(lake, kept)


def test_the_nightly_sweep_keeps_the_features_that_the_next_version_needs(lake: Lake) -> None:
    parcels.lake_of(lake, 3)
    short = parcels.changed(history_days=1)
    for number in range(3):
        parcels.run(lake, number, short)
    one, business = parcels.bound(short)
    for hours in (0, 48):
        now = datetime.now(UTC) + timedelta(hours=hours)
        gone = sweep_partials(business, lake, 1.0, now, timedelta(hours=20), needs_of_models(business, lake))
    assert len(gone) == 4, "the first day's features are no longer needed"
    assert all(f"/partials/{one.name}/" in path for path in gone)
    parcels.deliver(lake, 3)
    assert parcels.run(lake, 3, short).shards_kept == 4
