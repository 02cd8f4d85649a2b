"""`tpch-assets show`: print a query's latest answer."""

import argparse

from tpch_assets.commands.options import Commands, add_lake, query_named, settings_of
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.settings import current_business


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = commands.add_parser("show", help="print a query's latest answer")
    command.add_argument("query", help="such as q01, or its whole name")
    add_lake(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from tpch_assets.commands.rows import print_rows
    from tpch_assets.lake.snapshot import read, snapshot

    lake = Lake(settings_of(arguments).lake)
    lake.check()
    query = query_named(arguments.query, current_business())
    gold = snapshot(lake, lake.table("gold", query.name))
    if not gold.files:
        raise LakeError(f"{gold.uri} has no answer yet: replay a day, or materialize it in Dagster.")
    latest = max(file.partition for file in gold.files)
    answer = read(gold, gold.of({latest})).drop_columns(["as_of"])
    print_rows(f"{query.title}, as of {latest}", answer)
