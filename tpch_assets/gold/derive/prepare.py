"""Brings a statement into the one form that the rest understands, without changing its meaning.

WITH parts are put where they are used, every source has an alias of its own in the whole statement, every column names
its source, every output has a name, and there are no stars, USING, SEMI JOINs or GROUP BY ALL. What this cannot be done
for is refused.
"""

from itertools import count

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from tpch_assets.gold.derive.functions import is_aggregate, own_aggregates
from tpch_assets.gold.derive.refuse import check_understood
from tpch_assets.gold.derive.tree import (
    NotCut,
    both,
    canonical,
    conjuncts,
    equality,
    free,
    inner_query,
    is_query,
    nested_queries,
    own_nodes,
    tables,
)
from tpch_assets.schema import Business

Schema = dict[str, object]
"""The columns of each table."""
MOST_NODES = 20_000  # WITH parts that read each other twice grow a statement beyond all bounds.


def prepare(statement: str, business: Business) -> exp.Expr:
    """The statement's tree in the form described above.

    Raises:
        NotCut: It has a form that is not understood.
    """
    found = [tree for tree in sqlglot.parse(statement, dialect="duckdb") if tree is not None]
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise NotCut("it is not one SELECT statement")
    check_understood(found[0])
    tree = inner_query(_inline(found[0], {}))
    if sum(1 for _ in tree.walk()) > MOST_NODES:
        raise NotCut("its WITH parts, put where they are used, make it too large")
    known = {table.name for table in business.tables}
    if unknown := tables(tree) - known:
        raise NotCut(f"it reads {min(unknown)}, which is no table of the business")
    for query in tree.find_all(exp.Select):
        _inline_windows(query)
        _check_stars(query)
        _semi_using_to_on(query)
    schema: Schema = {table.name: dict(table.stored_columns) for table in business.tables}
    # Columns go before the select list's names, as in DuckDB; names that are left over are put in by _expand_names.
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
        _expand_order(query)
        _expand_names(query, schema)
        _expand_group(query)
        _plain_exists(query)
        _check_names(query)
    _rename(tree, {}, count())
    for query in list(tree.find_all(exp.Select)):
        _semi_joins_to_exists(query)
        _right_to_left(query)
        _merge_using(query)
        _check_aggregates(query)
        _same_queries_in_group(query)
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


def _output_names(query: exp.Expr) -> dict[str, exp.Expr]:
    found: dict[str, exp.Expr] = {}
    for item in query.expressions:
        found.setdefault(item.alias_or_name.lower(), item.unalias())
    return found


def _merge_using(query: exp.Select) -> None:
    """`coalesce(a.k, b.k)`, which USING has become, is `a.k` where b is not the side that must have rows."""
    joins = query.args.get("joins") or ()
    for join in joins:
        pairs = [pair for pair in map(equality, conjuncts(join.args.get("on"))) if pair]
        for node in _own(query):
            if not isinstance(node, exp.Coalesce) or len(node.expressions) != 1:
                continue
            first, second = node.this, node.expressions[0]
            for left, right in pairs:
                named_alike = left.name.lower() == right.name.lower() and right.table == join.this.alias_or_name
                if named_alike and first == left and second == right:
                    node.replace(first.copy())


def _check_aggregates(query: exp.Select) -> None:
    """An aggregate of columns of a query around belongs to that query."""
    own = {source.alias_or_name for source in _sources(query)}
    for node in _own(query):
        if is_aggregate(node) and not free(node) <= own:
            raise NotCut("a query in it has an aggregate of columns of a query around it")


def _same_queries_in_group(query: exp.Select) -> None:
    """What is grouped by and shown again, and has a query in it, gets the same aliases in both places."""
    group = query.args.get("group")
    for term in list(group.expressions) if group else ():
        if nested_queries(term):
            text = canonical(term.copy()).sql("duckdb")
            for item in query.expressions:
                if canonical(item.unalias().copy()).sql("duckdb") == text:
                    term.replace(item.unalias().copy())
                    break


def _check_names(query: exp.Expr) -> None:
    names = [name.lower() for name in query.named_selects] if isinstance(query, exp.Query) else []
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise NotCut(f"a query in it has two columns named {twice[0]}")


