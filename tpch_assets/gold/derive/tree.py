"""Walks over syntax trees that know where a query ends and another one, nested in it, begins."""

from collections.abc import Callable, Iterator

from sqlglot import exp


class NotCut(Exception):
    """A statement cannot be cut; the message is one plain sentence."""


def is_query(node: exp.Expr) -> bool:
    return isinstance(node, exp.Select | exp.SetOperation)


def inner_query(node: exp.Expr) -> exp.Expr:
    """The query in a pair of parentheses or more."""
    while isinstance(node, exp.Subquery):
        node = node.this
    return node


def children(node: exp.Expr) -> Iterator[exp.Expr]:
    yield from node.iter_expressions()


def own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """A node and all below it, down to the queries nested in it, which come too; what is inside of these does not."""
    yield node
    if not is_query(node):
        for child in children(node):
            yield from own_nodes(child)


def sources(query: exp.Expr) -> list[exp.Expr]:
    """What stands in a query's FROM."""
    first = [query.args["from_"].this] if query.args.get("from_") else []
    return [*first, *(join.this for join in query.args.get("joins") or ())]


def own_clauses(query: exp.Expr) -> list[exp.Expr]:
    """The nodes of a query's own clauses."""
    return [node for child in query.iter_expressions() for node in own_nodes(child)]


def nested_queries(node: exp.Expr) -> list[exp.Expr]:
    return [found for found in own_nodes(node) if is_query(found)]


def columns(node: exp.Expr) -> list[exp.Column]:
    """All columns below a node, those of nested queries included."""
    return [found for found in node.walk() if isinstance(found, exp.Column)]


def tables(node: exp.Expr) -> set[str]:
    """The names of all tables below a node. (Names of its own WITH parts are gone once a statement is prepared.)"""
    return {found.name.lower() for found in node.find_all(exp.Table) if isinstance(found.this, exp.Identifier)}


def sources_in(node: exp.Expr) -> set[str]:
    """The aliases that queries below a node give to what they read."""
    found = {table.alias_or_name for table in node.find_all(exp.Table, exp.Values)}
    return found | {query.alias for query in node.find_all(exp.Subquery) if query.alias}


def free(node: exp.Expr) -> set[str]:
    """The aliases that a node refers to, but for those of its own nested queries."""
    return {column.table for column in columns(node)} - sources_in(node)


def conjuncts(node: exp.Expr | None) -> list[exp.Expr]:
    """The terms of a condition that AND connects."""
    if node is None:
        return []
    if isinstance(node, exp.And):
        return [*conjuncts(node.left), *conjuncts(node.right)]
    if isinstance(node, exp.Paren) and isinstance(node.this, exp.And | exp.Paren):
        return conjuncts(node.this)
    return [node]


def both(terms: list[exp.Expr]) -> exp.Expr | None:
    """The condition that all of some terms hold."""
    if not terms:
        return None
    wrapped = [exp.Paren(this=term) if isinstance(term, exp.Or | exp.Xor) else term for term in terms]
    whole = wrapped[0]
    for term in wrapped[1:]:
        whole = exp.And(this=whole, expression=term)
    return whole


def replaced(node: exp.Expr, change: Callable[[exp.Expr], exp.Expr | None]) -> exp.Expr:
    """A node in which `change` replaced what it knows, from the top; below what it replaced it is not asked."""
    new = change(node)
    if new is not None:
        if node.parent is not None:
            node.replace(new)
        return new
    for child in list(children(node)):
        replaced(child, change)
    return node


def equality(node: exp.Expr) -> tuple[exp.Column, exp.Column] | None:
    """The two columns of `column = column`."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.EQ) and isinstance(node.left, exp.Column) and isinstance(node.right, exp.Column):
        return node.left, node.right
    return None


def canonical(select: exp.Expr) -> exp.Expr:
    """A statement with its sources' aliases counted from a0: two that do the same have the same text."""
    names: dict[str, str] = {}
    inside = sources_in(select)
    for node in select.walk(bfs=False):
        if isinstance(node, exp.Table | exp.Subquery | exp.Values) and node.alias in inside:
            names.setdefault(node.alias, f"a{len(names)}")
    for node in list(select.walk()):
        if isinstance(node, exp.TableAlias) and node.name in names:
            node.set("this", exp.to_identifier(names[node.name]))
        elif isinstance(node, exp.Column) and node.table in names:
            node.set("table", exp.to_identifier(names[node.table]))
    return select
