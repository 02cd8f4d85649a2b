"""Splits aggregates into those of each shard and those that put them together.

A row of a fragment that is grouped stands for several rows; in combine it may be joined with rows of other fragments,
which stand for several too. `Weights` says for how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from tpch_assets.gold.derive.check import Types
from tpch_assets.gold.derive.fragment import Fragment
from tpch_assets.gold.derive.functions import function_name
from tpch_assets.gold.derive.locality import Locality
from tpch_assets.gold.derive.moments import VARIANCES, exact_value, variance
from tpch_assets.gold.derive.tree import free

_SAME = {"min", "max", "logical_and", "logical_or", "any_value", "bitwise_and_agg", "bitwise_or_agg"}
_COUNTS = {"count", "count_star"}
_SUMS = {"sum", "count_if", "countif"}
_ADDED = ("HUGEINT", "DECIMAL", "DOUBLE")
_AVERAGES = {"avg", "mean"}
_STRICT = (exp.Column, exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Paren, exp.Literal, exp.Placeholder, exp.Identifier)
"""What is NULL if one of its columns is."""


@dataclass(eq=False)
class Aggregate:
    """An aggregate, taken apart.

    Attributes:
        node: All of it.
        condition: Its FILTER.
    """

    node: exp.Expr
    name: str
    arguments: list[exp.Expr]
    distinct: bool
    ordered: bool
    condition: exp.Expr | None

    @classmethod
    def of(cls, node: exp.Expr) -> "Aggregate":
        condition = node.expression.this if isinstance(node, exp.Filter) else None
        call = node.this if isinstance(node, exp.Filter) else node
        wrapped = isinstance(call, exp.RespectNulls | exp.WithinGroup)
        while isinstance(call, exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
            call = call.this
        ordered = wrapped or any(isinstance(child, exp.Order | exp.HavingMax) for child in call.iter_expressions())
        arguments = list(call.iter_expressions())
        distinct = bool(arguments) and isinstance(arguments[0], exp.Distinct)
        if distinct:
            arguments = [*arguments[0].expressions, *arguments[1:]]
        return cls(node, function_name(call), arguments, distinct, ordered, condition)

    @property
    def counts_rows(self) -> bool:
        """Whether it is count(*), or what comes to the same."""
        rows = not self.arguments or isinstance(self.arguments[0], exp.Star | exp.Literal)
        return self.name in _COUNTS and not self.distinct and rows


class Splitter:
    """Splits the aggregates of one block.

    Args:
        fragments: Those of the block; they are grouped.
        keys_add_up: The fragment's groups are the block's, and all its rows come from it: so a count of different
            colocation keys is the sum over shards.
    """

    def __init__(self, fragments: Sequence[Fragment], types: Types, locality: Locality, *, keys_add_up: bool) -> None:
        self.fragments, self.types, self.locality, self.keys_add_up = fragments, types, locality, keys_add_up

    def can(self, node: exp.Expr) -> bool:
        """Whether `split` knows how."""
        one = Aggregate.of(node)
        owners = [fragment for fragment in self.fragments if not free(node).isdisjoint(fragment.sources)]
        if one.distinct:
            return not one.ordered
        if one.ordered or one.name not in _SAME | _COUNTS | _SUMS | _AVERAGES | VARIANCES:
            return False
        if one.counts_rows and one.condition is None:
            return True
        if not owners and self.locality.reads_facts(node):
            return False
        if not owners:
            alone = len(self.fragments) == 0 or (self._only is not None and not free(node))
            return alone or one.name in _SAME or (one.name == "count" and len(one.arguments) == 1)
        fragment = owners[0]
        if not self.locality.evaluable(node, fragment.keys, fragment.maybe_null):
            return False
        if len(owners) > 1 or not free(node) <= fragment.sources or len(one.arguments) > 1:
            return False
        return self._adds(one, fragment) and (not fragment.nullable or self._strict(one))

    def _adds(self, one: Aggregate, owner: Fragment) -> bool:
        """Whether the values have a type in which they can be added."""
        if one.name in VARIANCES:
            return exact_value(one.arguments[0], self._type(one.arguments[0], owner)) is not None
        if one.name in _SUMS | _AVERAGES:
            return self._type(exp.Sum(this=one.arguments[0].copy()), owner).startswith(_ADDED)
        return True

    def _type(self, node: exp.Expr, owner: Fragment) -> str:
        return self.types.of(owner.scan([node.copy()]))

    @property
    def _only(self) -> Fragment | None:
        """The one fragment that all rows come from, if there is one."""
        return self.fragments[0] if len(self.fragments) == 1 and not self.fragments[0].nullable else None

    def lifts(self, node: exp.Expr) -> bool:
        """Whether the aggregate stays, and what it is of becomes columns of fragments."""
        return Aggregate.of(node).distinct and not self._adds_up(node)

    def _adds_up(self, node: exp.Expr) -> bool:
        one = Aggregate.of(node)
        if not (self.keys_add_up and one.distinct and one.name == "count" and len(one.arguments) == 1):
            return False
        argument, fragment = one.arguments[0], self.fragments[0]
        if not self.locality.evaluable(node, fragment.keys, fragment.maybe_null):
            return False
        return isinstance(argument, exp.Column) and (argument.table, argument.name.lower()) in fragment.keys

    def _strict(self, one: Aggregate) -> bool:
        """Whether a row that an outer join filled with NULLs adds nothing."""
        argument = one.arguments[0] if one.arguments else None
        if argument is None or one.condition is not None:
            return False
        return bool(argument.find(exp.Column)) and all(isinstance(node, _STRICT) for node in argument.walk())

    def split(self, node: exp.Expr) -> exp.Expr:
        """What stands for an aggregate in combine."""
        one = Aggregate.of(node)
        owner = next((fragment for fragment in self.fragments if not free(node).isdisjoint(fragment.sources)), None)
        if owner is None and not free(node):
            owner = self._only
        if owner is None:
            return self._of_others(one)
        weight = self._weight([fragment for fragment in self.fragments if fragment is not owner])
        if one.name in _SAME:
            return self._again(one, owner)
        if one.name in _AVERAGES:
            return self._average(one, owner, weight)
        if one.name in VARIANCES:
            return self._variance(one, owner, weight)
        total = _sum(_times(owner.measure(node), weight))
        if one.name in _COUNTS:
            return _as_count(total)
        type_ = self._type(node, owner)
        return _as(total, type_) if weight is not None else total

    def _again(self, one: Aggregate, owner: Fragment) -> exp.Expr:
        call = one.node.this if isinstance(one.node, exp.Filter) else one.node
        new = call.copy()
        (argument,) = Aggregate.of(new).arguments
        argument.replace(owner.measure(one.node))
        return new

    def _average(self, one: Aggregate, owner: Fragment, weight: exp.Expr | None) -> exp.Expr:
        """As DuckDB computes it, to the last bit: the exact sum as a whole number, divided once."""
        (argument,) = one.arguments
        total = _filtered(exp.Sum(this=argument.copy()), one.condition)
        type_ = self._type(total, owner)
        scale = _scale(type_)
        count = _filtered(exp.Count(this=argument.copy()), one.condition)
        number = _as(_sum(_times(owner.measure(count), weight)), "DOUBLE")
        exact = _sum(_times(owner.measure(total), weight))
        if type_ == "DOUBLE":
            return exp.Paren(this=exp.Div(this=exact, expression=number))
        power = exp.Literal.number(10**scale)
        if scale:
            exact = exp.Mul(this=exact, expression=power)
            number = exp.Paren(this=exp.Mul(this=number, expression=_as(power.copy(), "DOUBLE")))
        return exp.Paren(this=exp.Div(this=_as(_as(exact, "HUGEINT"), "DOUBLE"), expression=number, typed=False))

    def _variance(self, one: Aggregate, owner: Fragment, weight: exp.Expr | None) -> exp.Expr:
        (argument,) = one.arguments
        value = exact_value(argument, self._type(argument, owner)) or argument
        square = exp.Mul(this=value.copy(), expression=value.copy())
        counted = (exp.Count(this=argument.copy()), exp.Sum(this=value.copy()), exp.Sum(this=square))
        parts = [_sum(_times(owner.measure(_filtered(part, one.condition)), weight)) for part in counted]
        rows, total, squares = parts
        return variance(one.name, _scale(self._type(counted[1], owner)), rows, total, squares)

    def _of_others(self, one: Aggregate) -> exp.Expr:
        """An aggregate of what no fragment has: rows of dimensions, as often as the fragments' rows stand for."""
        weight = self._weight(self.fragments)
        if one.name in _SAME or weight is None:
            return one.node
        if not one.counts_rows:
            (argument,) = one.arguments
            there = exp.Not(this=exp.Is(this=exp.Paren(this=argument.copy()), expression=exp.Null()))
            weight = exp.Case(ifs=[exp.If(this=there, true=weight)])
        return _as_count(_filtered(_sum(weight), one.condition))

    def _weight(self, fragments: Sequence[Fragment]) -> exp.Expr | None:
        """How many rows a row of combine stands for, by some of the fragments; None is one."""
        whole: exp.Expr | None = None
        for fragment in fragments:
            rows: exp.Expr = fragment.measure(exp.Count(this=exp.Star()))
            if fragment.nullable:
                rows = exp.Coalesce(this=rows, expressions=[exp.Literal.number(1)])
            whole = rows if whole is None else exp.Mul(this=whole, expression=rows)
        return whole


def _scale(type_: str) -> int:
    """The digits behind the point of a type."""
    return int(type_.rstrip(")").split(",")[1]) if type_.startswith("DECIMAL") else 0


def _filtered(node: exp.Expr, condition: exp.Expr | None) -> exp.Expr:
    return node if condition is None else exp.Filter(this=node, expression=exp.Where(this=condition.copy()))


def _sum(node: exp.Expr) -> exp.Expr:
    return exp.Sum(this=node)


def _times(node: exp.Expr, weight: exp.Expr | None) -> exp.Expr:
    return node if weight is None else exp.Mul(this=node, expression=weight.copy())


def _as(node: exp.Expr, type_: str) -> exp.Expr:
    return exp.Cast(this=node, to=exp.DataType.build(type_, dialect="duckdb"))


def _as_count(node: exp.Expr) -> exp.Expr:
    return _as(exp.Coalesce(this=node, expressions=[exp.Literal.number(0)]), "BIGINT")
