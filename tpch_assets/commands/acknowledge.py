"""`tpch-assets acknowledge`: rejects that will not be delivered again need nothing any more."""

import argparse

from tpch_assets.bronze.rejects import acknowledge, open_rejects
from tpch_assets.commands.options import Commands, add_command, add_lake, settings_of
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import BRONZE
from tpch_assets.schema.spelling import nearest
from tpch_assets.settings import SettingsError, current_business


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "acknowledge", "say that rejects need nothing any more")
    command.add_argument("table", help="the table whose rejects they are")
    command.add_argument("--batch", help="one batch (default: all that have rejects)")
    command.add_argument("--note", default="", help="why, for those who ask later")
    add_lake(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    settings, business, table = settings_of(arguments), current_business(), arguments.table
    if table not in business.names:
        raise SettingsError(f"{table} is not a table{nearest(table, business.names)}")
    lake = Lake(settings.lake)
    lake.check(write=True)
    found = open_rejects(lake, table)
    if arguments.batch and arguments.batch not in found.batches:
        known = f"; these have some: {', '.join(found.batches[:10])}" if found.batches else ""
        raise SettingsError(f"--batch {arguments.batch}: {table} has no open rejects in it{known}")
    chosen = [arguments.batch] if arguments.batch else found.batches
    count = acknowledge(lake, table, chosen, arguments.note)
    lines = "1 reject" if count == 1 else f"{count:,} rejects"
    print(f"{table}: acknowledged {lines} in {BRONZE.counted(len(chosen))}.")
