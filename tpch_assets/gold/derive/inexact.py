"""Refuses statements in which the last digit of a floating-point aggregate decides something.

The sum of DOUBLEs depends on the order of rows in its last digits, and shards change the order. Where such a number is
only shown, nobody minds; where it is compared, ranked, grouped or sorted by, another row could come out.
"""

from sqlglot import exp

from tpch_assets.gold.derive.aggregates import Aggregate
from tpch_assets.gold.derive.block import Block
from tpch_assets.gold.derive.check import Types
from tpch_assets.gold.derive.functions import is_aggregate
from tpch_assets.gold.derive.tree import NotCut, children, inner_query, is_query

_FLOATING = frozenset(
    (
        *(
            "stddev",
            "variance_pop",
            "variance_samp",
            "stddev_pop",
            "stddev_samp",
            "variance",
            "var_pop",
            "var_samp",
            "corr",
            "covar_pop",
        ),
        *("covar_samp", "regr_avgx", "regr_avgy", "regr_sxx", "regr_sxy", "regr_syy", "regr_slope"),
        *("regr_intercept", "regr_r2", "skewness", "kurtosis", "kurtosis_pop", "sem", "geomean"),
        *("geometric_mean", "product", "entropy", "fsum", "favg", "kahan_sum", "sumkahan"),
    )
)
_SUMS = frozenset(("sum", "avg", "mean"))
_EXACT = ("HUGEINT", "DECIMAL")


class Inexact:
    """Finds numbers whose last digits depend on the order of rows, and follows them through a statement."""

    def __init__(self, types: Types) -> None:
        self.types = types

    def check(self, query: exp.Expr) -> set[str]:
        """The names of a query's outputs that are inexact.

        Raises:
            NotCut: One of them, or of its inner queries, decides something.
        """
        if isinstance(query, exp.SetOperation):
            return self._check_set(query)
        if not isinstance(query, exp.Select):
            return set()
        block = Block(query)
        known: set[tuple[str, str]] = set()
        for item in block.items:
            if isinstance(item.node, exp.Subquery):
                known |= {(item.alias, name) for name in self.check(inner_query(item.node))}
        clauses = [query.args.get(kind) for kind in ("group", "having", "qualify")]
        deciding = [*block.order_terms(), *(term.condition for term in block.terms), *filter(None, clauses)]
        deciding += [term for item in block.items for term in item.on]
        if query.args.get("distinct"):
            deciding += [*block.outputs, query.args["distinct"]]
        for window in block.windows:
            deciding += [*(window.args.get("partition_by") or ()), *filter(None, [window.args.get("order")])]
        if any(self._is_inexact(node, block, known) for node in deciding):
            raise NotCut("it compares, sorts or groups by a floating-point sum, whose last digit is left to chance")
        pairs = zip(query.named_selects, block.outputs, strict=True)
        return {name.lower() for name, item in pairs if self._is_inexact(item, block, known)}

    def _check_set(self, query: exp.SetOperation) -> set[str]:
        found: set[str] = set()
        names = query.named_selects
        for side in (inner_query(query.this), inner_query(query.expression)):
            inexact = self.check(side)
            if inexact and isinstance(side, exp.Query):
                found |= {names[i].lower() for i, name in enumerate(side.named_selects) if name.lower() in inexact}
        if found and (query.args.get("distinct") or not isinstance(query, exp.Union) or query.args.get("order")):
            raise NotCut("it compares or sorts by a floating-point sum, whose last digit is left to chance")
        return found

    def _is_inexact(self, node: exp.Expr, block: Block, known: set[tuple[str, str]]) -> bool:
        if is_query(node):
            return bool(self.check(node)) or any(
                (column.table, column.name.lower()) in known for column in node.find_all(exp.Column)
            )
        if isinstance(node, exp.Column):
            return (node.table, node.name.lower()) in known
        if isinstance(node, exp.Window) and self._floats(Aggregate.of(node.this), block, over=True):
            return True
        if is_aggregate(node) and self._floats(Aggregate.of(node), block, over=False):
            return True
        return any(self._is_inexact(child, block, known) for child in children(node))

    def _floats(self, call: Aggregate, block: Block, *, over: bool) -> bool:
        """Whether an aggregate, or a window function, adds floating-point numbers."""
        if call.name in _FLOATING:
            return True
        if call.name not in _SUMS or not call.arguments:
            return False
        total: exp.Expr = exp.Sum(this=call.arguments[0].copy())
        joins = [exp.Join(this=item.node.copy()) for item in block.items[1:]]
        select = (
            exp.Select(from_=exp.From(this=block.items[0].node.copy()), joins=joins) if block.items else exp.Select()
        )
        group = block.select.args.get("group")
        if over:
            total = exp.Window(this=total)
            select.set("group", group.copy() if group else None)
        select.set("expressions", [total])
        return not self.types.of(select).startswith(_EXACT)
