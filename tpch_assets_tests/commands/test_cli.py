"""The command line: one sentence and exit code 2 for what is wrong, and nothing written; what the lake holds."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tpch_assets.commands import main as cli
from tpch_assets.commands.parser import COMMANDS
from tpch_assets.commands.rows import LIMIT, print_rows, size
from tpch_assets.commands.status import status
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.conftest import Bronze
from tpch_assets_tests.models import toy

PROGRAM = Path(sys.executable).with_name("tpch-assets")


class Shell:
    """Runs the command line in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.monkeypatch, self.capsys = folder, monkeypatch, capsys

    def __call__(self, *arguments: str) -> str:
        """What a command prints that ends well."""
        self.monkeypatch.setattr(sys, "argv", ["tpch-assets", *arguments])
        cli.main()
        captured = self.capsys.readouterr()
        assert captured.err == ""
        return captured.out

    def refuses(self, *arguments: str) -> str:
        """The one sentence of a command that ends with exit code 2 and has written nothing."""
        before = self.tree()
        self.monkeypatch.setattr(sys, "argv", ["tpch-assets", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = self.capsys.readouterr()
        assert end.value.code == 2
        assert captured.out == ""
        assert captured.err.startswith("tpch-assets: ")
        assert captured.err.count("\n") == 1, captured.err
        assert self.tree() == before
        return captured.err

    def tree(self) -> set[Path]:
        return set(self.folder.rglob("*"))


@pytest.fixture
def shell(environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(environment, monkeypatch, capsys)


@pytest.mark.parametrize("command", [("replay",), ("status",), ("show", "q01_pricing_summary")])
def test_a_bad_setting_is_one_sentence(shell: Shell, command: tuple[str, ...]) -> None:
    shell.monkeypatch.setenv("TPCH_SCALE_FACTOR", "-1")
    assert "TPCH_SCALE_FACTOR='-1'" in shell.refuses(*command)


@pytest.mark.parametrize("command", [("replay",), ("status",), ("show", "q01_pricing_summary")])
def test_an_unknown_setting_is_one_sentence(shell: Shell, command: tuple[str, ...]) -> None:
    shell.monkeypatch.setenv("TPCH_SCALE", "1")
    assert "did you mean" in shell.refuses(*command)


@pytest.mark.parametrize("command", [("replay",), ("status",), ("show", "q01_pricing_summary")])
def test_a_lake_that_cannot_be_reached_is_one_sentence(shell: Shell, command: tuple[str, ...]) -> None:
    (shell.folder / "file").write_text("in the way")
    lake = f"{shell.folder}/file/lake"
    message = shell.refuses(*command, "--lake", lake)
    assert lake in message
    assert "cannot be used" in message


@pytest.mark.parametrize("command", [("replay",), ("status",)])
def test_a_lake_of_another_kind_is_one_sentence(shell: Shell, command: tuple[str, ...]) -> None:
    assert "gs://" in shell.refuses(*command, "--lake", "gs://bucket/lake")


@pytest.mark.parametrize("start", ["2024-01-01T06:00", "yesterday", "2024-13-01"])
def test_a_start_that_is_no_midnight_is_one_sentence(shell: Shell, start: str) -> None:
    message = shell.refuses("replay", "--start", start)
    assert start in message
    assert "2026-01-01" in message


@pytest.mark.parametrize("factor", ["0", "much", "nan"])
def test_a_bad_scale_factor_is_one_sentence(shell: Shell, factor: str) -> None:
    assert factor in shell.refuses("replay", "--scale-factor", factor)


@pytest.mark.parametrize("batches", ["0", "-1"])
def test_no_batches_are_one_sentence(shell: Shell, batches: str) -> None:
    assert f"--batches {batches}" in shell.refuses("replay", "--batches", batches)


def test_batches_that_have_not_ended_are_one_sentence(shell: Shell) -> None:
    today = datetime.now(UTC).date()
    assert "has not ended yet" in shell.refuses("replay", "--start", str(today), "--batches", "97")
    tomorrow = today + timedelta(days=1)
    assert "has not ended yet" in shell.refuses("replay", "--start", str(tomorrow), "--batches", "1")


def test_a_day_before_the_lakes_first_is_one_sentence(shell: Shell, lake: Lake) -> None:
    shell.monkeypatch.delenv("TPCH_START")
    first = Path(lake.path("raw", "orders", "2024-03-01T0000", "a.json"))
    first.parent.mkdir(parents=True)
    first.write_text("")
    assert "begins on 2024-03-01" in shell.refuses("replay", "--start", "2024-02-01", "--batches", "1")


def test_an_unknown_query_is_one_sentence(shell: Shell) -> None:
    message = shell.refuses("show", "q99")
    assert "q99 is not a query" in message
    assert "q01_pricing_summary" in message
    assert shell.refuses("show", "customr_baskets").endswith("did you mean customer_baskets?\n")


def test_a_query_without_an_answer_is_one_sentence(shell: Shell) -> None:
    assert "no answer yet" in shell.refuses("show", "q01_pricing_summary")


@pytest.mark.parametrize("arguments", [["--fly"], ["replay", "--batches", "many"], ["show"]])
def test_a_bad_command_is_told_by_its_usage(shell: Shell, arguments: list[str]) -> None:
    shell.monkeypatch.setattr(sys, "argv", ["tpch-assets", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert shell.capsys.readouterr().err.startswith("usage: tpch-assets")


def test_help_names_the_commands(shell: Shell) -> None:
    shell.monkeypatch.setattr(sys, "argv", ["tpch-assets", "--help"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    printed = shell.capsys.readouterr().out
    assert all(command in printed for command in ("replay", "status", "show"))


def test_without_a_command_the_help_is_printed(shell: Shell) -> None:
    assert "status" in shell()


def test_the_version_is_the_packages(shell: Shell) -> None:
    shell.monkeypatch.setattr(sys, "argv", ["tpch-assets", "--version"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    assert shell.capsys.readouterr().out == f"tpch-assets {metadata.version('tpch-assets')}\n"


def test_the_command_runs_where_it_is_not_installed(shell: Shell) -> None:
    def not_installed(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    shell.monkeypatch.setattr(metadata, "version", not_installed)
    assert "status" in shell()
    shell.monkeypatch.setattr(sys, "argv", ["tpch-assets", "--version"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    assert "not installed" in shell.capsys.readouterr().out


@pytest.mark.parametrize("command", [command.__name__.rsplit(".", 1)[-1] for command in COMMANDS])
def test_a_commands_help_says_what_it_does(shell: Shell, command: str) -> None:
    shell.monkeypatch.setattr(sys, "argv", ["tpch-assets", command, "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    _, summary, *_ = shell.capsys.readouterr().out.split("\n\n")
    assert summary[0].isupper() and summary.endswith(".")


def test_the_installed_command_refuses_as_well(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPCH_COMPUTE", "gpu")
    done = subprocess.run([PROGRAM, "status"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tpch-assets: TPCH_COMPUTE='gpu': ")
    assert "Traceback" not in done.stderr


# A small lake.


@pytest.fixture
def small(bronze: Bronze) -> Lake:
    """A lake with two raw files, four bronze orders and two days of one query."""
    lake = bronze.lake
    for batch, length in (("2024-01-01T0000", 7), ("2024-01-01T0015", 1234)):
        path = Path(lake.path("raw", "orders", batch, "orders.json"))
        path.parent.mkdir(parents=True)
        path.write_text("x" * length)
    bronze.deliver("orders", "2024-01-01T0000", {"a.json": [{"o_orderkey": key} for key in (1, 2, 3)]})
    bronze.deliver("orders", "2024-01-01T0015", {"a.json": [{"o_orderkey": 4}]})
    uri = lake.table("gold", "q06_forecasting_revenue_change")
    for day, revenue in (("2024-01-01", 1.0), ("2024-01-02", 1234567.891)):
        answer = pa.table({"revenue": [revenue], "as_of": [date.fromisoformat(day)]})
        commit(lake, uri, [write_file(lake, uri, day, "x.parquet", partial(pq.write_table, answer))], {day})
    return lake


def test_status_of_an_empty_lake_is_one_sentence(shell: Shell, lake: Lake) -> None:
    assert f"{lake.uri} is empty" in shell.refuses("status")


def test_status_prints_what_each_table_holds(shell: Shell, small: Lake) -> None:
    lines = [line.split() for line in shell("status").splitlines()]
    found = {(words[0], words[1]): words[2:] for words in lines if words and words[0] in ("raw", "bronze", "gold")}
    assert found["raw", "orders"][:5] == ["2", "2", "1.2", "kB", "2024-01-01T0015"]
    assert found["raw", "orders"][6:] == ["d", found["raw", "orders"][7], "h", "very", "late"]
    partitions, rows, rejects, files, amount, unit, latest = found["bronze", "orders"][:7]
    assert (partitions, rows, rejects, files, latest) == ("2", "4", "0", "2", "2024-01-01T0015")
    data = Path(small.table("bronze", "orders")).glob("2024*/*.parquet")
    assert f"{amount} {unit}" == size(sum(path.stat().st_size for path in data))
    assert found["gold", "q06_forecasting_revenue_change"][0] == "2"
    assert found["gold", "q06_forecasting_revenue_change"][5] == "2024-01-02"
    assert len(found) == 3


def test_status_counts_rejects_and_tells_the_lag_as_the_checks_do(lake: Lake) -> None:
    def put(layer: str, name: str, partition: str, batch: str) -> None:
        rows, uri = pa.table({"_batch": [batch, batch]}), lake.table(layer, name)
        commit(lake, uri, [write_file(lake, uri, partition, "x.parquet", partial(pq.write_table, rows))], {partition})

    put("bronze", "orders", "2024-01-01T1815", "2024-01-01T1815")
    put("bronze", "orders_rejects", "2024-01-01T1815", "2024-01-01T1815")
    put("bronze", "region", "2024-01-01T0000", "2024-01-01T0000")
    put("silver", "orders", "2024-01-01T1200", "2024-01-01T1745")
    found = {
        (row.layer, row.name): (row.rejects, row.lag, row.state)
        for row in status(lake, BUSINESS, datetime(2024, 1, 1, 19, 5, tzinfo=UTC))
    }
    assert found["bronze", "orders"] == (2, timedelta(minutes=35), "late")
    assert found["bronze", "region"] == (0, None, "")
    assert found["silver", "orders"] == (None, timedelta(minutes=65), "on time")


def test_status_tells_versions_of_models_and_the_day_of_the_last(lake: Lake) -> None:
    for day in ("2024-01-01", "2024-01-02"):
        toy.register(lake, toy.version(day))
    (found,) = status(lake, BUSINESS, datetime(2024, 1, 3, 1, tzinfo=UTC))
    assert (found.layer, found.name, found.partitions, found.rows) == ("gold", "models", 1, 2)
    assert (found.latest, found.lag, found.state) == ("2024-01-02", timedelta(hours=1), "on time")


def test_a_scheduler_that_does_not_answer_is_told_before_the_work_begins(shell: Shell) -> None:
    shell.monkeypatch.setenv("TPCH_COMPUTE", "address")
    shell.monkeypatch.setenv("TPCH_ADDRESS", "tcp://127.0.0.1:1")
    assert "TPCH_ADDRESS=tcp://127.0.0.1:1: no Dask scheduler answers there" in shell.refuses("replay")


def test_an_unknown_command_is_told_with_the_one_that_was_meant(shell: Shell) -> None:
    assert shell.refuses("stauts") == "tpch-assets: stauts is not a command: did you mean status?\n"


def test_show_prints_the_latest_answer(shell: Shell, small: Lake) -> None:
    printed = shell("show", "q06_forecasting_revenue_change")
    assert "as of 2024-01-02" in printed
    assert "1234567.89" in printed
    assert "as_of" not in printed


def test_status_tells_the_latest_partition_where_no_row_has_a_batch(shell: Shell, lake: Lake) -> None:
    uri = lake.table("bronze", "orders")
    batches = pa.table({"o_orderkey": [1], "_batch": pa.array([None], pa.string())})
    day = "2024-01-01T0000"
    commit(lake, uri, [write_file(lake, uri, day, "x.parquet", partial(pq.write_table, batches))], {day})
    printed = shell("status")
    assert "None" not in printed and day in printed


def test_show_prints_the_answer_of_a_day(shell: Shell, small: Lake) -> None:
    assert "1.00" in shell("show", "q06", "--day", "2024-01-01")
    assert "2 days from 2024-01-01 to 2024-01-02" in shell.refuses("show", "q06", "--day", "2024-01-03")
    assert "write a date" in shell.refuses("show", "q06", "--day", "yesterday")


def test_show_prints_for_programs_with_every_digit(shell: Shell, small: Lake) -> None:
    assert shell("show", "q06", "--format", "csv") == "revenue\n1234567.891\n"
    assert json.loads(shell("show", "q06", "--format", "json")) == [{"revenue": 1234567.891}]
    assert shell("show", "q06", "--format", "json", "--limit", "0") == "[]\n"


def test_a_limit_that_is_no_number_is_told_by_its_usage(shell: Shell, small: Lake) -> None:
    shell.monkeypatch.setattr(sys, "argv", ["tpch-assets", "show", "q06", "--limit", "-1"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "--limit: -1 is not a number of rows" in shell.capsys.readouterr().err


# Rows.

WIDE = pa.table(
    {
        "share": [0.0639, 0.5],
        "tiny": [1.5e-12, None],
        "exact": pa.array([Decimal("12345678901234567.89"), Decimal("-1.00")], pa.decimal128(20, 2)),
        "at": pa.array([datetime(2024, 1, 1, 12, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC")),
        "text": ["a\nb\x1b[2J", "x" * 300],
    }
)


def test_a_table_keeps_digits_and_columns_however_narrow_the_terminal(shell: Shell) -> None:
    shell.monkeypatch.setenv("COLUMNS", "40")
    print_rows("Wide", WIDE)
    title, names, first, second = shell.capsys.readouterr().out.splitlines()
    assert (title, names.split()) == ("Wide", WIDE.column_names)
    assert first.split() == ["0.06390", "1.5e-12", "12345678901234567.89", "2024-01-01", "12:00:00", r"a\nb\x1b[2J"]
    assert second.split() == ["0.50000", "NULL", "-1.00", "2024-01-01", "12:00:00", "x" * 300]
    assert names.index("text") == first.index("a") == second.index("x"), "columns stand under their names"


def test_a_table_says_how_many_rows_it_leaves_out(shell: Shell) -> None:
    rows = pa.table({"n": range(LIMIT + 1)})
    print_rows("Long", rows)
    assert shell.capsys.readouterr().out.endswith(f" 99\n1 more of {LIMIT + 1} rows: print them with --limit 101\n")
    print_rows("Long", rows, limit=LIMIT + 1)
    assert shell.capsys.readouterr().out.endswith("\n 100\n")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_programs_get_all_rows_and_exact_decimals(shell: Shell, form: str) -> None:
    print_rows("Wide", pa.concat_tables([WIDE] * LIMIT), form)
    printed = shell.capsys.readouterr().out
    found = list(csv.DictReader(io.StringIO(printed))) if form == "csv" else json.loads(printed, parse_float=str)
    assert len(found) == 2 * LIMIT
    assert found[0]["exact"] == "12345678901234567.89"
    assert found[0]["text"] == "a\nb\x1b[2J"
    assert found[1]["tiny"] == ("" if form == "csv" else None)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1241, "1.2 kB"), (5.6e8, "560 MB"), (3e15, "3,000.0 TB")]
)
def test_sizes_are_scaled(count: float, words: str) -> None:
    assert size(count) == words


def test_another_lake_is_looked_at_where_told(shell: Shell, small: Lake, tmp_path: Path) -> None:
    assert "is empty" in shell.refuses("status", "--lake", str(tmp_path / "other"))
    assert "orders" in shell("status", "--lake", small.uri)
