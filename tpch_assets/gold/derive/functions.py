"""What kinds of functions there are: aggregates, and those whose result is not a function of their input rows."""

from functools import cache

from sqlglot import exp

from tpch_assets.compute.catalog import parser
from tpch_assets.gold.derive.tree import is_query

VOLATILE = frozenset(
    (
        *("random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "setseed", "now", "current_date"),
        *("current_time", "current_timestamp", "get_current_time", "get_current_timestamp", "localtime"),
        *("localtimestamp", "today", "transaction_timestamp", "nextval", "currval", "getenv"),
        *("current_setting", "rand", "current_user", "current_schema", "pg_typeof", "version"),
        *("current_database", "current_localtime", "current_localtimestamp", "txid_current"),
    )
)
"""Not the same twice, by the names that sqlglot may give them; DuckDB knows most."""
UNORDERED = frozenset(
    (
        *("list", "array_agg", "string_agg", "group_concat", "listagg", "first", "last", "arbitrary"),
        *("first_value", "last_value"),
    )
)
"""Aggregates that depend on the order of rows, unless an ORDER BY stands in them."""
ORDERLESS = frozenset(("list_sort", "sort_array", "array_sort", "list_reverse_sort", "length", "len", "array_size"))
"""What makes a list the same, whatever the order of its items."""
ARBITRARY = frozenset(
    (
        *("mode", "approx_quantile", "approx_top_k", "reservoir_quantile", "lttb", "bitstring_agg"),
        *("combine_aggr", "variant_group_object"),
    )
)
"""Aggregates that depend on the order of rows, or on chance, or whose state is not a value."""


@cache
def _aggregates() -> frozenset[str]:
    with parser() as con:
        rows = con.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'")
        return frozenset(str(name).lower() for (name,) in rows.fetchall())


@cache
def volatile() -> frozenset[str]:
    """The names of functions that are not the same twice."""
    with parser() as con:
        rows = con.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'")
        return VOLATILE | {str(name).lower() for (name,) in rows.fetchall()}


def function_name(node: exp.Expr) -> str:
    """The name of a function as DuckDB spells it, in lower case; nothing for what is no function call."""
    while isinstance(node, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        node = node.this
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    if isinstance(node, exp.AggFunc):
        return node.sql_name().lower()
    if isinstance(node, exp.Func) and not isinstance(node, exp.Connector | exp.Binary | exp.Cast | exp.Case | exp.If):
        return node.sql_name().lower()
    return ""


def is_called(node: exp.Expr) -> bool:
    """Whether a node is the function in an aggregate with FILTER and the like, or in a window function."""
    wrappers = exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup | exp.Window
    return isinstance(node.parent, wrappers) and node.arg_key == "this"


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a node is the call of an aggregate, its FILTER included. A window function is no aggregate."""
    if is_called(node):
        return False
    inner = node
    while isinstance(inner, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        inner = inner.this
    if isinstance(inner, exp.Anonymous):
        return inner.name.lower() in _aggregates()
    return isinstance(inner, exp.AggFunc) and isinstance(
        node, exp.Filter | exp.IgnoreNulls | exp.WithinGroup | exp.AggFunc
    )


def own_aggregates(node: exp.Expr) -> list[exp.Expr]:
    """The aggregates of a query's expression, without those of queries nested in it."""
    if is_query(node):
        return []
    if is_aggregate(node):
        return [node]
    return [found for child in node.iter_expressions() for found in own_aggregates(child)]


def own_windows(node: exp.Expr) -> list[exp.Window]:
    """The window functions of a query's expression, without those of queries nested in it."""
    if is_query(node):
        return []
    inner = [found for child in node.iter_expressions() for found in own_windows(child)]
    return [node, *inner] if isinstance(node, exp.Window) else inner
