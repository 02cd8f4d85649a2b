"""Which columns of which tables an answer's columns come from, told from the syntax tree of its statement.

Best effort: where a statement is beyond it, nothing is said. Filters and join conditions do not count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tpch_assets.gold import kept
from tpch_assets.gold.queries import Query
from tpch_assets.gold.syntax import Node, tree
from tpch_assets.schema import Business


@dataclass(frozen=True)
class Origin:
    """What a column comes from.

    Attributes:
        sources: Columns of tables, as (table, column), sorted.
        same: It is one of them, unchanged.
    """

    sources: tuple[tuple[str, str], ...] = ()
    same: bool = False


def origins(query: Query, business: Business) -> dict[str, Origin]:
    """What each column of a query's answer comes from; empty where that cannot be told, as of a function's."""
    if query.function:
        return {}
    tables = [(table.name, table.column_names) for table in business.tables]
    inputs = ["origins", query.statements, tables, query.columns]
    return kept.found(business.queries, inputs, lambda: _origins(query, business), _as_kept)


def _as_kept(found: dict[str, dict[str, Any]]) -> dict[str, Origin]:
    return {
        name: Origin(tuple((table, column) for table, column in one["sources"]), one["same"])
        for name, one in found.items()
    }


def _origins(query: Query, business: Business) -> dict[str, Origin]:
    try:
        tables = {
            table.name: [(name, Origin(((table.name, name),), True)) for name in (*table.column_names, "_batch")]
            for table in business.tables
        }
        if query.plain is None and query.partial is not None:
            tables["partials"] = _Reader(tables).relation(_root(query.partial))
        found = _Reader(tables).relation(_root(query.plain or query.combine or ""))
    except _Unknown:
        return {}
    if len(found) != len(query.columns):
        return {}
    return {name: origin for (name, _), (_, origin) in zip(query.columns, found, strict=True)}


Relation = list[tuple[str, Origin]]
"""The columns of a table or a part of a statement, in order."""
Scope = list[tuple[str, Relation, frozenset[str]]]
"""What FROM gives: aliases, their columns, and those among them that `*` leaves out, as USING has them already."""
_NOTHING: frozenset[str] = frozenset()


class _Unknown(Exception):
    """A part of a statement that is not understood."""


def _root(statement: str) -> Node:
    statements = tree(statement)["statements"]
    assert isinstance(statements, list)
    return _node(statements[0], "node")


class _Reader:
    """Reads one query block.

    Args:
        tables: Tables and WITH parts by name, in lower case.
        outer: What the blocks around this one see.
    """

    def __init__(self, tables: Mapping[str, Relation], outer: Sequence[Scope] = ()) -> None:
        self.tables, self.outer = dict(tables), list(outer)

    def relation(self, node: Node) -> Relation:
        """The columns that a block gives."""
        kind = node.get("type")
        self._with(node)
        if kind == "SELECT_NODE":
            scope = self._scope(_node(node, "from_table"))
            return self._selected(_list(node, "select_list"), scope)
        if kind == "SET_OPERATION_NODE":
            blocks = _list(node, "children") or [_node(node, "left"), _node(node, "right")]
            if "NAME" in str(node.get("setop_type")):
                raise _Unknown
            return _united([_Reader(self.tables, self.outer).relation(block) for block in blocks])
        if kind == "RECURSIVE_CTE_NODE":
            first = _Reader(self.tables, self.outer).relation(_node(node, "left"))
            known = {**self.tables, str(node.get("cte_name")).lower(): first}
            return _united([first, _Reader(known, self.outer).relation(_node(node, "right"))])
        raise _Unknown

    def _with(self, node: Node) -> None:
        parts = node.get("cte_map")
        for part in _list(parts, "map") if isinstance(parts, dict) else []:
            value = _node(part, "value")
            found = _Reader(self.tables, self.outer).relation(_node(value, "query_node"))
            self.tables[str(part["key"]).lower()] = _renamed(found, value.get("aliases"))

    def _scope(self, node: Node) -> Scope:
        kind, alias = node.get("type"), str(node.get("alias") or "").lower()
        if kind == "EMPTY":
            return []
        if kind == "BASE_TABLE":
            name = str(node["table_name"]).lower()
            if name not in self.tables:
                raise _Unknown
            return [(alias or name, _renamed(self.tables[name], node.get("column_name_alias")), _NOTHING)]
        if kind == "SUBQUERY":
            found = _Reader(self.tables, self.outer).relation(_node(_node(node, "subquery"), "node"))
            return [(alias, _renamed(found, node.get("column_name_alias")), _NOTHING)]
        if kind == "JOIN":
            left, right = self._scope(_node(node, "left")), self._scope(_node(node, "right"))
            if node.get("join_type") in ("SEMI", "ANTI"):
                return left
            using = frozenset(str(name).lower() for name in _values(node, "using_columns"))
            if node.get("ref_type") == "NATURAL":
                using = _names(left) & _names(right)
            return [*left, *((name, found, hidden | using) for name, found, hidden in right)]
        raise _Unknown

    def _selected(self, expressions: list[Node], scope: Scope) -> Relation:
        found: Relation = []
        for node in expressions:
            if node.get("class") == "STAR":
                found += _starred(node, scope)
                continue
            names = _values(node, "column_names")
            name = str(node.get("alias") or (names[-1] if names else ""))
            found.append((name, self._origin(node, scope, found)))
        return found

    def _origin(self, node: Node, scope: Scope, named: Relation) -> Origin:
        """What an expression comes from. Names that SELECT gave before may be used in it."""
        if node.get("class") == "COLUMN_REF":
            names = [str(name).lower() for name in _values(node, "column_names")]
            return _looked_up(names, [scope, [("", named, _NOTHING)], *self.outer])
        sources: set[tuple[str, str]] = set()
        for child in self._parts(node, scope, named):
            sources.update(child.sources)
        return Origin(tuple(sorted(sources)))

    def _parts(self, part: object, scope: Scope, named: Relation) -> Iterator[Origin]:
        for child in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            if not isinstance(child, dict):
                yield from self._parts(child, scope, named)
            elif str(child.get("type")).endswith("_NODE"):
                inner = _Reader(self.tables, [scope, *self.outer]).relation(child)
                yield from (origin for _, origin in inner)
            elif child.get("class") == "STAR":
                yield from (origin for _, origin in _starred(child, scope))
            elif child.get("class"):
                yield self._origin(child, scope, named)
            else:
                yield from self._parts(child, scope, named)


def _looked_up(names: list[str], scopes: list[Scope]) -> Origin:
    """What a name means; nothing if it is no column, such as a lambda's parameter."""
    for scope in scopes:
        for alias, relation, _ in scope:
            columns = {name.lower(): origin for name, origin in relation}
            if len(names) > 1 and names[0] == alias and names[1] in columns:
                return columns[names[1]] if len(names) == 2 else Origin(columns[names[1]].sources)
            if names[0] in columns:  # What follows is a field of it.
                return columns[names[0]] if len(names) == 1 else Origin(columns[names[0]].sources)
    return Origin()


