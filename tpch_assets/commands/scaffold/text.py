"""Proposed tables as the Python and SQL of a new business: its tables, what its generator moves, and a first query."""

import json
import re
from collections.abc import Sequence
from functools import cache

from tpch_assets.commands.scaffold.infer import TIMES, Proposal
from tpch_assets.commands.scaffold.types import DATE
from tpch_assets.compute.catalog import parser
from tpch_assets.compute.database import identifier
from tpch_assets.schema import Column, Table
from tpch_assets.schema.types import Decimal, Scalar, parse

_CATEGORIES = range(2, 51)  # Distinct values of a column that is worth a group for each.


def tables_text(proposals: Sequence[Proposal]) -> str:
    """The tables, as Python."""
    return "\n".join(_table(proposal) for proposal in proposals)


def _table(proposal: Proposal) -> str:
    table = proposal.table
    lines = [f"{_text(table.name)},", f"{_text(table.description)},", "("]
    lines += [f"    {_column(column)}," for column in table.columns]
    lines += [
        f"    # {_text(name)} cannot be a column's name: bronze keeps it in _rescued." for name in proposal.left_out
    ]
    lines += ["),", f"key={_tuple(table.key)},  # confirm: {proposal.notes['key']}"]
    lines.append(f"arrives={_text(table.arrives)},  # confirm: {'a fact' if table.is_fact else 'a dimension'}")
    if table.colocated_by:
        lines.append(f"colocated_by={_text(table.colocated_by)},  # confirm: {proposal.notes['colocated_by']}")
        lines.append(f"group={_text(table.group)},")
    if table.parent:
        lines.append(f"parent={_text(table.parent)},  # confirm: {proposal.notes['parent']}")
    return "    Table(\n" + "\n".join(f"        {line}" for line in lines) + "\n    ),"


def _column(column: Column) -> str:
    nullable = ", nullable=True" if column.nullable else ""
    return f"Column({_text(column.name)}, {_text(column.type)}, {_text(column.description)}{nullable})"


def moved_text(proposals: Sequence[Proposal]) -> str:
    """What the generator moves in each table, as Python: see `Moved` in its template."""
    parts = []
    for proposal in proposals:
        table = proposal.table
        times = [c.name for c in table.columns if table.is_fact and c.parsed in (*TIMES, DATE)]
        renumbered = _renumbered(table, proposals) if table.is_fact else []
        parent = _parent(proposal, proposals)
        fields = [_tuple(times), _tuple(renumbered), str(_step(table, renumbered, proposals))]
        fields.append("None" if proposal.time is None else _text(proposal.time))
        if parent and proposal.time is None:
            fields.append(_text(parent.table.name))
        parts.append(f"    {_text(table.name)}: Moved({', '.join(fields)}),")
    return "{\n" + "\n".join(parts) + "\n}"


def _renumbered(table: Table, proposals: Sequence[Proposal]) -> list[str]:
    """Columns that get other values each day, so that keys do not come again. A key with a time moves with it."""
    root = next((p.table for p in proposals if p.table.name == table.parent), table)
    if root is table and any(table.column(name).parsed in (*TIMES, DATE) for name in table.key):
        return []
    wanted = {table.shard_key} if table.parent or table.shard_key in table.key else set(table.key[:1])
    return [name for name in table.column_names if name in wanted]


def _step(table: Table, renumbered: Sequence[str], proposals: Sequence[Proposal]) -> int:
    """How far whole numbers move each day: a power of ten above all of them in the group."""
    group = [p for p in proposals if table.group and p.table.group == table.group]
    greatest = max((p.greatest.get(p.table.shard_key, 0) for p in group), default=0)
    return 10 ** len(str(greatest)) if renumbered else 0


def _parent(proposal: Proposal, proposals: Sequence[Proposal]) -> Proposal | None:
    return next((other for other in proposals if other.table.name == proposal.table.parent), None)


def first_query(proposals: Sequence[Proposal]) -> tuple[str, str]:
    """A query over the largest fact, as its name and the text of its file."""
    fact = max((p for p in proposals if p.table.is_fact), key=lambda p: p.rows)
    table, thing = fact.table, fact.table.name.replace("_", " ")
    figure = _figure(table)
    if category := _category(fact):
        name, by, chart = f"{table.name}_by_{category.lower()}", _name(category), f"bars {category} how_many"
    elif fact.time:
        name, by, chart = f"{table.name}_by_hour", f"date_trunc('hour', {_name(fact.time)})", "lines hour how_many"
        category = "hour"
    else:
        name, by, chart, category = f"{table.name}_in_all", "", "none", ""
    group = f"{by} AS {_name(category)}" if category == "hour" else by
    columns = ", ".join(filter(None, (group, "count(*) AS how_many", figure)))
    head = [f"-- {thing.capitalize()}{' by ' + category.replace('_', ' ') if category else ''}"]
    head += [f"-- How many {thing} are there{' for each ' + category.replace('_', ' ') if category else ''}?"]
    head += [f"-- chart: {chart}", f"-- title how_many: {thing.capitalize()}"]
    ending = f"\nGROUP BY ALL\nORDER BY {'hour' if category == 'hour' else f'how_many DESC, {by}'}" if category else ""
    return name, "\n".join(head) + f"\nSELECT {columns}\nFROM {_name(table.name)}{ending}\n"


def _figure(table: Table) -> str:
    for column in table.columns:
        name = re.sub(r"\W", "_", column.name.lower())
        if isinstance(column.parsed, Decimal) and column.parsed.scale:
            return f"sum({_name(column.name)}) AS total_{name}"
        if column.parsed == Scalar("DOUBLE"):
            return f"max({_name(column.name)}) AS highest_{name}"
        if column.stored.startswith("STRUCT"):
            inner = getattr(parse(column.type), "fields", ())
            if field := next((field for field, type_ in inner if type_ == Scalar("DOUBLE")), None):
                path = f"{_name(column.name)}.{_name(field)}"
                return f"max({path}) AS highest_{re.sub(r'[^a-z0-9_]', '_', field.lower())}"
    return ""


def _category(fact: Proposal) -> str | None:
    """A column of names with few values, those of every line first."""
    columns = sorted(fact.table.columns, key=lambda column: column.nullable)
    return next((c.name for c in columns if c.stored == "VARCHAR" and fact.distinct[c.name] in _CATEGORIES), None)


def _name(column: str) -> str:
    """A name in SQL, quoted if it has to be."""
    return column if re.fullmatch(r"[a-z_][a-z0-9_]*", column) and column not in _keywords() else identifier(column)


@cache
def _keywords() -> frozenset[str]:
    with parser() as con:
        return frozenset(word for (word,) in con.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall())


def _tuple(names: Sequence[str]) -> str:
    return f"({', '.join(map(_text, names))}{',' if len(names) == 1 else ''})"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
