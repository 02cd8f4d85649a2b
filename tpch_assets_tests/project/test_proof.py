"""The proof compares: a lake that holds something else than TPC-H at scale factor 1 differs in every part."""

from benchmarks.proof import differences
from benchmarks.published import ANSWERS, ROWS, Answer
from tpch_assets_tests.days import whole_day


def test_another_scale_factor_differs_in_every_table_and_answer() -> None:
    found = list(differences(whole_day().lake, 1))
    assert {text.split()[0] for text in found if text.startswith("silver/")} == {f"silver/{name}" for name in ROWS[1]}
    ours = {text.split("_")[0] for text in found if not text.startswith("silver/")}
    alike = {number for number, answer in ANSWERS[1].items() if _is_alike_at_every_scale(answer)}
    assert ours >= ANSWERS[1].keys() - alike


def _is_alike_at_every_scale(answer: Answer) -> bool:
    """Whether so little is published (a share of 0.03, a percentage) that a smaller scale factor may agree."""
    return all(isinstance(value, str) or value < 100 for row in answer.first for value in row.values())
