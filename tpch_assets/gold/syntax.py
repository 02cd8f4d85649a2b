"""What a statement reads, told from its syntax tree: which tables, and which of their columns. It runs nothing."""

import functools
import json
from collections.abc import Iterator

import duckdb

from tpch_assets.compute.catalog import parser
from tpch_assets.gold.sql_file import without_parameters
from tpch_assets.schema import Table

Node = dict[str, object]


def tables_read(statement: str) -> set[str]:
    """The names of all tables that a statement reads, in lower case; names of its own WITH parts are left out.

    Raises:
        ValueError: The text is not one SELECT statement.
    """
    try:
        # Twice as fast as the tree. It binds against dummy tables, so USING and NATURAL fail in it.
        return {name.lower() for name in parser().get_table_names(f"FROM (\n{without_parameters(statement)}\n)")}
    except duckdb.Error:
        return set(_base_tables(_tree(statement), frozenset()))


def columns_read(statement: str, table: Table) -> tuple[str, ...]:
    """The columns of a table that a statement may read; rather too many than too few."""
    nodes = list(_nodes(_tree(statement)))
    uses = [node for node in nodes if _text(node, "table_name").lower() == table.name]
    aliases = {(_text(node, "alias") or table.name).lower() for node in uses}
    if uses and any(_reads_whole_rows(node, aliases) for node in nodes):
        return table.column_names
    names = {text.lower() for node in nodes for value in node.values() for text in _texts(value)} if uses else set()
    return tuple(column for column in table.column_names if column.lower() in names)


def _reads_whole_rows(node: Node, aliases: set[str]) -> bool:
    """Whether a node may stand for all columns: `*`, a natural join, renamed columns, or a table's name as a value."""
    names = [text.lower() for text in _texts(node.get("column_names", []))]
    whole = node.get("class") == "STAR" or node.get("ref_type") == "NATURAL" or bool(node.get("column_name_alias"))
    return whole or bool(names and names[-1] in aliases)


@functools.cache
def _tree(statement: str) -> Node:
    (text,) = parser().execute("SELECT json_serialize_sql(?::VARCHAR)", [statement]).fetchall()[0]
    tree: Node = json.loads(text)
    if tree["error"]:
        raise ValueError(f"not one valid SELECT statement: {tree['error_message']}")
    statements = tree["statements"]
    if not isinstance(statements, list) or len(statements) != 1:
        raise ValueError("not one valid SELECT statement: there are several")
    return tree


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


def _nodes(tree: object) -> Iterator[Node]:
    """Every node of a syntax tree."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(child)


def _text(node: Node, key: str) -> str:
    value = node.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (text for text in value if isinstance(text, str))
