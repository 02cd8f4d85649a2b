"""What is missing upstream deletes nothing: not in bronze, not in silver; and silver waits for what is on its way."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tpch_assets.bronze.recount import lines_against_bronze
from tpch_assets.lake import commit
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import read
from tpch_assets.silver.stale import due_dimensions, due_windows, stale_windows
from tpch_assets_tests.bronze.test_evolution import LINES, SALES, SHOPS
from tpch_assets_tests.living import END, Line, Living, batch

FIRST, SECOND = batch(0), batch(24)


@pytest.fixture
def living(lake: Lake, tmp_path: Path) -> Living:
    """Two windows; the first one's batch has two files."""
    found = Living(lake, (SALES, LINES, SHOPS), tmp_path)
    found.deliver("sales", 0, "a.json", sales(1, 2, 3))
    found.deliver("sales", 0, "b.json", [*sales(4), {"sale": "bad"}])
    found.deliver("sales", 24, "a.json", sales(10))
    found.deliver("shops", 0, "a.json", [{"shop": "A"}, {"shop": "B"}])
    found.settle()
    found.check()
    return found


def sales(*keys: int, amount: int = 1) -> list[Line]:
    return [{"sale": key, "amount": amount} for key in keys]


def expire(living: Living, table: str, number: int, file: str) -> None:
    """What raw's retention does."""
    Path(living.lake.path("raw", table, batch(number), file)).unlink()


def keys(living: Living, layer: str = "silver") -> list[int]:
    return sorted(row["sale"] for row in read(living.layer(layer)["sales"]).to_pylist())


# A file that vanished, and one that is corrected


@pytest.mark.parametrize("file", ["a.json", "b.json"])
def test_a_raw_file_that_vanished_keeps_its_rows_and_rejects(living: Living, file: str) -> None:
    expire(living, "sales", 0, file)
    living.settle()
    living.check()
    living.deliver("sales", 0, "c.json", sales(5))
    living.settle()
    living.check()
    assert keys(living) == [1, 2, 3, 4, 5, 10]


@pytest.mark.parametrize("lines", [sales(1, amount=7), []], ids=["fewer", "none"])
def test_a_correction_takes_rows_back(living: Living, lines: list[Line]) -> None:
    expire(living, "sales", 0, "b.json")
    living.deliver("sales", 0, "a.json", lines)
    living.settle()
    living.check()
    assert keys(living) == sorted([*(line["sale"] for line in lines), 4, 10])


