"""Replaces what a fragment has computed, in the expressions of combine, by the fragment's columns."""

from collections.abc import Callable, Sequence

from sqlglot import exp

from tpch_assets.gold.derive.fragment import Fragment
from tpch_assets.gold.derive.functions import is_called, own_aggregates, own_windows
from tpch_assets.gold.derive.locality import Locality
from tpch_assets.gold.derive.tree import is_query

Cut = Callable[[exp.Expr], exp.Expr]
"""Cuts a query that is nested in an expression."""

_VALUES = (
    *(exp.Func, exp.Binary, exp.Unary, exp.Between, exp.In, exp.Bracket, exp.Subquery, exp.Exists, exp.AtTimeZone),
)
_NO_VALUES = (exp.If, exp.PropertyEQ, exp.Slice, exp.Kwarg, exp.Interval, exp.Escape)
_MAYBE_NOT_RUN = (exp.Case, exp.Coalesce, exp.If, exp.Connector, exp.TryCast, exp.Nullif)
"""What is in these may not be computed for each row: it could fail where the whole does not."""


class Lift:
    """Lifts expressions of one block to what combine sees.

    Args:
        cut: What becomes of queries nested in the expressions that read facts and are not tied to the fragment.
        whole: Lift the largest expressions that a fragment can compute, not the columns in them.
    """

    def __init__(self, fragments: Sequence[Fragment], locality: Locality, cut: Cut, *, whole: bool) -> None:
        self.fragments, self.locality, self.cut, self.whole = fragments, locality, cut, whole
        self.groups: list[tuple[exp.Expr, exp.Expr]] = []
        self.aggregates: list[tuple[exp.Expr, exp.Expr]] = []

    def __call__(self, node: exp.Expr, *, whole: bool = True, own: bool = True) -> exp.Expr:
        """A node for combine; the given one is changed in place where it has a parent.

        Args:
            own: The node belongs to the block itself: in a nested query `count(*)` means that query's rows.
        """
        new = self._changed(node, whole and self.whole, own)
        if new is not node:
            if node.parent is not None:
                node.replace(new)
            return new
        inner = whole and not isinstance(node, _MAYBE_NOT_RUN)
        for child in list(node.iter_expressions()):
            self(child, whole=inner, own=own and not is_query(node))
        return node

    def _changed(self, node: exp.Expr, whole: bool, own: bool) -> exp.Expr:
        for meant, stands_for in [*self.groups, *(self.aggregates if own else [])]:
            if node == meant:
                return stands_for.copy()
        if isinstance(node, exp.Column):
            for fragment in self.fragments:
                if node.table in fragment.sources:
                    return fragment.column(node)
        elif is_query(node):
            if self.locality.reads_facts(node):
                new = self.cut(node)
                self(new, whole=whole, own=False)
                return new
        elif whole and isinstance(node, _VALUES) and not isinstance(node, _NO_VALUES):
            for fragment in self.fragments:
                if self.can_lift(node, fragment):
                    return fragment.column(node)
        return node

    def can_lift(self, node: exp.Expr, fragment: Fragment) -> bool:
        """Whether a fragment can compute an expression for each of its rows."""
        if (
            is_called(node)
            or fragment.nullable
            or not fragment.holds(node)
            or own_aggregates(node)
            or own_windows(node)
        ):
            return False
        return self.locality.evaluable(node, fragment.keys, fragment.maybe_null)

    def is_one_column(self, node: exp.Expr) -> bool:
        """Whether an expression becomes one column of a fragment."""
        if isinstance(node, exp.Column):
            return True
        is_value = isinstance(node, _VALUES) and not isinstance(node, _NO_VALUES)
        return self.whole and is_value and any(self.can_lift(node, fragment) for fragment in self.fragments)
