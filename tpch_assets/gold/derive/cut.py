"""Cuts queries: what shards can do goes into fragments, and what is left, over their rows, is combine."""

from dataclasses import dataclass, field

from sqlglot import exp

from tpch_assets.gold.derive import push
from tpch_assets.gold.derive.aggregates import Splitter
from tpch_assets.gold.derive.block import Block, Item
from tpch_assets.gold.derive.check import Types
from tpch_assets.gold.derive.fragment import Fragment
from tpch_assets.gold.derive.fragments import Split, Splitting
from tpch_assets.gold.derive.lift import Lift
from tpch_assets.gold.derive.locality import Locality
from tpch_assets.gold.derive.tree import NotCut, both, conjuncts, inner_query, nested_queries

FRAGMENT = "fragment_"
"""How the table is called in combine that stands for a fragment's rows, with the fragment's alias behind it."""


@dataclass(frozen=True)
class Around:
    """What is known of the place where a query stands.

    Attributes:
        no_doubles: Equal rows count as one there.
        best: Of the query's output of this name, a rank, only small values are looked at there.
        blocks: The blocks of the queries around, from the outermost.
    """

    no_doubles: bool = False
    best: push.Best | None = None
    blocks: tuple[Block, ...] = ()


@dataclass
class Cutter:
    """Cuts one statement.

    Args:
        whole: Lift the largest expressions, not single columns.
    """

    locality: Locality
    types: Types
    whole: bool = True
    fragments: list[Fragment] = field(default_factory=list)

    def cut(self, query: exp.Expr, around: Around) -> exp.Expr:
        """The query over fragments instead of facts; the given one is used up."""
        if not self.locality.reads_facts(query):
            return query
        if isinstance(query, exp.SetOperation):
            return self._cut_set(query, around)
        if not isinstance(query, exp.Select):
            raise NotCut("it has a query of a form that is not understood")
        return self._cut_select(push.as_source(query, self.locality), around)

    def _cut_set(self, query: exp.SetOperation, around: Around) -> exp.Expr:
        cut_off = query.args.get("limit") or query.args.get("offset")
        no_doubles = around.no_doubles and not cut_off and isinstance(query, exp.Union)
        inside = Around(no_doubles or bool(query.args.get("distinct")), blocks=around.blocks)
        for name in ("this", "expression"):
            side = inner_query(query.args[name])
            new = self.cut(side, inside)
            if new is not side:
                side.replace(new)
        return query

    def _cut_select(self, select: exp.Select, around: Around) -> exp.Expr:
        block = Block(select)
        if block.multiplies:
            raise NotCut("it has UNNEST beside what needs rows of several shards")
        no_doubles = push.doubles_do_not_count(block, around.no_doubles)
        split = Splitting(block, self.locality, len(self.fragments)).run()
        self.fragments += split.fragments
        push.semi_joins(split, around.blocks, self.locality)
        lift = Lift(
            split.fragments, self.locality, lambda query: self._cut_nested(query, block, around), whole=self.whole
        )
        only = split.only
        if only is not None and self._is_complete(block, only):
            terms = self._complete(block, only, lift, around)
            self._join(block, split, lift, terms, Around())
        elif block.aggregated and split.fragments and self._can_group(block, split, lift):
            self._group(block, split, lift)
            self._join(block, split, lift, [], Around())
        else:
            for fragment in split.fragments if no_doubles else ():
                fragment.mode = "distinct"
            if only is not None and not block.aggregated:
                push.best_rows(block, only, around.best, self.locality)
                push.first_rows(block, only, self.locality)
            self._rows(block, lift)
            self._join(block, split, lift, [], Around(no_doubles))
        return select

    def _cut_nested(self, query: exp.Expr, block: Block, around: Around) -> exp.Expr:
        parent = query.parent
        while isinstance(parent, exp.Subquery):
            parent = parent.parent
        no_doubles = isinstance(parent, exp.Exists | exp.In | exp.Any | exp.All)
        return self.cut(query, Around(no_doubles, blocks=(*around.blocks, block)))

    def _is_complete(self, block: Block, only: Fragment) -> bool:
        """Whether each shard has all rows of its groups."""
        if not block.aggregated or not self.locality.grouped_by_key(block, only.keys):
            return False
        return all(self.locality.evaluable(node, only.keys) for node in [*block.aggregates, *block.group])

    def _complete(self, block: Block, only: Fragment, lift: Lift, around: Around) -> list[exp.Expr]:
        """The shards do the grouping, and combine has one row per group. Returns conditions of groups that are left."""
        only.mode = "groups"
        having = block.select.args.get("having")
        terms = conjuncts(having.this if having else None)
        only.having = [term.copy() for term in terms if self.locality.evaluable(term, only.keys)]
        rest = [term.copy() for term in terms if not self.locality.evaluable(term, only.keys)]
        if not rest:
            push.best_rows(block, only, around.best, self.locality)
            push.first_rows(block, only, self.locality)
        lift.groups = [(node.copy(), only.column(node)) for node in block.group]
        lift.aggregates = [(node.copy(), only.measure(node)) for node in block.aggregates]
        block.select.set("having", None)
        block.select.set("group", None)
        self._lift_clauses(block, lift)
        return [lift(term) for term in rest]

    def _can_group(self, block: Block, split: Split, lift: Lift) -> bool:
        splitter = self._splitter(block, split, lift)
        return all(splitter.can(node) for node in block.aggregates)

    def _splitter(self, block: Block, split: Split, lift: Lift) -> Splitter:
        only = split.only
        keys_add_up = only is not None and not block.has_sets
        keys_add_up = keys_add_up and all(lift.is_one_column(node) for node in block.group)
        first = Splitter(split.fragments, self.types, self.locality, keys_add_up=keys_add_up)
        if any(first.lifts(node) for node in block.aggregates):
            return Splitter(split.fragments, self.types, self.locality, keys_add_up=False)
        return first

    def _group(self, block: Block, split: Split, lift: Lift) -> None:
        """The shards group by what combine needs, with aggregates beside, and combine groups again."""
        splitter = self._splitter(block, split, lift)
        for fragment in split.fragments:
            fragment.mode = "groups"
        lift.groups = [(node.copy(), lift(node.copy())) for node in block.group]
        for node in block.aggregates:
            if splitter.lifts(node):
                lift.aggregates.append((node.copy(), lift(node.copy())))
            else:
                lift.aggregates.append((node.copy(), splitter.split(node)))
        group = block.select.args.get("group")
        if group is not None:
            lift(group)
        self._lift_clauses(block, lift)

    def _rows(self, block: Block, lift: Lift) -> None:
        """The shards filter, and combine does the rest."""
        if block.aggregated:
            lift.groups = [(node.copy(), lift(node.copy())) for node in block.group]
        group = block.select.args.get("group")
        if group is not None:
            lift(group)
        self._lift_clauses(block, lift)

    def _lift_clauses(self, block: Block, lift: Lift) -> None:
        for clause in block.clauses:
            lift(clause)
        group = block.select.args.get("group")
        for term in group.expressions if group else ():
            if nested_queries(term) and term in block.outputs:
                term.replace(exp.Literal.number(block.outputs.index(term) + 1))  # DuckDB does not see them as equal.

    def _join(self, block: Block, split: Split, lift: Lift, terms: list[exp.Expr], inside: Around) -> None:
        """FROM and WHERE of combine. What can be joined in any order comes first, then what is LEFT JOINed."""
        select = block.select
        inner: list[exp.Expr] = []
        left: list[exp.Join] = []
        of = {item.alias: fragment for fragment in split.fragments for item in fragment.items}
        done: set[str] = set()
        for item in block.items:
            fragment = of.get(item.alias)
            if fragment is None:
                node = self._source(item, split, inside)
            elif fragment.alias not in done:
                done.add(fragment.alias)
                alias = exp.TableAlias(this=exp.to_identifier(fragment.alias))
                node = exp.Table(this=exp.to_identifier(f"{FRAGMENT}{fragment.alias}"), alias=alias)
            else:
                continue
            if item.left and (fragment is None or fragment.nullable):
                on = both([lift(term.copy()) for term in item.on]) or exp.true()
                left.append(exp.Join(this=node, side="LEFT", on=on))
            else:
                inner.append(node)
        terms = [*(lift(term.condition.copy()) for term in split.terms), *terms]
        select.set("where", exp.Where(this=both(terms)) if terms else None)
        if inner:
            select.set("from_", exp.From(this=inner[0]))
            kind = "CROSS" if left else None
            select.set("joins", [*(exp.Join(this=node, kind=kind) for node in inner[1:]), *left])

    def _source(self, item: Item, split: Split, inside: Around) -> exp.Expr:
        """An item that no fragment has: a dimension, or a query that is cut in its turn."""
        node = item.node
        if isinstance(node, exp.Subquery) and self.locality.reads_facts(node):
            query = inner_query(node)
            best = push.best_of(item.alias, split.terms)
            new = self.cut(query, Around(inside.no_doubles, None if item.left else best))
            if new is not query:
                query.replace(new)
        return node
