"""The narrowest type that holds all values seen. Bronze's own checks decide, so it takes every one of them."""

import re
from dataclasses import dataclass, field

from tpch_assets.bronze.json_lines.values import Check, Number, Wrong, check_of
from tpch_assets.schema.types import ColumnType, Decimal, List, Scalar, Struct

JSON, TEXT, WHOLE = Scalar("JSON"), Scalar("VARCHAR"), Scalar("BIGINT")
ZONED, LOCAL, DATE = Scalar("TIMESTAMP WITH TIME ZONE"), Scalar("TIMESTAMP"), Scalar("DATE")
MOST_FIELDS = 50  # Of a structure; one with more is kept as JSON.
_WHOLE: tuple[ColumnType, ...] = (WHOLE, Decimal(38, 0))
_NARROWEST_FIRST: tuple[ColumnType, ...] = (
    *(Scalar("BOOLEAN"), *_WHOLE, Scalar("DOUBLE")),
    *(Scalar("UUID"), DATE, LOCAL, ZONED, TEXT),
)
_CHECKS = [(type_, check_of(type_)) for type_ in _NARROWEST_FIRST]
_FIELD = re.compile(r"[A-Za-z_]\w*")


@dataclass
class Seen:
    """What was seen at one place: in a column, in a field of a structure, or among a list's items.

    Attributes:
        values: How many values were not null; `objects` and `lists` of them were of these kinds.
        decimals: The most digits behind the point; many if a number has an exponent.
        left: The types that hold all values, narrowest first.
    """

    values: int = 0
    nulls: int = 0
    objects: int = 0
    lists: int = 0
    decimals: int = 0
    fields: dict[str, "Seen"] = field(default_factory=dict)
    items: "Seen | None" = None
    left: list[tuple[ColumnType, Check]] = field(default_factory=lambda: list(_CHECKS))

    def add(self, value: object) -> None:
        """Take one more value into account."""
        if value is None:
            self.nulls += 1
            return
        self.values += 1
        if isinstance(value, dict):
            self.objects += 1
            for name, item in value.items():
                self.fields.setdefault(name, Seen()).add(item)
        elif isinstance(value, list):
            self.lists += 1
            self.items = self.items or Seen()
            for item in value:
                self.items.add(item)
        if isinstance(value, Number):
            self.decimals = max(self.decimals, _decimals(value))
        self.left = [(type_, check) for type_, check in self.left if _takes(check, value)]

    def type(self, depth: int = 0) -> ColumnType:
        """The type; JSON if the values have nothing in common."""
        if self.values and self.values == self.objects:
            return self._struct(depth)
        if self.values and self.values == self.lists and self.items:
            return List(self.items.type(depth + 1)) if self.items.values and depth < 16 else JSON
        scalars = (type_ for type_, _ in self.left if not (self.decimals and type_ in _WHOLE))
        return next(scalars, JSON) if self.values else JSON

    def _struct(self, depth: int) -> ColumnType:
        names = [name.lower() for name in self.fields]
        filled = sum(seen.values for seen in self.fields.values())
        sparse = filled * 2 < self.objects * len(names)
        odd = len(names) != len(set(names)) or not all(_FIELD.fullmatch(name) for name in self.fields)
        if not names or len(names) > MOST_FIELDS or sparse or odd or depth >= 16:
            return JSON
        return Struct(tuple((name, seen.type(depth + 1)) for name, seen in self.fields.items()))


def _takes(check: Check, value: object) -> bool:
    try:
        check(value)
    except Wrong:
        return False
    return True


def _decimals(number: str) -> int:
    """Digits behind the point; many if there is an exponent."""
    return 99 if "e" in number.lower() else len(number.partition(".")[2])
