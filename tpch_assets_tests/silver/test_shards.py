"""Silver's pairs: every order once, with its latest rows, in the window in which it first arrived."""

import random
from collections.abc import Collection
from itertools import chain
from pathlib import Path

import pytest

from tpch_assets.calendar import batch_key, window_key, window_of
from tpch_assets.lake.commit import commit
from tpch_assets.lake.pieces import write_piece
from tpch_assets.lake.snapshot import Snapshot, read, snapshot
from tpch_assets.layers import BATCH, WINDOW
from tpch_assets.silver import key_digests, sharing
from tpch_assets.silver.built import not_built
from tpch_assets.silver.inputs import stale_windows_of
from tpch_assets.silver.rows import Part
from tpch_assets.silver.shard_name import ShardName
from tpch_assets.silver.shards import HalfWritten, complete_shards, plan_shards
from tpch_assets_tests.conftest import START, Bronze
from tpch_assets_tests.tpch_tables import FACTS, GROUP, TABLES

WINDOWS = [window_key(START + i * WINDOW) for i in range(6)]
FIRST, SECOND, THIRD = WINDOWS[:3]
LATER = "9"  # Sorts behind every window.
MANY = 1_000_000

Row = tuple[int, int, str]  # Order key, line number (0 in orders), comment.
Files = dict[str, list[Row]]


def batch_in(window: str, number: int = 0) -> str:
    """The key of one of a window's batches."""
    return batch_key(START + WINDOWS.index(window) * WINDOW + number * BATCH)


class Flow:
    """Bronze and silver of the two paired tables, and what silver must hold, by a model of a few lines."""

    def __init__(self, bronze: Bronze, shard_rows: int = MANY) -> None:
        self.bronze, self.lake, self.shard_rows = bronze, bronze.lake, shard_rows
        self.delivered: dict[str, dict[str, Files]] = {name: {} for name in FACTS}
        for name in FACTS:
            self.deliver(name, batch_in(FIRST), {})

    def deliver(self, table: str, batch: str, files: Files) -> None:
        columns = ("o_orderkey", "o_comment") if table == "orders" else ("l_orderkey", "l_linenumber", "l_comment")
        self.delivered[table][batch] = files
        rows = {
            file: [dict(zip(columns, row if table == "lineitem" else (row[0], row[2]), strict=True)) for row in rows]
            for file, rows in files.items()
        }
        self.bronze.deliver(table, batch, rows)

    def orders(self, batch: str, *keys: int, comment: str = "") -> None:
        self.deliver("orders", batch, {"a.json": [(key, 0, comment) for key in keys]})

    def lines(self, batch: str, *rows: tuple[int, int], comment: str = "") -> None:
        self.deliver("lineitem", batch, {"a.json": [(*row, comment) for row in rows]})

    def silver(self) -> dict[str, Snapshot]:
        return {name: snapshot(self.lake, self.lake.table("silver", name)) for name in FACTS}

    def stale(self) -> list[str]:
        stale = stale_windows_of(GROUP, self.bronze.snapshots(), self.silver())
        assert not_built(self.lake, GROUP) == stale, "what is followed is what is looked up"
        return stale

    def build(self, windows: Collection[str], tables: Collection[str] = FACTS) -> set[str]:
        """Build windows as an asset does, of one table only if it is to be cut off; gives the windows built."""
        silver = self.silver()
        plan = plan_shards(GROUP, self.bronze.snapshots(), silver, windows, self.shard_rows)
        for name in tables:
            uri = self.lake.table("silver", name)
            written = [
                write_piece(self.lake, uri, window, file, rows).rows
                for window, files in plan[name].files.items()
                for file, rows in files.items()
            ]
            update = plan[name]
            commit(
                self.lake,
                uri,
                written,
                set(update.files),
                schema=update.schema,
                keep=update.keep,
                base=silver[name].version,
            )
        return set(plan["orders"].files)

    def build_stale(self) -> None:
        self.build(self.stale())
        assert self.stale() == []

    def found(self) -> dict[str, dict[str, list[tuple]]]:
        """Silver's rows by table and window: key, line, comment and batch."""
        found: dict[str, dict[str, list[tuple]]] = {}
        for name, source in self.silver().items():
            found[name] = {}
            for window, files in source.by_partition().items():
                rows = read(source, files).to_pylist()
                found[name][window] = sorted(
                    (row["o_orderkey"], 0, row["o_comment"], row["_batch"])
                    if name == "orders"
                    else (row["l_orderkey"], row["l_linenumber"], row["l_comment"], row["_batch"])
                    for row in rows
                )
        return {name: {window: rows for window, rows in by.items() if rows} for name, by in found.items()}

    def expected(self) -> dict[str, dict[str, list[tuple]]]:
        """Unique by key, last arrival wins, each order in the window of its first arrival."""
        arrivals = {
            name: sorted(
                (batch, file, number, row)
                for batch, files in batches.items()
                for file, rows in files.items()
                for number, row in enumerate(rows)
            )
            for name, batches in self.delivered.items()
        }
        homes: dict[int, str] = {}
        for batch, _, _, (key, _, _) in sorted(chain(*arrivals.values())):
            homes.setdefault(key, window_of(batch))
        expected: dict[str, dict[str, list[tuple]]] = {}
        for name, found in arrivals.items():
            latest = {(key, line): (key, line, comment, batch) for batch, _, _, (key, line, comment) in found}
            expected[name] = {}
            for key, line in sorted(latest):
                expected[name].setdefault(homes[key], []).append(latest[key, line])
        return expected

    def check(self) -> None:
        """Silver is what it must be, and each order lies in one pair of files only."""
        assert self.found() == self.expected()
        silver = self.silver()
        places: dict[int, set[tuple[str, str]]] = {}
        for both in complete_shards(GROUP, silver, LATER):
            for name, file in zip(FACTS, both, strict=True):
                for key in read(silver[name], [file]).column(TABLES[name].shard_key).to_pylist():
                    places.setdefault(key, set()).add((file.partition, ShardName.parse(file.name).id))
        assert all(len(found) == 1 for found in places.values())


