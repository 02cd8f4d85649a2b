"""The names of bronze's files: each names the content of one raw file, as parsed by one version of the parser.

Bronze compares these contents to find what is not ingested yet. Columns do not count for that: a file stays while its
table changes in place, and a table that is made again names all of its files anew. A file that is parsed by other
columns than the table was begun with names them, so that runs of before and after a change write files of their own,
if they run at once. Parsing does not belong here.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tpch_assets.compute.database import sql_types
from tpch_assets.lake.snapshot import DataFile, Snapshot, snapshot
from tpch_assets.raw.files import RawFile
from tpch_assets.schema import Column, Table

PARSER = 1
"""The version of `json_lines`. Who mends it so that a file's rows or rejects come out otherwise raises this: all raw
files are then parsed again, and silver and gold follow."""

NAMING = "tpch_assets.naming"
"""The property of a bronze table that says how its files are named."""

_NAME = re.compile(
    r"(?:(?P<file>[0-9a-f]{8})-)?(?P<content>[0-9a-f]{16})(?:-(?P<columns>[0-9a-f]{8}))?"
    r"(?:\.(?P<filled>[0-9a-f]{8}))?\.parquet"
)


@dataclass(frozen=True)
class BronzeName:
    """`<file>-<content>[-<columns>][.<filled>].parquet`; former versions wrote `<content>.parquet`.

    Attributes:
        file: Hash of the raw file's name; empty where a former version wrote the file.
        content: Hash of the raw file's name, size and stamp, and of what parsed it.
        filled: Hash of the columns that were filled since from unknown fields.
        columns: Hash of the columns that the raw file was parsed by; empty for those that the table was begun with.
    """

    file: str
    content: str
    filled: str = ""
    columns: str = ""

    def __str__(self) -> str:
        file, columns = f"{self.file}-" if self.file else "", f"-{self.columns}" if self.columns else ""
        return f"{file}{self.content}{columns}{f'.{self.filled}' if self.filled else ''}.parquet"

    @classmethod
    def parse(cls, name: str) -> "BronzeName":
        """The parts of a file's name; a name that is none of ours is the name of its own content."""
        match = _NAME.fullmatch(name)
        return cls(**match.groupdict("")) if match else cls("", name)

    def filled_with(self, columns: Sequence[Column]) -> "BronzeName":
        """The name of the same file once these columns are filled; filled again it is the same."""
        names = ",".join(sorted(f"{column.name} {column.parsed.sql}" for column in columns))
        return replace(self, filled=_digest(f"{self.filled} {names}", 8))


@dataclass(frozen=True)
class Naming:
    """How the files of one bronze table are named.

    Attributes:
        origin: Names the making of the table: another one names all its files anew.
        former: Columns that former versions made names of.
        columns: Hash of the declared columns; empty if the table was begun with them.
    """

    origin: str
    former: tuple[tuple[Column, ...], ...] = ()
    columns: str = ""

    @classmethod
    def of(cls, table: Table, bronze: Snapshot) -> "Naming":
        """How files of a table are named, and of one that does not exist yet will be."""
        if NAMING in bronze.properties:
            found = json.loads(bronze.properties[NAMING])
            former = tuple(tuple(Column(*column) for column in one) for one in found["former"])
            columns = _origin(table)
            return cls(found["origin"], former, "" if columns == found["origin"] else columns[:8])
        former = (_columns_then(table, bronze),) if bronze.files else ()
        return cls(_origin(table), former)

    @classmethod
    def again(cls, table: Table, bronze: Snapshot) -> "Naming":
        """How files are named once the table is made again."""
        return cls(_origin(table, cls.of(table, bronze).origin))

    @property
    def properties(self) -> dict[str, str]:
        """The property that records it."""
        former = [[[c.name, c.type, c.description, c.nullable] for c in columns] for columns in self.former]
        return {NAMING: json.dumps({"origin": self.origin, "former": former})}

    def claim(self, table: Table) -> int:
        """A number for what raw files are parsed as; it fits Delta's 64 bits."""
        return int(_digest(f"{_origin(table)} {self.origin}")[:15], 16)

    def name(self, file: RawFile) -> BronzeName:
        """The name that a raw file's bronze file gets."""
        return BronzeName(file_hash(file.name), _content(file, self.origin), columns=self.columns)

    def copied(self, name: str, raw_file: str) -> BronzeName:
        """The name of a copy of a bronze file, whose raw file (by the hash of its name) is gone."""
        return BronzeName(raw_file, _digest(f"{self.origin} {name}"))

    def contents(self, file: RawFile) -> set[str]:
        """The `content` of names that stand for a raw file as it is now."""
        former = self.former if PARSER == 1 else ()
        return {_content(file, self.origin), *(name for columns in former for name in former_contents(file, columns))}


def same_lines(file: DataFile) -> tuple[str, BronzeName]:
    """What a bronze file and the file with its rejects have in common, also while one of them is being filled."""
    return file.partition, replace(BronzeName.parse(file.name), filled="", columns="")


def rejects_of(bronze: Snapshot) -> Snapshot:
    """The rejects of a bronze table, now."""
    return snapshot(bronze.lake, f"{bronze.uri}_rejects")


def file_hash(name: str) -> str:
    """What stands for a raw file's name in the names of bronze files."""
    return _digest(name, 8)


def former_contents(file: RawFile, columns: Sequence[Column]) -> tuple[str, str]:
    """The names that the two previous versions gave a file's content: lakes written then are not built again.

    They hashed the columns too: one their types, the other Python's notation of them, descriptions and all. That is
    spelled out here, so that it stays whatever a column is today.
    """
    schema = [[column.name, column.parsed.sql, column.nullable] for column in columns]
    spelled = [
        f"Column(name={c.name!r}, type={c.type!r}, description={c.description!r}, nullable={c.nullable!r})"
        for c in columns
    ]
    one = "," if len(spelled) == 1 else ""
    return (
        _digest(json.dumps([file.name, file.size, file.stamp, schema])),
        _digest("\n".join([file.name, str(file.size), file.stamp, f"({', '.join(spelled)}{one})"])),
    )


def _content(file: RawFile, origin: str) -> str:
    return _digest(json.dumps([file.name, file.size, file.stamp, PARSER, origin]))


def digest(lines: Sequence[str]) -> str:
    """Names some lines of text."""
    return _digest("\n".join(lines))


def _origin(table: Table, before: str = "") -> str:
    """Names a making of a table: whatever it is read as from the same raw files, and what it was before."""
    columns = sorted([column.name, column.parsed.sql, column.nullable] for column in table.columns)
    return _digest(json.dumps([columns, before]))


def _columns_then(table: Table, bronze: Snapshot) -> tuple[Column, ...]:
    """The columns that a table without a record was written with: those it has, as they are declared today."""
    declared = {column.name: column for column in table.columns}
    found = []
    for name, type_ in sql_types(bronze.schema) if bronze.schema is not None else ():
        column = declared.get(name, Column(name, type_, ""))
        found.append(column if column.stored == type_ else replace(column, type=type_))
    return tuple(column for column in found if not column.name.startswith("_"))


def _digest(text: str, length: int = 16) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
