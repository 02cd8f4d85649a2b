"""Asks DuckDB for the types of statements, by binding them to empty tables."""

from collections.abc import Mapping

import duckdb
from sqlglot import exp

from tpch_assets.compute.catalog import binder
from tpch_assets.compute.database import identifier
from tpch_assets.gold.sql_file import with_types
from tpch_assets.schema import Business

Columns = list[tuple[str, str]]
"""Names and SQL types."""


def text(node: exp.Expr) -> str:
    return node.sql("duckdb", comments=False)


def first_line(error: Exception) -> str:
    """What an error says, without its picture of the statement."""
    return " ".join(str(error).split("\n\n")[0].split("LINE ")[0].split())[:300]


class Types:
    """The types of statements over a business's tables.

    Args:
        parameters: The SQL types of the parameters.
    """

    def __init__(self, business: Business, parameters: Mapping[str, str]) -> None:
        self._business = business
        self._parameters = dict(parameters)
        self._known: dict[str, str] = {}

    def columns(self, statement: str, partials: Columns | None = None) -> Columns:
        """The columns of a statement's result.

        Args:
            partials: The columns of the table `partials`, if the statement reads it.

        Raises:
            duckdb.Error: The statement cannot be bound.
        """
        with binder(self._business.tables) as con:
            if partials is not None:
                columns = ", ".join(f"{identifier(name)} {type_}" for name, type_ in partials)
                con.execute(f"CREATE TEMP TABLE partials ({columns})")
            rows = con.sql(with_types(statement, self._parameters))
            return list(zip(rows.columns, map(str, rows.types), strict=True))

    def of(self, select: exp.Expr) -> str:
        """The type of the one column of a SELECT; nothing if it cannot be told."""
        statement = text(select)
        if statement not in self._known:
            try:
                self._known[statement] = self.columns(statement)[0][1]
            except duckdb.Error:
                self._known[statement] = ""
        return self._known[statement]
