"""Whether an answer can be right: it stands on all that silver has, it is not empty without need, and does not jump."""

from dataclasses import dataclass

from tpch_assets.calendar import end_of_day
from tpch_assets.compute.database import cursor, identifier, sql_list
from tpch_assets.gold.history import MARK
from tpch_assets.gold.identity import made_from
from tpch_assets.gold.queries import Query
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots, snapshot
from tpch_assets.layers import JUMP
from tpch_assets.schema import Business

NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "REAL")


@dataclass(frozen=True)
class Verdict:
    """What is to be said of some answers of a query.

    Attributes:
        rows: Rows of silver that the newest of them stands on.
        apart: Days whose answer does not stand on all that silver has up to it.
        empty: Days whose answer has no row.
        jumps: What changed by more than a set factor from one answer to the next, in words.
    """

    rows: int
    apart: list[str]
    empty: list[str]
    jumps: list[str]


def judge(query: Query, business: Business, lake: Lake, days: list[str] | None, scale_factor: float) -> Verdict:
    """Judge a query's answers of some days; of all if None.

    Raises:
        NotThere: A table that the query reads does not exist.
    """
    silver = {
        name: snapshot(lake, lake.table("silver", name))
        for name in business.names
        if name in {*query.tables, *(name for group in query.groups for name in group.names)}
    }
    gold = snapshot(lake, lake.table("gold", query.name))
    answers = gold.by_partition()
    chosen = sorted(day for day in answers if days is None or day in days)
    before = {day: max((other for other in answers if other < day), default=None) for day in chosen}
    wanted = made_from(query, business, silver, chosen, scale_factor)
    return Verdict(
        rows=_rows(query, silver, chosen[-1]) if chosen else 0,
        apart=[day for day in chosen if not any(_stands_on(file, wanted[day]) for file in answers[day])],
        empty=[day for day in chosen if not sum(file.rows for file in answers[day])],
        jumps=[
            jump
            for day, last in before.items()
            if last and _made_from(answers[day][0])[0] == _made_from(answers[last][0])[0]
            for jump in _jumps(query, gold, answers[last], answers[day], last, day)
        ],
    )


def _stands_on(file: DataFile, wanted: str) -> bool:
    """Whether an answer is made of the wanted shards; names of former versions do not tell."""
    shards, ours = _made_from(file)[1], wanted.split(".")[1]
    return shards == ours or (ours.startswith(MARK) and not shards.startswith(MARK))


def _made_from(file: DataFile) -> list[str]:
    """The code, shards and dimension rows that a file's name tells."""
    return file.name.split("-", 1)[0].split(".")


def _rows(query: Query, silver: Snapshots, day: str) -> int:
    """The rows of facts that an answer as of a day stands on."""
    names = {name for group in query.groups for name in group.names}
    return sum(file.rows for name in names for file in silver[name].files if file.partition < end_of_day(day))


def _jumps(
    query: Query, gold: Snapshot, earlier: list[DataFile], later: list[DataFile], last: str, day: str
) -> list[str]:
    """Columns whose sum, or the number of rows, is more than a set factor larger or smaller than in the one before."""
    columns = [name for name, type_ in query.columns if type_.upper().startswith(NUMBERS)]
    sums = ["count(*)::DOUBLE", *(f"sum({identifier(name)})::DOUBLE" for name in columns)]
    totals = []
    for files in (earlier, later):
        paths = sql_list([gold.lake.store.local(path) for path in gold.paths(files)])
        with cursor() as con:
            totals.append(con.execute(f"SELECT {', '.join(sums)} FROM read_parquet({paths})").fetchone() or ())
    found = []
    for name, had, has in zip(["the number of rows", *columns], *totals, strict=True):
        if had and has and not 1 / JUMP <= abs(has / had) <= JUMP:
            found.append(f"{name}: {had:,.6g} on {last}, {has:,.6g} on {day}")
    return found