@pytest.fixture
def flow(bronze: Bronze) -> Flow:
    return Flow(bronze)


def test_orders_and_their_lines_are_stored_by_window(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1, 2)
    flow.lines(batch_in(FIRST), (1, 1), (1, 2), (2, 1))
    flow.orders(batch_in(SECOND), 3)
    flow.lines(batch_in(SECOND), (3, 1))
    flow.build_stale()
    flow.check()
    assert set(flow.found()["orders"]) == {FIRST, SECOND}


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ((0, "a.json", 0), (1, "a.json", 0)),
        ((0, "z.json", 9), (1, "a.json", 0)),
        ((0, "a.json", 9), (0, "b.json", 0)),
        ((0, "a.json", 3), (0, "a.json", 4)),
    ],
    ids=["batch", "batch before file", "file before line", "line"],
)
def test_of_rows_with_one_key_the_last_arrival_wins(
    flow: Flow, early: tuple[int, str, int], late: tuple[int, str, int]
) -> None:
    batches: dict[str, Files] = {}
    for (number, file, line), comment in ((early, "early"), (late, "late")):
        rows = batches.setdefault(batch_in(FIRST, number), {}).setdefault(file, [])
        rows += [(100 + len(rows) + number * 50 + ord(file[0]), 0, "filler") for _ in range(line - len(rows))]
        rows.append((1, 0, comment))
    for batch, files in batches.items():
        flow.deliver("orders", batch, files)
    flow.build_stale()
    flow.check()
    assert [row[2] for row in flow.found()["orders"][FIRST] if row[0] == 1] == ["late"]


@pytest.mark.parametrize(
    "names",
    [
        ["part-9.json", "part-10.json"],
        ["9/a.json", "10/a.json"],
        ["a", "b-2", "b-10"],
        ["p-09", "p-9", "p-0010", "p-11x"],
    ],
)
def test_files_of_a_batch_come_in_the_order_of_their_numbers(flow: Flow, names: list[str]) -> None:
    flow.deliver(
        "orders", batch_in(FIRST), {name: [(1, 0, name), (index, 0, "")] for index, name in enumerate(names, 2)}
    )
    flow.build_stale()
    assert [row[2] for row in flow.found()["orders"][FIRST] if row[0] == 1] == names[-1:]


