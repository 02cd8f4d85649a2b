"""The text of a query's `.sql` file, taken apart: its header, its parameters and its statements. It knows no tables.

A file is a header of comment lines and one plain SELECT. The sections `-- partial` and `-- combine` may follow, or
stand in its place: then they are what runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

GIVEN_PARAMETERS = ("scale_factor", "as_of")
"""Parameters that every statement and every parameter's expression may use: DOUBLE and DATE."""

Section = Literal["statement", "partial", "combine"]
"""What a file's statements are called; `statement` is the plain SELECT."""

_HEADER = re.compile(
    r"(source|live|chart|total|(?:unit|title)\s+[A-Za-z_]\w*|param\s+(?P<param>[a-z_]\w*)):\s*(?P<value>.*\S)"
)
_SECTION = re.compile(r"-- (partial|combine)[ \t]*")
# Strings, quoted names and comments come first, so that a $ within them is not a parameter.
_PARAMETER = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\$(?P<name>[A-Za-z_]\w*)", re.DOTALL)
_SEMICOLON = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|(?P<end>;)", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|\s+", re.DOTALL)
_ALLOWED = "source, live, param <name>, chart, unit <column>, title <column> and total"
_ORDER: tuple[tuple[Section, ...], ...] = (
    ("statement",),
    ("partial", "combine"),
    ("combine",),
    ("statement", "partial", "combine"),
)


class Malformed(ValueError):
    """What is wrong with a file, in one sentence.

    Attributes:
        line: The line that it is about, from 1; None for the whole file.
    """

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what)
        self.line = line


@dataclass(frozen=True)
class Statement:
    """One statement, without a semicolon, and the line of the file on which its text begins."""

    text: str
    line: int


@dataclass(frozen=True)
class SqlFile:
    """What a file says.

    Attributes:
        fields: `source`, `live`, and how to show the answer (see `presentation`), where the header has them.
        expressions: SQL expressions by parameter.
        lines: Lines of fields and parameters, by what stands before the colon.
    """

    title: str
    question: str
    fields: dict[str, str]
    expressions: dict[str, str]
    statements: dict[Section, Statement]
    lines: dict[str, int] = field(default_factory=dict)

    def text(self, section: Section) -> str | None:
        """A section's statement; None if the file has none."""
        return self.statements[section].text if section in self.statements else None


def parse(text: str, *, bare: bool = False) -> SqlFile:
    """Take a file apart.

    Args:
        bare: The title and the question may be missing.

    Raises:
        Malformed: The message says what is wrong.
    """
    lines = text.splitlines()
    length = _length_of_header(lines)
    file = _header(lines[:length], bare=bare)
    statements = {name: found for name, found in _statements(lines, length) if found.text or name != "statement"}
    if tuple(statements) not in _ORDER:
        raise Malformed(_disorder(tuple(statements)))
    for name, statement in statements.items():
        if not statement.text:
            raise Malformed(f"the section {name} is empty", statement.line)
    file.statements.update(statements)
    return file


def parameter_names(sql: str) -> tuple[str, ...]:
    """The parameters that a text uses, in order."""
    return tuple(dict.fromkeys(match["name"] for match in _PARAMETER.finditer(sql) if match["name"]))


def with_types(sql: str, types: Mapping[str, str]) -> str:
    """The text with a typed NULL in the place of each parameter, so that it can be bound without values."""
    return _PARAMETER.sub(lambda match: f"CAST(NULL AS {types[match['name']]})" if match["name"] else match[0], sql)


def _length_of_header(lines: list[str]) -> int:
    """How many lines the header has. Below a blank line, a comment may already belong to the statement."""
    length, last, parted = 0, 0, False
    for length, line in enumerate([*lines, ""]):
        if _SECTION.fullmatch(line) or (line.strip() and not line.startswith("--")):
            break
        if line.strip() and (not parted or _HEADER.fullmatch(line.removeprefix("--").strip())):
            last = length + 1
        parted = parted or (not line.strip() and last > 0)
    return last


def _statements(lines: list[str], begin: int) -> Iterator[tuple[Section, Statement]]:
    """The sections below the header, each with its statement."""
    found: list[tuple[str, int]] = [("statement", begin)]
    found += [
        (match[1], number + 1)
        for number, line in enumerate(lines)
        if number >= begin and (match := _SECTION.fullmatch(line))
    ]
    ends = [first - 1 for _, first in found[1:]] + [len(lines)]
    seen: set[str] = set()
    for (name, first), end in zip(found, ends, strict=True):
        if name in seen:
            raise Malformed(f"has a second section {name}", first)
        seen.add(name)
        while first < end and not lines[first].strip():
            first += 1
        yield name, Statement(_statement("\n".join(lines[first:end])), first + 1)  # type: ignore[misc]


def _statement(text: str) -> str:
    """A statement without the semicolon at its end; empty if there are only comments."""
    bare = text.strip()
    for match in _SEMICOLON.finditer(bare):
        if match["end"] and not _COMMENT.sub("", bare[match.end() :]):
            bare = bare[: match.start()].rstrip()
            break
    return bare if _COMMENT.sub("", bare) else ""


def _disorder(names: tuple[Section, ...]) -> str:
    if not names:
        return "has no statement: write one SELECT below the header"
    if names == ("partial",):
        return "has a section partial but no `-- combine`"
    return (
        f"has {', '.join(names)}; allowed is one plain SELECT, then `-- partial` and `-- combine`, once each, as an "
        "override"
    )


def _header(lines: list[str], *, bare: bool) -> SqlFile:
    """The header alone, without statements: prose (title and question), fields and the parameters' expressions."""
    prose: list[str] = []
    fields: dict[str, str] = {}
    expressions: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        content = line.removeprefix("--").strip()
        if not content:
            continue
        match = _HEADER.fullmatch(content)
        if not match and (fields or expressions):
            raise Malformed(f"has an unknown header line `{line.strip()}`; allowed are {_ALLOWED}", number)
        if not match:
            prose.append(content)
            continue
        target, key = (expressions, match["param"]) if match["param"] else (fields, " ".join(match[1].split()))
        if key in target or key in GIVEN_PARAMETERS:
            given = ", ".join(GIVEN_PARAMETERS)
            raise Malformed(f"declares {key} twice, or one that is always given ({given})", number)
        target[key], numbers[" ".join(match[1].split())] = match["value"], number
    if len(prose) < 2 and bare:
        prose = [*prose, "Statement", ""][:2]
    if len(prose) < 2:
        raise Malformed("starts with two comment lines or more: the title, then the question in one sentence", 1)
    return SqlFile(prose[0], " ".join(prose[1:]), fields, expressions, {}, numbers)
