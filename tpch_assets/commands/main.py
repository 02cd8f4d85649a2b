"""The command line `tpch-assets`. Each command is a module of its own in this package."""

import argparse
import sys
from importlib import metadata

from tpch_assets.commands import check, explain, new, plan, query, rebuild, replay, show, status
from tpch_assets.commands.options import CommandError
from tpch_assets.lake.lake import LakeError
from tpch_assets.settings import SettingsError

COMMANDS = (
    check,
    replay,
    rebuild,
    plan,
    status,
    show,
    query,
    explain,
    new,
)
"""In the order of the help. A command is a module with `add`, which adds its parser; its slow imports are its own."""


def main() -> None:
    """Run one command. A bad setting or an unusable lake prints a one-line error and exits with code 2."""
    parser = _parser()
    arguments = parser.parse_args()
    if "run" not in arguments:
        parser.print_help()
        return
    try:
        arguments.run(arguments)
    except (SettingsError, LakeError, CommandError) as error:
        print(f"tpch-assets: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit("tpch-assets: stopped; run it again to continue")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tpch-assets", description="Check the business, fill the lake, and show what it contains."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {metadata.version('tpch-assets')}")
    commands = parser.add_subparsers(metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser
