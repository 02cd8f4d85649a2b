"""What a statement's own ORDER BY and LIMIT ask for: its rows' sort keys, and the statement without the LIMIT."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import sqlglot
from sqlglot import exp

from tpch_assets.compute.catalog import parser
from tpch_assets.gold.derive.answers import Answer
from tpch_assets.gold.sql_file import parameter_names

_HIDDEN = "__sort_key_"


@dataclass(frozen=True)
class Ordered:
    """How an answer is ordered and limited.

    Attributes:
        statement: The statement without LIMIT and OFFSET, with sort keys behind its columns that it does not show;
            None if that is the same, or the rows that a LIMIT leaves out cannot be told.
        names: The columns of that statement, by name or number from 0, that hold its sort keys; None for all of them.
        limited: There was a LIMIT or an OFFSET.
        offset: The rows left out at the beginning.
    """

    statement: str | None
    names: tuple[str | int, ...] | None
    limited: bool
    offset: int = 0

    def keys(self, answer: Answer) -> list[tuple[object, ...]] | None:
        """The sort key of each row; None where there is no order to check."""
        if self.names is None:
            return list(answer.rows)
        known = [name.lower() for name, _ in answer.columns]
        numbers = [
            known.index(name.lower()) if isinstance(name, str) and name.lower() in known else name
            for name in self.names
        ]
        if not self.names or any(isinstance(number, str) or number >= len(known) for number in numbers):
            return None
        return [tuple(row[number] for number in numbers if isinstance(number, int)) for row in answer.rows]


_NOTHING = Ordered(None, (), limited=False)


def ordered(statement: str, values: Mapping[str, object]) -> Ordered:
    """How a statement orders and limits its answer; nothing, where it cannot be parsed."""
    try:
        tree = sqlglot.parse_one(statement, dialect="duckdb")
        offset = _number(tree.args.get("offset"), values)
    except (sqlglot.errors.SqlglotError, duckdb.Error):
        return _NOTHING
    if not isinstance(tree, exp.Query):
        return _NOTHING
    limit = tree.args.get("limit")
    if limit is not None and (
        not isinstance(limit, exp.Limit) or limit.args.get("limit_options") or _is_percent(limit)
    ):
        return _NOTHING
    order = tree.args.get("order")
    keys = [part.this if isinstance(part, exp.Ordered) else part for part in (order.expressions if order else ())]
    tree.set("limit", None)
    tree.set("offset", None)
    names: tuple[str | int, ...] | None = None
    if not (len(keys) == 1 and keys[0].sql().upper() == "ALL"):
        names = tuple(_key(tree, key, number) for number, key in enumerate(keys))
    limited = limit is not None or offset > 0
    shows_all = not limited and not any(str(name).startswith(_HIDDEN) for name in names or ())
    return Ordered(None if shows_all else tree.sql(dialect="duckdb"), names, limited, offset)


def _key(tree: exp.Query, key: exp.Expr, number: int) -> str | int:
    """Where the answer has a sort key; behind its columns, if it does not show it."""
    if isinstance(key, exp.Literal) and not key.is_string:
        return int(key.name) - 1
    shown = tree.named_selects if isinstance(tree, exp.Select) else []
    if isinstance(key, exp.Column) and (not isinstance(tree, exp.Select) or (key.name in shown and not key.table)):
        return key.name
    if not isinstance(tree, exp.Select) or tree.args.get("distinct"):
        return len(tree.named_selects) + 10_000  # Nowhere.
    for place, select in enumerate(tree.expressions):
        if select.unalias() == key and not tree.is_star:
            return place
    name = f"{_HIDDEN}{number}"
    tree.select(exp.alias_(key.copy(), name), copy=False)
    return name


def _is_percent(limit: exp.Limit) -> bool:
    return "%" in limit.sql(dialect="duckdb") or "PERCENT" in limit.sql(dialect="duckdb").upper()


def _number(offset: exp.Expr | None, values: Mapping[str, object]) -> int:
    if offset is None:
        return 0
    sql = f"SELECT CAST({offset.expression.sql(dialect='duckdb')} AS BIGINT)"
    with parser() as con:
        row = con.execute(sql, {name: values[name] for name in parameter_names(sql)}).fetchone()
    return int(row[0] or 0) if row else 0
