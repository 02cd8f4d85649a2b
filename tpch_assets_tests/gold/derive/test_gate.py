"""The differential gate finds wrong derivations, and leaves right ones alone."""

from datetime import date

import pytest

from benchmarks.queries import by_hand
from tpch_assets.gold.derive.gate import compare, difference
from tpch_assets.gold.derive.outcome import Derived
from tpch_assets.gold.queries import Query, Value, load_queries, parameters
from tpch_assets.schema import Business
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.gold.derive.sections import Section, business_named, read
from tpch_assets_tests.gold.plain import FOLDER

AS_OF = date(2026, 1, 2)
VALUES: dict[str, Value] = {"as_of": AS_OF, "from": date(1993, 10, 1), "until": date(1994, 1, 1)}
QUERIES = by_hand()
PLANTED = read("planted.sql")
EARLY_LIMIT = ("q10_returned_item_reporting", "q18_large_volume_customer")
"""Their combine joins dimensions after the LIMIT."""
BY_HAND = (
    "q03_shipping_priority",
    "q12_shipping_modes",
    "q13_customer_distribution",
    "q17_small_quantity_order_revenue",
    "q22_global_sales_opportunity",
)


@pytest.mark.parametrize("section", PLANTED, ids=lambda section: section.name)
def test_a_wrong_derivation_is_found(section: Section) -> None:
    business = business_named(section.parts.get("business", section.business))
    (group,) = [g.name for g in business.groups if any(name in section.parts["partial"] for name in g.names)][:1]
    found = difference(
        section.plain, Derived(section.parts["partial"], section.parts["combine"], group), business, VALUES
    )
    assert found is not None, section.note


def test_many_wrong_derivations_are_planted() -> None:
    assert len(PLANTED) > 30


def _compared(query: Query, plain: str, business: Business) -> str | None:
    derived = Derived(query.partial or "", query.combine or "", query.groups[0].name if query.groups else "")
    comparison = compare(plain, derived, business, parameters(query, 1, AS_OF))
    assert comparison.difference or comparison.telling, "no data set gives an answer that could differ"
    return comparison.difference


def _plain(query: Query) -> str:
    """The plain statement, with the types that the query chose for its answer."""
    text = (FOLDER / f"{query.name.split('_')[0]}.sql").read_text(encoding="utf-8")
    types = dict(query.columns)
    big = [f"CAST({name} AS BIGINT) AS {name}" for name in types if types[name] == "BIGINT" and "_line_count" in name]
    return f"SELECT * REPLACE ({', '.join(big)}) FROM ({text})" if big else text


@pytest.mark.parametrize("name", BY_HAND)
def test_a_pair_written_by_hand_passes(name: str) -> None:
    assert _compared(QUERIES[name], _plain(QUERIES[name]), BUSINESS) is None


@pytest.mark.parametrize("name", EARLY_LIMIT)
def test_a_limit_before_a_join_is_found(name: str) -> None:
    assert " rows, what was derived " in str(_compared(QUERIES[name], _plain(QUERIES[name]), BUSINESS))


@pytest.mark.parametrize(
    ("business", "name"),
    [
        ("video", "young_viewers"),
        ("video", "tags"),
        ("meters", "consumption"),
        ("odd", "orders"),
    ],
)
def test_a_pair_of_another_business_passes(business: str, name: str) -> None:
    made = business_named(business)
    plain = made.queries.parent / "plain_sql" / f"{name}.sql"
    assert _compared(load_queries(made)[name], plain.read_text(encoding="utf-8"), made) is None
