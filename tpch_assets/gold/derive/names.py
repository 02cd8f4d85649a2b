"""What names mean in a statement: which column, which item of the select list, which source."""

from itertools import count

from sqlglot import exp

from tpch_assets.gold.derive.functions import own_aggregates
from tpch_assets.gold.derive.tree import (
    NotCut,
    both,
    canonical,
    conjuncts,
    free,
    inner_query,
    is_query,
    nested_queries,
    own_clauses,
    sources,
)

Schema = dict[str, object]
"""The columns of each table."""


def expand_order(query: exp.Expr) -> None:
    """ORDER BY a name of the select list becomes ORDER BY its number: that stays true whatever becomes of the item."""
    order = query.args.get("order")
    names = [item.alias_or_name.lower() for item in query.expressions]
    if order is None:
        return
    for item in order.expressions:
        this = item.this
        if isinstance(this, exp.Column) and not this.table and this.name.lower() in names:
            item.set("this", exp.Literal.number(names.index(this.name.lower()) + 1))
        elif isinstance(this, exp.Var | exp.Column) and this.name.upper() == "ALL":
            terms = [item.copy() for _ in names]
            for number, term in enumerate(terms):
                term.set("this", exp.Literal.number(number + 1))
            order.set("expressions", terms)
            return


def expand_names(query: exp.Expr, schema: Schema) -> None:
    """Names without a source become the column of that name; if there is none, what the select list calls so."""
    names = _output_names(query)
    for _ in range(len(names) + 1):
        loose = [node for node in own_clauses(query) if isinstance(node, exp.Column) and not node.table]
        if not loose:
            return
        for column in loose:
            name = column.name.lower()
            having = [source.alias_or_name for source in sources(query) if name in _columns_of(source, schema)]
            if len(having) == 1:
                column.set("table", exp.to_identifier(having[0]))
                continue
            meant = names.get(name)
            if meant is None or having or name == "*":
                raise NotCut(f"the name {column.name} could not be resolved")
            column.replace(exp.Paren(this=meant.copy()) if isinstance(meant, exp.Binary) else meant.copy())
    raise NotCut("its select list's names refer to each other")


def _output_names(query: exp.Expr) -> dict[str, exp.Expr]:
    found: dict[str, exp.Expr] = {}
    for item in query.expressions:
        found.setdefault(item.alias_or_name.lower(), item.unalias())
    return found


def _columns_of(source: exp.Expr, schema: Schema) -> set[str]:
    alias = source.args.get("alias")
    if not isinstance(source, exp.Subquery) and alias and alias.columns:
        return {name.name.lower() for name in alias.columns}
    if isinstance(source, exp.Table):
        columns = schema.get(source.name.lower())
        return {name.lower() for name in columns} if isinstance(columns, dict) else set()
    query = inner_query(source)
    return {name.lower() for name in query.named_selects} if isinstance(query, exp.Query) else set()


def expand_group(query: exp.Expr) -> None:
    """GROUP BY ALL becomes what it stands for, and constants go: printed again, a number would be an ordinal."""
    group = query.args.get("group")
    if group is None:
        return
    if group.args.get("all"):
        items = [item.unalias() for item in query.expressions]
        group.set("all", None)
        group.set("expressions", [item.copy() for item in items if not own_aggregates(item)])
        if not group.expressions:
            query.set("group", None)
            return
    for item in group.expressions:
        if isinstance(item, exp.Literal) and not item.is_string and item.this.isdigit():
            meant = query.expressions[int(item.this) - 1].unalias()
            item.replace(meant.copy())
    plain = [item for item in group.expressions if item.find(exp.Column) is not None or not _is_scalar(item)]
    if not plain and not any(group.args.get(kind) for kind in ("rollup", "cube", "grouping_sets")):
        _one_group(query)
        return
    terms = [
        item.this if isinstance(item, exp.Paren) and not isinstance(item.this, exp.Query) else item for item in plain
    ]
    group.set("expressions", terms)


def _one_group(query: exp.Expr) -> None:
    """GROUP BY a constant alone: one group, and none of no rows."""
    some = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0))
    having = query.args.get("having")
    query.set("group", None)
    query.set("having", exp.Having(this=both([some, *conjuncts(having.this if having else None)])))


def _is_scalar(item: exp.Expr) -> bool:
    return not isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets)


def same_queries_in_group(query: exp.Select) -> None:
    """What is grouped by and shown again, and has a query in it, gets the same aliases in both places."""
    group = query.args.get("group")
    for term in list(group.expressions) if group else ():
        if nested_queries(term):
            text = canonical(term.copy()).sql("duckdb")
            for item in query.expressions:
                if canonical(item.unalias().copy()).sql("duckdb") == text:
                    term.replace(item.unalias().copy())
                    break


def rename(tree: exp.Expr, known: dict[str, str], numbers: "count[int]") -> None:
    """Gives every source an alias of its own: s0, s1 and so on."""
    if isinstance(tree, exp.SetOperation):
        for side in (tree.this, tree.expression):
            rename(inner_query(side), known, numbers)
        return
    own = dict(known)
    found = sources(tree)
    for source in found:
        if isinstance(source, exp.Subquery) and not isinstance(inner_query(source), exp.Select | exp.SetOperation):
            raise NotCut("it has parentheses around a join")
        if not isinstance(source, exp.Table | exp.Subquery | exp.Values):
            raise NotCut(f"it reads from {source.sql('duckdb')[:40]}, which is no table and no query")
        if isinstance(source, exp.Subquery):
            rename(inner_query(source), known, numbers)
        if not isinstance(source.this, exp.Identifier) and free(source):
            raise NotCut("what it reads in FROM refers to other columns")
    for source in found:
        alias = f"s{next(numbers)}"
        own[source.alias_or_name.lower()] = alias
        names = (
            source.args["alias"].columns if not isinstance(source, exp.Subquery) and source.args.get("alias") else []
        )
        named = exp.TableAlias(this=exp.to_identifier(alias), columns=[name.copy() for name in names])
        source.set("alias", named)
    for node in own_clauses(tree):
        if isinstance(node, exp.Column):
            if node.table.lower() not in own:
                raise NotCut(f"the column {node.sql('duckdb')} could not be resolved")
            node.set("table", exp.to_identifier(own[node.table.lower()]))
        elif is_query(node) and not _is_source(node):
            rename(node, own, numbers)


def _is_source(query: exp.Expr) -> bool:
    """Whether a query stands in FROM."""
    node = query
    while isinstance(node.parent, exp.Subquery):
        node = node.parent
    return isinstance(node.parent, exp.From | exp.Join) and node.arg_key == "this"
