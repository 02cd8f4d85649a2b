"""Plain statements are cut so that they give the same answer, or run over all files for a reason; never wrong.

`LONG=1` compares each on all data sets, and many more random statements.
"""

import os
import random
from collections.abc import Iterator
from datetime import date
from itertools import count, islice

import duckdb
import pytest

from tpch_assets.compute.catalog import binder
from tpch_assets.gold.derive import Derived, Whole, derive
from tpch_assets.gold.derive.gate import SEED, compare
from tpch_assets.gold.queries import Value
from tpch_assets.gold.sql_file import parameter_names
from tpch_assets.schema import Business
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.gold.derive.random_queries import RandomQueries
from tpch_assets_tests.gold.derive.sections import Section, business_named, read
from tpch_assets_tests.gold.plain import FOLDER

LONG = bool(os.environ.get("LONG"))
RANDOM = 3000 if LONG else 60
PARAMETERS: dict[str, tuple[str, Value]] = {
    "as_of": ("DATE", date(2026, 1, 2)),
    "from": ("DATE", date(1993, 10, 1)),
    "until": ("DATE", date(1994, 1, 1)),
    "top": ("INTEGER", 5),
    "word": ("VARCHAR", "x"),
    "least": ("INTEGER", 1),
    "words": ("VARCHAR[]", ["F", "O"]),
}
VALUES = {name: value for name, (_, value) in PARAMETERS.items()}
HARD = read("analysts_hard.sql")
ANALYSTS = [*read("analysts_tpch.sql"), *read("analysts_others.sql"), *HARD]
ONLY_DIMENSIONS = ("q02", "q11", "q16")
BUSINESSES = ("tpch", "tpch", "video", "shop", "odd", "meters", "trains")


def cut(statement: str, business: Business) -> Derived | Whole:
    return derive(statement, business, {name: PARAMETERS[name][0] for name in parameter_names(statement)})


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.sql"))])
def test_a_query_of_ours_is_cut(name: str) -> None:
    statement = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    derived = cut(statement, BUSINESS)
    if name in ONLY_DIMENSIONS:
        assert derived == Whole("it reads no facts")
        return
    assert isinstance(derived, Derived)
    comparison = compare(statement, derived, BUSINESS, VALUES)
    assert comparison.difference is None
    assert comparison.telling > 0


@pytest.mark.parametrize("section", ANALYSTS, ids=lambda section: f"{section.business}: {section.name}")
def test_an_analysts_query_is_cut_right_or_not_at_all(section: Section) -> None:
    """A mark behind the name says that it is known to run whole, or that its answer is hardly ever telling."""
    business = business_named(section.business)
    with binder(business.tables) as con:
        bound = con.sql(section.plain, params={name: VALUES[name] for name in parameter_names(section.plain)})
        assert bound is not None
    derived = cut(section.plain, business)
    if isinstance(derived, Whole):
        assert section.note == "whole", derived.reason
        return
    assert section.note != "whole", "it is cut now: take the mark away"
    place = sum(map(ord, section.name)) % 4
    some = None if LONG else (place, place + 1 + (section in HARD))
    comparison = compare(section.plain, derived, business, VALUES, some=some)
    assert comparison.difference is None
    assert comparison.telling > 0 or section.note == "silent" or not LONG


def test_most_of_what_analysts_ask_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    whole = sum(section.note == "whole" for section in ANALYSTS)
    with capsys.disabled():
        print(f" {len(ANALYSTS) - whole} of {len(ANALYSTS)} are cut ", end="")  # noqa: T201
    assert len({(section.business, section.name) for section in ANALYSTS}) == len(ANALYSTS) > 450
    assert whole < len(ANALYSTS) / 8


def _valid(business: Business, seed: int) -> Iterator[str]:
    """Random statements that DuckDB binds."""
    for number in count():
        statement = RandomQueries(business, f"{seed} {number}").statement()
        with binder(business.tables) as con:
            try:
                con.sql(statement)
            except duckdb.Error:
                continue
        yield statement


@pytest.mark.parametrize("name", sorted(set(BUSINESSES)))
def test_random_statements_are_cut_right_or_not_at_all(name: str) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 (pytest shows it when a test fails)
    business = business_named(name)
    many = RANDOM * BUSINESSES.count(name) // len(BUSINESSES)
    equal = 0
    for number, statement in enumerate(islice(_valid(business, seed), many)):
        derived = cut(statement, business)
        if isinstance(derived, Derived):
            begin = number % 4
            found = compare(statement, derived, business, VALUES, SEED + seed, (begin, begin + 2)).difference
            assert found is None, f"{statement}\n{derived.partial}\n{derived.combine}\n{found}"
            equal += 1
    assert equal > many / 3


def test_deriving_twice_gives_the_same_text() -> None:
    """The texts name what is kept of a shard, so they may not change from one process to the next."""
    for section in ANALYSTS[::10]:
        business = business_named(section.business)
        assert cut(section.plain, business) == cut(section.plain, business)
