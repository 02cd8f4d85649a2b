"""Patterns for lines that are good at sight: DuckDB reads them exactly as `careful` would. No files and no DuckDB here.

A pattern is learned from some lines of the file: the order of their keys, fields that may be missing, fields that the
table does not know. It is to match the whole line, byte by byte, so whatever was not seen or is odd does not match.
The patterns are for RE2, which is linear in time and matches no invalid UTF-8.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tpch_assets.bronze.json_lines.values import CLOCK, ZONE, Number, encode
from tpch_assets.schema import Table
from tpch_assets.schema.types import INTEGER_BITS, ColumnType, Decimal, List, Scalar, Struct

_MOST_KEYS = 500  # in all: data can be spelled as keys, and no pattern should hold data
_DEEPEST = 8  # levels
_LONGEST = 80_000  # characters of a pattern, some 500 columns: RE2 has no memory for more, and judging is faster
_ = r"[ \t]*"
_DAY = r"[12][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
ANY_TIME = rf"[12][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}{CLOCK}{ZONE}"  # if the day exists
_PLAIN = r'[^"\\\x00-\x1f\x{d800}-\x{dfff}]'
# Without lone surrogates, and without the escaped control characters: JSON writers do not agree about their spelling.
_UNICODE = r"(?:00[2-9a-fA-F]|0[1-9a-fA-F][0-9a-fA-F]|[1-9a-cA-CefEF][0-9a-fA-F]{2}|[dD][0-7][0-9a-fA-F])[0-9a-fA-F]"
_PAIR = r"[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_TEXT = rf'"(?:{_PLAIN}|\\(?:["\\/bfnrt]|u(?:{_UNICODE}|{_PAIR})))*"'
_WHOLE = r"(?:0|[1-9][0-9]{0,16})"
# No -0 without a point, and no exponent that could leave the type's range.
_REAL = rf"(?:{_WHOLE}|-[1-9][0-9]{{0,16}}|-?{_WHOLE}\.[0-9]{{1,25}})"
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
# Numbers that every JSON writer spells in the same way.
_PLAIN_NUMBER = r"(?:0|-?[1-9][0-9]{0,14}|-?[1-9][0-9]{0,7}\.(?:0|[0-9]{0,5}[1-9])|-?0\.[0-9]{0,3}[1-9])"
_HEX = "[0-9a-fA-F]"
_SCALARS = {
    "BOOLEAN": "(?:true|false)",
    "DOUBLE": rf"{_REAL}(?:[eE][+-]?[0-9]{{1,2}})?",
    "FLOAT": rf"{_REAL}(?:[eE][+-]?[0-9])?",
    "DATE": f'"{_DAY}"',
    "TIMESTAMP": f'"{_DAY}{CLOCK}"',
    "TIMESTAMP WITH TIME ZONE": f'"{_DAY}{CLOCK}{ZONE}"',
    "VARCHAR": _TEXT,
    "UUID": f'"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"',
}


@dataclass
class Seen:
    """What was seen at one place of the lines: the fields of objects, in their order, and the items of lists."""

    count: int = 0
    objects: int = 0
    odd_number: bool = False
    order: list[str] = field(default_factory=list)
    fields: dict[str, "Seen"] = field(default_factory=dict)
    items: "Seen | None" = None

    def always(self, name: str) -> bool:
        return name in self.fields and self.fields[name].count == self.objects


@dataclass(frozen=True)
class Evident:
    """The pattern, without line break, and the unknown fields that it lets pass, in order.

    `demanded` are those of them that every such line has; `plain` is whether all their numbers are spelled as usual.
    """

    pattern: str
    unknown: tuple[str, ...]
    demanded: frozenset[str]
    plain: bool


def learn(lines: Iterable[dict[str, object]]) -> Seen:
    """What is usual in some parsed lines."""
    seen, room = Seen(), [_MOST_KEYS]
    for line in lines:
        _learn(seen, line, room, 0)
    return seen


def _learn(seen: Seen, value: object, room: list[int], depth: int) -> None:
    seen.count += 1
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        seen.objects += 1
        at = 0
        for name, item in value.items():
            if name not in seen.fields:
                if not room[0]:
                    continue
                room[0] -= 1
                seen.fields[name] = Seen()
                seen.order.insert(at, name)
            at = seen.order.index(name) + 1
            _learn(seen.fields[name], item, room, depth + 1)
    elif isinstance(value, list):
        seen.items = seen.items or Seen()
        for item in value:
            _learn(seen.items, item, room, depth + 1)
    elif isinstance(value, Number):
        seen.odd_number = seen.odd_number or not re.fullmatch(_PLAIN_NUMBER, value)


def pattern_of(table: Table, types: dict[str, ColumnType], seen: Seen) -> Evident | None:
    """The pattern for a table's lines that are as usual; None if no line can be good at sight."""
    columns = {column.name: column for column in table.columns}
    if any(not column.nullable and name not in seen.fields for name, column in columns.items()):
        return None
    taken = {name.lower() for name in (*columns, "")}  # DuckDB does not tell fields apart by case
    parts, unknown = [], []
    plain = not any(_odd_numbers(at) for name, at in seen.fields.items() if name not in columns)
    for name in seen.order:
        at, demanded = seen.fields[name], seen.always(name)
        if name in columns:
            value, nullable = _value(types[name], at), columns[name].nullable
            parts.append((_field(name, f"(?:{value}|null)" if nullable else value), nullable and not demanded))
        elif name.lower() not in taken and name.isprintable():
            taken.add(name.lower())
            unknown.append(name)
            value = _any(at, _PLAIN_NUMBER if plain else _NUMBER)
            parts.append((_field(name, f"(?:{value}|null)" if demanded else value), not demanded))
    pattern = rf"[ \t\r]*{_object(parts)}[ \t\r]*"
    if len(pattern) > _LONGEST:
        return None
    return Evident(pattern, tuple(unknown), frozenset(filter(seen.always, unknown)), plain)


