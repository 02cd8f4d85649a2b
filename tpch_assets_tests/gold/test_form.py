"""How a query runs: cut in two if both forms give the same, and whole otherwise, with the reason."""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from tpch_assets.gold import derive, form
from tpch_assets.gold.derive import Derived, Whole, gate
from tpch_assets.gold.form import Form, form_of
from tpch_assets.gold.plan import RUNS_WHOLE, WARNING, plan_answers
from tpch_assets.gold.queries import Query, load_query, parameters
from tpch_assets.lake.lake import Lake
from tpch_assets.schema import Business
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.lake.former import former_lake

HEAD = "-- Orders\n-- How many orders are there?\n"
PLAIN = "SELECT count(*) AS n FROM orders WHERE o_orderkey > $least"
CUT = Derived(PLAIN, "SELECT sum(n)::BIGINT AS n FROM partials", "orders")
DAY = date(2026, 11, 1)


@dataclass
class Splitter:
    """Stands in for the derivation and the gate, and counts."""

    says: Derived | Whole | Exception = CUT
    differs: str | None = None
    cut: list[str] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)

    def derive(self, statement: str, business: Business, types: Mapping[str, str]) -> Derived | Whole:
        assert types["least"] == "INTEGER"
        self.cut.append(statement)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def difference(
        self, statement: str, derived: Derived, business: Business, values: Mapping[str, object]
    ) -> str | None:
        assert values["least"] == 1
        self.compared.append(statement)
        return self.differs


@pytest.fixture
def splitter(monkeypatch: pytest.MonkeyPatch) -> Splitter:
    found = Splitter()
    monkeypatch.setattr(derive, "derive", found.derive)
    monkeypatch.setattr(gate, "difference", found.difference)
    monkeypatch.setattr(form, "_known", {})
    return found


def query(folder: Path, statement: str = PLAIN, more: str = "") -> Query:
    (folder / "orders.sql").write_text(f"{HEAD}-- param least: 1\n\n{statement}\n{more}")
    return load_query(BUSINESS, folder / "orders.sql")


def judged(asked: Query, lake: Lake | None = None) -> Form:
    return form_of(asked, BUSINESS, parameters(asked, 1, DAY), lake)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be another process."""
    monkeypatch.setattr(form, "_known", {})


def test_a_statement_is_cut_and_compared_once(
    splitter: Splitter, tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = query(tmp_path)
    wanted = Form(CUT.combine, CUT.partial, "orders")
    assert judged(asked, lake) == wanted
    assert judged(asked, lake) == wanted
    forget(monkeypatch)
    assert judged(asked, lake) == wanted
    assert (len(splitter.cut), len(splitter.compared)) == (1, 1)
    (kept,) = Path(lake.path("partials", "_forms")).iterdir()
    assert json.loads(kept.read_text())["partial"] == CUT.partial


def test_another_statement_is_cut_anew_and_another_spelling_is_not(
    splitter: Splitter, tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(query(tmp_path), lake)
    judged(query(tmp_path, PLAIN.lower().replace(" from", "\n-- why\nFROM")), lake)
    assert len(splitter.cut) == 1
    judged(query(tmp_path, PLAIN.replace(">", ">=")), lake)
    monkeypatch.setattr(form, "VERSION", form.VERSION + 1)
    judged(query(tmp_path), lake)
    assert len(splitter.cut) == len(splitter.compared) == 3


def test_a_statement_that_is_not_cut_runs_whole(splitter: Splitter, tmp_path: Path) -> None:
    splitter.says = Whole("it has a median")
    assert judged(query(tmp_path)) == Form(PLAIN, whole="it has a median")
    assert not splitter.compared


def test_two_forms_that_differ_run_whole_and_somebody_is_told(splitter: Splitter, tmp_path: Path) -> None:
    splitter.differs = "row 1: 2 is not 3"
    found = judged(query(tmp_path))
    assert (found.partial, found.combine) == (None, PLAIN)
    assert "row 1: 2 is not 3" in found.whole
    assert found.warning.startswith("orders runs whole: ")


def test_an_error_in_the_splitter_is_told_and_the_query_runs_whole(
    splitter: Splitter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    splitter.says = RecursionError("too deep")
    with caplog.at_level(logging.ERROR):
        found = judged(query(tmp_path))
    assert (found.partial, found.combine) == (None, PLAIN)
    assert "RecursionError: too deep" in found.warning
    assert "could not be cut" in caplog.text


def test_an_override_is_compared_with_the_plain_statement(splitter: Splitter, tmp_path: Path) -> None:
    more = f"-- partial\n{PLAIN}\n-- combine\nSELECT sum(n)::BIGINT + 0 AS n FROM partials\n"
    found = judged(query(tmp_path, more=more))
    assert (found.partial, found.combine) == (PLAIN, "SELECT sum(n)::BIGINT + 0 AS n FROM partials")
    assert (splitter.cut, splitter.compared) == ([], [PLAIN])


@pytest.mark.parametrize("says", [CUT, Whole("it is tested")])
def test_both_forms_give_the_answer(splitter: Splitter, tmp_path: Path, says: Derived | Whole) -> None:
    splitter.says, lake = says, former_lake(tmp_path)
    update = plan_answers(query(tmp_path), BUSINESS, lake, [str(DAY)], 0.001)
    ((content,),) = (files.values() for files in update.files.values())
    answer = content.rows.compute(scheduler="synchronous")  # type: ignore[attr-defined]
    assert answer.drop_columns(["as_of"]).to_pylist() == [{"n": 1499}]
    facts = update.extra[str(DAY)]
    assert facts["shards"] == 4
    assert facts.get(RUNS_WHOLE) == (None if says is CUT else "it is tested")
    assert WARNING not in facts
    partials = [path for path in Path(lake.path("partials", "orders")).rglob("*.parquet") if says is CUT]
    assert len(partials) == (4 if says is CUT else 0)


def test_nothing_imports_the_splitter_before_an_answer_is_planned() -> None:
    code = """
import sys
from tpch_assets.gold.identity import code_digest
from tpch_assets.gold.lineage import origins
from tpch_assets.gold.plan import plan_answers
from tpch_assets.gold.queries import load_queries
from tpch_assets.gold.stale import stale_days
from tpch_assets.tpch import BUSINESS
for query in load_queries(BUSINESS).values():
    code_digest(query, BUSINESS, 1), origins(query, BUSINESS)
assert "sqlglot" not in sys.modules and "tpch_assets.gold.derive" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
