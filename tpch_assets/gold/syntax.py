"""What a statement says, told from its syntax tree: which tables, columns and functions it uses. It runs nothing.

What an answer's columns come from belongs in `lineage.py`.
"""

import functools
import json
from collections.abc import Iterable, Iterator

from tpch_assets.compute.catalog import parser
from tpch_assets.schema import Table

Node = dict[str, object]
_POSITIONS = ("query_location", "query_location_length", "named_param_map")
_NAMES_OF_FUNCTIONS = ("function_name", "type_name", "qualified_name", "path")


class NotASelect(ValueError):
    """A text that is not one SELECT statement.

    Attributes:
        position: Where the text goes wrong, counted in bytes from 0; None if that is not known.
    """

    def __init__(self, what: str, position: int | None) -> None:
        super().__init__(what)
        self.position = position


def tables_read(statement: str) -> set[str]:
    """The names of all tables that a statement reads, in lower case; names of its own WITH parts are left out.

    Raises:
        NotASelect: The text is not one SELECT statement.
    """
    return set(_base_tables(tree(statement), frozenset()))


@functools.lru_cache(1 << 10)
def normal(statement: str) -> str:
    """The statement without what does not count: comments, white space, and the case of keywords and functions.

    Raises:
        NotASelect: The text is not one SELECT statement.
    """
    return json.dumps(_normal(tree(statement)), sort_keys=True)


def _normal(part: object, lower: bool = False) -> object:
    """A part of a tree without positions, and without what is empty: a newer DuckDB may have more of that."""
    if isinstance(part, dict):
        names = part.get("class") in ("FUNCTION", "WINDOW", "TYPE")
        found = {key: _normal(value, (lower or names) and key in _NAMES_OF_FUNCTIONS) for key, value in part.items()}
        return {key: value for key, value in found.items() if key not in _POSITIONS and not _is_empty(value)}
    if isinstance(part, list):
        return [_normal(item, lower) for item in part]
    return part.lower() if lower and isinstance(part, str) else part


def _is_empty(value: object) -> bool:
    return value is None or value is False or value in ("", [], {})


@functools.lru_cache(1 << 12)
def columns_read(statement: str, table: Table) -> tuple[str, ...]:
    """The columns of a table that a statement may read; rather too many than too few."""
    every = nodes_of(statement)
    uses = [node for node in every if _text(node, "table_name").lower() == table.name]
    if not uses:
        return ()
    by_all = {id(order.get("expression")) for order in every if str(order.get("type")).startswith("ORDER_")}
    meaningless = by_all | _selected_by_exists(every)
    parts = [node for node in every if not (id(node) in meaningless and _is_all(node))]
    aliases = {(_text(node, "alias") or table.name).lower() for node in uses}
    if any(_reads_whole_rows(node, aliases) for node in parts):
        return table.column_names
    names = {text.lower() for node in parts for value in node.values() for text in _texts(value)}
    return tuple(column for column in table.column_names if column.lower() in names)


def _selected_by_exists(parts: Iterable[Node]) -> set[int]:
    """What EXISTS selects, by identity: whether a row exists does not depend on it."""
    found: set[int] = set()
    for node in parts:
        query = node.get("subquery") if node.get("subquery_type") == "EXISTS" else None
        inner = query.get("node") if isinstance(query, dict) else None
        selected = inner.get("select_list") if isinstance(inner, dict) else None
        found.update(map(id, selected if isinstance(selected, list) else ()))
    return found


def _is_all(node: Node) -> bool:
    """Whether a node is a bare star; what rows are ordered by is `ALL` then."""
    return node.get("class") == "STAR" and node.get("expr") is None


def _reads_whole_rows(node: Node, aliases: set[str]) -> bool:
    """Whether a node may stand for all columns: `*`, a natural join, renamed columns, or a table's name as a value."""
    names = [text.lower() for text in _texts(node.get("column_names", []))]
    # A subquery's renamed columns are all written out within it; a table's are not.
    renamed = node.get("type") == "BASE_TABLE" and bool(node.get("column_name_alias"))
    whole = node.get("class") == "STAR" or node.get("ref_type") == "NATURAL" or renamed
    return whole or bool(names and names[-1] in aliases)


@functools.lru_cache(1 << 10)
def tree(statement: str) -> Node:
    """The syntax tree of a statement, as DuckDB writes it; do not change it.

    Raises:
        NotASelect: The text is not one SELECT statement.
    """
    with parser() as con:
        (text,) = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [statement]).fetchall()[0]
    found: Node = json.loads(text)
    if found["error"]:
        position = str(found.get("position", ""))
        raise NotASelect(
            f"not one valid SELECT statement: {found['error_message']}", int(position) if position.isdecimal() else None
        )
    statements = found["statements"]
    if not isinstance(statements, list) or len(statements) != 1:
        raise NotASelect("not one valid SELECT statement: there are several", None)
    return found


def _base_tables(tree: object, known: frozenset[str]) -> Iterator[str]:
    """Names of tables, where `known` are the names that WITH has given to queries around here."""
    if isinstance(tree, list):
        for item in tree:
            yield from _base_tables(item, known)
    if not isinstance(tree, dict):
        return
    if tree.get("type") == "BASE_TABLE" and (name := _text(tree, "table_name").lower()) not in known:
        yield name
    if tree.get("type") == "RECURSIVE_CTE_NODE":
        known |= {_text(tree, "cte_name").lower()}
    for name, query in _with_parts(tree):
        yield from _base_tables(query, known)
        known |= {name.lower()}
    for key, child in tree.items():
        if key != "cte_map":
            yield from _base_tables(child, known)


def _with_parts(node: Node) -> Iterator[tuple[str, object]]:
    ctes = node.get("cte_map")
    for part in ctes["map"] if isinstance(ctes, dict) else ():
        yield part["key"], part["value"]


@functools.lru_cache(1 << 10)
def nodes_of(statement: str) -> tuple[Node, ...]:
    """Every node of a statement's syntax tree.

    Raises:
        NotASelect: The text is not one SELECT statement.
    """
    return tuple(nodes(tree(statement)))


def nodes(tree: object) -> Iterator[Node]:
    """Every node of a syntax tree, a node before those within it."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(reversed(part.values()))
        elif isinstance(part, list):
            waiting.extend(reversed(part))


def _text(node: Node, key: str) -> str:
    value = node.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (text for text in value if isinstance(text, str))
