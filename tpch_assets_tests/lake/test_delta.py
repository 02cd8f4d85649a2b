"""Delta tables: commits that happen exactly once, and statistics that every reader may trust."""

import json
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import CommitFailedError

from tpch_assets.lake import commit as commit_module
from tpch_assets.lake import folder, local_files
from tpch_assets.lake.commit import CommitConflict, Committed, commit
from tpch_assets.lake.data_files import Written, write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import mark, read, snapshot

SCHEMA = pa.schema([("key", pa.int64()), ("writer", pa.string())])


WRITE_NOTHING = partial(pq.write_table, SCHEMA.empty_table())


def uri_of(lake: Lake) -> str:
    return lake.table("silver", "things")


def rows(*keys: int, writer: str = "") -> pa.Table:
    return pa.Table.from_pylist([{"key": key, "writer": writer} for key in keys], SCHEMA)


def write(lake: Lake, partition: str, table: pa.Table, name: str = "{content}.parquet") -> Written:
    return write_file(lake, uri_of(lake), partition, name, partial(pq.write_table, table))


def store(lake: Lake, partition: str, *tables: pa.Table, **options: Any) -> Committed:
    return commit(lake, uri_of(lake), [write(lake, partition, table) for table in tables], {partition}, **options)


def keys(lake: Lake, partition: str | None = None) -> list[int]:
    found = snapshot(lake, uri_of(lake))
    return sorted(read(found, None if partition is None else found.of({partition})).column("key").to_pylist())


def history(lake: Lake) -> list[dict[str, Any]]:
    return DeltaTable(uri_of(lake)).history()


def test_a_table_that_does_not_exist_is_empty(lake: Lake) -> None:
    found = snapshot(lake, uri_of(lake))
    assert (found.version, found.rows, found.size, found.files) == (-1, 0, 0, ())
    assert read(found).num_rows == 0
    assert mark(lake, uri_of(lake), "anything") is None


def test_a_partition_is_replaced_and_the_others_stay(lake: Lake) -> None:
    store(lake, "a", rows(1, 2))
    store(lake, "b", rows(3))
    done = store(lake, "a", rows(4), rows(5))
    assert (keys(lake, "a"), keys(lake, "b")) == ([4, 5], [3])
    assert (len(done.added), len(done.removed)) == (2, 1)


def test_the_same_content_again_makes_no_version(lake: Lake) -> None:
    first = store(lake, "a", rows(1, 2), rows(3))
    again = store(lake, "a", rows(1, 2), rows(3))
    assert (again.version, again.added, again.removed) == (first.version, (), ())
    assert len(history(lake)) == first.version + 1
    assert keys(lake) == [1, 2, 3]


def test_one_changed_file_leaves_the_others_of_its_partition(lake: Lake) -> None:
    before = store(lake, "a", rows(1), rows(2))
    after = store(lake, "a", rows(1), rows(3))
    assert [file.least["key"] for file in after.added] == [3]
    assert [file.least["key"] for file in after.removed] == [2]
    assert set(before.added) & set(snapshot(lake, uri_of(lake)).files)


def test_a_partition_is_emptied(lake: Lake) -> None:
    store(lake, "a", rows(1))
    store(lake, "b", rows(2))
    commit(lake, uri_of(lake), [], {"a"}, schema=SCHEMA)
    assert keys(lake) == [2]


def test_kept_files_stay(lake: Lake) -> None:
    first = store(lake, "a", rows(1), rows(2))
    stays = next(file.path for file in first.added if file.least["key"] == 1)
    store(lake, "a", rows(3), keep=[stays])
    assert keys(lake) == [1, 3]


def test_a_kept_file_that_is_gone_is_a_conflict(lake: Lake) -> None:
    first = store(lake, "a", rows(1))
    store(lake, "a", rows(2))
    with pytest.raises(CommitConflict, match="was to stay"):
        store(lake, "a", rows(3), keep=[first.added[0].path])
    assert keys(lake) == [2]