def _expand_order(query: exp.Expr) -> None:
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


def _expand_names(query: exp.Expr, schema: Schema) -> None:
    """Names without a source become the column of that name; if there is none, what the select list calls so."""
    names = _output_names(query)
    for _ in range(len(names) + 1):
        loose = [node for node in _own(query) if isinstance(node, exp.Column) and not node.table]
        if not loose:
            return
        for column in loose:
            name = column.name.lower()
            having = [source.alias_or_name for source in _sources(query) if name in _columns_of(source, schema)]
            if len(having) == 1:
                column.set("table", exp.to_identifier(having[0]))
                continue
            meant = names.get(name)
            if meant is None or having or name == "*":
                raise NotCut(f"the name {column.name} could not be resolved")
            column.replace(exp.Paren(this=meant.copy()) if isinstance(meant, exp.Binary) else meant.copy())
    raise NotCut("its select list's names refer to each other")


def _columns_of(source: exp.Expr, schema: Schema) -> set[str]:
    alias = source.args.get("alias")
    if not isinstance(source, exp.Subquery) and alias and alias.columns:
        return {name.name.lower() for name in alias.columns}
    if isinstance(source, exp.Table):
        columns = schema.get(source.name.lower())
        return {name.lower() for name in columns} if isinstance(columns, dict) else set()
    query = inner_query(source)
    return {name.lower() for name in query.named_selects} if isinstance(query, exp.Query) else set()


def _sources(query: exp.Expr) -> list[exp.Expr]:
    """What stands in a query's FROM."""
    first = [query.args["from_"].this] if query.args.get("from_") else []
    return [*first, *(join.this for join in query.args.get("joins") or ())]


def _own(query: exp.Expr) -> list[exp.Expr]:
    """The nodes of a query's own clauses."""
    return [node for child in query.iter_expressions() for node in own_nodes(child)]


def _expand_group(query: exp.Expr) -> None:
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
        raise NotCut("it groups by a constant alone")
    terms = [
        item.this if isinstance(item, exp.Paren) and not isinstance(item.this, exp.Query) else item for item in plain
    ]
    group.set("expressions", terms)


def _is_scalar(item: exp.Expr) -> bool:
    return not isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets)


def _plain_exists(query: exp.Expr) -> None:
    """EXISTS does not look at columns: naming none keeps partials small."""
    parent = query.parent
    if isinstance(parent, exp.Subquery) and isinstance(parent.parent, exp.Exists):
        parent = parent.parent
    if not isinstance(parent, exp.Exists) or not isinstance(query, exp.Select):
        return
    if not query.args.get("group") and not any(is_aggregate(node) for node in _own(query)):
        query.set("expressions", [exp.alias_(exp.Literal.number(1), "one")])
        query.set("distinct", None)
        if not query.args.get("limit"):
            query.set("order", None)


def _rename(tree: exp.Expr, known: dict[str, str], numbers: "count[int]") -> None:
    """Gives every source an alias of its own: s0, s1 and so on."""
    if isinstance(tree, exp.SetOperation):
        for side in (tree.this, tree.expression):
            _rename(inner_query(side), known, numbers)
        return
    own = dict(known)
    sources = _sources(tree)
    for source in sources:
        if isinstance(source, exp.Subquery) and not isinstance(inner_query(source), exp.Select | exp.SetOperation):
            raise NotCut("it has parentheses around a join")
        if not isinstance(source, exp.Table | exp.Subquery | exp.Values):
            raise NotCut(f"it reads from {source.sql('duckdb')[:40]}, which is no table and no query")
        if isinstance(source, exp.Subquery):
            _rename(inner_query(source), known, numbers)
        if not isinstance(source.this, exp.Identifier) and free(source):
            raise NotCut("what it reads in FROM refers to other columns")
    for source in sources:
        alias = f"s{next(numbers)}"
        own[source.alias_or_name.lower()] = alias
        names = (
            source.args["alias"].columns if not isinstance(source, exp.Subquery) and source.args.get("alias") else []
        )
        named = exp.TableAlias(this=exp.to_identifier(alias), columns=[name.copy() for name in names])
        source.set("alias", named)
    for node in _own(tree):
        if isinstance(node, exp.Column):
            if node.table.lower() not in own:
                raise NotCut(f"the column {node.sql('duckdb')} could not be resolved")
            node.set("table", exp.to_identifier(own[node.table.lower()]))
        elif is_query(node) and not _is_source(node):
            _rename(node, own, numbers)