def _starred(node: Node, scope: Scope) -> Relation:
    if node.get("expr") or node.get("columns") or node.get("rename_list") or node.get("replace_list"):
        raise _Unknown
    relation, left_out = str(node.get("relation_name") or "").lower(), _values(node, "exclude_list")
    excluded = {str(name).lower() for name in left_out}
    return [
        (name, origin)
        for alias, found, hidden in scope
        if not relation or alias == relation
        for name, origin in found
        if name.lower() not in (excluded if relation else excluded | hidden)
    ]


def _united(relations: list[Relation]) -> Relation:
    """Columns by position, from all of them."""
    found: Relation = []
    for columns in zip_longest(*relations):
        if None in columns:
            raise _Unknown
        sources = {source for _, origin in columns for source in origin.sources}
        found.append((columns[0][0], Origin(tuple(sorted(sources)), len(sources) == 1 and columns[0][1].same)))
    return found


def _renamed(relation: Relation, aliases: object) -> Relation:
    names = [str(alias) for alias in aliases] if isinstance(aliases, list) else []
    return [(names[i] if i < len(names) else name, origin) for i, (name, origin) in enumerate(relation)]


def _names(scope: Scope) -> frozenset[str]:
    return frozenset(name.lower() for _, relation, _ in scope for name, _ in relation)


def _node(node: object, key: str) -> Node:
    found = node.get(key) if isinstance(node, dict) else None
    if not isinstance(found, dict):
        raise _Unknown
    return found


def _list(node: object, key: str) -> list[Node]:
    return [item for item in _values(node, key) if isinstance(item, dict)]


def _values(node: object, key: str) -> list[object]:
    found = node.get(key) if isinstance(node, dict) else None
    return found if isinstance(found, list) else []
