"""What makes partials small: of the best rows each shard needs its own best, of equal rows one, and only rows that
combine can find a partner for.

All of these are repeated in combine, over the rows of all shards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from tpch_assets.gold.derive.block import Block, Item, Term
from tpch_assets.gold.derive.fragment import Fragment
from tpch_assets.gold.derive.fragments import Split
from tpch_assets.gold.derive.functions import function_name
from tpch_assets.gold.derive.locality import Locality
from tpch_assets.gold.derive.tree import columns, conjuncts, equality, free, nested_queries

_RANKS = ("row_number", "rank", "dense_rank")


@dataclass(frozen=True)
class Best:
    """A rank, the query's output of this name, is at most (or less than) a limit."""

    name: str
    form: type[exp.LTE] | type[exp.LT]
    limit: exp.Expr


def as_source(select: exp.Select, locality: Locality) -> exp.Select:
    """A query that shards can do whole becomes the source of one that only shows, sorts and limits its rows."""
    order = select.args.get("order")
    block = Block(select)
    distinct = select.args.get("distinct")
    if free(select) or not (block.windows or distinct or block.multiplies) or (distinct and distinct.args.get("on")):
        return select
    if any(not isinstance(term.this, exp.Literal) for term in (order.expressions if order else ())):
        return select
    inside = select.copy()
    for clause in ("order", "limit", "offset"):
        inside.set(clause, None)
    if locality.local(inside) is None:
        return select
    alias = f"w{block.items[0].alias}"
    items = [exp.alias_(exp.column(name, table=alias), name) for name in select.named_selects]
    source = exp.Subquery(this=inside, alias=exp.TableAlias(this=exp.to_identifier(alias)))
    new = exp.Select(expressions=items, from_=exp.From(this=source))
    for clause in ("order", "limit", "offset"):
        new.set(clause, select.args.get(clause))
    if select.parent is not None:
        select.replace(new)
    return new


def doubles_do_not_count(block: Block, around: bool) -> bool:
    """Whether equal joined rows of a block may be one."""
    select = block.select
    distinct = select.args.get("distinct")
    if block.aggregated or block.windows or select.args.get("qualify") or (distinct and distinct.args.get("on")):
        return False
    return bool(distinct) or (around and not select.args.get("limit") and not select.args.get("offset"))


def best_of(alias: str, terms: Sequence[Term]) -> Best | None:
    """The condition on one of a source's columns that may be one on its best rows."""
    for term in terms:
        found = _at_most(term.condition)
        if found and isinstance(found[0], exp.Column) and found[0].table == alias:
            return Best(found[0].name.lower(), found[1], found[2])
    return None


