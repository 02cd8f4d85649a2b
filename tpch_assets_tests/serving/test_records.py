"""What clients send is read as records of the model's features, or told what is wrong with it and what to send."""

import json
from typing import Any

import pytest

from serving.records import LARGEST, RECORDS, TOLD, Checker, NoJson, Unfit, example, parse
from tpch_assets.models.features import Feature

FEATURES = (
    Feature("weight", "number", description="Kilograms."),
    Feature("carrier", "category", ("AIR", "RAIL", "ROAD", "SEA", "SELF", "SHIP", "SPACE")),
    Feature("ordered", "date"),
    Feature("rebate", "number", nullable=True),
)
GOOD = {feature.name: example(feature) for feature in FEATURES}
CHECKER = Checker(FEATURES)
ONE_OF = 'send one of "AIR", "RAIL", "ROAD", "SEA", "SELF" (and 2 more)'


def problems(payload: object) -> list[tuple[int, str | None, str]]:
    with pytest.raises(Unfit) as error:
        CHECKER.records(payload)
    return [(one.record, one.field, one.message) for one in error.value.problems]


def test_one_record_or_many_fit() -> None:
    assert CHECKER.records(GOOD) == [GOOD]
    assert CHECKER.records([GOOD, GOOD]) == [GOOD, GOOD]
    assert CHECKER.records({**GOOD, "rebate": None})
    assert CHECKER.records({name: value for name, value in GOOD.items() if name != "rebate"})
    assert CHECKER.records({**GOOD, "weight": -LARGEST})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("weight", "12", '"12" is no number: send a number'),
        ("weight", True, "true is no number: send a number"),
        ("weight", [1], "a list is no number: send a number"),
        ("weight", None, "is null: send a number"),
        ("weight", float("inf"), "the number is too large: send one within ±3.4e+38"),
        ("weight", 10**400, "the number is too large: send one within ±3.4e+38"),
        ("carrier", "AIRR", f'"AIRR" is unknown to the model: {ONE_OF}'),
        ("carrier", 10**5000, f"a large number is unknown to the model: {ONE_OF}"),
        ("ordered", "2026-02-30", '"2026-02-30" is no date: send a date such as "2026-01-31"'),
        ("ordered", "20260131", '"20260131" is no date: send a date such as "2026-01-31"'),
        ("ordered", "2026-W05-6", '"2026-W05-6" is no date: send a date such as "2026-01-31"'),
        ("ordered", {"day": 1}, 'an object is no date: send a date such as "2026-01-31"'),
        ("ordered", "x" * 1000, f'"{"x" * 39}… is no date: send a date such as "2026-01-31"'),
        ("wieght", 1, "is no feature of this model: did you mean weight?"),
        ("#", 1, "is no feature of this model: leave it out"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)  # fmt: skip
def test_a_problem_names_record_field_and_what_to_do(field: str, value: object, message: str) -> None:
    assert problems([GOOD, {**GOOD, field: value}]) == [(1, field, message)]


def test_a_missing_field_is_named() -> None:
    assert problems({**{k: v for k, v in GOOD.items() if k != "ordered"}}) == [
        (0, "ordered", 'is missing: send a date such as "2026-01-31"')
    ]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ([], "the list is empty: send at least one record"),
        ([GOOD] * (RECORDS + 1), "the list holds 1,001 records: send at most 1,000 at a time"),
        (3, "3 is no record: send an object of features"),
        ([[GOOD]], "a list is no record: send an object of features"),
        (None, "null is no record: send an object of features"),
    ],
    ids=["empty", "too many", "number", "nested", "null"],
)
def test_what_is_no_list_of_records_is_told(payload: object, message: str) -> None:
    assert [told for _, _, told in problems(payload)] == [message]


def test_of_many_problems_the_first_ones_are_told() -> None:
    assert len(problems([{}] * RECORDS)) == TOLD
    assert len(problems({f"unknown {number}": 1 for number in range(100_000)} | GOOD)) == TOLD


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON (Expecting property name enclosed in double quotes, line 1, column 2)"),
        (b'{"weight": NaN}', "holds NaN, which JSON does not have"),
        (b'{"weight": -Infinity}', "holds -Infinity, which JSON does not have"),
        (b'{"weight": 1, "weight": 2}', 'The key "weight" stands twice'),
        (b'{"weight": "\xff"}', "is not UTF-8 (byte 12)"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (json.dumps(GOOD).encode("utf-16"), "is not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 10_000, "too many digits"),
    ],
    ids=["nothing", "cut", "NaN", "Infinity", "double", "bytes", "BOM", "UTF-16", "lists", "objects", "digits"],
)
def test_what_is_no_json_is_told(body: bytes, words: str) -> None:
    with pytest.raises(NoJson) as error:
        parse(body)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_json_is_read_as_it_is() -> None:
    given: Any = [{"a": [1, 2.5, "ä", None, True, {}]}]
    assert parse(json.dumps(given, ensure_ascii=False).encode()) == given