def _is_source(query: exp.Expr) -> bool:
    """Whether a query stands in FROM."""
    node = query
    while isinstance(node.parent, exp.Subquery):
        node = node.parent
    return isinstance(node.parent, exp.From | exp.Join) and node.arg_key == "this"


def _inline_windows(query: exp.Select) -> None:
    """Windows that a WINDOW clause names are put where they are used."""
    named = {window.this.name.lower(): window for window in query.args.get("windows") or ()}
    query.set("windows", None)
    for node in _own(query):
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


def _check_stars(query: exp.Select) -> None:
    """The engine's own column in each table counts where rows as a whole are compared."""
    star = any(
        isinstance(item, exp.Star) or (isinstance(item, exp.Column) and item.name == "*") for item in query.expressions
    )
    compared = query.args.get("distinct") or query.args.get("group") or query.find_ancestor(exp.SetOperation)
    natural = any((join.method or "").upper() == "NATURAL" for join in query.args.get("joins") or ())
    if natural and sum(isinstance(source, exp.Table) for source in _sources(query)) > 1:
        raise NotCut("it has a NATURAL JOIN of tables, which includes the engine's own columns")
    if star and compared and any(isinstance(source, exp.Table) for source in _sources(query)):
        raise NotCut("it compares rows by *, which includes the engine's own columns")


def _semi_using_to_on(query: exp.Select) -> None:
    """USING of a SEMI or ANTI JOIN becomes ON, where it is plain what the left side is."""
    for number, join in enumerate(query.args.get("joins") or ()):
        if join.kind.upper() not in ("SEMI", "ANTI") or not join.args.get("using"):
            continue
        if number:
            raise NotCut("it has a SEMI or ANTI JOIN with USING behind another join")
        left, right = query.args["from_"].this.alias_or_name, join.this.alias_or_name
        pairs: list[exp.Expr] = [
            exp.EQ(this=exp.column(name.name, table=left), expression=exp.column(name.name, table=right))
            for name in join.args["using"]
        ]
        join.set("using", None)
        join.set("on", both(pairs))


def _semi_joins_to_exists(query: exp.Expr) -> None:
    joins = query.args.get("joins") or []
    kinds = [join.kind.upper() for join in joins]
    if not {"SEMI", "ANTI"}.intersection(kinds):
        return
    if any(join.side.upper() in ("RIGHT", "FULL") for join in joins):
        raise NotCut("it has a SEMI or ANTI JOIN beside a RIGHT or FULL JOIN")
    terms = [query.args["where"].this] if query.args.get("where") else []
    for join, kind in zip(joins, kinds, strict=True):
        if kind not in ("SEMI", "ANTI"):
            continue
        one = exp.alias_(exp.Literal.number(1), "one")
        nested = exp.Select(expressions=[one], from_=exp.From(this=join.this))
        if join.args.get("on"):
            nested.set("where", exp.Where(this=join.args["on"]))
        exists: exp.Expr = exp.Exists(this=nested)
        terms.append(exists if kind == "SEMI" else exp.Not(this=exists))
    query.set("joins", [join for join, kind in zip(joins, kinds, strict=True) if kind not in ("SEMI", "ANTI")])
    query.set("where", exp.Where(this=both(terms)))


def _right_to_left(query: exp.Expr) -> None:
    joins = query.args.get("joins") or []
    if not any(join.side.upper() == "RIGHT" for join in joins):
        return
    if len(joins) > 1:
        raise NotCut("it has a RIGHT JOIN among several joins")
    first, join = query.args["from_"].this, joins[0]
    query.set("from_", exp.From(this=join.this))
    query.set("joins", [exp.Join(this=first, side="LEFT", on=join.args.get("on"))])
