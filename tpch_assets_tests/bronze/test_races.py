"""Two runs of bronze at once, as after a run whose process was believed dead: no line and no reject is lost."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tpch_assets.bronze.fingerprint import rejects_of
from tpch_assets.bronze.plan import plan_batches
from tpch_assets.lake import folder, storing
from tpch_assets.lake.commit import CommitConflict
from tpch_assets.lake.folder import Folder
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import write_piece
from tpch_assets.lake.recovery import repair
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.lake.storing import commit_pieces
from tpch_assets.lake.update import TableUpdate
from tpch_assets.raw.files import files_of
from tpch_assets.schema import Column
from tpch_assets_tests.bronze.test_evolution import LINES, SALES, SHOPS
from tpch_assets_tests.living import Line, Living, batch

WEIGHED = replace(SALES, columns=(*SALES.columns, Column("weight", "INTEGER", "Added later.", nullable=True)))
WIDE = replace(SALES, columns=(SALES.columns[0], replace(SALES.columns[1], type="BIGINT")))
BAD: Line = {"sale": "bad"}


@pytest.fixture
def living(lake: Lake, tmp_path: Path) -> Living:
    found = Living(lake, (SALES, LINES, SHOPS), tmp_path)
    found.deliver("items", 0, "a.json", [])
    return found


def planned(living: Living) -> TableUpdate:
    """What a run of bronze has planned that then is slow."""
    bronze = snapshot(living.lake, living.lake.table("bronze", "sales"))
    rejects = rejects_of(bronze)
    return plan_batches(living.models["sales"].table, files_of(living.lake, "sales", [batch(0)]), bronze, rejects)


def between(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Any]) -> None:
    """Have something happen between the next run's commit of rejects and that of rows."""
    really, happened = storing.commit, list[Any]()

    def commit(lake: Lake, uri: str, *arguments: Any, **options: Any) -> Any:
        done = really(lake, uri, *arguments, **options)
        if not happened:
            happened.append(True)
            meanwhile()
        return done

    monkeypatch.setattr(storing, "commit", commit)


def sale(key: int) -> Line:
    return {"sale": key, "amount": 1, "weight": 7}


