"""Examples of one's own queries: they fail where the answer is another, and say what is wrong with a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from tpch_assets.testing import ExampleError, check_example
from tpch_assets.tpch import BUSINESS

SOUND: dict[str, Any] = {
    "query": "q04_order_priority_checking",
    "given": {
        "orders": [
            {"o_orderkey": 1, "o_orderdate": "1993-07-01", "o_orderpriority": "1-URGENT"},
            {"o_orderkey": 2, "o_orderdate": "1993-09-30", "o_orderpriority": "1-URGENT"},
        ],
        "lineitem": [
            {"l_orderkey": 1, "l_linenumber": 1, "l_commitdate": "1993-08-01", "l_receiptdate": "1993-08-02"},
            {"l_orderkey": 2, "l_linenumber": 1, "l_commitdate": "1993-10-01", "l_receiptdate": "1993-10-09"},
        ],
    },
    "expected": [{"o_orderpriority": "1-URGENT", "order_count": 2}],
}


def example(folder: Path, **changes: Any) -> Path:
    path = folder / "example.json"
    path.write_text(json.dumps({**SOUND, **changes}))
    return path


pytestmark = pytest.mark.usefixtures("environment")


def test_a_right_answer_passes(tmp_path: Path) -> None:
    check_example(example(tmp_path), BUSINESS)


@pytest.mark.parametrize(
    "expected",
    [[], [{"o_orderpriority": "1-URGENT", "order_count": 3}], [{"o_orderpriority": "1-URGENT"}]],
    ids=["rows", "value", "columns"],
)
def test_another_answer_shows_both(tmp_path: Path, expected: list[dict[str, object]]) -> None:
    with pytest.raises(AssertionError, match=r'the plain statement returns\n  .*"order_count": 2.*\nexpected are\n'):
        check_example(example(tmp_path, expected=expected), BUSINESS)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"query": "q04_order_priorty_checking"}, r"no query q04_order_priorty_checking: did you mean q04_order_prior"),
        ({"given": {"order": []}}, r"gives rows of order: did you mean orders\?"),
        ({"given": {"orders": [{"o_orderky": 1}]}}, r"orders has no column o_orderky: did you mean o_orderkey\?"),
        ({"given": {"orders": [{"o_orderdate": "soon"}]}}, r"invalid date field format: \"soon\""),
        ({"as_off": "2026-01-01"}, r"unknown name as_off: did you mean as_of\?"),
    ],
    ids=["query", "table", "column", "value", "name"],
)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path: Path, changes: dict[str, Any], error: str) -> None:
    with pytest.raises(ExampleError, match=rf"example\.json: .*{error}"):
        check_example(example(tmp_path, **changes), BUSINESS)
