"""The commands for who writes queries: check, explain, query and plan. A broken file takes none of them down."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tpch_assets.commands import main as cli
from tpch_assets.gold.queries import load_queries
from tpch_assets.lake.lake import Lake
from tpch_assets.schema import Column
from tpch_assets.settings import current_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.businesses import trains
from tpch_assets_tests.commands.test_cli import Shell
from tpch_assets_tests.conftest import use
from tpch_assets_tests.lake.former import former_lake

HEAD = "-- Orders\n-- How many orders are there?\n"
BY_PRIORITY = """SELECT o_orderpriority AS priority, count(*) AS n FROM orders, region
WHERE r_name = 'ASIA' GROUP BY ALL ORDER BY ALL"""


@pytest.fixture
def shell(environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(environment, monkeypatch, capsys)


@pytest.fixture
def folder(environment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of query files, which is the business's."""
    made = environment / "queries"
    made.mkdir()
    (made / "by_priority.sql").write_text(HEAD + BY_PRIORITY)
    business = ModuleType(f"business_of_{environment.name}")
    business.BUSINESS = replace(BUSINESS, queries=made, answers=())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, business.__name__, business)
    use(monkeypatch, business=business.__name__)
    return made


@pytest.fixture
def small(environment: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The lake of a former version: a day of TPC-H at scale factor 0.001."""
    use(monkeypatch, start="2026-11-01", scale_factor="0.001", generate="false")
    return former_lake(environment)


def failed(shell: Shell, *arguments: str) -> tuple[str, str]:
    """What a command prints that ends with exit code 1."""
    shell.monkeypatch.setattr(sys, "argv", ["tpch-assets", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    return shell.capsys.readouterr()


def test_check_of_a_sound_business_says_so(shell: Shell) -> None:
    count = len(load_queries(BUSINESS))
    assert shell("check") == f"{len(BUSINESS.tables)} tables, {count} queries and 1 model: nothing is wrong.\n"


def test_check_counts_no_models_where_there_are_none(
    shell: Shell, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, business=trains.__name__)
    count = len(load_queries(trains.BUSINESS))
    assert shell("check") == f"{len(trains.BUSINESS.tables)} tables and {count} queries: nothing is wrong.\n"


def test_check_prints_a_line_per_problem(shell: Shell, folder: Path) -> None:
    (folder / "column.sql").write_text(HEAD + "SELECT\n  o_totalpric\nFROM orders")
    (folder / "table.sql").write_text(HEAD + "SELECT 1 AS a\nFROM lineitm")
    (folder / "value.sql").write_text(HEAD + "-- param top: 'ten'::INTEGER\nSELECT 1 AS a FROM orders LIMIT $top")
    printed, _ = failed(shell, "check")
    column, table, value = printed.splitlines()
    assert column.startswith(f"{folder}/column.sql:4: ") and column.endswith('Did you mean "o_totalprice"?')
    assert table.startswith(f"{folder}/table.sql:4: ") and table.endswith("did you mean lineitem?")
    assert value.startswith(f"{folder}/value.sql: a parameter has no value: ")


def test_check_tells_a_table_that_is_not_valid(shell: Shell) -> None:
    use(shell.monkeypatch, business="tpch_assets_tests.businesses.nowhere")
    printed, _ = failed(shell, "check")
    assert "no Python module tpch_assets_tests.businesses.nowhere" in printed
    assert printed.count("\n") == 1


def test_explain_prints_both_statements_and_what_is_computed_again(shell: Shell) -> None:
    printed = shell("explain", "q13")
    assert "\n-- partial\nSELECT\n" in printed and "\n-- combine\nSELECT\n" in printed
    (orders,) = [line for line in printed.splitlines() if line.startswith("  a window of orders or lineitem")]
    assert orders.endswith("the partials of its shards, then combine, for the day and all after it")
    (customer,) = [line for line in printed.splitlines() if line.startswith("  customer changes in c_custkey ")]
    assert customer.endswith("combine, for the latest day")


def test_explain_lays_derived_statements_out_over_lines(shell: Shell) -> None:
    printed = shell("explain", "q06")
    assert "\nFROM lineitem" in printed
    assert max(map(len, printed.splitlines())) < 150


def test_explain_says_why_a_query_runs_whole(shell: Shell, folder: Path) -> None:
    (folder / "two.sql").write_text(HEAD + "SELECT median(o_totalprice) AS m FROM orders, nation n1, nation n2")
    printed = shell("explain", "two")
    assert "It runs whole, over all files: " in printed or "\n-- partial\n" in printed
    assert "nation changes" in printed


def test_a_query_is_known_by_how_its_name_begins(shell: Shell) -> None:
    assert shell("explain", "q06").startswith("q06_forecasting_revenue_change: ")
    assert "q10_returned_item_reporting" in shell.refuses("explain", "q1")
    assert "did you mean unshipped_totals?" in shell.refuses("show", "unshiped_totals")


def test_a_broken_query_is_told_and_takes_no_command_down(shell: Shell, folder: Path, small: Lake) -> None:
    (folder / "broken.sql").write_text(HEAD + "SELECT nothing FROM orders")
    assert shell.refuses("explain", "broken").startswith(f"tpch-assets: {folder}/broken.sql:3: ")
    assert "by_priority" in shell("explain", "by")
    shell.monkeypatch.setattr(sys, "argv", ["tpch-assets", "status"])
    cli.main()
    captured = shell.capsys.readouterr()
    assert " lineitem " in captured.out
    assert captured.err.startswith(f"tpch-assets: {folder}/broken.sql:3: ")
    assert captured.err.endswith("its answers stay as they are\n")


@pytest.mark.parametrize("head", [HEAD, "", "-- Only a title\n"])
def test_query_runs_a_statement_and_leaves_nothing_behind(shell: Shell, small: Lake, head: str) -> None:
    file = shell.folder / "my own.sql"
    file.write_text(head + BY_PRIORITY)
    before = shell.tree()
    printed = shell("query", str(file))
    assert shell.tree() == before
    assert "as of 2026-11-01" in printed
    rows = [line.split() for line in printed.splitlines() if line.strip()[:2] in ("1-", "2-", "3-", "4-", "5-")]
    assert sum(int(row[-1]) for row in rows) == 1500
    assert printed.splitlines()[-1].startswith("5 rows in ")


def test_query_answers_as_of_a_day(shell: Shell, small: Lake) -> None:
    file = shell.folder / "orders.sql"
    file.write_text("SELECT count(*) AS n, $as_of AS day FROM orders")
    assert "0  2026-10-31" in shell("query", str(file), "--day", "2026-10-31")
    assert "write a date" in shell.refuses("query", str(file), "--day", "yesterday")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT o_totalpric FROM orders", 'a.sql:1: Referenced column "o_totalpric" not found'),
        ("SELECT o_clerk::INTEGER AS n FROM orders", "a.sql: Conversion Error"),
        ("DELETE FROM orders", "a.sql:1: not one valid SELECT"),
    ],
)
def test_query_tells_what_is_wrong_in_one_sentence(shell: Shell, small: Lake, statement: str, message: str) -> None:
    file = shell.folder / "a.sql"
    file.write_text(statement)
    assert message in shell.refuses("query", str(file))


def test_plan_says_what_is_to_be_done_and_why(shell: Shell, folder: Path, small: Lake) -> None:
    (folder / "q06_forecasting_revenue_change.sql").write_text(HEAD + "SELECT 2 * count(*) AS revenue FROM lineitem")
    found = json.loads(shell("plan", "--json"))
    gold = {row["name"]: (row["reason"], row["partitions"]) for row in found if row["layer"] == "gold"}
    assert gold == {
        "by_priority": ("missing", ["2026-11-01"]),
        "q06_forecasting_revenue_change": ("query changed", ["2026-11-01"]),
        "late_delivery_model": ("missing", ["2026-11-01"]),
    }
    assert [row for row in found if row["layer"] != "gold"] == []
    assert "query changed" in shell("plan")


def test_plan_follows_a_file_that_has_arrived_through_all_layers(shell: Shell, folder: Path, small: Lake) -> None:
    source = next(Path(small.path("raw", "orders", "2026-11-01T0000")).iterdir())
    shutil.copy(source, source.with_name("late.json"))
    (folder / "broken.sql").write_text(HEAD + "SELECT nothing FROM orders")
    found = {
        (row["layer"], row["name"]): (row["reason"], row["partitions"]) for row in json.loads(shell("plan", "--json"))
    }
    assert found["bronze", "orders"] == ("data arrived", ["2026-11-01T0000"])
    assert found["silver", "orders"] == found["silver", "lineitem"] == ("data arrived", ["2026-11-01T0000"])
    assert found["gold", "by_priority"] == ("missing", ["2026-11-01"])
    assert found["gold", "broken"][0].startswith("broken: ")
    assert found["gold", "late_delivery_model"] == ("missing", ["2026-11-01"])
    assert len(found) == 6


def test_plan_tells_a_broken_query_in_one_line_below_what_is_to_be_done(
    shell: Shell, folder: Path, small: Lake
) -> None:
    (folder / "broken.sql").write_text(HEAD + "SELECT nothing FROM orders")
    *_, missing, model, broken = shell("plan").splitlines()
    assert missing.split() == ["gold", "by_priority", "day", "2026-11-01", "missing"]
    assert model.split() == ["gold", "late_delivery_model", "day", "2026-11-01", "missing"]
    assert broken.startswith(f"broken is broken: {folder}/broken.sql:3: ")


def test_plan_tells_a_column_that_was_added(shell: Shell, folder: Path, small: Lake) -> None:
    business = sys.modules[current_settings().business]
    new = Column("o_channel", "VARCHAR", "Where it was ordered.", nullable=True)
    tables = [replace(t, columns=(*t.columns, new)) if t.name == "orders" else t for t in BUSINESS.tables]
    business.BUSINESS = replace(business.BUSINESS, tables=tuple(tables))  # type: ignore[attr-defined]
    found = {(row["layer"], row["name"]): row["reason"] for row in json.loads(shell("plan", "--json"))}
    assert found["bronze", "orders"] == "column o_channel added"