def test_a_write_planned_on_another_version_is_refused(lake: Lake) -> None:
    planned_on = store(lake, "a", rows(1)).version
    store(lake, "b", rows(2))
    with pytest.raises(CommitConflict, match=f"planned on {planned_on}"):
        store(lake, "a", rows(3), base=planned_on)
    assert keys(lake) == [1, 2]
    store(lake, "a", rows(3), base=snapshot(lake, uri_of(lake)).version)
    assert keys(lake) == [2, 3]


def test_a_write_planned_on_no_table_makes_it_but_does_not_overrule_another(lake: Lake) -> None:
    store(lake, "a", rows(1), base=-1)
    with pytest.raises(CommitConflict):
        store(lake, "a", rows(2), base=-1)
    assert keys(lake) == [1]


def test_a_planned_write_done_twice_is_done(lake: Lake) -> None:
    base = store(lake, "a", rows(1)).version
    done = store(lake, "a", rows(2), base=base)
    assert store(lake, "a", rows(2), base=base).version == done.version


def test_marks_are_recorded_with_the_rows_or_alone(lake: Lake) -> None:
    store(lake, "a", rows(1), marks={"bronze": 7})
    assert mark(lake, uri_of(lake), "bronze") == 7
    versions = len(history(lake))
    store(lake, "a", rows(1), marks={"bronze": 7})
    assert len(history(lake)) == versions
    done = store(lake, "a", rows(1), marks={"bronze": 8})
    assert (mark(lake, uri_of(lake), "bronze"), done.added, done.removed) == (8, (), ())
    assert mark(lake, uri_of(lake), "other") is None
    assert keys(lake) == [1]


def test_a_snapshot_is_a_version_for_ever(lake: Lake) -> None:
    store(lake, "a", rows(1))
    old = snapshot(lake, uri_of(lake))
    store(lake, "a", rows(2))
    assert read(old).column("key").to_pylist() == [1]
    assert snapshot(lake, uri_of(lake), old.version) == old


def test_refused_when_a_file_is_missing(lake: Lake) -> None:
    written = write(lake, "a", rows(1))
    os.unlink(f"{uri_of(lake)}/{written.file.path}")
    with pytest.raises(ValueError, match="is not there"):
        commit(lake, uri_of(lake), [written], {"a"})
    assert snapshot(lake, uri_of(lake)).version == -1


