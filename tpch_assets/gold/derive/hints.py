"""What a statement compares its columns with: constants worth having in test data, so that filters select something.

It reads syntax alone and knows no tables; what it misses costs coverage, never an error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlglot
from sqlglot import exp

_COMPARISONS = (exp.Predicate, exp.Between, exp.In, exp.Case, exp.Anonymous, exp.ArrayContains, exp.RegexpLike)
_MOST_ROWS = 150
_MOST_ALIASES = 5  # An alias of an alias of an alias is followed so far.


@dataclass(frozen=True)
class Hints:
    """What a statement says about columns, by their names in lower case.

    Attributes:
        constants: Literals and values of parameters that a column, or an expression over it, is compared with.
        joined: Columns that are compared with other columns.
        paths: Keys of JSON values that the statement looks up.
        limit: The greatest number of rows that it asks for with a LIMIT or a rank, if that is not too large to exceed.
    """

    constants: Mapping[str, tuple[object, ...]]
    joined: frozenset[str]
    paths: tuple[str, ...]
    limit: int


def hints(statement: str, values: Mapping[str, object]) -> Hints:
    """What a statement compares its columns with; nothing, if it cannot be parsed."""
    try:
        tree = sqlglot.parse_one(statement, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return Hints({}, frozenset(), (), 0)
    sources = _sources(tree)
    constants: dict[str, dict[object, None]] = {}
    joined: set[str] = set()
    together: list[set[str]] = []
    for node in tree.find_all(*_COMPARISONS):
        columns = {name for column in _parts(node, exp.Column) for name in _resolve(column.name, sources)}
        found = list(_constants(node, values))
        for name in columns:
            constants.setdefault(name, {}).update(dict.fromkeys(found))
        query = node.args.get("query")
        shown = query.find(exp.Select).named_selects if query else ()
        if isinstance(node, exp.Binary) and len(columns) > 1:
            together.append(columns)
        if isinstance(node, exp.EQ | exp.In | exp.NullSafeEQ) and (len(columns) > 1 or shown):
            joined |= columns.union(*(_resolve(name, sources) for name in shown))
    for columns in together * 2:  # Twice, since one may be compared with the next.
        shared = {value: None for name in columns for value in constants.get(name, ())}
        for name in columns:
            constants.setdefault(name, {}).update(shared)
    for join in tree.find_all(exp.Join):
        joined |= {name for column in join.args.get("using") or () for name in _resolve(column.name, sources)}
    texts = [literal.name for literal in tree.find_all(exp.Literal) if literal.is_string]
    keys = [text.removeprefix("$").lstrip(".") for text in texts if text.startswith(("$.", "."))]
    limit = max((count for count in _limits(tree, values) if count <= _MOST_ROWS), default=0)
    return Hints({name: tuple(found) for name, found in constants.items()}, frozenset(joined), tuple(keys), limit)


def _limits(tree: exp.Expr, values: Mapping[str, object]) -> Iterator[int]:
    """Numbers after LIMIT and OFFSET, and those that a window's value is compared with."""
    ranks = {alias.alias.lower() for alias in tree.find_all(exp.Alias) if alias.find(exp.Window)}
    nodes: list[exp.Expr] = list(tree.find_all(exp.Limit, exp.Offset, exp.Fetch))
    comparisons: list[exp.Expr] = list(tree.find_all(exp.LT, exp.LTE, exp.EQ, exp.Between))
    for node in comparisons:
        if node.find(exp.Window) or any(column.name.lower() in ranks for column in node.find_all(exp.Column)):
            nodes.append(node)
    for node in nodes:
        yield from (int(value) for value in _constants(node, values) if isinstance(value, int | Decimal))


def _sources(tree: exp.Expr) -> dict[str, set[str]]:
    """The columns that each alias stands for."""
    found: dict[str, set[str]] = {}
    for alias in tree.find_all(exp.Alias):
        names = {column.name.lower() for column in alias.this.find_all(exp.Column)}
        found.setdefault(alias.alias.lower(), set()).update(names)
    return found


def _resolve(name: str, sources: Mapping[str, set[str]]) -> set[str]:
    names = {name.lower()}
    for _ in range(_MOST_ALIASES):
        names |= {other for known in names for other in sources.get(known, ())}
    return names


def _parts(node: exp.Expr, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    """The parts of some kinds of a comparison, without those of queries in it."""
    for part in node.walk(prune=lambda part: isinstance(part, exp.Query) and part is not node):
        if isinstance(part, kinds):
            yield part


def _constants(node: exp.Expr, values: Mapping[str, object]) -> Iterator[object]:
    for part in _parts(node, exp.Literal, exp.Parameter, exp.Placeholder):
        if isinstance(part, exp.Literal):
            yield part.name if part.is_string else Decimal(part.name)
        else:
            value = values.get(part.name)
            yield from value if isinstance(value, list) else (value,)