def test_a_run_that_has_seen_an_older_file_does_not_replace_the_rejects_of_a_newer_one(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    living.deliver("sales", 0, "a.json", [sale(1), BAD])
    slow = planned(living)
    living.deliver("sales", 0, "a.json", [sale(1), sale(2), BAD, BAD])

    def overtaken() -> None:
        with pytest.raises(CommitConflict, match="another writer has put"):
            living.store("bronze", "sales", slow)

    between(monkeypatch, overtaken)
    living.settle()
    living.check()


def test_rejects_of_a_run_that_was_overtaken_are_taken_away(living: Living) -> None:
    living.deliver("sales", 0, "a.json", [sale(1), BAD])
    slow, uri = planned(living), living.lake.table("bronze", "sales")
    ((file, content),) = slow.files[batch(0)].items()
    piece = write_piece(living.lake, uri, batch(0), file, content)
    living.deliver("sales", 0, "a.json", [sale(1), sale(2)])
    living.settle()
    with pytest.raises(CommitConflict, match="another writer has put"):
        commit_pieces(living.lake, uri, [piece], slow)
    assert snapshot(living.lake, f"{uri}_rejects").rows == 1, "rejects are committed before rows"
    living.settle()
    living.check()


def test_a_run_that_begins_while_another_fills_a_column_loses_no_reject(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    living.deliver("sales", 0, "a.json", [sale(1), BAD])
    living.settle()
    living.declare(WEIGHED)
    second: list[TableUpdate] = []
    between(monkeypatch, lambda: second.append(planned(living)))
    living.ingest()
    living.store("bronze", "sales", second[0])
    living.settle()
    living.check()


def test_a_run_that_dies_between_its_commits_is_made_up_for(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    living.deliver("sales", 0, "a.json", [sale(1), BAD])

    def die() -> None:
        raise KeyboardInterrupt

    between(monkeypatch, die)
    with pytest.raises(KeyboardInterrupt):
        living.ingest()
    living.settle()
    living.check()


def test_rejects_of_a_run_that_died_before_flushing_them_survive_with_the_rows_of_the_next_run(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    living.deliver("sales", 0, "a.json", [sale(1), BAD])
    really, flushed = Folder.flush_commit, set[Path]()

    def flush(self: Folder, table: str, version: int) -> None:
        if table.endswith("/sales_rejects") and version == 1:
            raise KeyboardInterrupt
        really(self, table, version)

    def fsync(path: str) -> None:
        flushed.add(Path(path))

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(Folder, "flush_commit", flush)
        living.ingest()
    monkeypatch.setattr(folder, "fsync", fsync)
    living.ingest()

    for commit in set(Path(living.lake.uri).glob("bronze/sales*/_delta_log/*1.json")) - flushed:
        commit.write_bytes(b"")  # The power is lost.
    repair(living.lake)
    living.settle()
    living.check()


def test_runs_of_before_and_after_a_column_was_declared_do_not_write_the_same_file(living: Living) -> None:
    living.deliver("sales", 1, "a.json", [sale(2)])
    living.settle()
    living.deliver("sales", 0, "a.json", [sale(1), BAD])
    living.models["sales"].ingest(batch(0), "a.json")
    slow = planned(living)
    living.declare(WEIGHED)
    fresh = planned(living)
    living.store("bronze", "sales", slow)
    with pytest.raises(CommitConflict, match="another writer has put"):
        living.store("bronze", "sales", fresh)
    assert repair(living.lake) == [], "a file of another size than its commit says is taken for cut off"
    living.settle()
    living.check()


@pytest.mark.parametrize("new", [False, True], ids=["table", "new table"])
def test_a_run_of_another_declaration_does_not_leave_rows_beside_its_rejects(
    living: Living, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    """It replaces the rejects of a slow run, and dies; the rows of the slow run come behind it."""
    if not new:
        living.deliver("sales", 1, "a.json", [sale(2)])
        living.settle()
    living.deliver("sales", 0, "a.json", [sale(1), {"sale": 3, "amount": 1 << 40}])
    slow = planned(living)
    really, commits = storing.commit, list[str]()

    def commit(lake: Lake, uri: str, *arguments: Any, **options: Any) -> Any:
        done = really(lake, uri, *arguments, **options)
        commits.append(uri.rsplit("/", 1)[-1])
        if len(commits) == 1:
            living.declare(WIDE)
            with pytest.raises(KeyboardInterrupt):
                living.store("bronze", "sales", planned(living))
        elif len(commits) == 2:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(storing, "commit", commit)
    with pytest.raises(CommitConflict, match="writes other columns"):
        living.store("bronze", "sales", slow)
    assert commits == ["sales_rejects", "sales_rejects"]
    living.settle()
    living.check()


def test_rows_that_came_before_a_run_of_another_declaration_stop_it_before_the_rejects(living: Living) -> None:
    living.deliver("sales", 0, "a.json", [sale(1), {"sale": 3, "amount": 1 << 40}])
    living.models["sales"].ingest(batch(0), "a.json")
    slow = planned(living)
    rejects = snapshot(living.lake, living.lake.table("bronze", "sales_rejects"))
    living.declare(WIDE)
    fresh = planned(living)
    living.store("bronze", "sales", slow)
    with pytest.raises(CommitConflict, match="another writer has put"):
        living.store("bronze", "sales", replace(fresh, over_rejects=None))
    assert rejects.version < snapshot(living.lake, rejects.uri).rows == 1
    living.settle()
    living.check()


def test_one_of_two_files_is_corrected_and_the_rejects_of_the_other_stay(living: Living) -> None:
    living.deliver("sales", 0, "a.json", [sale(1), BAD])
    living.deliver("sales", 0, "b.json", [sale(2), BAD, BAD])
    living.settle()
    living.deliver("sales", 0, "a.json", [sale(1), sale(3), BAD])
    living.settle()
    living.check()