def test_an_order_redelivered_in_a_later_window_stays_in_its_first_with_its_newest_rows(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1, 2, comment="old")
    flow.lines(batch_in(FIRST), (1, 1), (1, 2), (2, 1), comment="old")
    flow.build_stale()
    flow.orders(batch_in(SECOND), 1, 3, comment="new")
    flow.lines(batch_in(SECOND), (1, 2), (1, 3), (3, 1), comment="new")
    assert flow.stale() == [SECOND]
    assert flow.build([SECOND]) == {FIRST, SECOND}
    flow.check()
    assert [row[:3] for row in flow.found()["orders"][FIRST]] == [(1, 0, "new"), (2, 0, "old")]
    assert [row[:3] for row in flow.found()["lineitem"][FIRST]] == [
        (1, 1, "old"),
        (1, 2, "new"),
        (1, 3, "new"),
        (2, 1, "old"),
    ]
    assert flow.stale() == []


def test_a_redelivery_without_a_key_takes_it_away(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1, 2)
    flow.lines(batch_in(FIRST), (1, 1), (2, 1))
    flow.build_stale()
    flow.orders(batch_in(FIRST), 2)
    flow.lines(batch_in(FIRST), (2, 1))
    flow.build_stale()
    flow.check()
    assert [row[0] for row in flow.found()["orders"][FIRST]] == [2]


def test_a_key_gone_from_its_first_window_moves_to_the_later_one_that_has_it(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1, 2)
    flow.lines(batch_in(FIRST), (1, 1), (2, 1))
    flow.orders(batch_in(SECOND), 1)
    flow.lines(batch_in(SECOND), (1, 1))
    flow.build_stale()
    assert SECOND not in flow.found()["orders"]
    flow.orders(batch_in(FIRST), 2)
    flow.lines(batch_in(FIRST), (2, 1))
    assert flow.stale() == [FIRST]
    assert flow.build([FIRST]) == {FIRST, SECOND}
    flow.check()
    assert [row[0] for row in flow.found()["orders"][SECOND]] == [1]


def test_a_correction_that_a_later_window_takes_back_is_taken_back(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1, comment="old")
    flow.lines(batch_in(FIRST), (1, 1), comment="old")
    flow.orders(batch_in(SECOND), 1, comment="correction")
    flow.lines(batch_in(SECOND), (1, 1), (1, 2), comment="correction")
    flow.build_stale()
    flow.orders(batch_in(SECOND), 9)
    flow.lines(batch_in(SECOND), (9, 1))
    flow.build(flow.stale())
    flow.check()
    assert [row[2] for row in flow.found()["orders"][FIRST]] == ["old"]


def test_lines_without_orders_and_orders_without_lines_are_kept(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1)
    flow.lines(batch_in(FIRST), (2, 1))
    flow.build_stale()
    flow.check()


def test_a_line_that_comes_before_its_order_keeps_both_in_the_first_window(flow: Flow) -> None:
    flow.lines(batch_in(FIRST), (1, 1))
    flow.build_stale()
    flow.orders(batch_in(SECOND), 1)
    flow.build_stale()
    flow.check()
    assert [row[0] for row in flow.found()["orders"][FIRST]] == [1]


@pytest.mark.parametrize("table", FACTS)
def test_a_window_that_only_one_table_has_is_in_both(flow: Flow, table: str) -> None:
    flow.deliver(table, batch_in(SECOND), {"a.json": [(1, 1, "")]})
    flow.build_stale()
    silver = flow.silver()
    (pair,) = [p for p in complete_shards(GROUP, silver, LATER) if p[0].partition == SECOND]
    assert sorted(file.rows for file in pair) == [0, 1]


def test_a_window_without_rows_is_stored_and_no_longer_stale(flow: Flow) -> None:
    flow.orders(batch_in(SECOND))
    flow.lines(batch_in(SECOND))
    flow.build_stale()
    flow.check()
    flow.orders(batch_in(SECOND), 1)
    flow.build_stale()
    flow.check()


def test_a_window_that_loses_all_rows_is_emptied(flow: Flow) -> None:
    flow.orders(batch_in(SECOND), 1)
    flow.lines(batch_in(SECOND), (1, 1))
    flow.build_stale()
    flow.orders(batch_in(SECOND))
    flow.lines(batch_in(SECOND))
    flow.build_stale()
    assert flow.found() == {"orders": {}, "lineitem": {}}


