"""Silver's dimension tables: whatever arrives in whatever order, each key once, with its latest row."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tpch_assets.calendar import batch_key
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.pieces import write_piece
from tpch_assets.lake.snapshot import Snapshot, mark, read, snapshot
from tpch_assets.layers import BATCH
from tpch_assets.silver.dimensions import BRONZE_VERSION, PARTITION, held_before, is_held, plan_dimension
from tpch_assets.silver.recount import KeyCount, count_keys
from tpch_assets_tests.conftest import START, Bronze
from tpch_assets_tests.tpch_tables import TABLES

BATCHES = [batch_key(START + i * BATCH) for i in range(20)]
MANY = 1_000_000

Row = tuple[int, ...]
Rows = dict[str, list[tuple[Row, str]]]  # By file name: key and comment.


class Flow:
    """Bronze and silver of one table, and what silver must hold."""

    def __init__(self, bronze: Bronze, table: str, file_rows: int = MANY) -> None:
        self.bronze, self.lake, self.table, self.file_rows = bronze, bronze.lake, table, file_rows
        self.key = TABLES[table].key
        self.comment = f"{self.key[0].split('_')[0]}_comment"
        self.delivered: dict[str, Rows] = {}

    def deliver(self, batch: str, files: Rows) -> None:
        self.delivered[batch] = files
        rows: dict[str, list[dict[str, Any]]] = {
            file: [{**dict(zip(self.key, key, strict=True)), self.comment: comment} for key, comment in found]
            for file, found in files.items()
        }
        self.bronze.deliver(self.table, batch, rows)

    def one(self, batch: str, *keys: int, comment: str = "", file: str = "a.json") -> None:
        self.deliver(batch, {file: [((key, *(1 for _ in self.key[1:])), comment) for key in keys]})

    def silver(self) -> Snapshot:
        return snapshot(self.lake, self.lake.table("silver", self.table))

    def build(self, silver: Snapshot | None = None) -> None:
        """Merge as an asset does; into another silver table where one is given."""
        silver = silver or self.silver()
        bronze = snapshot(self.lake, self.lake.table("bronze", self.table))
        plan = plan_dimension(TABLES[self.table], bronze, silver, self.file_rows)
        written = [
            write_piece(self.lake, silver.uri, PARTITION, file, rows).rows
            for file, rows in plan.files[PARTITION].items()
        ]
        commit(
            self.lake,
            silver.uri,
            written,
            {PARTITION},
            keep=plan.keep,
            base=plan.base,
            marks=dict(plan.marks),
            schema=plan.schema,
        )

    def rows(self, silver: Snapshot | None = None) -> list[tuple]:
        found = read(silver or self.silver()).to_pylist()
        return sorted((tuple(row[name] for name in self.key), row[self.comment], row["_batch"]) for row in found)

    def expected(self) -> list[tuple]:
        arrivals = sorted(
            (batch, file, number, key, comment)
            for batch, files in self.delivered.items()
            for file, rows in files.items()
            for number, (key, comment) in enumerate(rows)
        )
        latest = {key: (key, comment, batch) for batch, _, _, key, comment in arrivals}
        return sorted(latest.values())

    def rebuilt(self) -> list[tuple]:
        """The rows of a table built from all of bronze at once."""
        uri = self.lake.path("elsewhere", str(snapshot(self.lake, self.lake.table("bronze", self.table)).version))
        self.build(Snapshot(self.lake, uri, -1))
        return self.rows(snapshot(self.lake, uri))


@pytest.fixture
def flow(bronze: Bronze) -> Flow:
    return Flow(bronze, "supplier")


def test_the_first_build_holds_the_latest_row_of_each_key(flow: Flow) -> None:
    flow.one(BATCHES[0], 1, 2, 3, comment="first")
    flow.one(BATCHES[1], 2, comment="second")
    flow.build()
    assert flow.rows() == flow.expected()
    assert [comment for _, comment, _ in flow.rows()] == ["first", "second", "first"]


def test_an_update_is_merged(flow: Flow) -> None:
    flow.one(BATCHES[0], 1, 2, comment="first")
    flow.build()
    flow.one(BATCHES[1], 2, 3, comment="second")
    flow.build()
    assert flow.rows() == flow.expected() == flow.rebuilt()


def test_a_late_older_batch_overrules_nothing(flow: Flow) -> None:
    flow.one(BATCHES[5], 1, 2, comment="newer")
    flow.build()
    flow.one(BATCHES[1], 2, 3, comment="older")
    flow.build()
    assert flow.rows() == flow.expected() == flow.rebuilt()
    assert [comment for _, comment, _ in flow.rows()] == ["newer", "newer", "older"]


def test_a_redelivery_takes_back_what_it_no_longer_has(flow: Flow) -> None:
    flow.one(BATCHES[0], 1, 2, comment="first")
    flow.one(BATCHES[1], 2, 3, comment="wrong")
    flow.build()
    flow.one(BATCHES[1], 4, comment="right")
    flow.build()
    assert flow.rows() == flow.expected() == flow.rebuilt()
    assert [key for (key,), _, _ in flow.rows()] == [1, 2, 4]


@pytest.mark.parametrize(("there", "added"), [("a.json", "b.json"), ("b.json", "a.json")])
def test_a_file_added_to_a_batch_counts_by_its_name(flow: Flow, there: str, added: str) -> None:
    flow.one(BATCHES[0], 1, 2, comment=there, file=there)
    flow.build()
    old = flow.delivered[BATCHES[0]]
    flow.deliver(BATCHES[0], {**old, added: [((2,), added), ((3,), added)]})
    flow.build()
    assert flow.rows() == flow.expected() == flow.rebuilt()


def test_files_of_a_batch_come_in_the_order_of_their_numbers(flow: Flow) -> None:
    flow.deliver(BATCHES[0], {f"part-{number}.json": [((1,), str(number)), ((number,), "")] for number in (2, 9, 10)})
    flow.build()
    assert [comment for (key,), comment, _ in flow.rows() if key == 1] == ["10"]


def test_building_again_makes_no_version(flow: Flow) -> None:
    flow.one(BATCHES[0], 1, 2)
    flow.build()
    version = flow.silver().version
    flow.build()
    assert flow.silver().version == version


def test_the_mark_says_what_bronze_version_is_in(flow: Flow) -> None:
    for number in range(3):
        flow.one(BATCHES[number], number)
        flow.build()
        bronze = snapshot(flow.lake, flow.lake.table("bronze", flow.table))
        assert mark(flow.lake, flow.silver().uri, BRONZE_VERSION) == bronze.version


@pytest.mark.parametrize("order", [(1, 0), (0, 1)])
def test_a_commit_that_took_the_place_of_a_lost_one_is_noticed(flow: Flow, order: tuple[int, int]) -> None:
    """A power loss may take a commit of bronze that was not flushed, but not what was made of it."""
    flow.one(BATCHES[0], 0)
    flow.build()
    bronze = flow.lake.table("bronze", flow.table)
    lost = snapshot(flow.lake, bronze).version
    Path(bronze, "_delta_log", f"{lost:020}.json").unlink()
    flow.one(BATCHES[order[0]], order[0], 5)
    assert snapshot(flow.lake, bronze).version == lost
    assert not is_held(snapshot(flow.lake, bronze), flow.silver())
    flow.one(BATCHES[order[1]], order[1], 6)
    flow.build()
    assert flow.rows() == flow.expected()


def test_a_batch_without_rows_is_marked_and_changes_no_file(flow: Flow) -> None:
    flow.one(BATCHES[0], 1)
    flow.build()
    files = flow.silver().files
    flow.one(BATCHES[1])
    flow.build()
    bronze = snapshot(flow.lake, flow.lake.table("bronze", flow.table))
    assert flow.silver().files == files
    assert mark(flow.lake, flow.silver().uri, BRONZE_VERSION) == bronze.version


def test_a_table_without_rows_is_built(flow: Flow) -> None:
    flow.one(BATCHES[0])
    flow.build()
    assert flow.rows() == []
    flow.one(BATCHES[1], 1)
    flow.build()
    assert flow.rows() == flow.expected()


def test_a_table_that_loses_all_rows_is_emptied(flow: Flow) -> None:
    flow.one(BATCHES[0], 1)
    flow.build()
    flow.one(BATCHES[0])
    flow.build()
    assert flow.rows() == []


# Files.


def test_a_large_table_is_cut_and_an_update_writes_only_the_files_it_falls_into(bronze: Bronze) -> None:
    flow = Flow(bronze, "supplier", file_rows=100)
    flow.one(BATCHES[0], *range(1000))
    flow.build()
    before = flow.silver()
    assert 8 <= len(before.files) <= 12
    assert all(80 <= file.rows <= 120 for file in before.files)
    flow.one(BATCHES[1], 501, 502, comment="new")
    flow.build()
    after = flow.silver()
    assert len(set(after.files) - set(before.files)) == len(set(before.files) - set(after.files)) == 1
    assert flow.rows() == flow.expected() == flow.rebuilt()


def test_a_table_that_grows_is_cut_again(bronze: Bronze) -> None:
    flow = Flow(bronze, "supplier", file_rows=100)
    for number in range(10):
        flow.one(BATCHES[number], *range(number * 90, number * 90 + 90))
        flow.build()
    assert all(file.rows <= 200 for file in flow.silver().files)
    assert flow.rows() == flow.expected() == flow.rebuilt()


def test_a_composite_key_is_cut_by_its_first_column(bronze: Bronze) -> None:
    flow = Flow(bronze, "partsupp", file_rows=50)
    flow.deliver(BATCHES[0], {"a.json": [((part, supplier), "first") for part in range(100) for supplier in range(4)]})
    flow.build()
    parts = [{row["ps_partkey"] for row in read(flow.silver(), [file]).to_pylist()} for file in flow.silver().files]
    assert len(parts) > 4
    assert sum(map(len, parts)) == len(set().union(*parts)) == 100
    flow.deliver(BATCHES[1], {"a.json": [((50, 2), "second"), ((50, 9), "second")]})
    flow.build()
    assert flow.rows() == flow.expected() == flow.rebuilt()


def test_one_leading_key_larger_than_a_file_stays_whole(bronze: Bronze) -> None:
    flow = Flow(bronze, "partsupp", file_rows=10)
    flow.deliver(BATCHES[0], {"a.json": [((7, supplier), "first") for supplier in range(100)]})
    flow.build()
    flow.deliver(BATCHES[1], {"a.json": [((7, 5), "second"), ((1, 1), "second"), ((9, 1), "second")]})
    flow.build()
    assert flow.rows() == flow.expected() == flow.rebuilt()


# By chance.


@pytest.mark.parametrize("table", ["supplier", "partsupp"])
def test_merging_step_by_step_gives_what_a_build_from_all_of_bronze_gives(bronze: Bronze, table: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    flow = Flow(bronze, table, file_rows=chance.choice([4, 15, MANY]))
    for _ in range(12):
        batch = chance.choice(BATCHES[:8])
        files: Rows = {
            f"{name}.json": [
                (tuple(chance.randint(1, 20) for _ in flow.key), f"{chance.random():.6f}")
                for _ in range(chance.randint(0, 12))
            ]
            for name in chance.sample("abc", chance.randint(1, 2))
        }
        if chance.random() < 0.3:  # Another file for a batch that is there, instead of a redelivery of it.
            files = {**files, **flow.delivered.get(batch, {})}
        flow.deliver(batch, files)
        if chance.random() < 0.7:
            flow.build()
            assert flow.rows() == flow.expected()
    flow.build()
    assert flow.rows() == flow.expected() == flow.rebuilt()


def test_the_check_after_a_merge_compares_what_was_merged(flow: Flow) -> None:
    flow.one(BATCHES[0], *range(100))
    flow.build()
    flow.one(BATCHES[1], 1, 2, 200)
    bronze = snapshot(flow.lake, flow.lake.table("bronze", flow.table))
    since = bronze.version - 1
    table = TABLES[flow.table]
    assert count_keys(flow.lake, table, None, None, since).lost == 1, "200 is not merged yet"
    flow.build()
    before, uri = held_before(flow.lake, flow.silver().uri), flow.lake.table("bronze", flow.table)
    assert before == since
    (first,) = [file for file in bronze.files if file.partition == BATCHES[0]]
    Path(uri, first.path).write_bytes(b"history is not read")
    assert count_keys(flow.lake, table, None, None, before) == KeyCount(rows=101)
    with pytest.raises(Exception, match="arquet"):
        count_keys(flow.lake, table, None, None)


def test_the_check_after_a_merge_finds_rows_that_bronze_does_not_have(flow: Flow) -> None:
    flow.one(BATCHES[0], 1, 2)
    flow.build()
    flow.one(BATCHES[1], 3)
    since = snapshot(flow.lake, flow.lake.table("bronze", flow.table)).version - 1
    flow.build()
    (file,) = flow.silver().files
    rows = read(flow.silver()).to_pylist()
    more = [*rows, {**rows[0], "_batch": BATCHES[1], flow.key[0]: 9}]
    store = partial(pq.write_table, pa.Table.from_pylist(more, read(flow.silver()).schema))
    written = write_file(flow.lake, flow.silver().uri, PARTITION, "{content}.parquet", store)
    commit(flow.lake, flow.silver().uri, [written], {PARTITION})
    assert count_keys(flow.lake, TABLES[flow.table], None, None, since).invented == 1
    assert held_before(flow.lake, flow.silver().uri) == since + 1, (
        "a commit without news is compared with all of bronze"
    )
    assert file not in flow.silver().files
