"""`tpch-assets query`: run a statement of a file on the lake, and print the answer. It commits nothing."""

import argparse
import sys
import time
from pathlib import Path

import duckdb

from tpch_assets.commands.options import CommandError, Commands, add_command, add_lake, day_of, settings_of
from tpch_assets.commands.rows import add_rows, print_rows
from tpch_assets.lake.lake import Lake
from tpch_assets.settings import current_business


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "query", "run a statement of a file on the lake; it commits nothing")
    command.add_argument("file", type=Path, help="a query file, or a file with one SELECT")
    command.add_argument("--day", type=day_of, help="as of which day (default: the latest that silver has)")
    add_rows(command)
    add_lake(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from tpch_assets.gold.ad_hoc import latest_day, run
    from tpch_assets.gold.queries import load_query
    from tpch_assets.silver.shards import HalfWritten

    settings, business = settings_of(arguments), current_business()
    lake = Lake(settings.lake)
    lake.check()
    try:
        query = load_query(business, arguments.file, bare=True)
    except ValueError as error:
        raise CommandError(str(error)) from error
    day = arguments.day or latest_day(query, business, lake)
    began = time.monotonic()
    try:
        answer = run(query, business, lake, day, settings.scale_factor)
    except (duckdb.Error, HalfWritten) as error:
        raise CommandError(f"{arguments.file}: {' '.join(str(error).split())}") from error
    seconds = time.monotonic() - began
    print_rows(f"{query.title}, as of {day}", answer.drop_columns(["as_of"]), arguments.format, arguments.limit)
    # Not among the rows that a program reads.
    print(
        f"{answer.num_rows:,} rows in {seconds:.2f} s", file=sys.stdout if arguments.format == "table" else sys.stderr
    )