def test_a_clock_that_was_set_back_makes_a_correction_no_loss(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silver's files seem older than the bronze table that they were made of."""
    back = SimpleNamespace(time=lambda: time.time() - 3600, sleep=time.sleep)
    monkeypatch.setattr(commit, "time", back)
    living = Living(lake, (SALES, LINES, SHOPS), tmp_path)
    living.deliver("sales", 0, "a.json", sales(1, 2, 3))
    living.deliver("shops", 0, "a.json", [{"shop": "A"}, {"shop": "B"}])
    living.settle()
    living.deliver("sales", 0, "a.json", sales(1))
    living.deliver("shops", 0, "a.json", [{"shop": "A"}])
    living.settle()
    living.check()


def test_a_file_of_rejects_alone_is_replaced_by_its_correction(living: Living) -> None:
    living.deliver("sales", 1, "bad.json", [{"sale": "bad"}])
    living.settle()
    living.deliver("sales", 1, "bad.json", sales(6))
    living.settle()
    living.check()


def test_the_recount_leaves_out_what_raw_has_no_more(living: Living) -> None:
    expire(living, "sales", 0, "b.json")
    count = lines_against_bronze(living.lake, "sales", [FIRST, SECOND])
    assert (count.lines, count.rows, count.rejects) == (4, 4, 0)


# Bronze that is gone


def test_windows_stay_when_bronze_and_raw_are_gone(living: Living) -> None:
    for number, file in ((0, "a.json"), (0, "b.json"), (24, "a.json")):
        expire(living, "sales", number, file)
    shutil.rmtree(living.layer("bronze")["sales"].uri)
    living.settle()
    assert keys(living) == [1, 2, 3, 4, 10]
    due = due_windows(living.lake, living.business.groups[0], END)
    assert (due.ready, sorted(due.held)) == ([], [FIRST, SECOND])
    for part in (f"window {FIRST}", "bronze/sales lacks 4 rows", "`tpch-assets rebuild silver/sales --accept-loss`"):
        assert part in due.held[FIRST]


def test_bronze_made_again_of_what_is_left_in_raw_deletes_nothing(living: Living) -> None:
    """Whatever raw says now: what silver was built from is gone."""
    expire(living, "sales", 0, "b.json")
    shutil.rmtree(living.layer("bronze")["sales"].uri)
    living.settle()
    assert keys(living) == [1, 2, 3, 4, 10]
    assert "lacks 1 rows" in due_windows(living.lake, living.business.groups[0], END).held[FIRST]
    with pytest.raises(LakeError, match="lacks 1 rows of batch"):
        living.rebuild("sales", bronze=False)
    assert keys(living) == [1, 2, 3, 4, 10]
    living.rebuild("sales", bronze=False, accept_loss=True)
    assert keys(living) == [1, 2, 3, 10]
    assert not living.compact()


def test_a_whole_bronze_table_comes_back_from_raw(living: Living) -> None:
    shutil.rmtree(living.layer("bronze")["sales"].uri)
    shutil.rmtree(f"{living.layer('bronze')['sales'].uri}_rejects")
    assert stale_windows(living.lake, living.business.groups[0], END) == [], "it waits for bronze"
    living.settle()
    living.check()


def test_a_dimension_stays_when_its_bronze_is_made_again_of_less(living: Living) -> None:
    living.deliver("shops", 1, "a.json", [{"shop": "C"}])
    living.settle()
    shutil.rmtree(living.layer("bronze")["shops"].uri)
    expire(living, "shops", 0, "a.json")
    living.settle()
    assert [row["shop"] for row in read(living.layer("silver")["shops"]).to_pylist()] == ["A", "B", "C"]
    (reason,) = due_dimensions(living.lake, living.business)[1].values()
    assert "bronze/shops lacks 2 rows" in reason and "rebuild silver/shops --accept-loss" in reason
    living.rebuild("shops", bronze=False, accept_loss=True)
    assert [row["shop"] for row in read(living.layer("silver")["shops"]).to_pylist()] == ["C"]


def test_a_row_that_moved_to_another_batch_is_no_loss(living: Living) -> None:
    living.deliver("sales", 24, "a.json", [*sales(10), *sales(1, 2, amount=9)])
    living.settle()
    living.check()
    living.deliver("sales", 24, "a.json", sales(10))
    living.settle()
    living.check()


# Bronze that is not complete


def test_a_window_waits_for_files_that_are_on_their_way(living: Living) -> None:
    living.deliver("sales", 25, "a.json", sales(11))
    living.bronze("sales", [batch(25)])
    living.deliver("items", 26, "a.json", [{"sale": 11, "position": 1}])
    group = living.business.groups[0]
    due = due_windows(living.lake, group, END)
    assert (due.ready, due.held) == (
        [],
        {SECOND: f"silver's window {SECOND} waits: raw/items/{batch(26)} is not in bronze yet"},
    )
    living.ingest()
    assert due_windows(living.lake, group, END).ready == [SECOND]


def test_a_declaration_that_is_refused_keeps_its_batches_waiting(living: Living) -> None:
    living.deliver("sales", 25, "a.json", sales(11))
    model = living.models["sales"]
    model.table, before = replace(SALES, columns=SALES.columns[:1]), model.table
    model.table = replace(SALES, columns=(SALES.columns[0], replace(SALES.columns[1], type="VARCHAR")))
    with pytest.raises(LakeError, match="amount: INTEGER cannot become VARCHAR in place"):
        living.ingest()
    model.table = before
    living.settle()
    living.check()
