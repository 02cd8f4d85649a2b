"""A business's day, delivered and settled through the real graph, and tests that hold for any business."""

import importlib
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa

from tpch_assets.gold.queries import Query, load_queries
from tpch_assets.schema import Business, Table
from tpch_assets_tests import days
from tpch_assets_tests.businesses.delivery import Delivery, load
from tpch_assets_tests.days import Graph, Place, graph
from tpch_assets_tests.gold.plain import HUGEINT, assert_same

DAY = days.day(0)
Shards = dict[str, dict[str, str]]
"""The content of each shard, by window and number."""


class Settled(ABC):
    """A business whose files have landed, settled, been corrected by late files, and settled again.

    Attributes:
        name: The package with the business, in this folder.
        waits: Queries that read a table which never came.
        before: Shards of each fact before the late files came.
        checks: What each check said, in the order in which they ran.
    """

    name: str
    waits: tuple[str, ...] = ()

    def __init__(self, place: Place) -> None:
        seed = random.randrange(2**32)
        print(f"seed {seed}")  # noqa: T201 - shown if a test fails
        self.chance, self.place, self.delivery = random.Random(seed), place, Delivery()
        self.business: Business = importlib.import_module(self.module).BUSINESS
        self.deliver()
        self.delivery.land(place)
        with self.graph() as loaded:
            loaded.settle()
            self.before = {table.name: self.shards(table.name) for table in self.arrived if table.is_fact}
            self.partials = days.partial_files(place.lake)
            self.deliver_late()
            self.delivery.land(place)
            loaded.settle()
            self.checks = list(_checks(loaded))

    @property
    def module(self) -> str:
        return f"tpch_assets_tests.businesses.{self.name}"

    @property
    def settings(self) -> dict[str, object]:
        return {"business": self.module, "generate": False, "shard_rows": 1_000}

    @property
    def arrived(self) -> list[Table]:
        """The tables of which something came."""
        return [table for table in self.business.tables if any(self.delivery.of(table.name))]

    @property
    def answered(self) -> list[Query]:
        return [query for query in load_queries(self.business).values() if query.name not in self.waits]

    @abstractmethod
    def deliver(self) -> None:
        """The day's files."""

    @abstractmethod
    def deliver_late(self) -> None:
        """Files that come when the day is answered."""

    def graph(self) -> Any:
        return graph(self.place, **self.settings)

    def shards(self, fact: str) -> Shards:
        """The shards that silver holds."""
        found: Shards = {}
        for file in days.tables_of(self.place.lake)[f"silver/{fact}"].files:
            _, index, content = file.name.removesuffix(".parquet").split("-")
            found.setdefault(file.partition, {})[index.split(".")[0]] = content
        return found

    @contextmanager
    def expected(self, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """The tables as they must be."""
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            for table in self.business.tables:
                load(con, table, self.delivery.rows(table), folder)
            yield con

    def command(self, *words: str) -> str:
        """What a command of `tpch-assets` prints."""
        (self.place.folder / "output.txt").unlink(missing_ok=True)
        process = self.place.start(*words, **self.settings)
        assert process.wait(timeout=200) == 0, self.place.output()
        return (self.place.folder / "output.txt").read_text()


def _checks(loaded: Graph) -> Iterator[tuple[str, str, bool, dg.AssetCheckSeverity]]:
    for run in reversed(loaded.instance.get_runs()):
        for entry in loaded.instance.all_logs(run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            found = entry.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
            yield "/".join(found.asset_key.path), found.check_name, found.passed, found.severity


class BusinessTests:
    """What must hold of any business. A subclass's module has a fixture `settled`."""

    def test_bronze_accounts_for_every_line(self, settled: Settled) -> None:
        tables = days.tables_of(settled.place.lake)
        for table in settled.arrived:
            lines = list(settled.delivery.of(table.name))
            bad = {(days.key(batch), file, number) for batch, file, number, line in lines if line.row is None}
            assert tables[f"bronze/{table.name}"].rows == len(lines) - len(bad), table.name
            if not bad:
                continue
            rejects = days.rows_of(settled.place.lake, "bronze", f"{table.name}_rejects").to_pylist()
            assert {(row["_batch"], row["_file"], row["_line"]) for row in rejects} == bad
            assert len(rejects) == len(bad) and all(row["_reason"] for row in rejects)

    def test_unknown_fields_are_kept_as_text(self, settled: Settled) -> None:
        for table in settled.arrived:
            rescued = days.rows_of(settled.place.lake, "bronze", table.name)["_rescued"]
            known = (line for *_, line in settled.delivery.of(table.name) if line.row is not None)
            assert len(rescued) - rescued.null_count == sum(b'"colour"' in line.text for line in known), table.name

    def test_silver_holds_the_last_row_of_each_key(self, settled: Settled, tmp_path: Path) -> None:
        with settled.expected(tmp_path) as con:
            for table in settled.arrived:
                order = ", ".join(f'"{name}"' for name in table.key)
                wanted = con.sql(f'FROM "{table.name}" ORDER BY {order}').to_arrow_table()
                silver = days.rows_of(settled.place.lake, "silver", table.name)  # noqa: F841 - read by name
                assert_same(con.sql(f"SELECT * EXCLUDE _batch FROM silver ORDER BY {order}").to_arrow_table(), wanted)

    def test_answers_are_those_of_plain_sql(self, settled: Settled, tmp_path: Path) -> None:
        plain = settled.business.queries.parent / "plain_sql"
        assert {query.name for query in settled.answered} == {path.stem for path in plain.glob("*.sql")}
        with settled.expected(tmp_path) as con:
            for query in settled.answered:
                actual = days.answer(settled.place.lake, query.name, DAY)
                assert_same(actual, _answer(con, (plain / f"{query.name}.sql").read_text()))
                assert actual.num_rows, f"{query.name} has no rows: nothing is compared"

    def test_checks_pass_but_for_what_is_meant_to_warn(self, settled: Settled) -> None:
        assert {name for _, name, _, _ in settled.checks} >= {
            "every_line_is_in_bronze_or_rejects",
            "key_is_unique_and_not_null",
            "holds_exactly_the_keys_of_bronze",
        }
        failed = {(asset, name, severity) for asset, name, passed, severity in settled.checks if not passed}
        assert {severity for *_, severity in failed} <= {dg.AssetCheckSeverity.WARN}
        rejected = {
            f"bronze/{key[0]}" for key, lines in settled.delivery.files.items() if any(not x.row for x in lines)
        }
        assert {asset for asset, name, _ in failed if name == "no_rejects"} == rejected
        assert {name for _, name, _ in failed} <= {"no_rejects", "rows_have_their_parent"}

    def test_nothing_is_left_to_do(self, settled: Settled) -> None:
        with settled.graph() as loaded:
            assert loaded.sensor("bronze_sensor").skip_message
            assert loaded.sensor("late_data_sensor").skip_message

    def test_commands_know_the_business(self, settled: Settled) -> None:
        text = settled.command("status")
        for table in settled.arrived:
            assert text.count(f" {table.name} ") >= 3, "raw, bronze and silver"
        for query in settled.answered:
            assert query.name in text
        query = settled.answered[0]
        text = settled.command("show", query.name)
        assert query.title in text
        for name, _ in query.columns:
            assert name in text


def _answer(con: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    found = con.sql(sql, params={"as_of": date.fromisoformat(DAY)} if "$as_of" in sql else {}).to_arrow_table()
    fields = [field.with_type(pa.int64()) if field.type == HUGEINT else field for field in found.schema]
    return found.cast(pa.schema(fields))


def changed_shards(before: Shards, after: Shards) -> dict[str, set[str]]:
    """Per window the numbers of the shards whose content is another one; windows without such are left out."""
    found = {}
    for window in before.keys() | after.keys():
        old, new = before.get(window, {}), after.get(window, {})
        if different := {index for index in old.keys() | new.keys() if old.get(index) != new.get(index)}:
            found[window] = different
    return found


def moment(minutes: float) -> datetime:
    """So many minutes after the day's begin."""
    return days.START + timedelta(minutes=minutes)