def test_refused_when_a_file_has_another_size(lake: Lake) -> None:
    written = write(lake, "a", rows(1))
    with open(f"{uri_of(lake)}/{written.file.path}", "ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match=rf"has {written.file.size + 4} bytes, {written.file.size} were written"):
        commit(lake, uri_of(lake), [written], {"a"})
    assert snapshot(lake, uri_of(lake)).version == -1


def test_refused_when_pieces_differ_in_their_columns(lake: Lake) -> None:
    with pytest.raises(ValueError, match="differ in their columns"):
        store(lake, "a", rows(1), pa.table({"key": pa.array([1], pa.int32())}))


@pytest.mark.parametrize(
    "other",
    [
        pa.table({"key": pa.array([1], pa.int64())}),
        pa.table({"key": pa.array([1], pa.int32()), "writer": pa.array([""], pa.string())}),
    ],
    ids=["column missing", "other type"],
)
def test_refused_when_the_table_has_other_columns(lake: Lake, other: pa.Table) -> None:
    store(lake, "a", rows(1))
    with pytest.raises(ValueError, match="has the columns"):
        store(lake, "b", other)
    assert keys(lake) == [1]


def test_columns_are_known_by_name(lake: Lake) -> None:
    store(lake, "a", rows(1, writer="left"))
    store(lake, "b", rows(2, writer="right").select(["writer", "key"]))
    found = read(snapshot(lake, uri_of(lake))).sort_by("key").to_pylist()
    assert found == [{"key": 1, "writer": "left"}, {"key": 2, "writer": "right"}]


def test_refused_when_no_columns_are_known(lake: Lake) -> None:
    with pytest.raises(ValueError, match="no columns are known"):
        commit(lake, uri_of(lake), [], {"a"})


def test_a_failed_write_leaves_nothing_behind(lake: Lake) -> None:
    def fail(path: str) -> None:
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_file(lake, uri_of(lake), "a", "x.parquet", fail)
    assert os.listdir(f"{uri_of(lake)}/a") == []


def test_a_commit_whose_answer_was_lost_is_not_repeated(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    store(lake, "a", rows(1))
    write_transaction = DeltaTable.create_write_transaction

    def lose_the_answer(self: DeltaTable, *arguments: Any, **options: Any) -> None:
        write_transaction(self, *arguments, **options)
        raise CommitFailedError("connection reset")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", lose_the_answer)
    done = store(lake, "a", rows(2), rows(3), base=1, marks={"bronze": 1})
    assert (done.version, snapshot(lake, uri_of(lake)).version) == (2, 2)
    assert keys(lake) == [2, 3]
    assert mark(lake, uri_of(lake), "bronze") == 1


@pytest.mark.parametrize(("partition", "left"), [("a", [3]), ("new", [1, 3])])
def test_a_commit_that_lost_a_race_is_planned_again_on_what_won(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, partition: str, left: list[int]
) -> None:
    store(lake, "a", rows(1))
    rival = write(lake, partition, rows(2))
    write_transaction = DeltaTable.create_write_transaction
    refused: list[Any] = []

    def after_a_rival(self: DeltaTable, *arguments: Any, **options: Any) -> None:
        if not refused:
            monkeypatch.setattr(DeltaTable, "create_write_transaction", write_transaction)
            commit(lake, uri_of(lake), [rival], {partition})
            monkeypatch.setattr(DeltaTable, "create_write_transaction", after_a_rival)
        try:
            write_transaction(self, *arguments, **options)
        except CommitFailedError:
            refused.append(self.version())
            raise

    monkeypatch.setattr(DeltaTable, "create_write_transaction", after_a_rival)
    store(lake, partition, rows(3))
    assert len(refused) == 1
    assert keys(lake) == left


def test_a_commit_that_never_lands_is_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: DeltaTable, *arguments: Any, **options: Any) -> None:
        raise CommitFailedError("no")

    monkeypatch.setattr(commit_module, "ATTEMPTS", 2)
    monkeypatch.setattr(DeltaTable, "create_write_transaction", refuse)
    with pytest.raises(CommitConflict, match="2 commits in a row"):
        store(lake, "a", rows(1))
    assert keys(lake) == []


def test_data_and_log_are_flushed_to_the_disk(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    really = local_files.fsync

    def fsync(path: str) -> None:
        flushed.append(path)
        really(path)

    monkeypatch.setattr(local_files, "fsync", fsync)
    monkeypatch.setattr(folder, "fsync", fsync)
    store(lake, "a", rows(1))
    uri = uri_of(lake)
    log = f"{uri}/_delta_log"
    above = [str(Path(lake.uri).parent), lake.uri, lake.table("silver", "things").rsplit("/", 1)[0], uri]
    assert flushed[:4] == above, "each new folder is an entry of the one above it"
    staged, *others = flushed[4:]
    assert staged.startswith(f"{uri}/a/.")
    of = {version: [uri, f"{log}/{version:020}.json", log] for version in (0, 1)}
    assert others == [f"{uri}/a", *of[0], *of[0], *of[1]], "the last commit, whoever made it, before the next one"
    flushed.clear()
    store(lake, "b", rows(2))
    assert flushed[0] == uri, "the new partition's folder"


# Two processes at once.

COMMITS = 12
Processes = list[ProcessPoolExecutor]


@pytest.fixture(scope="module")
def two_processes() -> Iterator[Processes]:
    """Two other processes, for all tests: starting one takes a second."""
    with ExitStack() as stack:
        context = multiprocessing.get_context("spawn")
        yield [stack.enter_context(ProcessPoolExecutor(1, mp_context=context)) for _ in range(2)]


def at_once(processes: Processes, target: Callable[[str, str], None], lake: Lake) -> None:
    """Run `target` in both processes at once; an error of either is raised."""
    for future in [p.submit(target, lake.uri, w) for p, w in zip(processes, ("left", "right"), strict=True)]:
        future.result(60)


def commit_partitions(uri: str, writer: str) -> None:
    lake = Lake(uri)
    for number in range(COMMITS):
        store(lake, f"{writer}-{number}", rows(number, writer=writer), rows(number + COMMITS, writer=writer))


def test_two_processes_lose_and_double_nothing_in_partitions_of_their_own(two_processes: Processes, lake: Lake) -> None:
    at_once(two_processes, commit_partitions, lake)
    found = read(snapshot(lake, uri_of(lake))).to_pylist()
    assert sorted((row["writer"], row["key"]) for row in found) == [
        (writer, key) for writer in ("left", "right") for key in range(2 * COMMITS)
    ]
    versions = history(lake)
    assert len(versions) == 2 * COMMITS + 1
    assert [entry["version"] for entry in versions] == list(range(2 * COMMITS, -1, -1))


def make_tables(uri: str, writer: str) -> None:
    lake = Lake(uri)
    for number in range(COMMITS):
        table = lake.path(str(number))
        commit(lake, table, [write_file(lake, table, writer, "x.parquet", WRITE_NOTHING)], {writer})


def test_two_processes_make_a_table_once(two_processes: Processes, lake: Lake) -> None:
    at_once(two_processes, make_tables, lake)
    for number in range(COMMITS):
        table = DeltaTable(lake.path(str(number)))
        assert [entry["operation"] for entry in reversed(table.history())] == ["CREATE TABLE", "WRITE", "WRITE"]
        assert len(table.file_uris()) == 2


def replace_one_partition(uri: str, writer: str) -> None:
    lake = Lake(uri)
    for number in range(COMMITS):
        store(lake, "same", rows(number, writer=writer), rows(-number - 1, writer=writer))


def test_two_processes_replace_the_same_partition_one_after_the_other(two_processes: Processes, lake: Lake) -> None:
    at_once(two_processes, replace_one_partition, lake)
    last = snapshot(lake, uri_of(lake)).version
    assert last == 2 * COMMITS
    seen = []
    for version in range(1, last + 1):
        found = read(snapshot(lake, uri_of(lake), version)).to_pylist()
        (writer,) = {row["writer"] for row in found}
        number = max(row["key"] for row in found)
        assert sorted(row["key"] for row in found) == [-number - 1, number]
        seen.append((writer, number))
    for one in ("left", "right"):
        assert [number for writer, number in seen if writer == one] == list(range(COMMITS))


def count_up(uri: str, writer: str) -> None:
    lake = Lake(uri)
    done = 0
    while done < COMMITS:
        now = snapshot(lake, uri_of(lake))
        count = max(read(now).column("key").to_pylist() if now.files else [0])
        try:
            store(lake, "counter", rows(count + 1, writer=f"{writer}-{done}"), base=now.version)
            done += 1
        except CommitConflict:
            continue


def test_two_processes_that_plan_on_a_version_never_overrule_each_other(two_processes: Processes, lake: Lake) -> None:
    at_once(two_processes, count_up, lake)
    assert keys(lake) == [2 * COMMITS]


def commit_the_same(uri: str, writer: str) -> None:
    for number in range(COMMITS):
        store(Lake(uri), "same", rows(number), rows(-number - 1))


def test_two_processes_that_write_the_same_rows_write_them_once(two_processes: Processes, lake: Lake) -> None:
    at_once(two_processes, commit_the_same, lake)
    found = keys(lake)
    assert (len(found), found[0] + found[1]) == (2, -1)


# Statistics and other readers.

WIDE = pa.schema(
    [
        ("id", pa.int64()),
        ("small", pa.int32()),
        ("text", pa.string()),
        ("money", pa.decimal128(15, 2)),
        ("wide_money", pa.decimal128(38, 4)),
        ("day", pa.date32()),
        ("moment", pa.timestamp("us", tz="UTC")),
        ("ratio", pa.float64()),
        ("flag", pa.bool_()),
        ("nothing", pa.string()),
    ]
)
LONG = "ä" * 70
TEXTS = ["", "a", "é", "z" * 31, "z" * 33, "ü" * 64, "z" * 65, LONG, LONG + "x", '"\\']


def awkward(chance: random.Random, ids: range, *, empty: frozenset[str]) -> pa.Table:
    """Rows with nulls, NaN, long strings, negative and large money; the columns in `empty` hold nulls only."""

    def value(name: str, values: Callable[[], Any]) -> Any:
        return None if name in empty or chance.random() < 0.2 else values()

    return pa.Table.from_pylist(
        [
            {
                "id": key,
                "small": value("small", lambda: chance.randint(-(2**31), 2**31 - 1)),
                "text": value("text", lambda: chance.choice(TEXTS)),
                "money": value("money", lambda: Decimal(chance.randint(-(10**15) + 1, 10**15 - 1)).scaleb(-2)),
                "wide_money": value("wide_money", lambda: Decimal(chance.randint(-(10**30), 10**30)).scaleb(-4)),
                "day": value("day", lambda: date.fromordinal(chance.randint(1, date.max.toordinal()))),
                "moment": value(
                    "moment",
                    lambda: datetime.fromtimestamp(chance.randint(-(10**10), 10**10), UTC).replace(
                        microsecond=chance.randint(0, 999_999)
                    ),
                ),
                "ratio": value("ratio", lambda: chance.choice([float("nan"), -0.0, 1e300, -1.5, float("inf")])),
                "flag": value("flag", lambda: chance.random() < 0.5),
                "nothing": None,
            }
            for key in ids
        ],
        WIDE,
    )


def copy_with_duckdb(table: pa.Table, path: str) -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("piece", table)
        con.execute(f"COPY piece TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048)")


def copy_with_pyarrow(table: pa.Table, path: str) -> None:
    pq.write_table(table, path, row_group_size=7)


@dataclass(frozen=True)
class Condition:
    """One condition, as DuckDB, DataFusion and Polars want it told."""

    name: str
    operator: str
    value: Any

    @property
    def duckdb(self) -> str:
        return f"{self.name} {self.operator} {self._literal()}"

    @property
    def datafusion(self) -> str:
        if isinstance(self.value, datetime):  # A literal of DataFusion's own would be cut to the range of nanoseconds.
            literal = f"""arrow_cast('{self.value.isoformat()}', 'Timestamp(Microsecond, Some("UTC"))')"""
            return f"{self.name} {self.operator} {literal}"
        if isinstance(self.value, Decimal):  # Without the quotes DataFusion takes it for a double.
            return f"{self.name} {self.operator} '{self.value}'"
        return self.duckdb

    @property
    def polars(self) -> pl.Expr:
        column = pl.col(self.name)
        if self.value is None:
            return column.is_null() if self.operator == "IS" else column.is_not_null()
        value = pl.lit(self.value, pl.Decimal(15, 2)) if isinstance(self.value, Decimal) else pl.lit(self.value)
        return {"=": column == value, "<": column < value, ">=": column >= value, "<>": column != value}[self.operator]

    def _literal(self) -> str:
        if self.value is None:
            return "NULL"
        if isinstance(self.value, datetime):
            return f"TIMESTAMPTZ '{self.value.isoformat()}'"
        if isinstance(self.value, date):
            return f"DATE '{self.value.isoformat()}'"
        return "'" + self.value.replace("'", "''") + "'" if isinstance(self.value, str) else str(self.value)


def conditions(chance: random.Random, table: pa.Table) -> list[Condition]:
    """Conditions around values that occur, so that they exclude some files and not others."""
    found = [Condition(name, operator, None) for name in table.column_names for operator in ("IS", "IS NOT")]
    for name in ("id", "small", "text", "money", "day", "moment"):
        values = [value for value in table.column(name).to_pylist() if value is not None]
        found += [Condition(name, operator, chance.choice(values)) for operator in ("=", "<", ">=", "<>")]
    return found


@pytest.mark.parametrize("copy", [copy_with_duckdb, copy_with_pyarrow], ids=["by DuckDB", "by pyarrow"])
def test_every_reader_finds_the_same_rows(lake: Lake, copy: Callable[[pa.Table, str], None]) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    tables = [
        awkward(
            chance, range(part * 40, part * 40 + size), empty=frozenset(chance.sample(WIDE.names[1:], 3 if part else 0))
        )
        for part, size in enumerate([40, 1, 0, 25, 40])
    ]
    uri = uri_of(lake)
    written = [
        write_file(lake, uri, f"p{i}", "{content}.parquet", partial(copy, table)) for i, table in enumerate(tables)
    ]
    commit(lake, uri, written, {item.file.partition for item in written})
    everything = pa.concat_tables(tables)
    table = DeltaTable(uri)
    engine = QueryBuilder().register("things", table)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("truth", everything)
        con.execute(f"CREATE VIEW files AS SELECT * FROM read_parquet({table.file_uris()})")

        def ids(source: str, condition: Condition) -> list[int]:
            return sorted(i for (i,) in con.execute(f"SELECT id FROM {source} WHERE {condition.duckdb}").fetchall())

        for condition in conditions(chance, everything):
            wanted = ids("truth", condition)
            assert ids("files", condition) == wanted, condition
            found = pa.table(engine.execute(f"SELECT id FROM things WHERE {condition.datafusion}").read_all())
            assert sorted(found.column("id").to_pylist()) == wanted, condition
            assert sorted(pl.scan_delta(uri).filter(condition.polars).collect()["id"]) == wanted, condition
    assert pl.scan_delta(uri).select(pl.len()).collect().item() == everything.num_rows
    assert snapshot(lake, uri).rows == everything.num_rows


def test_statistics_leave_out_what_json_would_bend(lake: Lake) -> None:
    least = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)
    table = pa.Table.from_pylist(
        [
            {"id": 1, "text": LONG, "money": Decimal("-9999999999999.99"), "ratio": float("nan"), "moment": least},
            {"id": 2, "text": "a", "money": Decimal("0.10"), "ratio": 1.0, "moment": None},
        ],
        WIDE,
    )
    written = write_file(lake, uri_of(lake), "a", "x.parquet", partial(copy_with_duckdb, table))
    stats = json.loads(written.stats)
    assert stats["numRecords"] == 2
    assert stats["minValues"] == {"id": 1, "money": -9999999999999.99, "moment": "1969-12-31T23:59:59.999999Z"}
    assert stats["maxValues"] == {"id": 2, "money": 0.1, "moment": "1969-12-31T23:59:59.999999Z"}
    assert (stats["nullCount"]["moment"], stats["nullCount"]["nothing"], stats["nullCount"]["id"]) == (1, 2, 0)
    commit(lake, uri_of(lake), [written], {"a"})
    (file,) = snapshot(lake, uri_of(lake)).files
    assert (file.least["money"], file.least["moment"]) == (Decimal("-9999999999999.99"), least)


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+00:00", "0999-12-31T23:59:59.5+00:00", "9999-12-31T23:59:59.999999+00:00"],
)
def test_moments_far_away_are_found(lake: Lake, moment: str) -> None:
    far = datetime.fromisoformat(moment)
    table = pa.table({"moment": pa.array([far], pa.timestamp("us", tz="UTC"))})
    uri = uri_of(lake)
    commit(lake, uri, [write_file(lake, uri, "a", "x.parquet", partial(copy_with_duckdb, table))], {"a"})
    assert pl.scan_delta(uri).filter(pl.col("moment") <= far).collect().height == 1
    engine = QueryBuilder().register("things", DeltaTable(uri))
    condition = Condition("moment", "=", far).datafusion
    assert pa.table(engine.execute(f"SELECT * FROM things WHERE {condition}").read_all()).num_rows == 1
    assert read(snapshot(lake, uri)).column("moment").to_pylist() == [far]


def test_a_year_past_9999_is_no_obstacle(lake: Lake) -> None:
    micros = 400_000 * 10**12
    table = pa.table({"moment": pa.array([micros], pa.timestamp("us", tz="UTC"))})
    uri = uri_of(lake)
    commit(lake, uri, [write_file(lake, uri, "a", "x.parquet", partial(copy_with_duckdb, table))], {"a"})
    assert read(snapshot(lake, uri)).column("moment").cast(pa.int64()).to_pylist() == [micros]


def test_a_file_without_rows_is_part_of_the_table(lake: Lake) -> None:
    store(lake, "a", rows())
    store(lake, "b", rows(1))
    found = snapshot(lake, uri_of(lake))
    assert sorted((file.partition, file.rows) for file in found.files) == [("a", 0), ("b", 1)]
    assert read(found, found.of({"a"})).schema.names == SCHEMA.names
    assert pl.scan_delta(uri_of(lake)).filter(pl.col("key") > 0).collect().height == 1
    assert keys(lake) == [1]