def test_windows_that_share_no_order_are_left_alone(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1, 5)
    flow.orders(batch_in(SECOND), 2, 6)
    flow.orders(batch_in(THIRD), 3, 7)
    assert flow.build([SECOND]) == {SECOND}
    assert set(flow.silver()["orders"].by_partition()) == {SECOND}


def test_sharing_reaches_on_from_window_to_window(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1, 2)
    flow.orders(batch_in(SECOND), 2, 3)
    flow.orders(batch_in(THIRD), 3, 4)
    assert flow.build([THIRD]) == {FIRST, SECOND, THIRD}
    flow.check()


def test_a_window_across_midnight_is_a_home_too(flow: Flow) -> None:
    flow.orders(batch_in(WINDOWS[3], 23), 1, comment="old")
    flow.orders(batch_in(WINDOWS[4]), 1, comment="new")
    flow.build_stale()
    flow.check()
    assert set(flow.found()["orders"]) == {WINDOWS[3]}


def test_building_again_changes_nothing(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1, 2)
    flow.orders(batch_in(SECOND), 2, 3)
    flow.lines(batch_in(SECOND), (2, 1))
    flow.build_stale()
    before = flow.silver()
    flow.build([FIRST])
    flow.build([SECOND])
    assert flow.silver() == before


def test_stale_windows_are_exactly_those_whose_files_changed(flow: Flow) -> None:
    assert flow.stale() == []
    flow.orders(batch_in(FIRST, 1), 1)
    flow.lines(batch_in(SECOND), (2, 1))
    assert flow.stale() == [FIRST, SECOND]
    flow.build([SECOND])
    assert flow.stale() == [FIRST]
    flow.build_stale()
    flow.orders(batch_in(FIRST, 1), 1)
    assert flow.stale() == [], "the same file again is no news"
    flow.lines(batch_in(THIRD, 23), (3, 1))
    assert flow.stale() == [THIRD]
    flow.build([THIRD], tables=["orders"])
    assert flow.stale() == [THIRD], "one of two tables is not enough"
    flow.build([THIRD], tables=["lineitem"])
    assert flow.stale() == []


# Cuts.


@pytest.fixture
def cut_flow(bronze: Bronze) -> Flow:
    """Three hundred orders of four lines each, in pairs of about a hundred lines."""
    flow = Flow(bronze, shard_rows=100)
    flow.orders(batch_in(FIRST), *range(0, 1500, 5))
    flow.lines(batch_in(FIRST), *((key, line) for key in range(0, 1500, 5) for line in range(4)))
    flow.build_stale()
    return flow


def names(flow: Flow) -> dict[str, tuple[str, str]]:
    """The file contents of each pair, by its place."""
    silver = flow.silver()
    both = complete_shards(GROUP, silver, LATER)
    place = {pair: ShardName.parse(pair[0].name).id.split("-")[1] for pair in both}
    return {place[pair]: tuple(file.name.rsplit("-", 1)[1] for file in pair) for pair in both}  # type: ignore[misc]


def test_pairs_have_about_the_size_asked_for(cut_flow: Flow) -> None:
    cut_flow.check()
    silver = cut_flow.silver()
    sizes = [lines.rows for _, lines in complete_shards(GROUP, silver, LATER)]
    assert len(sizes) == 12
    assert all(90 <= size <= 110 for size in sizes), sizes


def test_files_are_sorted_by_key(cut_flow: Flow) -> None:
    for name, source in cut_flow.silver().items():
        for file in source.files:
            rows = read(source, [file]).select(list(TABLES[name].key)).to_pylist()
            assert rows == sorted(rows, key=lambda row: tuple(row.values()))


@pytest.mark.parametrize("key", [-7, 752, 10**9], ids=["below all", "in the middle", "above all"])
def test_a_late_order_changes_only_the_pair_it_falls_into(cut_flow: Flow, key: int) -> None:
    before = names(cut_flow)
    cut_flow.orders(batch_in(FIRST, 5), key)
    cut_flow.lines(batch_in(FIRST, 5), (key, 1))
    cut_flow.build_stale()
    cut_flow.check()
    after = names(cut_flow)
    changed = [place for place in before if after[place] != before[place]]
    assert set(after) == set(before)
    assert len(changed) == 1
    assert all(new != old for new, old in zip(after[changed[0]], before[changed[0]], strict=True))


