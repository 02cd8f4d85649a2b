"""Brings a statement into the one form that the rest understands, without changing its meaning.

WITH parts are put where they are used, every source has an alias of its own in the whole statement, every column names
its source, every output has a name, and there are no stars, USING, SEMI JOINs or GROUP BY ALL. What this cannot be done
for is refused.
"""

from itertools import count

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from tpch_assets.gold.derive.functions import is_aggregate
from tpch_assets.gold.derive.joins import merge_using, right_to_left, semi_joins_to_exists, semi_using_to_on
from tpch_assets.gold.derive.names import (
    Schema,
    expand_group,
    expand_names,
    expand_order,
    rename,
    same_queries_in_group,
)
from tpch_assets.gold.derive.refuse import check_aggregates, check_names, check_stars, check_understood
from tpch_assets.gold.derive.tree import NotCut, inner_query, own_clauses, tables
from tpch_assets.schema import Business

MOST_NODES = 20_000  # WITH parts that read each other twice grow a statement beyond all bounds.


def prepare(statement: str, business: Business) -> exp.Expr:
    """The statement's tree in the form described above.

    Raises:
        NotCut: It has a form that is not understood.
    """
    tree = _without_with(statement)
    known = {table.name for table in business.tables}
    if unknown := tables(tree) - known:
        raise NotCut(f"it reads {min(unknown)}, which is no table of the business")
    for query in tree.find_all(exp.Select):
        check_stars(query)
        semi_using_to_on(query)
    schema: Schema = {table.name: dict(table.stored_columns) for table in business.tables}
    # Columns go before the select list's names, as in DuckDB; names that are left over are put in by expand_names.
    tree = qualify(
        tree,
        dialect="duckdb",
        schema=schema,
        expand_alias_refs=False,
        validate_qualify_columns=False,
        quote_identifiers=False,
        identify=False,
    )
    for query in list(tree.find_all(exp.Select)):
        expand_order(query)
        expand_names(query, schema)
        expand_group(query)
        _plain_exists(query)
        check_names(query)
    rename(tree, {}, count())
    for query in list(tree.find_all(exp.Select)):
        semi_joins_to_exists(query)
        right_to_left(query)
        merge_using(query)
        check_aggregates(query)
        same_queries_in_group(query)
    return tree


def _without_with(statement: str) -> exp.Expr:
    """The statement's tree, with its named windows and WITH parts where they are read."""
    found = [tree for tree in sqlglot.parse(statement, dialect="duckdb") if tree is not None]
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise NotCut("it is not one SELECT statement")
    for query in found[0].find_all(exp.Select):
        _inline_windows(query)
    check_understood(found[0])
    tree = inner_query(_inline(found[0], {}))
    if sum(1 for _ in tree.walk()) > MOST_NODES:
        raise NotCut("its WITH parts, put where they are used, make it too large")
    return tree


def _inline(tree: exp.Expr, known: dict[str, exp.CTE]) -> exp.Expr:
    """Puts WITH parts where they are read; `known` are those of the queries around."""
    own = tree.args.get("with_")
    if own is not None:
        known = dict(known)
        for part in own.expressions:
            _inline(part.this, known)
            known[part.alias.lower()] = part
        tree.set("with_", None)
    for child in list(tree.iter_expressions()):
        _inline(child, known)
    if isinstance(tree, exp.Table) and not tree.db and tree.name.lower() in known:
        part = known[tree.name.lower()]
        names = tree.args["alias"].columns if tree.args.get("alias") else []
        alias = exp.TableAlias(
            this=exp.to_identifier(tree.alias_or_name),
            columns=[name.copy() for name in names or part.args["alias"].columns],
        )
        new = exp.Subquery(this=part.this.copy(), alias=alias)
        tree.replace(new)
        return new
    return tree


def _inline_windows(query: exp.Select) -> None:
    """Windows that a WINDOW clause names are put where they are used."""
    named = {window.this.name.lower(): window for window in query.args.get("windows") or ()}
    query.set("windows", None)
    for node in own_clauses(query):
        name = node.args.get("alias") if isinstance(node, exp.Window) else None
        if name is None:
            continue
        meant = named.get(name.name.lower())
        if meant is None or meant.args.get("alias"):
            raise NotCut("it has a WINDOW that builds on another one")
        node.set("alias", None)
        for part in ("partition_by", "order", "spec"):
            value = meant.args.get(part)
            if value and not node.args.get(part):
                copies = [item.copy() for item in value] if isinstance(value, list) else value.copy()
                node.set(part, copies)


def _plain_exists(query: exp.Expr) -> None:
    """EXISTS does not look at columns: naming none keeps partials small."""
    parent = query.parent
    if isinstance(parent, exp.Subquery) and isinstance(parent.parent, exp.Exists):
        parent = parent.parent
    if not isinstance(parent, exp.Exists) or not isinstance(query, exp.Select):
        return
    if not query.args.get("group") and not any(is_aggregate(node) for node in own_clauses(query)):
        query.set("expressions", [exp.alias_(exp.Literal.number(1), "one")])
        query.set("distinct", None)
        if not query.args.get("limit"):
            query.set("order", None)
