"""`tpch-assets check`: say what is wrong with the business, without a lake: its tables, queries and parameters."""

import argparse
import sys
from collections.abc import Iterator

import duckdb

from tpch_assets.commands.options import Commands
from tpch_assets.gold.queries import broken_queries, load_queries, parameters
from tpch_assets.schema import Business
from tpch_assets.settings import Settings, SettingsError, current_business, current_settings


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = commands.add_parser("check", help="say what is wrong with the tables and queries; needs no lake")
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    del arguments
    try:
        settings, business = current_settings(), current_business()
        problems = list(_problems(settings, business))
    except SettingsError as error:  # Also a table that is not valid: the business does not load.
        problems = [str(error)]
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    print(f"{len(business.tables)} tables and {len(load_queries(business))} queries: nothing is wrong.")


def _problems(settings: Settings, business: Business) -> Iterator[str]:
    queries, broken = load_queries(business), broken_queries(business)
    yield from (query.error for query in broken.values())
    if not queries and not broken:
        yield f"{business.queries}: there is no query; add a file such as orders_per_day.sql"
    for name, query in queries.items():
        try:
            parameters(query, settings.scale_factor, settings.start.date())
        except duckdb.Error as error:
            yield f"{business.queries / name}.sql: a parameter has no value: {str(error).splitlines()[0]}"
    for name in business.shuffled:
        if name not in queries and name not in broken:
            yield f"shuffled names {name}, but there is no {business.queries / name}.sql"
