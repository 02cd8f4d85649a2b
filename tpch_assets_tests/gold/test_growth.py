"""What later rows and edits cost: new keys of a dimension leave partials alone, and unneeded files go.

The lake is the small one of `lake/former.py`: a day of TPC-H at scale factor 0.001, in four windows.
"""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tpch_assets.gold import plan as planning
from tpch_assets.gold.fingerprints import ALL, Keys, fingerprint, fingerprints
from tpch_assets.gold.partials import Damaged, kept_in
from tpch_assets.gold.plan import plan, snapshots_for
from tpch_assets.gold.queries import Query, load_queries
from tpch_assets.gold.sweep import UNNEEDED, sweep
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, read, snapshot
from tpch_assets.schema import Business
from tpch_assets.settings import PROJECT
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.lake.former import former_lake
from tpch_assets_tests.tpch_tables import TABLES

DAY = date(2026, 11, 1)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEEP = timedelta(hours=20)
README = PROJECT / "README.md"
SEGMENTS = """
-- Segments
-- How much was ordered, by segment?
-- partial
SELECT c_mktsegment AS segment, sum(o_totalprice) AS total FROM orders JOIN customer ON o_custkey = c_custkey
GROUP BY c_mktsegment
-- combine
SELECT segment, sum(total) AS total FROM partials GROUP BY segment ORDER BY segment
"""
DUE = """
-- Due
-- What is shipped after the day?
SELECT count(*) AS n FROM lineitem WHERE l_shipdate > $as_of
"""


class Place:
    """A lake, and a business of its own queries."""

    def __init__(self, folder: Path) -> None:
        self.lake = Lake(str(folder / "lake"))
        self.business = Business(tuple(TABLES.values()), folder / "queries")

    def query(self, name: str, text: str) -> None:
        self.business.queries.mkdir(exist_ok=True)
        (self.business.queries / f"{name}.sql").write_text(text.lstrip())

    def answer(self, name: str, day: date = DAY) -> tuple[pa.Table, int, int]:
        """An answer, and how many shards it is made of, and of how many the partials were kept."""
        query: Query = load_queries(self.business)[name]
        silver = snapshots_for(query, self.business, self.lake)
        answer, facts = plan(query, self.business, silver, day, 0.001)
        made: Any = answer.compute(scheduler="synchronous")
        return made, int(facts["shards"]), int(facts["partials kept"])

    def customers(self, change: Callable[[pa.Table], pa.Table]) -> None:
        """Give silver other customers, as a merge does."""
        uri = self.lake.table("silver", "customer")
        before = snapshot(self.lake, uri)
        rows = change(read(before)).sort_by("c_custkey")
        written = write_file(self.lake, uri, "latest", "{content}.parquet", partial(pq.write_table, rows))
        commit(self.lake, uri, [written], {"latest"})

    def files(self) -> set[str]:
        return {file.name for file in self.lake.store.files(self.lake.path("partials"))} - {UNNEEDED}

    def sweep(self, hours: float) -> set[str]:
        """What is deleted, so many hours after `NOW`."""
        before = self.files()
        sweep(self.business, self.lake, 0.001, NOW + timedelta(hours=hours), KEEP)
        return before - self.files()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("growth")
    former_lake(folder)
    shutil.rmtree(folder / "lake" / "raw")
    shutil.rmtree(folder / "lake" / "partials")
    place = Place(folder)
    place.query("segments", SEGMENTS)
    place.query("due", DUE)
    assert place.answer("segments")[1:] == (4, 0)
    assert place.answer("due")[1:] == (4, 0)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Place:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path)


def with_new(rows: pa.Table) -> pa.Table:
    """One customer in a hundred more, with keys behind all others."""
    more = rows.slice(0, max(1, len(rows) // 100))
    keys = pa.array([10**6 + n for n in range(len(more))], rows.schema.field("c_custkey").type)
    return pa.concat_tables([rows, more.set_column(rows.schema.get_field_index("c_custkey"), "c_custkey", keys)])


def with_one_moved(rows: pa.Table) -> pa.Table:
    """The customer of the middle changes to another segment."""
    column = rows.schema.get_field_index("c_mktsegment")
    values = rows["c_mktsegment"].to_pylist()
    keys = rows["c_custkey"].to_pylist()
    place = keys.index(sorted(keys)[len(keys) // 2])
    values[place] = "BUILDING" if values[place] != "BUILDING" else "MACHINERY"
    return rows.set_column(column, "c_mktsegment", pa.array(values, rows.schema.field(column).type))


def test_new_customers_leave_the_partials_of_the_past(place: Place) -> None:
    before = place.answer("segments")
    place.customers(with_new)
    assert place.answer("segments") == (before[0], 4, 4)


def test_a_customer_that_changed_makes_the_shards_new_that_may_have_it(place: Place) -> None:
    place.customers(with_one_moved)
    assert place.answer("segments")[1:] == (4, 0), "all four have customers on both sides of it"
    (place.business.queries / "plain.sql").write_text(SEGMENTS.lstrip())
    shutil.rmtree(place.lake.path("partials"))
    assert place.answer("segments")[0] == place.answer("plain")[0]


def test_a_wrong_claim_of_reach_keeps_a_partial_that_is_old(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: with the range of keys planted too small, a changed customer goes unseen."""
    place.customers(lambda rows: rows)
    monkeypatch.setattr(planning, "_extent", lambda *_: (1, 2))
    place.answer("segments")
    place.customers(with_one_moved)
    assert place.answer("segments")[1:] == (4, 4)


def test_a_past_day_made_again_takes_the_latest_dimension_rows_and_says_so(place: Place) -> None:
    before = place.answer("segments")[0]
    place.customers(with_one_moved)
    assert place.answer("segments")[0] != before
    said = {
        name: planning.plan_answers(query, place.business, place.lake, [str(DAY)], 0.001).extra[str(DAY)]
        for name, query in load_queries(place.business).items()
    }
    assert said["segments"][planning.DIMENSIONS] == planning.AS_THEY_ARE
    assert planning.DIMENSIONS not in said["due"]


def test_customers_who_came_after_a_day_count_on_it_once_it_is_made_again(place: Place) -> None:
    """Dimensions have no validity. That is a choice, which the answer's metadata and README tell."""
    place.query("joined", "-- Joined\n-- How many customers are there?\nSELECT count(*) AS n FROM customer\n")
    (before,) = place.answer("joined")[0]["n"].to_pylist()
    place.customers(with_new)
    assert place.answer("joined")[0]["n"].to_pylist() == [before + max(1, before // 100)]
    assert "Dimensions have no history: an answer takes the latest row" in " ".join(README.read_text().split())


def test_all_answers_that_read_a_dimension_say_as_of_when_its_rows_are(place: Place) -> None:
    queries = load_queries(BUSINESS)
    extra = {
        name: planning.plan_answers(query, BUSINESS, place.lake, [str(DAY)], 0.001).extra[str(DAY)]
        for name, query in queries.items()
    }
    dimensions = {table.name for table in BUSINESS.dimensions}
    reading = {name for name, query in queries.items() if dimensions.intersection(query.tables)}
    assert {name for name, said in extra.items() if said.get(planning.DIMENSIONS) == planning.AS_THEY_ARE} == reading
    assert len(reading) > 10 and len(queries) > len(reading)


@pytest.mark.parametrize("key", ["int", "text"])
def test_fingerprints_of_ranges_name_their_rows_whatever_files_hold_them(lake: Lake, key: str) -> None:
    chance = random.Random(key)
    column = {"int": "c_custkey", "text": "c_name"}[key]
    table = replace(TABLES["customer"], key=(column,))
    rows = [_customer(n) for n in chance.sample(range(500), 200)]
    once, twice = _stored(lake, "once", [rows]), _stored(lake, "twice", [rows[:90], rows[90:]])
    values = [row[column] for row in rows]
    wanted: list[Keys] = [tuple(sorted(chance.choices(values, k=2))) for _ in range(30)]
    wanted += [None, ALL, (min(values), max(values))]
    ours, theirs = (fingerprints(table, source, ("c_mktsegment", column), wanted) for source in (once, twice))
    assert ours == theirs
    assert ours[-1] == ours[-2] == fingerprint(table, once, ("c_mktsegment", column))
    for keys, name in zip(wanted[:30], ours, strict=False):
        assert isinstance(keys, tuple)
        inside = [row for row in rows if keys[0] <= row[column] <= keys[1]]
        alone = _stored(lake, f"alone{len(inside)}", [inside])
        assert fingerprint(table, alone, ("c_mktsegment", column)) == name
    shutil.rmtree(lake.path("partials"))


def _customer(number: int) -> dict[str, Any]:
    return {"c_custkey": number, "c_name": f"ü{number}", "c_mktsegment": str(number % 3)}


def _stored(lake: Lake, name: str, files: list[list[dict[str, Any]]]) -> Snapshot:
    uri = lake.table("silver", f"{name}{random.random()}")
    written = [
        write_file(lake, uri, "latest", "{content}.parquet", partial(pq.write_table, pa.Table.from_pylist(rows)))
        for rows in files
    ]
    commit(lake, uri, written, {"latest"})
    return snapshot(lake, uri)


# What nothing needs


def test_nothing_goes_that_the_latest_answer_needs(place: Place) -> None:
    there = place.files()
    assert len(there) >= 8
    assert place.sweep(0) == place.sweep(100) == set()
    assert place.files() == there
    assert place.answer("due")[1:] == (4, 4)


def test_partials_of_the_past_go_once_they_are_unneeded_for_long(place: Place) -> None:
    before = place.files()
    place.customers(with_one_moved)
    place.answer("segments")
    old = {name for name in before if name.startswith("segments/")}
    assert place.sweep(0) == set(), "a run may be about to read them"
    assert place.sweep(19) == set()
    assert place.sweep(21) == old | {name for name in before if "customer" in name}
    assert place.answer("segments")[1:] == (4, 4)


def test_what_is_needed_again_begins_anew(place: Place) -> None:
    text = (place.business.queries / "due.sql").read_text()
    place.query("due", text.replace("count(*)", "sum(l_quantity)"))
    assert place.sweep(0) == set()
    place.query("due", text)
    assert place.sweep(21) == set()
    place.query("due", text.replace("count(*)", "sum(l_quantity)"))
    assert place.sweep(30) == set()
    assert {name.split("/")[0] for name in place.sweep(51)} == {"due", "_forms"}


def test_young_files_stay_whatever_the_record_says(place: Place) -> None:
    (place.business.queries / "due.sql").unlink()
    assert place.sweep(0) == set()
    for path in Path(place.lake.path("partials", "due")).iterdir():
        os.utime(path, (NOW.timestamp() + 10 * 3600,) * 2)
    assert {name.split("/")[0] for name in place.sweep(21)} == {"_forms"}


def test_a_broken_query_keeps_its_partials(place: Place) -> None:
    place.query("due", DUE.replace("l_shipdate", "l_shipdat"))
    place.sweep(0)
    assert {name.split("/")[0] for name in place.sweep(100)} <= {"_forms"}


def test_what_the_latest_day_does_not_need_goes(place: Place) -> None:
    """Each day has partials of its own where the day counts; those of a past day serve no answer to come."""
    place.answer("due", DAY - timedelta(days=1))
    place.answer("due", DAY + timedelta(days=1))
    before = {name for name in place.files() if name.startswith("due/")}
    place.sweep(0)
    gone = place.sweep(30)
    assert gone < before and len(before - gone) == 4


def test_twenty_refreshes_with_edits_leave_little_behind(place: Place) -> None:
    def size() -> int:
        return sum(file.size for file in place.lake.store.files(place.lake.path("partials")))

    live = size()
    for number in range(20):
        place.customers(with_one_moved if number % 2 else with_new)
        place.query("segments", SEGMENTS.replace("sum(o_totalprice)", f"sum(o_totalprice + {number})"))
        place.answer("segments")
    assert size() > 3 * live
    place.sweep(0)
    place.sweep(21)
    assert size() <= 1.5 * live


# What is damaged


@pytest.mark.parametrize("harm", [lambda content: content[:-9], lambda content: b"", lambda content: _flipped(content)])
def test_a_damaged_partial_is_made_again(place: Place, harm: Callable[[bytes], bytes]) -> None:
    expected = place.answer("segments")[0]
    folder = place.lake.path("partials", "segments")
    path = Path(folder, min(kept_in(place.lake, folder).values()))
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(Damaged, match=f"{path.name} was damaged, and is deleted: run this again"):
        place.answer("segments")
    assert place.answer("segments") == (expected, 4, 3)
    assert place.answer("segments") == (expected, 4, 4)


def test_all_damaged_partials_of_a_query_are_found_at_once(place: Place) -> None:
    expected = place.answer("segments")[0]
    folder = place.lake.path("partials", "segments")
    for name in kept_in(place.lake, folder).values():
        Path(folder, name).write_bytes(bytes(Path(folder, name).stat().st_size))
    above = Path(folder, "2024-01-01T0000", "key-0123456789abcdef.parquet")  # Of a shard; others are merged of such.
    above.parent.mkdir()
    above.write_bytes(b"")
    with pytest.raises(Damaged):
        place.answer("segments")
    assert not kept_in(place.lake, folder) and not above.exists()
    assert place.answer("segments") == (expected, 4, 0)


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_a_partial_of_a_former_version_that_is_cut_off_is_made_again(place: Place) -> None:
    folder = place.lake.path("partials", "segments")
    for key, name in kept_in(place.lake, folder).items():
        Path(folder, name).rename(Path(folder, f"{key}.parquet"))
    expected = place.answer("segments")
    assert expected[1:] == (4, 4)
    path = min(Path(folder).iterdir())
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(Damaged):
        place.answer("segments")
    assert place.answer("segments") == (expected[0], 4, 3)


def test_damaged_verdicts_and_sums_are_made_again(place: Place) -> None:
    expected = place.answer("segments")
    for file in place.lake.store.files(place.lake.path("partials")):
        if file.name.startswith("_"):
            Path(file.uri).write_bytes(b"\0" * file.size)
    from tpch_assets.gold import fingerprints as sums
    from tpch_assets.gold import form

    form._known.clear()
    sums._file_fingerprints.cache_clear()
    assert place.answer("segments") == expected
