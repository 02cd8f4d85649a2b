"""One SELECT taken apart: what it reads, how that is joined, and the conditions that hold of the joined rows."""

from dataclasses import dataclass, field

from sqlglot import exp

from tpch_assets.gold.derive.functions import own_aggregates, own_windows
from tpch_assets.gold.derive.tree import conjuncts

_MORE_GROUPS = ("rollup", "cube", "grouping_sets")


@dataclass(eq=False)
class Item:
    """One thing that a SELECT reads.

    Attributes:
        node: A table, or a query in parentheses.
        left: It is LEFT JOINed, so its columns are NULL where it has no row that fits.
        on: The terms of a LEFT JOIN's condition.
    """

    node: exp.Expr
    left: bool = False
    on: list[exp.Expr] = field(default_factory=list)

    @property
    def alias(self) -> str:
        return self.node.alias_or_name


@dataclass(eq=False)
class Term:
    """A condition of the joined rows: a term of WHERE, or of an inner join's ON.

    Attributes:
        item: The alias of the item in whose ON it stands; None for a term of WHERE.
    """

    condition: exp.Expr
    item: str | None = None


class Block:
    """A SELECT over joined items."""

    def __init__(self, select: exp.Select) -> None:
        self.select = select
        self.items: list[Item] = []
        self.terms: list[Term] = []
        start = select.args.get("from_")
        if start is not None:
            self.items.append(Item(start.this))
        for join in select.args.get("joins") or ():
            left = join.side.upper() == "LEFT"
            on = conjuncts(join.args.get("on"))
            item = Item(join.this, left, on if left else [])
            self.items.append(item)
            if not left:
                self.terms += [Term(term, item.alias) for term in on]
        where = select.args.get("where")
        self.terms += [Term(term) for term in conjuncts(where.this if where else None)]

    @property
    def inner(self) -> list[Item]:
        return [item for item in self.items if not item.left]

    @property
    def outputs(self) -> list[exp.Expr]:
        """The items of the select list, without their names."""
        return [item.unalias() for item in self.select.expressions]

    @property
    def group(self) -> list[exp.Expr]:
        """The expressions that rows are grouped by, those of ROLLUP and the like included."""
        found: list[exp.Expr] = []
        for term in self._group_terms():
            found += [node for node in _parts(term) if node not in found]
        return found

    def _group_terms(self) -> list[exp.Expr]:
        clause = self.select.args.get("group")
        if clause is None:
            return []
        more = [term for kind in _MORE_GROUPS for term in clause.args.get(kind) or ()]
        return [*clause.expressions, *more]

    @property
    def has_sets(self) -> bool:
        """Whether rows are grouped in several ways at once."""
        return any(isinstance(term, exp.Rollup | exp.Cube | exp.GroupingSets) for term in self._group_terms())

    @property
    def clauses(self) -> list[exp.Expr]:
        """What is computed from the joined rows: all clauses but FROM, WHERE and GROUP BY."""
        kinds = ("having", "qualify", "order", "distinct")
        return [*self.select.expressions, *(self.select.args[kind] for kind in kinds if self.select.args.get(kind))]

    @property
    def aggregates(self) -> list[exp.Expr]:
        return [found for clause in self.clauses for found in own_aggregates(clause)]

    @property
    def windows(self) -> list[exp.Window]:
        return [found for clause in self.clauses for found in own_windows(clause)]

    @property
    def multiplies(self) -> bool:
        """Whether an item of the select list makes several rows of one."""
        return any(isinstance(item, exp.Explode) for item in self.outputs)

    @property
    def aggregated(self) -> bool:
        return bool(self.select.args.get("group") or self.aggregates or self.select.args.get("having"))

    def order_terms(self) -> list[exp.Ordered]:
        """The terms of ORDER BY, with the select list's expressions in the place of their numbers."""
        order = self.select.args.get("order")
        found = []
        for term in order.expressions if order else ():
            copy = term.copy()
            if isinstance(copy.this, exp.Literal) and not copy.this.is_string:
                copy.set("this", self.outputs[int(copy.this.this) - 1].copy())
            found.append(copy)
        return found


def _parts(term: exp.Expr) -> list[exp.Expr]:
    if isinstance(term, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
        return [part for inner in term.expressions for part in _parts(inner)]
    if isinstance(term, exp.Paren):
        return _parts(term.this)
    return [term]
