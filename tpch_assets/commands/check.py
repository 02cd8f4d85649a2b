"""`tpch-assets check`: say what is wrong with the business, without a lake: its tables, queries and models."""

import argparse
import sys
from collections.abc import Iterator

import duckdb

from tpch_assets.commands.options import Commands, add_command
from tpch_assets.gold import kept
from tpch_assets.gold.form import SHIPPED, ship
from tpch_assets.gold.identity import code_digest
from tpch_assets.gold.lineage import origins
from tpch_assets.gold.queries import broken_queries, load_queries, parameters
from tpch_assets.models.declared import broken_models, load_models, problem_of
from tpch_assets.schema import Business
from tpch_assets.settings import Settings, SettingsError, current_business, current_settings


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "check", "say what is wrong with the tables, queries and models; needs no lake")
    command.add_argument(
        "--ship-forms",
        action="store_true",
        help=f"also cut and compare all queries, and write beside them how they run ({SHIPPED}) and what DuckDB said "
        f"of their statements ({kept.SHIPPED})",
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    try:
        settings, business = current_settings(), current_business()
        problems = list(_problems(settings, business))
    except SettingsError as error:  # Also a table that is not valid: the business does not load.
        problems = [str(error)]
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    print(f"{_counted(business)}: nothing is wrong.")
    if arguments.ship_forms:
        _ship(settings, business)


def _counted(business: Business) -> str:
    """What was looked at, such as `8 tables, 25 queries and 1 model`."""
    found = {"table": len(business.tables), "query": len(load_queries(business)), "model": len(load_models(business))}
    *parts, last = [f"{count} {_plural(noun, count)}" for noun, count in found.items() if count or noun != "model"]
    return f"{', '.join(parts)} and {last}"


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else {"query": "queries"}.get(noun, f"{noun}s")


def _ship(settings: Settings, business: Business) -> None:
    queries = load_queries(business)
    values = {name: parameters(query, settings.scale_factor, settings.start.date()) for name, query in queries.items()}
    print(f"{business.queries / SHIPPED}: how {ship(business, queries.values(), values)} queries run.")
    for query in queries.values():
        code_digest(query, business, settings.scale_factor)
        origins(query, business)
    print(f"{business.queries / kept.SHIPPED}: {kept.ship(business.queries)} findings about their statements.")


def _problems(settings: Settings, business: Business) -> Iterator[str]:
    queries, broken = load_queries(business), broken_queries(business)
    yield from (query.error for query in broken.values())
    yield from (model.error for model in broken_models(business).values())
    yield from filter(None, (problem_of(model, business) for model in load_models(business).values()))
    if not queries and not broken:
        yield f"{business.queries}: there is no query; add a file such as orders_per_day.sql"
    for name, query in queries.items():
        try:
            parameters(query, settings.scale_factor, settings.start.date())
        except duckdb.Error as error:
            yield f"{business.queries / name}.sql: a parameter has no value: {str(error).splitlines()[0]}"