def _at_most(node: exp.Expr) -> tuple[exp.Expr, type[exp.LTE] | type[exp.LT], exp.Expr] | None:
    """What is at most, or less than, a constant."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.EQ) and isinstance(node.right, exp.Literal | exp.Placeholder):
        return node.left, exp.LTE, node.right
    if isinstance(node, exp.LTE | exp.LT) and isinstance(node.right, exp.Literal | exp.Placeholder):
        return node.left, type(node), node.right
    if isinstance(node, exp.GTE | exp.GT) and isinstance(node.left, exp.Literal | exp.Placeholder):
        return node.right, exp.LTE if isinstance(node, exp.GTE) else exp.LT, node.left
    return None


def best_rows(block: Block, only: Fragment, best: Best | None, locality: Locality) -> None:
    """Let a shard give only rows whose rank in it is small: no other has a small one among all."""
    select = block.select
    qualify = select.args.get("qualify")
    found = [_at_most(term) for term in conjuncts(qualify.this if qualify else None)]
    limits = [(what, form, limit) for what, form, limit in filter(None, found)]
    if best is not None and not select.args.get("limit") and not select.args.get("offset"):
        outputs = {name.lower(): item for name, item in zip(select.named_selects, block.outputs, strict=True)}
        limits.append((outputs[best.name], best.form, best.limit))
    for what, form, limit in limits:
        while isinstance(what, exp.Paren):
            what = what.this
        if not isinstance(what, exp.Window) or function_name(what.this) not in _RANKS or what.args.get("spec"):
            continue
        alone = all(window == what for window in block.windows) and what.args.get("order")
        if alone and locality.evaluable(what, only.keys, only.maybe_null):
            only.qualify = form(this=what.copy(), expression=limit.copy())
            return


def first_rows(block: Block, only: Fragment, locality: Locality) -> None:
    """Let a shard give only its first rows in the order of a LIMIT."""
    select = block.select
    limit, distinct = select.args.get("limit"), select.args.get("distinct")
    order = block.order_terms()
    if limit is None or not order or block.windows or select.args.get("qualify"):
        return
    if distinct and (distinct.args.get("on") or only.mode != "distinct"):
        return
    if distinct and not all(only.holds(item) or not columns(item) for item in block.outputs):
        return
    if not all(locality.evaluable(term, only.keys, only.maybe_null) for term in order):
        return
    rows = _plus(limit.expression, select.args["offset"].expression if select.args.get("offset") else None)
    if rows is not None:
        only.order, only.limit = order, rows


def _plus(limit: exp.Expr, offset: exp.Expr | None) -> exp.Expr | None:
    if not all(isinstance(node, exp.Literal | exp.Placeholder) for node in (limit, offset) if node is not None):
        return None
    if offset is None:
        return limit.copy()
    return exp.Paren(this=exp.Add(this=limit.copy(), expression=offset.copy()))


def semi_joins(split: Split, blocks: Sequence[Block], locality: Locality) -> None:
    """Where combine compares a fragment's column with a dimension's, let shards give only rows that have a partner."""
    pairs = [(fragment, term.condition) for fragment in split.fragments for term in split.terms]
    nullable = {fragment.items[0].alias: fragment for fragment in split.fragments if fragment.nullable}
    pairs += [(nullable[item.alias], term) for item in split.block.items if item.alias in nullable for term in item.on]
    for fragment, term in pairs:
        pair = equality(term)
        if pair is None:
            continue
        own, other = pair if pair[0].table in fragment.sources else (pair[1], pair[0])
        if own.table not in fragment.sources or other.table in fragment.sources:
            continue
        for block in (*blocks, split.block):
            item = next((item for item in block.inner if item.alias == other.table), None)
            if item is not None and locality.is_dimension(item.node):
                _semi_join(fragment, own, other, block, item, locality)


def _semi_join(
    fragment: Fragment, own: exp.Column, other: exp.Column, block: Block, item: Item, locality: Locality
) -> None:
    terms = [term.condition for term in block.terms if free(term.condition) == {item.alias}]
    terms = [term for term in terms if locality.is_dimension(term)]
    type_ = locality.column_type(fragment.items, own)
    same_type = type_ is not None and type_ == locality.column_type(block.items, other)
    direct = [term for term in terms if same_type and _is_about(term, item.alias, other)]
    for term in direct:
        new = term.copy()
        for column in columns(new):
            if _is(column, other):
                column.replace(own.copy())
        fragment.terms.append(Term(new))
    rest = [term for term in terms if term not in direct and not nested_queries(term)]
    if rest:
        query = exp.select(other.copy()).from_(item.node.copy()).where(*[term.copy() for term in rest])
        fragment.terms.append(Term(exp.In(this=own.copy(), query=exp.Subquery(this=query))))


def _is(one: exp.Column, other: exp.Column) -> bool:
    return one.table == other.table and one.name.lower() == other.name.lower()


def _is_about(term: exp.Expr, alias: str, column: exp.Column) -> bool:
    """Whether a condition is about one column, of those that an item has."""
    return all(_is(other, column) for other in columns(term) if other.table == alias)
