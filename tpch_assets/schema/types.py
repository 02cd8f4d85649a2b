"""The types a column can have: from any usual spelling to one small value. No values, no DuckDB and no Dagster here.

A type is a `Scalar`, a `Decimal`, a `Struct` or a `List`, and the last two hold types again.
"""

import difflib
import re
from dataclasses import dataclass
from typing import Final

INTEGER_BITS: Final = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
MAX_PRECISION: Final = 38
_STORED: Final = {"UUID": "VARCHAR", "JSON": "VARCHAR"}  # Delta Lake has neither
_KEYS: Final = {*INTEGER_BITS, "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "UUID", "BOOLEAN"}
_MAX_DEPTH: Final = 32  # Delta Lake and Parquet readers do not go much deeper

# Canonical name -> its other names. The canonical names are how DuckDB spells its types.
_ALIASES: Final = {
    "TINYINT": "INT1",
    "SMALLINT": "INT2 SHORT INT16",
    "INTEGER": "INT INT4 INT32 SIGNED",
    "BIGINT": "INT8 INT64 LONG",
    "BOOLEAN": "BOOL LOGICAL",
    "FLOAT": "FLOAT4 REAL",
    "DOUBLE": "FLOAT8 DOUBLE_PRECISION",
    "DATE": "",
    "TIMESTAMP": "DATETIME TIMESTAMP_US TIMESTAMP_WITHOUT_TIME_ZONE",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
    "VARCHAR": "TEXT STRING CHAR NCHAR BPCHAR NVARCHAR CHARACTER CHARACTER_VARYING CHAR_VARYING",
    "UUID": "GUID",
    "JSON": "",
    "DECIMAL": "NUMERIC DEC",
    "STRUCT": "ROW",
}
_NAMES: Final = {name: name for name in _ALIASES} | {
    alias.replace("_", " ") if alias != "TIMESTAMP_US" else alias: name
    for name, aliases in _ALIASES.items()
    for alias in aliases.split()
}
_TOKEN = re.compile(r'\s*(?:(?P<quoted>"(?:[^"]|"")+")|(?P<word>[^\W\d]\w*)|(?P<number>[0-9]+)|(?P<sign>[(),\[\]]))')


class UnknownType(ValueError):
    """A spelling that names no type we can hold; its message is one sentence with the nearest known name."""


@dataclass(frozen=True)
class Scalar:
    """A type without parts, by its canonical name."""

    name: str

    @property
    def sql(self) -> str:
        return self.name

    @property
    def stored(self) -> str:
        return _STORED.get(self.name, self.name)

    @property
    def can_be_key(self) -> bool:
        return self.name in _KEYS

    @property
    def can_be_colocation_key(self) -> bool:
        return self.can_be_key and self.name != "BOOLEAN"


@dataclass(frozen=True)
class Decimal:
    """An exact number of `precision` digits, `scale` of them behind the point."""

    precision: int
    scale: int

    @property
    def sql(self) -> str:
        return f"DECIMAL({self.precision},{self.scale})"

    @property
    def stored(self) -> str:
        return self.sql

    @property
    def can_be_key(self) -> bool:
        return True

    @property
    def can_be_colocation_key(self) -> bool:
        return True


@dataclass(frozen=True)
class Struct:
    """Named fields, in their order. In SQL every name is quoted, so that no keyword needs to be known."""

    fields: tuple[tuple[str, "ColumnType"], ...]

    @property
    def sql(self) -> str:
        return f"STRUCT({', '.join(f'{identifier(name)} {type_.sql}' for name, type_ in self.fields)})"

    @property
    def stored(self) -> str:
        return f"STRUCT({', '.join(f'{identifier(name)} {type_.stored}' for name, type_ in self.fields)})"

    @property
    def can_be_key(self) -> bool:
        return False

    @property
    def can_be_colocation_key(self) -> bool:
        return False


@dataclass(frozen=True)
class List:
    """Any number of items of one type."""

    item: "ColumnType"

    @property
    def sql(self) -> str:
        return f"{self.item.sql}[]"

    @property
    def stored(self) -> str:
        return f"{self.item.stored}[]"

    @property
    def can_be_key(self) -> bool:
        return False

    @property
    def can_be_colocation_key(self) -> bool:
        return False


ColumnType = Scalar | Decimal | Struct | List


def parse(spelling: str) -> ColumnType:
    """The type that a spelling such as `struct(at timestamptz, "value" numeric(9, 2)[])` names.

    As in DuckDB, DECIMAL alone is DECIMAL(18,3), and the length in VARCHAR(n) is ignored.

    Raises:
        UnknownType: the spelling names no type, or one that we cannot hold. Add the table and the column to it.
    """
    parser = _Parser(spelling)
    type_ = parser.type(0)
    parser.end()
    return type_


class _Parser:
    """Reads a spelling from left to right, one method for each part of a type."""

    def __init__(self, spelling: str) -> None:
        self._spelling = spelling
        self._tokens: list[tuple[str, str]] = []
        rest = spelling.rstrip()
        at = 0
        while at < len(rest):
            match = _TOKEN.match(rest, at)
            if not match or match.lastgroup is None:
                raise UnknownType(f"{spelling!r} cannot be read as a type from {rest[at:].strip()!r} on")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self._at = 0

    def type(self, depth: int) -> ColumnType:
        type_ = self._named(depth)
        while self._skip("["):
            if not self._skip("]"):
                raise UnknownType(f"{self._spelling!r} has a list of fixed length; a list is spelled {type_.sql}[]")
            depth += 1
            self._check_depth(depth)
            type_ = List(type_)
        return type_

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise UnknownType(f"{self._spelling!r} has {self._next()[1]!r} where it should end")

    def _named(self, depth: int) -> ColumnType:
        words = []
        while self._next()[0] == "word":
            words.append(self._take())
        spelled = " ".join(words)
        name = _NAMES.get(spelled.upper())
        if name is None:
            raise self._unknown(spelled)
        if name == "STRUCT":
            return self._struct(depth)
        if name == "DECIMAL":
            return self._decimal()
        if name == "VARCHAR":
            self._arguments(1)
        return Scalar(name)

    def _unknown(self, spelled: str) -> UnknownType:
        if not spelled:
            found = f"{self._next()[1]!r} " if self._next()[0] else ""
            return UnknownType(f"{self._spelling!r} has {found or 'nothing '}where the name of a type should be")
        near = difflib.get_close_matches(spelled.upper(), _NAMES, n=1, cutoff=0)[0]
        inside = f" in {self._spelling!r}" if spelled != self._spelling.strip() else ""
        return UnknownType(f"{spelled!r}{inside} is not a known type; the nearest known name is {near}")

    def _check_depth(self, depth: int) -> None:
        if depth > _MAX_DEPTH:
            start = self._spelling[:40]
            raise UnknownType(f"the type that starts with {start!r} is nested more than {_MAX_DEPTH} levels deep")

    def _struct(self, depth: int) -> Struct:
        self._check_depth(depth)
        fields: list[tuple[str, ColumnType]] = []
        if not self._skip("("):
            raise UnknownType(f"{self._spelling!r} has a STRUCT without fields, such as STRUCT(a INTEGER)")
        while not fields or self._skip(","):
            name = self._field_name()
            if name.lower() in (other.lower() for other, _ in fields):
                raise UnknownType(f"{self._spelling!r} has the field {name!r} twice; case does not tell fields apart")
            fields.append((name, self.type(depth + 1)))
        self._close()
        return Struct(tuple(fields))

    def _field_name(self) -> str:
        kind, text = self._next()
        if kind not in ("word", "quoted"):
            found = repr(text) if kind else "nothing"
            raise UnknownType(f"{self._spelling!r} has {found} where the name of a field should be")
        self._take()
        return text[1:-1].replace('""', '"') if kind == "quoted" else text

    def _decimal(self) -> Decimal:
        precision, scale = [*self._arguments(2), 0][:2] if self._next()[1] == "(" else (18, 3)
        if not 1 <= precision <= MAX_PRECISION:
            near = f"DECIMAL({MAX_PRECISION},{min(scale, MAX_PRECISION)})"
            raise UnknownType(f"{self._spelling!r} has a precision outside of 1 to {MAX_PRECISION}; the most is {near}")
        if scale > precision:
            raise UnknownType(f"{self._spelling!r} has a scale above its precision; the most is {precision}")
        return Decimal(precision, scale)

    def _arguments(self, most: int) -> list[int]:
        """Whole numbers in parentheses, one to `most` of them; none if there is no parenthesis."""
        numbers: list[int] = []
        if not self._skip("("):
            return numbers
        while not numbers or (len(numbers) < most and self._skip(",")):
            kind, text = self._next()
            if kind != "number":
                raise UnknownType(f"{self._spelling!r} has {text or 'nothing'!r} where a number should be")
            numbers.append(int(self._take()[:9]))
        self._close()
        return numbers

    def _close(self) -> None:
        if not self._skip(")"):
            found = repr(self._next()[1]) if self._next()[0] else "nothing"
            raise UnknownType(f"{self._spelling!r} has {found} where a closing parenthesis should be")

    def _next(self) -> tuple[str, str]:
        """The kind and text of the next token; both are empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _skip(self, sign: str) -> bool:
        found = self._next() == ("sign", sign)
        self._at += found
        return found


def identifier(name: str) -> str:
    """The name of a column or table as SQL; quoted, so that no keyword needs to be known."""
    return '"' + name.replace('"', '""') + '"'