def _odd_numbers(seen: Seen) -> bool:
    inner = (*seen.fields.values(), *([seen.items] if seen.items else []))
    return seen.odd_number or any(map(_odd_numbers, inner))


def _value(type_: ColumnType, seen: Seen | None) -> str:
    """The pattern for values of a type, null not among them."""
    if isinstance(type_, Struct):
        types = dict(type_.fields)
        seen = seen or Seen()
        fields = [(name, seen.fields[name]) for name in seen.order if name in types]
        return _object([(_field(name, _inner(types[name], at)), not seen.always(name)) for name, at in fields])
    if isinstance(type_, List):
        return _list(_inner(type_.item, seen.items if seen else None))
    if isinstance(type_, Decimal):
        return _decimal(type_)
    if type_.name in INTEGER_BITS:
        digits = len(str(1 << (INTEGER_BITS[type_.name] - 1))) - 1
        return rf"-?(?:0|[1-9][0-9]{{0,{digits - 1}}})"
    return _any(seen) if type_ == Scalar("JSON") else _SCALARS[type_.name]


def _inner(type_: ColumnType, seen: Seen | None) -> str:
    return f"(?:{_value(type_, seen)}|null)"


def _decimal(type_: Decimal) -> str:
    before, after = type_.precision - type_.scale, type_.scale
    whole = rf"(?:0|[1-9][0-9]{{0,{before - 1}}})" if before else "0"
    return rf"-?{whole}(?:\.[0-9]{{1,{after}}})?" if after else rf"-?{whole}"


def _any(seen: Seen | None, number: str = _NUMBER) -> str:
    """The pattern for values like those seen, where any JSON is good; null not among them."""
    kinds = [rf"{_TEXT}|{number}|true|false"]
    if seen and seen.objects:
        fields = [(name, f"(?:{_any(seen.fields[name], number)}|null)") for name in seen.order]
        kinds.append(_object([(_field(name, value), not seen.always(name)) for name, value in fields]))
    if seen and seen.items:
        kinds.append(_list(f"(?:{_any(seen.items, number)}|null)"))
    return f"(?:{'|'.join(kinds)})"


def _list(item: str) -> str:
    return rf"\[{_}(?:{item}(?:{_},{_}{item})*)?{_}\]"


def _field(name: str, value: str) -> str:
    spellings = {re.escape(encode(name)), re.escape(json.dumps(name))}
    return f"(?:{'|'.join(sorted(spellings))}){_}:{_}{value}"


def _object(parts: list[tuple[str, bool]]) -> str:
    """The pattern for an object of these fields in this order; each comes with whether it may be missing."""
    rest, any_rest, may_be_empty = "", "", True  # the fields behind this one: with commas before, or first
    for part, optional in reversed(parts):
        first = f"{part}{rest}"
        any_rest = f"(?:{first}|{any_rest})" if optional and any_rest else first
        may_be_empty = may_be_empty and optional
        rest = f"(?:{_},{_}{part})?{rest}" if optional else f"{_},{_}{part}{rest}"
    return rf"\{{{_}{f'(?:{any_rest})?' if may_be_empty else any_rest}{_}\}}"
