"""Refuses what would make an answer depend on more than its tables and parameters: clocks, chance, and other files."""

import re
from functools import cache

from tpch_assets.compute.catalog import parser
from tpch_assets.gold.syntax import Node, NotASelect, nodes_of
from tpch_assets.schema import Business

_WITHOUT_PARENTHESES = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
_CHANCE = {"reservoir_quantile"}  # An aggregate over a sample, though the catalog calls it consistent.
_RAISES = {"error"}  # It gives no value, so none that could differ.
_TABLE_FUNCTIONS = {"generate_series", "range", "unnest", "repeat", "repeat_row", "json_each", "json_tree"}
_WORD = re.compile(r"[a-z_]\w*")


def refuse_impure(statement: str, business: Business) -> None:
    """Refuse a statement that may give two answers for the same tables and parameters.

    Raises:
        NotASelect: It does; the message names the function.
    """
    columns = {name.lower() for table in business.tables for name in table.column_names}
    for node in nodes_of(statement):
        if why := _impurity(node, columns):
            raise NotASelect(why, _position(node))


def _impurity(node: Node, columns: set[str]) -> str | None:
    if node.get("sample"):
        return "takes a sample, which is another one each time: leave SAMPLE out"
    if node.get("type") == "TABLE_FUNCTION":
        function = node["function"]
        name = str(function["function_name"]) if isinstance(function, dict) else ""
        if name not in _TABLE_FUNCTIONS:
            return f"reads {name}(), which is no table of the lake; allowed are {', '.join(sorted(_TABLE_FUNCTIONS))}"
    if node.get("class") in ("FUNCTION", "WINDOW"):
        name = str(node["function_name"]).lower()
        arguments = node.get("arguments")
        now = name == "age" and isinstance(arguments, list) and len(arguments) == 1
        return _refused(name) if now or name in _impure_functions() else None
    names = node.get("column_names")
    if isinstance(names, list) and len(names) == 1 and (bare := str(names[0]).lower()) in _WITHOUT_PARENTHESES:
        return None if bare in columns else _refused(bare)
    return None


def _refused(name: str) -> str:
    return (
        f"calls {name}, which gives another value each time, so the answer could not be made again: use the parameter "
        "$as_of for the day"
    )


def _position(node: Node) -> int | None:
    """Where a node stands; DuckDB says 2**64 - 1 if it does not know."""
    position = node.get("query_location")
    return position if isinstance(position, int) and position < 1 << 62 else None


@cache
def _impure_functions() -> frozenset[str]:
    """The functions whose value the catalog says may change, and the macros that call one."""
    with parser() as con:
        rows = con.execute(
            "SELECT lower(function_name), stability, lower(macro_definition) FROM duckdb_functions() "
            "WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') OR macro_definition IS NOT NULL"
        ).fetchall()
    impure = {name for name, stability, _ in rows if stability} | _CHANCE | _WITHOUT_PARENTHESES
    macros = {name for name, _, text in rows if text and not impure.isdisjoint(_WORD.findall(text))}
    return frozenset((impure | macros) - _RAISES)
