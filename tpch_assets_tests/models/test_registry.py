"""The registry of models: what is written is what is read, and races lose nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from deltalake import DeltaTable

from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.models import registry
from tpch_assets.models.features import Unfit
from tpch_assets_tests.models import toy


def test_an_empty_lake_has_no_champion(lake: Lake) -> None:
    assert registry.versions(lake, toy.NAME) == []
    assert registry.champion(lake, toy.NAME) is None


def test_a_version_is_read_as_it_was_written(lake: Lake) -> None:
    before = registry.fingerprint(lake, toy.NAME)
    first = toy.register(lake, toy.version())
    assert registry.versions(lake, toy.NAME) == [first]
    assert registry.champion(lake, toy.NAME) == first
    assert registry.fingerprint(lake, toy.NAME) != before
    assert registry.versions(lake, "another") == []


def test_a_new_champion_replaces_the_one_before(lake: Lake) -> None:
    toy.register(lake, toy.version("2026-01-01"))
    second = toy.register(lake, toy.version("2026-01-02"))
    toy.register(lake, toy.version("2026-01-03", "kept back"))
    assert [one.status for one in registry.versions(lake, toy.NAME)] == ["challenger", "champion", "kept back"]
    assert registry.champion(lake, toy.NAME) == second
    assert registry.versions(lake, toy.NAME)[0].reason == f"replaced by {second.version}"


def test_writing_the_same_again_changes_nothing(lake: Lake) -> None:
    toy.register(lake, toy.version())
    before = registry.fingerprint(lake, toy.NAME)
    toy.register(lake, toy.version())
    assert registry.fingerprint(lake, toy.NAME) == before


def test_of_writers_at_once_none_is_lost(lake: Lake) -> None:
    toy.register(lake, toy.version("2026-01-01"))
    days = [f"2026-01-{day:02}" for day in range(2, 5)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda day: toy.register(lake, toy.version(day, "kept back")), days))
    found = registry.versions(lake, toy.NAME)
    assert [one.day for one in found] == ["2026-01-01", *days]
    assert DeltaTable(lake.table("gold", registry.TABLE)).version() == 4


def test_versions_are_bounded_and_the_champion_stays(lake: Lake) -> None:
    found = [toy.version("2025-01-01")]
    for number in range(registry.KEPT_DAYS + 5):
        found = registry.succeeded(found, toy.version(f"2026-01-{number + 1:02}", "kept back"))
    found = registry.succeeded(found, replace(found[-1], version="again", reason="again"))
    assert len(found) == registry.KEPT_DAYS + 1
    assert found[0].status == "champion"
    assert found[-1].version == "again"


def test_a_champion_predicts(lake: Lake) -> None:
    predictor = registry.load(lake, toy.register(lake, toy.version()))
    late, fine = predictor.predict(
        [
            {"weight": 1, "carrier": "AIR", "ordered": "2026-01-01", "promised": "2026-01-04", "more": 1},
            {"weight": 1, "carrier": None, "ordered": "2026-01-01", "promised": "2026-02-14"},
        ]
    )
    assert late > 0.7
    assert fine < 0.4
    assert predictor.predict([]) == []
    rows = toy.records(50)
    assert predictor.predict(rows) == [predictor.predict([row])[0] for row in rows]


def test_threads_predict_the_same(lake: Lake) -> None:
    predictor = registry.load(lake, toy.register(lake, toy.version()))
    rows = toy.records(200)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda row: predictor.predict([row])[0], rows)) == predictor.predict(rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": "heavy"}, "record 1: weight is 'heavy'; it has to be a number"),
        ({"weight": float("nan")}, "record 1: weight is nan; it has to be a finite number"),
        ({"weight": 10**400}, "record 1: weight is int; it has to be a finite number"),
        ({"weight": True}, "record 1: weight is True; it has to be a number"),
        ({"weight": None}, "record 1: weight is missing"),
        ({"carrier": 3}, "record 1: carrier is 3; it has to be a text"),
        ({"promised": "soon"}, "record 1: promised is 'soon'; it has to be a date such as 2026-01-31"),
    ],
)
def test_a_value_that_does_not_fit_is_named(lake: Lake, change: dict[str, object], message: str) -> None:
    predictor = registry.load(lake, toy.register(lake, toy.version()))
    first, second = toy.records(2)
    with pytest.raises(Unfit) as told:
        predictor.predict([first, {**second, **change}])
    assert str(told.value) == message


def test_a_file_that_cannot_be_read_is_named(lake: Lake) -> None:
    one = toy.version()
    with pytest.raises(LakeError, match="does not exist: train it again"):
        registry.load(lake, one)
    lake.store.create(lake.path(one.path), b"not a model")
    with pytest.raises(LakeError, match="is damaged"):
        registry.load(lake, one)