def test_a_late_line_leaves_every_file_of_orders(cut_flow: Flow) -> None:
    before = names(cut_flow)
    cut_flow.lines(batch_in(FIRST, 5), (750, 9))
    cut_flow.build_stale()
    cut_flow.check()
    after = names(cut_flow)
    assert {place: pair[0] for place, pair in after.items()} == {place: pair[0] for place, pair in before.items()}
    assert sum(after[place] != before[place] for place in before) == 1


def test_a_window_that_grew_a_lot_is_cut_anew(cut_flow: Flow) -> None:
    keys = range(10_000, 10_600)
    cut_flow.orders(batch_in(FIRST, 1), *keys)
    cut_flow.lines(batch_in(FIRST, 1), *((key, line) for key in keys for line in range(4)))
    cut_flow.build_stale()
    cut_flow.check()
    silver = cut_flow.silver()
    sizes = [lines.rows for _, lines in complete_shards(GROUP, silver, LATER)]
    assert all(size <= 200 for size in sizes), sizes


def test_one_order_larger_than_a_pair_stays_whole(bronze: Bronze) -> None:
    flow = Flow(bronze, shard_rows=10)
    flow.orders(batch_in(FIRST), 1, 2, 3)
    flow.lines(batch_in(FIRST), (1, 1), *((2, line) for line in range(100)), (3, 1))
    flow.build_stale()
    flow.check()


# Half written.


def test_a_window_of_which_one_table_is_missing_is_refused(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1)
    flow.lines(batch_in(FIRST), (1, 1))
    flow.build_stale()
    flow.orders(batch_in(SECOND), 2)
    flow.lines(batch_in(SECOND), (2, 1))
    flow.build([SECOND], tables=["orders"])
    silver = flow.silver()
    with pytest.raises(HalfWritten, match=f"in window {SECOND}"):
        complete_shards(GROUP, silver, LATER)
    assert len(complete_shards(GROUP, silver, SECOND)) == 1
    flow.build([SECOND], tables=["lineitem"])
    flow.check()


def test_a_window_of_which_one_table_is_older_is_refused(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1)
    flow.lines(batch_in(FIRST), (1, 1))
    flow.build_stale()
    flow.orders(batch_in(FIRST, 1), 2)
    flow.build([FIRST], tables=["orders"])
    silver = flow.silver()
    with pytest.raises(HalfWritten):
        complete_shards(GROUP, silver, LATER)


def test_a_window_rebuilt_for_the_sake_of_another_is_refused_while_half_there(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1)
    flow.lines(batch_in(FIRST), (1, 1))
    flow.build_stale()
    flow.orders(batch_in(SECOND), 1, comment="new")
    flow.lines(batch_in(SECOND), (1, 1), (1, 2), comment="new")
    assert flow.build([SECOND], tables=["orders"]) == {FIRST, SECOND}
    silver = flow.silver()
    with pytest.raises(HalfWritten):
        complete_shards(GROUP, silver, SECOND)


def test_a_half_written_window_is_built_again_also_when_what_it_was_rebuilt_for_has_changed(flow: Flow) -> None:
    flow.orders(batch_in(FIRST), 1)
    flow.lines(batch_in(FIRST), (1, 1))
    flow.build_stale()
    flow.lines(batch_in(SECOND), (1, 1), comment="new")
    assert flow.build([SECOND], tables=["orders"]) == {FIRST, SECOND}
    flow.lines(batch_in(SECOND), (2, 1))  # Redelivered: the windows share no order any more.
    assert flow.stale() == [FIRST, SECOND]
    flow.build([SECOND])
    flow.build_stale()
    flow.check()


def test_a_half_written_window_without_any_rows_is_built_again(flow: Flow) -> None:
    flow.build([FIRST], tables=["orders"])
    assert flow.stale() == [FIRST]
    flow.build_stale()
    flow.check()


