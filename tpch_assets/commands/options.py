"""What several commands have in common: the type of `add`'s argument, the option `--lake`, and the settings."""

import argparse
import os
import sys
from datetime import date
from typing import TYPE_CHECKING, TypeAlias

from tpch_assets.gold.queries import Query, broken_queries, load_queries
from tpch_assets.schema import Business
from tpch_assets.schema.spelling import nearest
from tpch_assets.settings import PREFIX, Settings, current_settings

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
else:
    Commands = object  # argparse has no public name for it.


class CommandError(RuntimeError):
    """A command cannot do what it is asked; the message is one sentence."""


def add_command(commands: Commands, name: str, summary: str) -> argparse.ArgumentParser:
    """Add a command's parser. The summary stands in the list of commands, and over the command's own help."""
    return commands.add_parser(name, help=summary, description=f"{summary[:1].upper()}{summary[1:]}.")


def add_lake(command: argparse.ArgumentParser) -> None:
    """Add `--lake`, which `settings_of` reads."""
    command.add_argument("--lake", help=f"a folder or s3://bucket/prefix (default: {PREFIX}LAKE)")


def day_of(text: str) -> date:
    """A day that is an option's value.

    Raises:
        CommandError: It is not a date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--day {text}: write a date such as 2026-01-01") from None


def settings_of(arguments: argparse.Namespace, **more: str | None) -> Settings:
    """Apply `--lake` and more settings, by name, to the environment, where the asset graph reads them.

    Raises:
        SettingsError: A setting is not valid.
    """
    options = {"LAKE": arguments.lake, **more}
    os.environ.update({f"{PREFIX}{name}": value for name, value in options.items() if value is not None})
    current_settings.cache_clear()
    return current_settings()


def tell_broken(business: Business) -> None:
    """Say on stderr which query files are broken: they take nothing else down, so nobody would notice."""
    for query in broken_queries(business).values():
        print(f"tpch-assets: {query.error}; its answers stay as they are", file=sys.stderr)


def query_named(name: str, business: Business) -> Query:
    """A query by its name, or by how its name begins if no other begins so.

    Raises:
        CommandError: There is none, or its file is broken.
    """
    queries, broken = load_queries(business), broken_queries(business)
    found = [known for known in (*queries, *broken) if known.startswith(name)]
    exact = name if name in found else found[0] if len(found) == 1 else None
    if exact in queries:
        return queries[exact]
    if exact in broken:
        raise CommandError(broken[exact].error)
    raise CommandError(f"{name} is not a query{nearest(name, found or [*queries, *broken])}")
