"""What an answer is made of, as a hash: its query's code, the shards up to its day, and dimension rows.

The answer's file carries it in its name. Comparing it with what silver holds now belongs in `stale.py`.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

from tpch_assets.gold import kept
from tpch_assets.gold.fingerprints import fingerprint
from tpch_assets.gold.history import MARK, shards_digests
from tpch_assets.gold.queries import Query
from tpch_assets.gold.sql_file import parameter_names
from tpch_assets.gold.syntax import columns_read, normal
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.schema import Business, Table

NO_SHARDS = "dimensions"  # What an answer is made of that reads no shards.


def made_from(
    query: Query, business: Business, silver: Snapshots, days: Sequence[str], scale_factor: float
) -> dict[str, str]:
    """Names what a query's answer as of each of some days is made of: `<code>.<shards>.<dimension rows>`."""
    code, rows = code_digest(query, business, scale_factor), dimension_digest(query, business, silver)
    of_groups = [shards_digests(group, silver, days) for group in query.groups]
    return {day: f"{code}.{together(digests[day] for digests in of_groups)}.{rows}" for day in days}


def code_digest(query: Query, business: Business, scale_factor: float) -> str:
    """Names the code of a query: its statements, parameters, and the types of what it reads and gives.

    Comments, white space and the case of keywords do not count, nor does how an answer is shown.
    """
    if query.function:
        whole = [(t.name, t.stored_columns) for t in business.tables if t.name in query.tables]
        sized = scale_factor if "scale_factor" in query.function.given else None
        return _digest([json.dumps([query.function.code, whole, query.columns, sized])])
    used = parameter_names("\n".join((*query.statements.values(), *query.param_expressions.values())))
    sized = scale_factor if "scale_factor" in used else None
    tables = [(table.name, table.stored_columns) for table in business.tables]
    inputs = ["code", query.statements, query.param_expressions, tables, query.columns, query.live, sized]
    return kept.found(business.queries, inputs, lambda: _code(query, business, sized), str)


def _code(query: Query, business: Business, sized: float | None) -> str:
    texts = {name: normal(text) for name, text in query.statements.items()}
    expressions = {name: normal(f"SELECT {text}") for name, text in query.param_expressions.items()}
    types = [
        (table.name, column, table.column(column).stored)
        for table in business.tables
        for text in query.statements.values()
        for column in sorted(columns_read(text, table))
    ]
    return _digest([json.dumps([texts, expressions, types, query.columns, query.live, sized], sort_keys=True)])


def together(digests: Iterable[str]) -> str:
    """One name for the shards of several groups; of one group it is the group's own."""
    found = list(digests)
    if len(found) < 2:
        return found[0] if found else NO_SHARDS
    return MARK + _digest(found)[:11] if found[0].startswith(MARK) else _digest(found)


def dimension_digest(query: Query, business: Business, silver: Snapshots) -> str:
    """Names the content of the dimension columns that a query reads, whatever files hold it."""
    prints = [
        fingerprint(table, silver[table.name], columns)
        for table in business.dimensions
        if table.name in query.tables
        for columns in _columns_read(query, table)
    ]
    return _digest(prints)


def _columns_read(query: Query, table: Table) -> list[tuple[str, ...]]:
    """The columns that each statement reads; a function may read any."""
    if query.function:
        return [table.column_names]
    return [columns_read(text, table) for text in query.statements.values()]


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
