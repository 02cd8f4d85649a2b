"""The text of a query's `.sql` file, taken apart: its header, its parameters and its statements. It knows no tables."""

import re
from dataclasses import dataclass

GIVEN_PARAMETERS = ("scale_factor", "as_of")
"""Parameters that every statement and every parameter's expression may use: DOUBLE and DATE."""

_HEADER = re.compile(
    r"(source|live|chart|total|(?:unit|title)\s+[A-Za-z_]\w*|param\s+(?P<param>[a-z_]\w*)):\s*(?P<value>.*\S)"
)
# Strings, quoted names and comments come first, so that a $ within them is not a parameter.
_PARAMETER = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\$(?P<name>[A-Za-z_]\w*)", re.DOTALL)


@dataclass(frozen=True)
class SqlFile:
    """What a file says.

    Attributes:
        fields: `source`, `live`, and how to show the answer (see `presentation`), where the header has them.
        expressions: SQL expressions by parameter.
    """

    title: str
    question: str
    fields: dict[str, str]
    expressions: dict[str, str]
    partial: str | None
    combine: str


def parse(text: str) -> SqlFile:
    """Take a file apart.

    Raises:
        ValueError: It is malformed; the message says what is wrong.
    """
    header, statements = _sections(text)
    prose, fields, expressions = _header(header)
    if len(prose) < 2:
        raise ValueError("starts with two comment lines or more: the title, then the question in one sentence")
    combine = statements.get("combine")
    if combine is None:
        raise ValueError("has no `-- combine` section")
    return SqlFile(prose[0], " ".join(prose[1:]), fields, expressions, statements.get("partial"), combine)


def parameter_names(sql: str) -> tuple[str, ...]:
    """The parameters that a text uses, in order."""
    return tuple(dict.fromkeys(match["name"] for match in _PARAMETER.finditer(sql) if match["name"]))


def without_parameters(sql: str) -> str:
    """The text with NULL in the place of each parameter."""
    return _PARAMETER.sub(lambda match: "NULL" if match["name"] else match[0], sql)


def with_types(sql: str, types: dict[str, str]) -> str:
    """The text with a typed NULL in the place of each parameter, so that it can be bound without values."""
    return _PARAMETER.sub(lambda match: f"CAST(NULL AS {types[match['name']]})" if match["name"] else match[0], sql)


def _sections(text: str) -> tuple[list[str], dict[str, str]]:
    """Splits a file into the lines of its header and its statements by section name."""
    _, *parts = re.split(r"^-- (partial|combine)[ \t]*$", text, flags=re.MULTILINE)
    header = re.split(r"^-- (?:partial|combine)[ \t]*$", text, maxsplit=1, flags=re.MULTILINE)[0]
    names, bodies = parts[::2], [body.strip().rstrip(";").rstrip() for body in parts[1::2]]
    if names not in (["partial", "combine"], ["combine"], ["partial"], []):
        raise ValueError(f"has the sections {', '.join(names)}; allowed are `-- partial`, then `-- combine`, once each")
    return header.splitlines(), dict(zip(names, bodies, strict=True))


def _header(lines: list[str]) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Splits a header into prose (title and question), fields (source, live) and the parameters' expressions."""
    prose: list[str] = []
    fields: dict[str, str] = {}
    expressions: dict[str, str] = {}
    for line in filter(str.strip, lines):
        if not line.startswith("-- "):
            raise ValueError(f"has a line outside of any section: {line!r}")
        content = line.removeprefix("-- ").strip()
        match = _HEADER.fullmatch(content)
        if not match and (fields or expressions):
            raise ValueError(
                f"has an unknown header line {line!r}; allowed are source, live, param <name>, chart, "
                "unit <column>, title <column> and total"
            )
        if not match:
            prose.append(content)
            continue
        target, key = (expressions, match["param"]) if match["param"] else (fields, " ".join(match[1].split()))
        if key in target or key in GIVEN_PARAMETERS:
            raise ValueError(f"declares {key} twice, or one that is always given ({', '.join(GIVEN_PARAMETERS)})")
        target[key] = match["value"]
    return prose, fields, expressions
