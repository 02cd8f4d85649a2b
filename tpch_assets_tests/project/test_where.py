"""docs/where.md names places that exist."""

import re

import pytest

from tpch_assets.settings import PROJECT

LINES = [
    line.split("|")[1:3]
    for line in (PROJECT / "docs" / "where.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "`" in line
]


@pytest.mark.parametrize(("wish", "place"), LINES, ids=[wish.strip() for wish, _ in LINES])
def test_a_place_exists_and_holds_what_it_is_said_to_hold(wish: str, place: str) -> None:
    path, *names = re.findall(r"`([^`]+)`", place)
    found = PROJECT / path
    assert found.exists(), path
    text = "" if found.is_dir() else found.read_text(encoding="utf-8")
    for name in names:
        assert re.search(rf"\b{re.escape(name)}\b", text) or found.is_dir(), f"{path} does not hold {name}"


def test_every_wish_is_there_once() -> None:
    wishes = [wish.strip() for wish, _ in LINES]
    assert len(wishes) == len(set(wishes)) > 30
