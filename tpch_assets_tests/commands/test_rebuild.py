"""A declaration is edited while the real graph runs, and `tpch-assets rebuild` makes again what cannot go in place."""

import shutil
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph

SALES = [
    {"sale": 1, "shop": "A", "amount": 5, "weight": 7},
    {"sale": 2, "shop": "B", "amount": 6},
    {"sale": 3, "shop": "A", "amount": 7, "weight": "heavy"},
]
DAY = days.day(0)


def edited(place: Place, edit: str) -> AbstractContextManager[Graph]:
    """The graph as a new process would load it after an edit."""
    # It names the module of the business, which an edit in earnest does not change.
    Path(place.lake.path("lake.json")).unlink(missing_ok=True)
    return graph(place, **settings(edit))


def settings(edit: str) -> dict[str, object]:
    return {"business": f"tpch_assets_tests.businesses.growing.{edit}", "generate": False}


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A day that is answered."""
    place = Place(tmp_path_factory.mktemp("growing"))
    place.deliver("sales", days.key(0), "a.json", SALES)
    place.deliver("sales", days.key(95), "a.json", [{"sale": 9, "shop": "B", "amount": 1}])
    place.deliver("shops", days.key(0), "a.json", [{"shop": "A", "city": "Rome"}, {"shop": "B"}])
    with edited(place, "first") as loaded:
        loaded.settle()
    assert paid(place) == Decimal("19.00")
    return place


@pytest.fixture
def place(answered: Place, tmp_path: Path) -> Place:
    return answered.copy(tmp_path)


def paid(place: Place) -> Decimal:
    return days.answer(place.lake, "paid", DAY)["paid"].to_pylist()[0]


def carried(place: Place) -> list[dict[str, object]]:
    return days.answer(place.lake, "carried", DAY).to_pylist()


def rebuild(place: Place, edit: str, *words: str, code: int = 0) -> str:
    (place.folder / "output.txt").unlink(missing_ok=True)
    assert place.start("rebuild", *words, **settings(edit)).wait(timeout=200) == code, place.output()
    return place.output()


def test_an_edit_goes_in_place_or_by_the_command(place: Place) -> None:
    with edited(place, "grown") as loaded:
        asked = days.asset_names(loaded.settle())
    assert asked == {f"{layer}/{name}" for layer in ("bronze", "silver") for name in ("sales", "shops")} | {
        "gold/carried",
        "gold/paid",
    }
    assert carried(place) == [
        {"city": "Rome", "weight": 7, "sales": 2},
        {"city": None, "weight": None, "sales": 2},
    ]
    place.deliver("sales", days.key(1), "a.json", [{"sale": 4, "shop": "A", "amount": 1.5}])
    before = days.tables_of(place.lake)
    with edited(place, "exact") as loaded:
        (request,) = loaded.sensor("bronze_sensor").run_requests
        (failed,) = loaded.run([request], raise_on_error=False)
        assert not failed.success
        retried = [event for event in failed.all_events if event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]
        assert not retried, "to try again does not help"
        (failure,) = failed.get_step_failure_events()
        assert "table sales, column amount: INTEGER cannot become DECIMAL(9,2) in place" in str(
            failure.step_failure_data
        )
    assert days.tables_of(place.lake) == before
    output = rebuild(place, "exact", "sales")
    assert all(f"{name}: " in output for name in ("bronze/sales", "silver/sales", "gold")), output
    assert paid(place) == Decimal("13.50"), "raw is read again: a line whose weight is no number is a reject now"
    assert carried(place)[0] == {"city": "Rome", "weight": 7, "sales": 2}
    with place.instance() as instance:
        for layer, key in (("bronze", days.key(1)), ("silver", days.key(0))):
            records = instance.get_materialized_partitions(dg.AssetKey([layer, "sales"]))
            assert key in records


def test_loss_takes_an_operators_word(place: Place) -> None:
    shutil.rmtree(place.lake.table("bronze", "sales"))
    shutil.rmtree(Path(place.lake.uri, "raw", "sales", days.key(0)))
    with edited(place, "first") as loaded:
        assert days.asset_names(loaded.settle()) == {"bronze/sales"}
        tick = loaded.sensor("late_data_sensor")
        assert "lacks 3 rows" in tick.skip_message
    assert paid(place) == Decimal("19.00")
    assert "silver/sales stays as it was: bronze/sales lacks 3 rows" in rebuild(place, "first", "silver/sales", code=1)
    assert paid(place) == Decimal("19.00")
    rebuild(place, "first", "silver/sales", "--accept-loss")
    assert days.tables_of(place.lake)["silver/sales"].rows == 1
    assert paid(place) == Decimal("1.00")


def test_what_is_no_table_is_refused_in_one_sentence(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for text, instead in (
        ("orders", "; known are sales, shops, "),
        ("gold/sales", ": did you mean sales?"),
        ("sales/", ": did you mean sales?"),
    ):
        assert f"tpch-assets: {text} is not a table{instead}" in rebuild(place, "first", text, code=2)
