"""The sabotages of `make chaos-proof` fit the code as it is."""

import ast

import pytest

from tpch_assets.settings import PROJECT
from tpch_assets_tests.chaos.sabotage import SABOTAGES, TESTS, Sabotage


@pytest.mark.parametrize("one", SABOTAGES, ids=lambda one: one.name)
def test_a_sabotage_still_applies(one: Sabotage) -> None:
    assert one.fault() is None
    file, _, test = one.test.partition("::")
    known = {node.name for node in ast.walk(ast.parse((PROJECT / TESTS / file).read_text())) if hasattr(node, "name")}
    assert not test or test in known
    for edited, old, new in one.edits:
        text = (PROJECT / "tpch_assets" / edited).read_text()
        ast.parse(text.replace(old, new))