# By chance.


def some_files(chance: random.Random, table: str) -> Files:
    def row() -> Row:
        return chance.randint(1, 25), chance.randint(1, 3) * (table == "lineitem"), f"{chance.random():.6f}"

    return {f"{name}.json": [row() for _ in range(chance.randint(0, 8))] for name in chance.sample("abc", 2)}


@pytest.mark.parametrize("few", [0, 0, key_digests.FEW, key_digests.FEW], ids=["digests", "digests", "keys", "keys"])
def test_whatever_arrives_in_whatever_order_silver_is_unique_by_key_and_the_last_arrival_wins(
    bronze: Bronze, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(key_digests, "FEW", few)
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    flow = Flow(bronze, shard_rows=chance.choice([12, MANY]))
    for _ in range(chance.randint(3, 8)):
        batch = batch_in(chance.choice(WINDOWS[1:5]), chance.randint(0, 1))
        for table in chance.choice([FACTS, FACTS, ("orders",), ("lineitem",)]):
            flow.deliver(table, batch, some_files(chance, table))
        run_some(chance, flow, WINDOWS)
    while stale := flow.stale():
        flow.build(chance.sample(stale, chance.randint(1, len(stale))))
    flow.check()


def run_some(chance: random.Random, flow: Flow, windows: list[str]) -> None:
    """Perhaps build some windows, stale or not; now and then be cut off between the two commits."""
    if chance.random() < 0.5:
        return
    stale = flow.stale()
    chosen = chance.sample(stale, chance.randint(0, len(stale))) + chance.sample(windows, chance.randint(0, 1))
    delivered = {window_of(batch) for files in flow.delivered.values() for batch in files}
    if chosen := [window for window in chosen if window in delivered]:
        flow.build(chosen, tables=FACTS if chance.random() < 0.8 else FACTS[:1])


# What updates across windows cost.


def test_a_window_with_late_rows_concerns_their_homes_and_none_of_the_homes_other_neighbours(flow: Flow) -> None:
    """Each window updates orders of the one before, as a shop's feed does: the chain does not reach back."""
    for number, window in enumerate(WINDOWS[:5]):
        flow.orders(batch_in(window), 10 * number, 10 * number + 1, 10 * (number - 1))
        flow.build_stale()
    flow.orders(batch_in(WINDOWS[5]), 50, 40, 10, comment="new")
    assert flow.build([WINDOWS[5]]) == {WINDOWS[5], WINDOWS[4], WINDOWS[1]}
    assert flow.stale() == []
    flow.check()


def test_a_redelivery_concerns_the_homes_of_its_keys_as_they_were_and_as_they_are(flow: Flow) -> None:
    for window, keys in ((FIRST, (1, 2)), (SECOND, (2, 3)), (THIRD, (3, 4)), (WINDOWS[3], (4, 5))):
        flow.orders(batch_in(window), *keys)
    flow.build_stale()
    flow.orders(batch_in(SECOND), 2)  # 3 moves on to the third window.
    assert flow.build([SECOND]) == {FIRST, SECOND, THIRD}
    flow.check()
    flow.orders(batch_in(FIRST), 1, 2, 3)  # And now it comes back, before all of them.
    assert flow.build([FIRST]) == {FIRST, THIRD}
    flow.check()
    flow.orders(batch_in(THIRD, 1), 5)
    assert flow.build([THIRD]) == {FIRST, THIRD, WINDOWS[3]}
    flow.check()


def test_news_of_a_stale_home_are_not_lost_when_it_is_built_for_another(flow: Flow) -> None:
    """What a window had before tells whom its news concern; they are followed before that is gone."""
    flow.orders(batch_in(SECOND), 7, 8)
    flow.orders(batch_in(THIRD), 8, 9)
    flow.build_stale()
    flow.orders(batch_in(SECOND), 7)  # 8 moves on to the third window.
    flow.orders(batch_in(WINDOWS[3]), 7, comment="new")  # This one concerns the second.
    assert flow.build([WINDOWS[3]]) == {SECOND, THIRD, WINDOWS[3]}
    assert flow.stale() == []
    flow.check()


def test_of_a_home_only_the_shards_are_written_that_an_update_falls_into(bronze: Bronze) -> None:
    flow = Flow(bronze, shard_rows=50)
    flow.orders(batch_in(FIRST), *range(200))
    flow.lines(batch_in(FIRST), *((key, 1) for key in range(200)))
    flow.build_stale()
    before = {name: {file.path for file in source.files} for name, source in flow.silver().items()}
    assert len(before["orders"]) == 4
    flow.orders(batch_in(SECOND), 120, 1000, comment="new")
    plan = plan_shards(GROUP, bronze.snapshots(), flow.silver(), [SECOND], 50)
    assert {name: len(plan[name].files[FIRST]) for name in FACTS} == {"orders": 1, "lineitem": 1}
    flow.build_stale()
    flow.check()
    after = {name: {file.path for file in source.of({FIRST})} for name, source in flow.silver().items()}
    assert {name: len(after[name] & before[name]) for name in FACTS} == {"orders": 3, "lineitem": 3}


# Keys in no order.


@pytest.fixture
def scattered(bronze: Bronze, monkeypatch: pytest.MonkeyPatch) -> Flow:
    """Windows that each span all keys, as those of UUIDs do, and share none."""
    monkeypatch.setattr(key_digests, "FEW", 2)
    flow = Flow(bronze)
    for number, window in enumerate(WINDOWS):
        flow.orders(batch_in(window), *range(number + 1, 400, len(WINDOWS)))
    flow.build_stale()
    return flow


def _files_of_others_read(monkeypatch: pytest.MonkeyPatch, flow: Flow, window: str) -> set[str]:
    """Build what is stale; gives the windows besides `window` whose keys were read."""
    read_by = set[str]()
    keys_of = sharing.keys_of

    def noted(parts: list[Part], columns: str = "", options: str = "") -> str:
        read_by.update(window_of(file.partition) for _, _, files in parts for file in files)
        return keys_of(parts, columns, options)

    for module in (sharing, key_digests):
        monkeypatch.setattr(module, "keys_of", noted)
    flow.build_stale()
    return read_by - {window}


def test_a_window_of_keys_in_no_order_reads_the_keys_of_no_other(
    scattered: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    scattered.orders(batch_in(WINDOWS[-1], 1), 1_000, 2)
    digests = list(Path(scattered.lake.path("silver", key_digests.FOLDER, GROUP.name)).iterdir())
    assert len(digests) >= len(WINDOWS) - 1
    home = WINDOWS[1]  # Of order 2.
    assert _files_of_others_read(monkeypatch, scattered, WINDOWS[-1]) == {home}
    scattered.check()


@pytest.mark.parametrize("how", ["gone", "empty", "cut", "another window's"])
def test_digests_that_are_missing_or_damaged_are_made_again(scattered: Flow, how: str) -> None:
    folder = Path(scattered.lake.path("silver", key_digests.FOLDER, GROUP.name))
    whole = (folder / f"{WINDOWS[3]}.keys").read_bytes()
    for file in folder.iterdir():
        match how:
            case "gone":
                file.unlink()
            case "empty":
                file.write_bytes(b"")
            case "cut":
                file.write_bytes(file.read_bytes()[:-8])
            case _:
                file.write_bytes(whole)
    scattered.orders(batch_in(WINDOWS[-1], 1), 2, 3, 1_000)
    scattered.build_stale()
    scattered.check()


def test_digests_follow_a_redelivery(scattered: Flow) -> None:
    """Order 2 moves from its window to another one; then news of it come in a third."""
    scattered.orders(batch_in(WINDOWS[1]), 5_000)
    scattered.orders(batch_in(WINDOWS[2], 1), 2)
    scattered.build_stale()
    scattered.orders(batch_in(WINDOWS[-1], 1), 2, 5_000)
    scattered.build_stale()
    scattered.check()


def test_a_key_that_only_silver_still_holds_in_a_window_is_found_there(scattered: Flow) -> None:
    """Its window was redelivered without it, and is not built again yet."""
    scattered.orders(batch_in(WINDOWS[1]), 5_000)
    scattered.orders(batch_in(WINDOWS[-1], 1), 2)
    assert scattered.build([WINDOWS[-1]]) == {WINDOWS[1], WINDOWS[-1]}
    scattered.check()
