"""Writes the two statements: the fragments as one table `partials`, and combine over it."""

from sqlglot import exp

from tpch_assets.gold.derive.check import Columns, Types, text
from tpch_assets.gold.derive.cut import FRAGMENT
from tpch_assets.gold.derive.fragment import Fragment
from tpch_assets.gold.derive.tree import canonical

_STORED = {"HUGEINT": "DECIMAL(38,0)"}
"""Types that files do not hold exactly, and those that they are stored as. Combine has the first again."""
WHICH = "fragment"
"""The column of partials that tells rows of different fragments apart, if there are several."""


def partial_of(fragments: list[Fragment], types: Types) -> tuple[str, dict[str, exp.Expr]]:
    """The partial, and per fragment's alias what combine reads instead of it.

    Raises:
        duckdb.Error: A fragment cannot be bound.
    """
    texts: list[str] = []
    columns: list[Columns] = []
    number_of: dict[str, int] = {}
    for fragment in fragments:
        select = canonical(fragment.select())
        found = types.columns(text(select))
        _store(select, found)
        statement = text(select)
        if statement not in texts:
            texts.append(statement)
            columns.append(found)
        number_of[fragment.alias] = texts.index(statement)
    several = len(texts) > 1
    sources = {alias: _source(alias, number, columns[number], several) for alias, number in number_of.items()}
    if not several:
        return texts[0], sources
    parts = []
    for number, statement in enumerate(texts):
        names = ", ".join(f"{name} AS f{number}{name}" for name, _ in columns[number])
        parts.append(f"SELECT {number} AS {WHICH}, {names} FROM ({statement})")
    return "\nUNION ALL BY NAME\n".join(parts), sources


def _store(select: exp.Expr, columns: Columns) -> None:
    for item, (_, type_) in zip(select.expressions, columns, strict=True):
        if type_ in _STORED:
            item.set("this", exp.cast(item.this.copy(), _STORED[type_]))


def _source(alias: str, number: int, columns: Columns, several: bool) -> exp.Expr:
    """What stands in combine's FROM for a fragment's rows."""
    table = exp.Table(this=exp.to_identifier("partials"))
    restored = any(type_ in _STORED for _, type_ in columns)
    if not several and not restored:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
        return table
    items = []
    for name, type_ in columns:
        column: exp.Expr = exp.column(f"f{number}{name}" if several else name)
        if type_ in _STORED:
            column = exp.cast(column, type_, dialect="duckdb")
        items.append(exp.alias_(column, name))
    select = exp.Select(expressions=items, from_=exp.From(this=table))
    if several:
        which = exp.EQ(this=exp.column(WHICH), expression=exp.Literal.number(number))
        select.set("where", exp.Where(this=which))
    return exp.Subquery(this=select, alias=exp.TableAlias(this=exp.to_identifier(alias)))


def combine_of(tree: exp.Expr, sources: dict[str, exp.Expr]) -> exp.Expr:
    for table in list(tree.find_all(exp.Table)):
        if table.name.startswith(FRAGMENT):
            table.replace(sources[table.name.removeprefix(FRAGMENT)].copy())
    return tree


def with_columns(tree: exp.Expr, wanted: Columns, found: Columns) -> exp.Expr | None:
    """The statement with the wanted names and types of columns; None if it cannot be given these."""
    if wanted == found:
        return tree
    if len(wanted) != len(found) or not isinstance(tree, exp.Select):
        return None
    items = []
    for item, (name, type_), (_, other) in zip(tree.expressions, wanted, found, strict=True):
        value = item.unalias()
        if type_ != other and (_scale(type_) is None or _scale(type_) != _scale(other)):
            return None
        if type_ != other:
            value = exp.cast(value.copy(), type_, dialect="duckdb")
        items.append(exp.alias_(value, name, quoted=True))
    tree.set("expressions", items)
    return tree


def _scale(type_: str) -> int | None:
    """The digits behind the point of a number's exact type; None for other types, which are not made of each other."""
    if type_.startswith("DECIMAL"):
        return int(type_.rstrip(")").split(",")[1])
    return 0 if type_.endswith(("INT", "INTEGER")) else None
