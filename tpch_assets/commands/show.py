"""`tpch-assets show`: print a query's answer, the latest or that of a day."""

import argparse

from tpch_assets.commands.options import CommandError, Commands, add_command, add_lake, day_of, query_named, settings_of
from tpch_assets.commands.rows import add_rows, print_rows
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.settings import current_business


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "show", "print a query's answer")
    command.add_argument("query", help="such as q01, or its whole name")
    command.add_argument("--day", type=day_of, help="the answer as of which day (default: the latest)")
    add_rows(command)
    add_lake(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from tpch_assets.lake.snapshot import read, snapshot

    lake = Lake(settings_of(arguments).lake)
    lake.check()
    query = query_named(arguments.query, current_business())
    gold = snapshot(lake, lake.table("gold", query.name))
    if not gold.files:
        raise LakeError(f"{gold.uri} has no answer yet: replay a day, or materialize it in Dagster.")
    days = sorted({file.partition for file in gold.files})
    day = str(arguments.day or days[-1])
    if day not in days:
        span = days[0] if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
        raise CommandError(f"{query.name} has no answer as of {day}; it has those of {span}.")
    answer = read(gold, gold.of({day})).drop_columns(["as_of"])
    print_rows(f"{query.title}, as of {day}", answer, arguments.format, arguments.limit)
