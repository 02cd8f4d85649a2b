"""Checks a parsed JSON value against a type, and spells it so that nothing is left to guess. No lines here."""

import json
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation

from tpch_assets.bronze.json_lines import reasons
from tpch_assets.schema import types as column_types
from tpch_assets.schema.types import INTEGER_BITS, ColumnType, List, Struct

Check = Callable[[object], str]  # from a parsed value, a number as `Number`, to the JSON to be read; it raises Wrong

MAX_DEPTH = 250  # levels of a value whose fields are not declared: far below what Python's stack allows

CLOCK = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
ZONE = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(_DATE.pattern + CLOCK)
_TIME = re.compile(_TIMESTAMP.pattern + ZONE)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ONE = Decimal(1)
_INTEGERS = Context(prec=20, traps=[Inexact, InvalidOperation])  # a BIGINT has 19 digits


class Number(str):
    """A JSON number as it is spelled."""

    __slots__ = ()


class Constant(str):
    """NaN, Infinity or -Infinity: Python reads them, JSON does not know them."""

    __slots__ = ()


class Reject(Exception):
    """Carries the reason why a line is a reject."""


class Wrong(Exception):
    """A value that does not fit its type: the value, the end of the sentence, and the path from the column to it."""

    def __init__(self, value: object, ending: str) -> None:
        super().__init__(value, ending)
        self.path = ""

    def __str__(self) -> str:
        value, ending = self.args
        return f"{self.path}: {show(value)} {ending}"


encode = json.JSONEncoder(ensure_ascii=False).encode


def spell(value: object, depth: int = 0) -> str:
    """JSON again, with the numbers as they were."""
    if depth > MAX_DEPTH:
        raise Reject(reasons.TOO_DEEP)
    if isinstance(value, Constant):
        raise Reject(reasons.NOT_A_JSON_VALUE.format(value=value))
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{encode(key)}:{spell(item, depth + 1)}" for key, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([spell(item, depth + 1) for item in value]) + "]"
    return encode(value)


