"""`tpch-assets explain`: print how a query runs, and what is computed again when which table changes."""

import argparse
from collections.abc import Iterator

from tpch_assets.commands.options import Commands, add_command, query_named
from tpch_assets.gold.form import Form, form_of
from tpch_assets.gold.queries import Query, parameters
from tpch_assets.gold.syntax import columns_read, tables_read
from tpch_assets.layers import GOLD, SILVER
from tpch_assets.schema import Business
from tpch_assets.settings import current_business, current_settings


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "explain", "print how a query runs, and what makes it run again")
    command.add_argument("query", help="such as q01, or its whole name")
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    settings, business = current_settings(), current_business()
    query = query_named(arguments.query, business)
    if query.function:
        print("\n".join(_of_function(query)))
        return
    form = form_of(query, business, parameters(query, settings.scale_factor, settings.start.date()))
    print("\n".join(explanation(query, form, business)))


def explanation(query: Query, form: Form, business: Business) -> Iterator[str]:
    """Lines that say how a query runs, and what is computed again when which table changes."""
    yield f"{query.name}: {query.title}. {query.question}"
    yield ""
    if form.partial is not None:
        yield "It runs in two steps: `partial` over each shard of " + " and ".join(_facts(query)) + ","
        yield "`combine` over all partials. Partials are kept."
        pretty = (lambda sql: sql) if query.partial else _pretty  # A file's own sections stay as they are written.
        yield f"\n-- partial\n{pretty(form.partial)}\n\n-- combine\n{pretty(form.combine)}\n"
    else:
        why = f"It runs whole, over all files: {form.whole}." if form.whole else "It reads dimensions alone."
        yield f"{why}\n\n{form.combine}\n"
    yield "What is computed again when"
    rows = [*_when_facts(query, form), *_when_dimensions(query, form, business), *_when_code(form)]
    width = max(len(when) for when, _ in rows)
    for when, what in rows:
        yield f"  {when:{width}}  {what}"


def _pretty(sql: str) -> str:
    """A statement in lines that people can read."""
    import sqlglot  # It takes a while to import.

    return sqlglot.parse_one(sql, read="duckdb").sql("duckdb", pretty=True, max_text_width=100)


def _of_function(query: Query) -> Iterator[str]:
    yield f"{query.name}: {query.title}. {query.question}"
    yield f"\nA Python function over {', '.join(query.tables)}, run anew whenever one of them or its module changes:\n"
    if query.function:
        yield query.function.text


def _facts(query: Query) -> list[str]:
    return [name for group in query.groups for name in group.names if name in query.tables]


def _when_facts(query: Query, form: Form) -> Iterator[tuple[str, str]]:
    names = [name for group in query.groups for name in group.names]
    if not names:
        return
    days = f"the {GOLD.partition} and all after it"
    what = f"the partials of its shards, then combine, for {days}" if form.partial else f"the statement, for {days}"
    yield f"a {SILVER.partition} of {' or '.join(names)} comes or changes", what


def _when_dimensions(query: Query, form: Form, business: Business) -> Iterator[tuple[str, str]]:
    latest = f"for the latest {GOLD.partition}"
    for table in business.dimensions:
        if table.name not in query.tables:
            continue
        columns = {column for text in query.statements.values() for column in columns_read(text, table)}
        ordered = [column for column in table.column_names if column in columns]
        when = f"{table.name} changes" + (f" in {', '.join(ordered)}" if ordered else " in its keys")
        of_partial = form.partial is not None and table.name in tables_read(form.partial)
        if form.partial is None:
            yield when, f"the statement, {latest}"
        else:
            yield when, f"all partials, then combine, {latest}" if of_partial else f"combine, {latest}"


def _when_code(form: Form) -> Iterator[tuple[str, str]]:
    partials = ", and the partials if their statement is another" if form.partial else ""
    yield "the query is edited", f"all {GOLD.partition}s{partials}"
    yield "only comments, white space or header texts are", "nothing"
