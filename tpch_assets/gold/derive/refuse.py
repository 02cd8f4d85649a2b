"""Which forms of a statement are not understood. In doubt a statement is refused: it then runs over all files."""

from sqlglot import exp

from tpch_assets.gold.derive.functions import ARBITRARY, ORDERLESS, UNORDERED, function_name, is_aggregate, volatile
from tpch_assets.gold.derive.tree import NotCut, free, own_clauses, sources

_FORMS: dict[type[exp.Expr], str] = {
    exp.Lateral: "a lateral join",
    exp.Unnest: "UNNEST in FROM",
    exp.Pivot: "a PIVOT",
    exp.TableSample: "a SAMPLE",
    exp.Columns: "COLUMNS(...)",
    exp.CurrentDate: "the current date",
    exp.CurrentTime: "the current time",
    exp.CurrentTimestamp: "the current time",
    exp.Rand: "a random number",
    exp.Command: "a command",
    exp.MatchRecognize: "MATCH_RECOGNIZE",
}


def check_understood(tree: exp.Expr) -> None:
    """Refuse what cannot be cut whatever it reads.

    Raises:
        NotCut: The message names the form.
    """
    for node in tree.walk():
        for form, name in _FORMS.items():
            if isinstance(node, form):
                raise NotCut(f"it has {name}, which is not understood")
        _check_function(node)
        _check_join(node)
        if isinstance(node, exp.With) and node.recursive:
            raise NotCut("it is recursive")
        if isinstance(node, exp.Table) and (node.db or not isinstance(node.this, exp.Identifier | exp.GenerateSeries)):
            raise NotCut(f"it reads from {node.sql('duckdb')[:60]}, which is no table of the business")
        if isinstance(node, exp.Explode) and not _is_plain_item(node):
            raise NotCut("it has UNNEST in a place where it is not understood")
        if isinstance(node, exp.Subquery) and any(node.args.get(k) for k in ("limit", "offset", "order", "joins")):
            raise NotCut("it has a LIMIT, ORDER BY or JOIN behind a query in parentheses")
        if isinstance(node, exp.Query) and (limit := node.args.get("limit")):
            none = isinstance(limit.expression, exp.Literal) and limit.expression.this == "0"
            if not node.args.get("order") and not isinstance(node.parent, exp.Exists) and not none:
                raise NotCut("it has a LIMIT without an ORDER BY, which picks any rows")
            if not isinstance(limit, exp.Limit) or limit.args.get("limit_options"):
                raise NotCut("it has a LIMIT of a kind that is not understood")
        if isinstance(node, exp.SetOperation) and node.args.get("by_name"):
            raise NotCut("it has a UNION BY NAME, which is not understood")


def _check_function(node: exp.Expr) -> None:
    name = function_name(node)
    if name in volatile():
        raise NotCut(f"it calls {name}, which is not the same twice")
    if name == "age" and len(list(node.iter_expressions())) < 2:
        raise NotCut("it calls age, which counts from the current date")
    if name in ARBITRARY or name.startswith("approx_q"):
        raise NotCut(f"it calls {name}, whose result depends on the order of rows")
    if name in UNORDERED and not _is_ordered(node):
        raise NotCut(f"it calls {name} without an ORDER BY, so the result depends on the order of rows")
    if isinstance(node, exp.Window) and not node.args.get("order"):
        called = function_name(node.this)
        if called in ("row_number", "ntile", "lag", "lead", "first_value", "last_value", "nth_value", "first", "last"):
            raise NotCut(f"it calls {called} without an ORDER BY, so the result depends on the order of rows")


def _is_plain_item(node: exp.Expr) -> bool:
    """Whether UNNEST is an item of a SELECT that does nothing but show rows."""
    parent = node.parent.parent if isinstance(node.parent, exp.Alias) else node.parent
    clauses = ("group", "having", "qualify", "distinct", "order", "limit", "offset")
    return isinstance(parent, exp.Select) and not any(parent.args.get(clause) for clause in clauses)


def _is_ordered(node: exp.Expr) -> bool:
    if isinstance(node.parent, exp.Func) and function_name(node.parent) in ORDERLESS and node.arg_key == "this":
        return True
    if node.find(exp.Order) is not None:
        return True
    while isinstance(node.parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        node = node.parent
    return isinstance(node.parent, exp.Window) or isinstance(node, exp.WithinGroup)


def _check_join(node: exp.Expr) -> None:
    if not isinstance(node, exp.Join):
        return
    if (node.method or "").upper() not in ("", "NATURAL"):
        raise NotCut(f"it has a {node.method} JOIN, which is not understood")
    if node.side.upper() == "FULL":
        raise NotCut("it has a FULL JOIN, which is not understood")
    if node.kind.upper() not in ("", "INNER", "CROSS", "OUTER", "SEMI", "ANTI"):
        raise NotCut(f"it has a {node.kind} JOIN, which is not understood")


def check_stars(query: exp.Select) -> None:
    """The engine's own column in each table counts where rows as a whole are compared."""
    star = any(
        isinstance(item, exp.Star) or (isinstance(item, exp.Column) and item.name == "*") for item in query.expressions
    )
    compared = query.args.get("distinct") or query.args.get("group") or query.find_ancestor(exp.SetOperation)
    natural = any((join.method or "").upper() == "NATURAL" for join in query.args.get("joins") or ())
    if natural and sum(isinstance(source, exp.Table) for source in sources(query)) > 1:
        raise NotCut("it has a NATURAL JOIN of tables, which includes the engine's own columns")
    if star and compared and any(isinstance(source, exp.Table) for source in sources(query)):
        raise NotCut("it compares rows by *, which includes the engine's own columns")


def check_names(query: exp.Expr) -> None:
    names = [name.lower() for name in query.named_selects] if isinstance(query, exp.Query) else []
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise NotCut(f"a query in it has two columns named {twice[0]}")


def check_aggregates(query: exp.Select) -> None:
    """An aggregate of columns of a query around belongs to that query."""
    own = {source.alias_or_name for source in sources(query)}
    for node in own_clauses(query):
        if is_aggregate(node) and not free(node) <= own:
            raise NotCut("a query in it has an aggregate of columns of a query around it")