def show(value: object) -> str:
    shown = str(value) if isinstance(value, Constant) else spell(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def check_of(type_: ColumnType) -> Check:
    """The check for values of a type. None is not among them: the caller knows where null is allowed."""
    if isinstance(type_, column_types.Decimal):
        return _decimal_check(type_)
    if isinstance(type_, Struct):
        return _struct_check(type_)
    if isinstance(type_, List):
        return _list_check(type_)
    if type_.name in INTEGER_BITS:
        return _integer_check(type_.name)
    return _CHECKS[type_.name]


def holds_unknown(type_: ColumnType, value: object) -> bool:
    """Whether a value that fits its type holds, at any depth, a field that the type does not have."""
    if isinstance(type_, Struct) and isinstance(value, dict):
        types = dict(type_.fields)
        return any(name not in types or holds_unknown(types[name], item) for name, item in value.items())
    if isinstance(type_, List) and isinstance(value, list):
        return any(holds_unknown(type_.item, item) for item in value)
    return False


def _struct_check(type_: Struct) -> Check:
    checks = [(name, f"{encode(name)}:", check_of(field)) for name, field in type_.fields]

    def check(value: object) -> str:
        if not isinstance(value, dict):
            raise Wrong(value, reasons.NOT_AN_OBJECT)
        stored = []
        for name, key, check_field in checks:
            field = value.get(name)
            try:
                stored.append(key + ("null" if field is None else check_field(field)))
            except Wrong as wrong:
                wrong.path = f".{name}{wrong.path}"
                raise
        return "{" + ",".join(stored) + "}"

    return check


def _list_check(type_: List) -> Check:
    check_item = check_of(type_.item)

    def check(value: object) -> str:
        if not isinstance(value, list):
            raise Wrong(value, reasons.NOT_A_LIST)
        stored = []
        for index, item in enumerate(value):
            try:
                stored.append("null" if item is None else check_item(item))
            except Wrong as wrong:
                wrong.path = f"[{index}]{wrong.path}"
                raise
        return "[" + ",".join(stored) + "]"

    return check


def _integer_check(name: str) -> Check:
    limit = 1 << (INTEGER_BITS[name] - 1)

    def check(value: object) -> str:
        number = int(_exactly(value, name, _INTEGERS, _ONE, reasons.NOT_AN_INTEGER))
        if not -limit <= number < limit:
            raise Wrong(value, reasons.OUT_OF_RANGE.format(type=name))
        return str(number)

    return check


def _decimal_check(type_: column_types.Decimal) -> Check:
    unit = _ONE.scaleb(-type_.scale)
    context = Context(prec=type_.precision, traps=[Inexact, InvalidOperation])
    finer = reasons.TOO_MANY_DECIMALS.format(scale=type_.scale)

    def check(value: object) -> str:
        return f'"{_exactly(value, type_.sql, context, unit, finer):f}"'

    return check


def _exactly(value: object, type_: str, context: Context, unit: Decimal, finer: str) -> Decimal:
    """A parsed number as a whole number of units; `finer` ends the sentence where it has a fraction of one."""
    if not isinstance(value, Number):
        raise Wrong(value, reasons.NOT_A_NUMBER)
    try:
        return context.quantize(Decimal(value), unit)
    except Inexact:
        raise Wrong(value, finer) from None
    except InvalidOperation:
        raise Wrong(value, reasons.OUT_OF_RANGE.format(type=type_)) from None


def _check_double(value: object) -> str:
    if not isinstance(value, Number):
        raise Wrong(value, reasons.NOT_A_NUMBER)
    number = float(value)
    if number in (float("inf"), float("-inf")):
        raise Wrong(value, reasons.OUT_OF_RANGE.format(type="DOUBLE"))
    return repr(number)


def _check_float(value: object) -> str:
    """The nearest of the 32-bit numbers. By way of a DOUBLE it could be the second nearest: see `_single`."""
    if not isinstance(value, Number):
        raise Wrong(value, reasons.NOT_A_NUMBER)
    try:
        return repr(_single(float(value), value))
    except OverflowError:
        raise Wrong(value, reasons.OUT_OF_RANGE.format(type="FLOAT")) from None


def _single(double: float, text: str) -> float:
    """`text` as a 32-bit number, given its nearest double.

    A double halfway between two 32-bit numbers stands for texts a little above and below it, too.
    """
    bits = struct.unpack("<Q", struct.pack("<d", double))[0]
    halfway = double != 0 and bits & ((1 << 29) - 1) == 1 << 28
    if halfway and (exact := Decimal(text)) != Decimal(double):
        bits += 1 if (abs(exact) > abs(Decimal(double))) else -1
        double = struct.unpack("<d", struct.pack("<Q", bits))[0]
    single: float = struct.unpack("<f", struct.pack("<f", double))[0]
    if single in (float("inf"), float("-inf")):
        raise OverflowError(text)
    return single


def _check_boolean(value: object) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    raise Wrong(value, reasons.NOT_A_BOOLEAN)


def _check_date(value: object) -> str:
    if type(value) is not str or not _DATE.fullmatch(value):
        raise Wrong(value, reasons.NOT_A_DATE)
    try:
        return f'"{date.fromisoformat(value)}"'
    except ValueError:
        raise Wrong(value, reasons.NO_SUCH_DATE) from None


def _check_time(value: object) -> str:
    if type(value) is not str or not _TIME.fullmatch(value):
        raise Wrong(value, reasons.NOT_A_TIME)
    try:
        time = datetime.fromisoformat(value)
        return f'"{(time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()}"'
    except (ValueError, OverflowError):
        raise Wrong(value, reasons.NO_SUCH_TIME) from None


def _check_timestamp(value: object) -> str:
    if type(value) is not str or not _TIMESTAMP.fullmatch(value):
        raise Wrong(value, reasons.NOT_A_TIME_WITHOUT_ZONE)
    try:
        return f'"{datetime.fromisoformat(value).isoformat()}"'
    except ValueError:
        raise Wrong(value, reasons.NO_SUCH_TIME) from None


def _check_text(value: object) -> str:
    if type(value) is not str:
        raise Wrong(value, reasons.NOT_A_STRING)
    if not value.isascii() and value != encodable(value):
        raise Wrong(value, reasons.SURROGATE)
    return encode(value)


def _check_uuid(value: object) -> str:
    if type(value) is not str or not _UUID.fullmatch(value):
        raise Wrong(value, reasons.NOT_A_UUID)
    return f'"{value.lower()}"'


def _check_json(value: object) -> str:
    text = spell(value)
    if not text.isascii() and text != encodable(text):
        raise Wrong(value, reasons.SURROGATE)
    return text


_CHECKS: dict[str, Check] = {
    "BOOLEAN": _check_boolean,
    "DOUBLE": _check_double,
    "FLOAT": _check_float,
    "DATE": _check_date,
    "TIMESTAMP": _check_timestamp,
    "TIMESTAMP WITH TIME ZONE": _check_time,
    "VARCHAR": _check_text,
    "UUID": _check_uuid,
    "JSON": _check_json,
}
