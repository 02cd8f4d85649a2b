"""Variances and standard deviations from exact sums: of ones, of values and of their squares."""

import sqlglot
from sqlglot import exp

_POPULATION = frozenset(("var_pop", "variance_pop", "stddev_pop"))
VARIANCES = _POPULATION | {"variance", "var_samp", "variance_samp", "stddev", "stddev_samp"}
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER")
_MOST_DIGITS = 15  # More, and the sum of squares of a large table could be too large for any type.
_FORMULA = """
CASE WHEN {n} > {less} THEN {root}(
    CASE
        WHEN CAST({n} AS DOUBLE) * CAST({q} AS DOUBLE) * {square} < 1e37
        THEN CAST(
            {n} * CAST({q} * {square} AS HUGEINT) - CAST({s} * {scale} AS HUGEINT) * CAST({s} * {scale} AS HUGEINT)
            AS DOUBLE
        )
        ELSE greatest(CAST({n} AS DOUBLE) * CAST({q} AS DOUBLE) - power(CAST({s} AS DOUBLE), 2), 0) * {square}
    END / (CAST({n} AS DOUBLE) * CAST({n} - {less} AS DOUBLE) * CAST({square} AS DOUBLE))
) END
"""
"""In whole numbers the difference, which is small where values are close to each other, loses no digits."""


def exact_value(argument: exp.Expr, type_: str) -> exp.Expr | None:
    """The argument of a variance as a DECIMAL whose squares add up exactly; None if there is no such DECIMAL.

    It has 19 digits, since DuckDB keeps a product of DECIMALs of up to 18 digits within 18, and fails beyond.
    """
    if type_ in _INTEGERS:
        return exp.cast(argument.copy(), "DECIMAL(19,0)", dialect="duckdb")
    if type_.startswith("DECIMAL"):
        digits, scale = map(int, type_[8:].rstrip(")").split(","))
        if digits <= _MOST_DIGITS:
            return exp.cast(argument.copy(), f"DECIMAL(19,{scale})", dialect="duckdb")
    return None


def variance(name: str, scale: int, rows: exp.Expr, total: exp.Expr, squares: exp.Expr) -> exp.Expr:
    """A variance, or its root, from the number of values, their sum and the sum of their squares.

    Args:
        scale: The digits of the values behind the point.
    """
    texts = {key: node.sql("duckdb") for key, node in (("n", rows), ("s", total), ("q", squares))}
    root = "sqrt" if name.startswith("stddev") else ""
    less = 0 if name in _POPULATION else 1
    formula = _FORMULA.format(**texts, root=root, less=less, scale=10**scale, square=100**scale)
    return exp.Paren(this=sqlglot.parse_one(formula, dialect="duckdb"))
