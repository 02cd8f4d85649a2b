"""Placeholder until the real module lands."""

import re
from dataclasses import dataclass


class TypeSpellingError(ValueError):
    """unknown"""


@dataclass(frozen=True)
class ColumnType:
    sql: str
    stored: str
    can_be_key: bool = True
    can_colocate: bool = True


def parse_type(spelling: str) -> ColumnType:
    if not re.fullmatch(r"BIGINT|INTEGER|VARCHAR|DATE|TIMESTAMP WITH TIME ZONE|DECIMAL\(\d+,\d+\)", spelling):
        raise TypeSpellingError(f"unknown type {spelling}")
    return ColumnType(spelling, spelling)
