"""The command line `tpch-assets`. Each command is a module of its own in this package."""

import argparse
import sys
from importlib import metadata
from typing import Any

from tpch_assets.commands import (
    acknowledge,
    alerts,
    check,
    explain,
    new,
    plan,
    query,
    rebuild,
    replay,
    show,
    status,
)
from tpch_assets.commands.options import CommandError
from tpch_assets.lake.lake import LakeError
from tpch_assets.schema.spelling import nearest
from tpch_assets.settings import SettingsError

COMMANDS = (
    check,
    replay,
    rebuild,
    acknowledge,
    plan,
    status,
    alerts,
    show,
    query,
    explain,
    new,
)
"""In the order of the help. A command is a module with `add`, which adds its parser; its slow imports are its own."""


def run() -> None:
    """Run the command that the arguments name. A bad setting or an unusable lake is one line, and exit code 2."""
    parser = _parser()
    try:
        _check_name(sys.argv[1:])
        arguments = parser.parse_args()
        if "run" in arguments:
            arguments.run(arguments)
        else:
            parser.print_help()
    except (SettingsError, LakeError, CommandError) as error:
        print(f"tpch-assets: {error}", file=sys.stderr)
        sys.exit(2)


def _check_name(words: list[str]) -> None:
    """Check the command's name, which argparse would answer with a list of all.

    Raises:
        CommandError: There is no such command; the message says which one is like it.
    """
    known = [command.__name__.rsplit(".", 1)[-1] for command in COMMANDS]
    if words and not words[0].startswith("-") and words[0] not in known:
        raise CommandError(f"{words[0]} is not a command{nearest(words[0], known)}")


class _Version(argparse.Action):
    """Prints the installed package's version. The source tree alone, on PYTHONPATH, runs too but has none."""

    def __init__(self, option_strings: list[str], dest: str, **_: object) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        try:
            version = metadata.version("tpch-assets")
        except metadata.PackageNotFoundError:
            version = "(not installed: run from its source)"
        print(parser.prog, version)
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tpch-assets", description="Check the business, fill the lake, and show what it contains."
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser
