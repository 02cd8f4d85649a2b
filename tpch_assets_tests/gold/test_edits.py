"""A hundred edits of queries and tables: exactly the answers are stale that they concern, and remade they are right.

The lake is the small one of `lake/former.py`: a day of TPC-H at scale factor 0.001.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dask
import pytest

from tpch_assets.gold.identity import code_digest
from tpch_assets.gold.plan import plan_answers
from tpch_assets.gold.queries import broken_queries, load_queries
from tpch_assets.gold.stale import stale_answers
from tpch_assets.lake.commit import commit
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.pieces import task, write_piece
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.schema import Business, Column, Table
from tpch_assets_tests.lake.former import former_lake
from tpch_assets_tests.tpch_tables import FACTS, TABLES

START, DAY = datetime(2026, 11, 1, tzinfo=UTC), "2026-11-01"
UNTIL = datetime(2026, 11, 2, tzinfo=UTC)
QUERIES = {
    "counts": """
-- Counts
-- How many orders are there, by priority?
-- param least: 1
-- unit n: orders

SELECT o_orderpriority AS priority, count(*) AS n, min(o_orderdate) AS since
FROM orders
WHERE o_orderkey >= $least
GROUP BY o_orderpriority
ORDER BY priority
""",
    "lines": """
-- Lines
-- What was sold until the day?
-- param share: 0.5 / $scale_factor

SELECT l_returnflag AS flag, sum(l_quantity) AS quantity, $share AS share
FROM lineitem
JOIN orders ON o_orderkey = l_orderkey
WHERE l_shipdate <= $as_of AND l_shipmode <> 'AIR'
GROUP BY ALL
ORDER BY ALL
""",
    "nations": """
-- Nations
-- How many customers has each nation?
-- source: ours

SELECT n_name AS nation, count(c_custkey) AS customers
FROM nation
LEFT JOIN customer ON c_nationkey = n_nationkey
GROUP BY n_name
ORDER BY n_name
""",
    "regions": """
-- Regions
-- Which regions are there?
SELECT * FROM region ORDER BY r_regionkey
""",
    "totals": """
-- Totals
-- How much was ordered, by hand?
-- partial
SELECT sum(o_totalprice) AS total, count(*) AS n FROM orders
-- combine
SELECT sum(total) AS total, sum(n)::BIGINT AS n FROM partials
""",
}


@dataclass
class Place:
    """A lake whose gold is settled, and the business that made it; edits change the business."""

    lake: Lake
    business: Business
    scale_factor: float = 0.001

    def path(self, query: str) -> Path:
        return self.business.queries / f"{query}.sql"

    def stale(self) -> dict[str, str]:
        """The reason per stale query."""
        queries = load_queries(self.business).values()
        found = stale_answers(self.lake, self.business, queries, START, UNTIL, self.scale_factor)
        assert all(list(days) == [DAY] for days in found.values())
        return {name: days[DAY] for name, days in found.items()}

    def settle(self) -> None:
        """Make what is stale."""
        queries = load_queries(self.business)
        for name in self.stale():
            update = plan_answers(queries[name], self.business, self.lake, [DAY], self.scale_factor)
            uri = self.lake.table("gold", name)
            files = [task(write_piece, self.lake, uri, DAY, *file) for file in update.files[DAY].items()]
            (piece,) = dask.compute(*files, scheduler="synchronous")
            commit(self.lake, uri, [piece.rows], {DAY}, replace=update.replace)

    def gold(self) -> dict[str, set[str]]:
        """The files of each query's answer; a file's name tells its content."""
        names = load_queries(self.business)
        return {name: {f.path for f in snapshot(self.lake, self.lake.table("gold", name)).files} for name in names}

    def codes(self) -> dict[str, str]:
        queries = load_queries(self.business)
        return {name: code_digest(query, self.business, self.scale_factor) for name, query in queries.items()}


Edit = Callable[[Place], object]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("edits")
    lake = former_lake(folder)
    queries = folder / "queries"
    queries.mkdir()
    for name, text in QUERIES.items():
        (queries / f"{name}.sql").write_text(text.lstrip())
    place = Place(lake, Business(tuple(TABLES.values()), queries))
    place.settle()
    assert place.stale() == {}
    return place


@pytest.fixture
def place(settled: Place, tmp_path: Path) -> Iterator[Place]:
    """The settled place with a copy of its queries. A test that writes to the lake copies that too."""
    shutil.copytree(settled.business.queries, tmp_path / "queries")
    yield replace(settled, business=replace(settled.business, queries=tmp_path / "queries"))


def text(query: str, change: Callable[[str], str]) -> Edit:
    """An edit of a query's file."""

    def edit(place: Place) -> None:
        path = place.path(query)
        before = path.read_text()
        path.write_text(change(before))
        assert path.read_text() != before, "the edit changes nothing"

    return edit


def swap(query: str, before: str, after: str) -> Edit:
    return text(query, lambda content: content.replace(before, after))


def column(table: str, change: Callable[[Table], Table]) -> Edit:
    """An edit of a table."""

    def edit(place: Place) -> None:
        tables = tuple(change(t) if t.name == table else t for t in place.business.tables)
        place.business = replace(place.business, tables=tables)

    return edit


def each_column(change: Callable[[Column], Column]) -> Callable[[Table], Table]:
    return lambda table: replace(table, columns=tuple(map(change, table.columns)))


def statement(change: Callable[[str], str]) -> Callable[[str], str]:
    """Changes the lines that are not comments."""
    return lambda content: "\n".join(x if x.startswith("--") else change(x) for x in content.split("\n"))


def keywords(change: Callable[[str], str]) -> Callable[[str], str]:
    words = r"\b(SELECT|FROM|WHERE|GROUP|BY|ORDER|JOIN|LEFT|ON|AS|ALL|AND|count|sum|min|BIGINT)\b"
    return statement(lambda line: re.sub(words, lambda match: change(match[0]), line))


NEUTRAL: dict[str, Callable[[str], str]] = {
    "lower case": keywords(str.lower),
    "upper case": keywords(str.upper),
    "title case": keywords(str.title),
    "indented": statement(lambda line: f"    {line}" if line else line),
    "one blank more between words": statement(lambda line: line.replace(" ", "  ")),
    "blank lines": statement(lambda line: f"{line}\n" if line else line),
    "comments at line ends": statement(lambda line: f"{line} -- that's so" if line else line),
    "comments between": statement(lambda line: line.replace(" AS ", " /* named */ AS ")),
    "semicolon": lambda content: content.rstrip() + " ;\n\n-- the end\n",
    "windows line ends": lambda content: content.replace("\n", "\r\n"),
    "another title": lambda content: re.sub(r"^-- \w+", "-- Otherwise", content, count=1),
    "another question": lambda content: content.replace("?", ", and why?", 1),
    "a source": lambda content: content.replace("?\n", "?\n-- source: elsewhere\n", 1).replace("-- source: ours\n", ""),
    "no total": lambda content: content.replace("?\n", "?\n-- total: none\n", 1),
}
CHANGED = {
    "counts": [
        ("least: 1", "least: 2"),
        ("$least", "($least + 1)"),
        (">=", ">"),
        ("count(*)", "count(o_clerk)"),
        ("AS since", "AS first"),
        ("AS since", "AS Since"),
        ("ORDER BY priority", "ORDER BY priority DESC"),
        ("min(o_orderdate)", "max(o_orderdate)"),
        ("WHERE", "JOIN lineitem ON l_orderkey = o_orderkey WHERE"),
        ("FROM orders", "FROM (SELECT DISTINCT * FROM orders)"),
    ],
    "lines": [
        ("0.5", "0.25"),
        ("'AIR'", "'air'"),
        ("<= $as_of", "< $as_of"),
        ("sum(l_quantity)", "sum(l_quantity)::DOUBLE"),
        ("AND l_shipmode", "OR l_shipmode"),
        ("$share AS share", "2 * $share AS share"),
    ],
    "nations": [
        ("LEFT JOIN", "JOIN"),
        ("count(c_custkey)", "count(*)"),
        ("count(c_custkey)", "sum(c_custkey)"),
        ("ORDER BY n_name", "ORDER BY customers, n_name"),
    ],
    "regions": [("ORDER BY", "WHERE r_regionkey > 0 ORDER BY"), ("SELECT *", "SELECT r_name, * EXCLUDE (r_name)")],
    "totals": [("count(*)", "count(o_clerk)"), ("sum(n)::BIGINT", "max(n)::BIGINT"), ("sum(total)", "2 * sum(total)")],
}


@pytest.mark.parametrize(
    ("query", "change"),
    [(query, name) for query, content in QUERIES.items() for name, edit in NEUTRAL.items() if edit(content) != content],
)
def test_an_edit_that_does_not_count_makes_nothing_stale(place: Place, query: str, change: str) -> None:
    codes = place.codes()
    place.path(query).write_bytes(NEUTRAL[change](place.path(query).read_text()).encode())
    assert not broken_queries(place.business)
    assert place.stale() == {}
    assert place.codes() == codes


@pytest.mark.parametrize(
    ("query", "before", "after"), [(query, *change) for query, changes in CHANGED.items() for change in changes]
)
def test_an_edit_that_counts_makes_its_query_stale(place: Place, query: str, before: str, after: str) -> None:
    codes = place.codes()
    swap(query, before, after)(place)
    assert not broken_queries(place.business)
    assert place.stale() == {query: "query changed"}
    assert {name for name, code in place.codes().items() if code != codes[name]} == {query}


WIDER = {"o_totalprice": "DECIMAL(18,2)", "l_quantity": "DECIMAL(18,2)"}


def wider(column: Column) -> Column:
    return replace(column, type=WIDER.get(column.name, column.type))


TABLE_EDITS: dict[str, tuple[Edit, set[str]]] = {
    "descriptions": (column("orders", each_column(lambda c: replace(c, description="Otherwise."))), set()),
    "nullable": (
        column("orders", each_column(lambda c: replace(c, nullable=c.name == "o_comment"))),
        set(),
    ),
    "reordered": (column("orders", lambda table: replace(table, columns=table.columns[::-1])), set()),
    "reordered, and read by *": (
        column("region", lambda table: replace(table, columns=table.columns[::-1])),
        {"regions"},
    ),
    "added": (
        column("orders", lambda table: replace(table, columns=(*table.columns, Column("new", "DATE", "New.", True)))),
        set(),
    ),
    "added, and read by *": (
        column("region", lambda table: replace(table, columns=(*table.columns, Column("new", "DATE", "New.", True)))),
        {"regions"},
    ),
    "dropped": (column("lineitem", lambda table: replace(table, columns=table.columns[:-1])), set()),
    "wider, and read": (
        lambda place: [
            column(n, each_column(lambda c: replace(c, type=WIDER.get(c.name, c.type))))(place) for n in FACTS
        ],
        {"lines", "totals"},
    ),
    "another spelling of types": (
        column("orders", each_column(lambda c: replace(c, type=c.type.replace("VARCHAR", "text")))),
        set(),
    ),
}


@pytest.mark.parametrize(("edit", "stale"), TABLE_EDITS.values(), ids=TABLE_EDITS)
def test_an_edit_of_a_table_makes_stale_what_reads_it(place: Place, edit: Edit, stale: set[str]) -> None:
    codes = place.codes()
    edit(place)
    assert not broken_queries(place.business)
    assert {name for name, code in place.codes().items() if code != codes[name]} == stale


def test_the_scale_factor_counts_for_what_uses_it(place: Place) -> None:
    place.scale_factor = 0.002
    assert place.stale() == {"lines": "query changed"}


def test_a_renamed_file_is_another_query(place: Place) -> None:
    place.path("counts").rename(place.path("numbers"))
    assert place.stale() == {"numbers": "missing"}


def test_two_files_that_swap_names_are_both_stale(place: Place) -> None:
    counts, nations = place.path("counts"), place.path("nations")
    first, second = counts.read_text(), nations.read_text()
    counts.write_text(second)
    nations.write_text(first)
    assert place.stale() == {"counts": "query changed", "nations": "query changed"}


def test_a_broken_file_keeps_its_answers(place: Place) -> None:
    swap("counts", "o_orderdate", "o_orderdat")(place)
    assert place.stale() == {}
    assert list(broken_queries(place.business)) == ["counts"]


def test_an_edit_taken_back_needs_nothing(place: Place) -> None:
    swap("lines", "0.5", "0.25")(place)
    swap("lines", "0.25", "0.50")(place)
    swap("lines", "0.50", "0.5")(place)
    assert place.stale() == {}


@pytest.mark.parametrize("number", range(3))
def test_after_an_edit_the_lake_is_as_if_built_anew(settled: Place, place: Place, number: int, tmp_path: Path) -> None:
    for query, changes in CHANGED.items():
        swap(query, *changes[number % len(changes)])(place)
    shutil.copytree(settled.lake.uri, tmp_path / "lake", ignore=shutil.ignore_patterns("raw"))
    edited = replace(place, lake=Lake(str(tmp_path / "lake")))
    before = edited.gold()
    edited.settle()
    assert edited.stale() == {}
    folders = shutil.ignore_patterns("raw", "gold", "partials")
    shutil.copytree(settled.lake.uri, tmp_path / "anew", ignore=folders)
    anew = replace(place, lake=Lake(str(tmp_path / "anew")))
    anew.settle()
    assert edited.gold() == anew.gold()
    assert all(edited.gold()[name].isdisjoint(before[name]) for name in QUERIES)
