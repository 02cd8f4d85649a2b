"""Reads `.sql` files with many named statements: `-- == name` begins one, `-- part: word` a part of it."""

import re
from dataclasses import dataclass
from pathlib import Path

from tpch_assets.schema import Business, load_business

FOLDER = Path(__file__).parent
_BUSINESSES = {"tpch": "tpch_assets.tpch"}


@dataclass(frozen=True)
class Section:
    """A named statement of a file.

    Attributes:
        note: What stands behind the name and a dash.
        parts: Its texts, by name; the first is "plain".
    """

    name: str
    business: str
    note: str
    parts: dict[str, str]

    @property
    def plain(self) -> str:
        return self.parts["plain"]


def read(file: str) -> list[Section]:
    """The sections of a file; a line `-- business: shop` holds for all that follow."""
    business = "tpch"
    sections: list[Section] = []
    for block in re.split(r"(?m)^(?=-- == |-- business: )", (FOLDER / file).read_text(encoding="utf-8")):
        if match := re.match(r"-- business: (\w+)\n", block):
            business = match[1]
        if match := re.match(r"-- == ([^\n-]+?)(?: - ([^\n]*))?\n", block):
            first, *rest = re.split(r"(?m)^-- part: (\w+)\n", block[match.end() :])
            parts = {"plain": first.strip()} | dict(zip(rest[::2], map(str.strip, rest[1::2]), strict=True))
            sections.append(Section(match[1], business, match[2] or "", parts))
    return sections


def business_named(name: str) -> Business:
    """The business `tpch`, or one of the tests' own."""
    return load_business(_BUSINESSES.get(name, f"tpch_assets_tests.businesses.{name}"))
