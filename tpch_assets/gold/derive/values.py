"""Values of any type for test data: few and equal, many and different, extreme, or near a statement's constants."""

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from random import Random

from tpch_assets.gold.derive.hints import Hints
from tpch_assets.schema import Column
from tpch_assets.schema.types import INTEGER_BITS, ColumnType, List, Scalar, Struct
from tpch_assets.schema.types import Decimal as DecimalType

Row = dict[str, object]

_TEXTS = ("", "a", "A", "b", "ab", " ", "ä", "o'k", "%", "0", "NULL", "a b", "10", "9", "zz")
_NUMBERS = (0, 1, 1, 2, 3, 10, -1, -2)
_DOUBLES = (0.0, -0.0, 0.1, 0.2, 0.3, 1.0, 1.5, -2.5, 1e-7, 1234.56)
_DAY = date(2026, 1, 1)
_NULL_INSIDE = 0.12  # The share of NULLs within nested values.
_LARGE = 10**12


class Domain:
    """Draws values. Columns that are joined, or are keys, draw few values, the same for all of one type.

    Args:
        joined: Names of these columns, in lower case.
        nulls: The share of NULLs in columns that allow them.
        wide: All other columns draw from many values.
        extreme: Numbers reach the limits of their types.
        values: The statement's parameters; dates lie around `as_of`.
    """

    def __init__(
        self,
        chance: Random,
        known: Hints,
        joined: frozenset[str],
        nulls: float,
        wide: bool,
        extreme: bool,
        values: Mapping[str, object],
    ) -> None:
        self.chance, self._known, self._nulls, self._wide, self._extreme = chance, known, nulls, wide, extreme
        self._joined = {name.lower() for name in joined}
        as_of = values.get("as_of")
        self._day = as_of if isinstance(as_of, date) else _DAY
        self._near: dict[str, tuple[list[object], list[object]]] = {}

    def key(self, column: Column, count: int) -> object:
        """One of `count` values, never NULL; sometimes one of the statement's constants."""
        exact, near = self._constants(column.name, column.parsed)
        if exact and self.chance.random() < 0.4:
            some = (exact + near)[:count]
            return self.chance.choice(some)
        return self._at(column.parsed, self.chance.randrange(count))

    def value(self, column: Column, count: int, hinted: float, exact_share: float) -> object:
        """A value of a column: NULL, a constant of the statement, or one of few or of many."""
        if column.nullable and self.chance.random() < self._nulls:
            return None
        exact, near = self._constants(column.name, column.parsed)
        if exact and self.chance.random() < hinted:
            # Of texts the neighbours hardly ever match; of numbers and times they meet inequalities.
            share = exact_share if not isinstance(exact[0], str) else (1 + exact_share) / 2
            return self.chance.choice(near if near and self.chance.random() > share else exact)
        if column.name.lower() in self._joined:
            # The first values are frequent, the last ones rare.
            return self._at(column.parsed, int(count * self.chance.random() ** 1.5))
        return self._any(column.parsed, column.name)

    def _constants(self, column: str, type_: ColumnType) -> tuple[list[object], list[object]]:
        """The statement's constants as values of a column or field, and their neighbours."""
        name = column.lower()
        if name not in self._near:
            found = [list(_near(type_, raw)) for raw in self._known.constants.get(name, ())]
            exact = dict.fromkeys(values[0] for values in found if values)
            near = dict.fromkeys(value for values in found for value in values[1:])
            self._near[name] = list(exact), list(near)
        return self._near[name]

    def _at(self, type_: ColumnType, number: int) -> object:
        """The value with a number, the same wherever it is drawn."""
        if isinstance(type_, DecimalType):
            whole = number - 1 if type_.precision - type_.scale > 1 else 0
            return Decimal(whole)
        if not isinstance(type_, Scalar):
            return self._any(type_)
        if type_.name in INTEGER_BITS:
            return self._extremes(INTEGER_BITS[type_.name])[number] if self._extreme and number < 3 else number - 1
        if type_.name == "VARCHAR":
            return _TEXTS[number] if number < len(_TEXTS) else f"text {number}"
        if type_.name == "UUID":
            return str(uuid.UUID(int=number * 0x1234_5678_9ABC_DEF0_1234_5678_9ABC))
        if type_.name == "DATE":
            return self._day + timedelta(days=number - 2)
        if type_.name.startswith("TIMESTAMP"):
            moment = datetime.combine(self._day, time()) + timedelta(hours=12 * (number - 3), microseconds=number % 2)
            return _moment(type_, moment)
        if type_.name == "BOOLEAN":
            return number % 2 == 0
        return self._any(type_)

    def _any(self, type_: ColumnType, name: str = "") -> object:
        if isinstance(type_, Struct):
            return {field: self._inside(inner, field) for field, inner in type_.fields}
        if isinstance(type_, List):
            return [self._inside(type_.item, name) for _ in range(self.chance.choice((0, 1, 1, 2, 3)))]
        if isinstance(type_, DecimalType):
            return self._decimal(type_)
        if type_.name in INTEGER_BITS:
            return self._integer(INTEGER_BITS[type_.name])
        if type_.name in ("FLOAT", "DOUBLE"):
            return self._double()
        if type_.name == "JSON":
            return self._json()
        return self._at(type_, self.chance.randrange(1000 if self._wide else 6))

    def _inside(self, type_: ColumnType, name: str) -> object:
        if self.chance.random() < _NULL_INSIDE:
            return None
        exact = [] if isinstance(type_, Struct | List) else self._constants(name, type_)[0]
        return self.chance.choice(exact) if exact and self.chance.random() < 0.6 else self._any(type_, name)

    def _decimal(self, type_: DecimalType) -> Decimal:
        digits = type_.precision - type_.scale
        if self._extreme and self.chance.random() < 0.3:
            unscaled = 10 ** min(type_.precision, 8) - 1  # A product of two still fits 18 digits.
            return Decimal(self.chance.choice((1, -1)) * unscaled).scaleb(-type_.scale)
        if self._wide or digits < 2:
            most = 10 ** min(type_.precision, type_.scale + 4)
            return Decimal(self.chance.randrange(-most // 4, most)).scaleb(-type_.scale)
        return Decimal(self.chance.choice(_NUMBERS) * self.chance.choice((1, 1, 10**type_.scale))).scaleb(-type_.scale)

    def _integer(self, bits: int) -> int:
        if self._extreme and self.chance.random() < 0.3:
            return self.chance.choice(self._extremes(bits))
        if self._wide:
            return self.chance.randrange(-(2 ** min(bits - 1, 8)), 2 ** min(bits - 1, 14))
        return self.chance.choice(_NUMBERS)

    def _extremes(self, bits: int) -> tuple[int, ...]:
        return (2 ** (bits - 1) - 1, -(2 ** (bits - 1)) + 1, 2 ** (bits - 2) + 1)

    def _double(self) -> float:
        if self._extreme and self.chance.random() < 0.3:
            return self.chance.choice((1e12, -1e12, 1e-12))
        return self.chance.uniform(-10, 100) if self._wide else self.chance.choice(_DOUBLES)

    def _json(self) -> str:
        keys = self._known.paths or ("a", "b")
        inside: list[object] = [None, "", "x", "X", 1, 2.5, True, [1, "x"], {"a": 1}]
        value = {key: self.chance.choice(inside) for key in keys if self.chance.random() < 0.8}
        return json.dumps(self.chance.choice((value, value, value, value, None, [value], "x")))


def _moment(type_: Scalar, moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if type_.name.endswith("TIME ZONE") else moment.replace(tzinfo=None)


def _near(type_: ColumnType, raw: object) -> Iterator[object]:
    """A constant as a value of a type, and its neighbours; nothing, where it does not fit."""
    if isinstance(type_, DecimalType):
        yield from _near_decimal(raw, type_)
    elif isinstance(type_, Scalar):
        if type_.name in INTEGER_BITS:
            yield from (
                int(number) for number in _near_number(raw) if abs(number) < 2 ** (INTEGER_BITS[type_.name] - 1)
            )
        elif type_.name in ("FLOAT", "DOUBLE"):
            yield from map(float, _near_number(raw))
        elif type_.name == "VARCHAR" and isinstance(raw, str):
            yield from _near_text(raw)
        elif type_.name == "DATE":
            yield from (moment.date() for moment in _near_moment(raw))
        elif type_.name.startswith("TIMESTAMP"):
            yield from (_moment(type_, moment) for moment in _near_moment(raw))


def _near_decimal(raw: object, type_: DecimalType) -> Iterator[Decimal]:
    unit = Decimal(1).scaleb(-type_.scale)
    for number in (*_near_number(raw), *(raw + sign * unit for sign in (-1, 1) if isinstance(raw, Decimal))):
        if abs(number) < 10 ** (type_.precision - type_.scale) and number == number.quantize(unit):
            yield number


def _near_number(raw: object) -> Iterator[Decimal]:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        return
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        return
    if abs(number) < _LARGE:
        yield from (number, number + 1, number - 1, number * 2)


def _near_text(raw: str) -> Iterator[str]:
    bare = raw.replace("%", "").replace("_", "y")
    yield from (bare, raw.replace("%", "xy").replace("_", "y"), bare + "-1", bare.lower())


def _near_moment(raw: object) -> Iterator[datetime]:
    """Moments about a date, a text with one, or a year."""
    moment = None
    if isinstance(raw, str):
        try:
            moment = datetime.fromisoformat(raw.strip())
        except ValueError:
            return
    elif isinstance(raw, datetime):
        moment = raw
    elif isinstance(raw, date):
        moment = datetime.combine(raw, time())
    elif isinstance(raw, Decimal | int) and not isinstance(raw, bool) and 1900 <= raw <= 2100:
        moment = datetime(int(raw), 5, 5)
    if moment is not None and 1 < moment.year < 9990:
        for change in (0, 1, -1, 2, 20, 45, 100, 200, 300, 380, -30, -100, -400):
            yield moment + timedelta(days=change)
        for seconds in (1, -1, 3600, 86400 + 3600):
            yield moment + timedelta(seconds=seconds)
