"""A fragment: the part of a statement that runs over one shard. Its rows are what partials hold."""

from dataclasses import dataclass, field
from typing import Literal

from sqlglot import exp

from tpch_assets.gold.derive.block import Item, Term
from tpch_assets.gold.derive.locality import Key
from tpch_assets.gold.derive.tree import both, free, nested_queries

Mode = Literal["rows", "distinct", "groups"]
"""One row per joined row, one per distinct row, or one per group: with aggregates beside what it is grouped by."""


@dataclass(eq=False)
class Fragment:
    """Joined items of one block, with what combine needs of them.

    Attributes:
        items: In the order in which they stand in the statement.
        keys: Columns that carry the colocation key.
        maybe_null: These, and those that an outer join may have made NULL.
        nullable: The fragment as a whole is LEFT JOINed in combine.
        columns: What combine needs of each row or group, by its SQL text.
        measures: Aggregates, by their SQL text.
    """

    alias: str
    items: list[Item]
    keys: set[Key]
    maybe_null: set[Key]
    nullable: bool = False
    mode: Mode = "rows"
    terms: list[Term] = field(default_factory=list)
    columns: dict[str, exp.Expr] = field(default_factory=dict)
    measures: dict[str, exp.Expr] = field(default_factory=dict)
    having: list[exp.Expr] = field(default_factory=list)
    qualify: exp.Expr | None = None
    order: list[exp.Ordered] = field(default_factory=list)
    limit: exp.Expr | None = None

    @property
    def sources(self) -> set[str]:
        return {item.alias for item in self.items}

    def holds(self, node: exp.Expr) -> bool:
        """Whether a node refers to columns of this fragment and to no others."""
        found = free(node)
        return bool(found) and found <= self.sources

    def column(self, node: exp.Expr) -> exp.Column:
        """What stands for an expression in combine."""
        return self._named(node, self.columns, "c")

    def measure(self, node: exp.Expr) -> exp.Column:
        """What stands for an aggregate of the fragment in combine."""
        return self._named(node, self.measures, "m")

    def _named(self, node: exp.Expr, known: dict[str, exp.Expr], letter: str) -> exp.Column:
        while isinstance(node, exp.Paren):
            node = node.this
        text = node.sql("duckdb")
        known.setdefault(text, node.copy())
        return exp.column(f"{letter}{list(known).index(text)}", table=self.alias)

    def named(self) -> list[tuple[str, exp.Expr]]:
        """The columns of the partial: names, and what they are."""
        columns = [(f"c{number}", node) for number, node in enumerate(self.columns.values())]
        return columns + [(f"m{number}", node) for number, node in enumerate(self.measures.values())]

    def select(self) -> exp.Select:
        """The fragment as a statement."""
        named = self.named() or [("c0", exp.Literal.number(1))]
        on, where = self._placed_terms()
        select = self.scan([exp.alias_(node.copy(), name) for name, node in named], on)
        if where:
            select.set("where", exp.Where(this=both(where)))
        if self.mode == "distinct":
            select.set("distinct", exp.Distinct())
        if self.mode == "groups" and self.columns:
            select.set("group", exp.Group(expressions=self._group()))
        having = [term.copy() for term in self.having]
        if self.mode == "groups" and not self.columns:
            having.append(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0)))
        if having:
            select.set("having", exp.Having(this=both(having)))
        if self.qualify is not None:
            select.set("qualify", exp.Qualify(this=self.qualify.copy()))
        if self.limit is not None:
            select.set("order", exp.Order(expressions=[term.copy() for term in self.order]))
            select.set("limit", exp.Limit(expression=self.limit.copy()))
        return select

    def _group(self) -> list[exp.Expr]:
        """DuckDB does not see that two queries are equal, so those are grouped by their number."""
        pairs = enumerate(self.columns.values(), start=1)
        return [exp.Literal.number(number) if nested_queries(node) else node.copy() for number, node in pairs]

    def scan(self, items: list[exp.Expr], on: dict[str, list[exp.Expr]] | None = None) -> exp.Select:
        """A SELECT of some expressions over the fragment's joined items, with no conditions but those of joins."""
        start = exp.From(this=self.items[0].node.copy())
        return exp.Select(expressions=items, from_=start, joins=self._joins(on or {}))

    def _joins(self, on: dict[str, list[exp.Expr]]) -> list[exp.Join]:
        """An author's commas stay commas: another form of the same made DuckDB plan a cross product."""
        commas = not on and not any(item.left for item in self.items)
        joins = []
        for item in self.items[1:]:
            join = exp.Join(this=item.node.copy())
            if item.left:
                join.set("side", "LEFT")
                join.set("on", both([term.copy() for term in item.on]) or exp.true())
            elif item.alias in on:
                join.set("on", both(on[item.alias]))
            elif not commas:
                join.set("kind", "CROSS")
            joins.append(join)
        return joins

    def _placed_terms(self) -> tuple[dict[str, list[exp.Expr]], list[exp.Expr]]:
        """The terms that stand in the ON of inner joins, by alias, and those in WHERE."""
        on: dict[str, list[exp.Expr]] = {}
        where = []
        before: dict[str, set[str]] = {}
        seen: set[str] = set()
        for item in self.items:
            seen = seen | {item.alias}
            before[item.alias] = seen
        first = self.items[0].alias
        for term in self.terms:
            alias = term.item
            if alias and alias != first and alias in before and free(term.condition) <= before[alias]:
                on.setdefault(alias, []).append(term.condition.copy())
            else:
                where.append(term.condition.copy())
        return on, where
