"""`tpch-assets new`: make a project for another business next door, with tables inferred from samples."""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from tpch_assets.commands.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "new", "make a project for another business, from samples of its JSON lines")
    command.add_argument("name", help="such as web-shop; its package, command and settings are named after it")
    command.add_argument(
        "--from",
        dest="samples",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="holds <table>.json or <table>/*.json, as JSON lines",
    )
    command.add_argument("--into", type=Path, help="the folder to make (default: ./<name>)")
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from tpch_assets.commands.scaffold.infer import propose
    from tpch_assets.commands.scaffold.project import Names, make_project
    from tpch_assets.commands.scaffold.samples import read_samples

    names = Names(arguments.name)
    folder = (arguments.into or Path(names.command)).expanduser().resolve()
    samples = read_samples(arguments.samples.expanduser())
    proposals = propose(samples)
    make_project(folder, names, samples, proposals)
    _format(folder)
    for proposal in proposals:
        table = proposal.table
        kind = f"fact, cut at {table.shard_key}" if table.is_fact else "dimension"
        print(f"{table.name}: {proposal.rows:,} lines, key {', '.join(table.key)}, {kind}")
    print(f"Confirm these guesses in {folder / names.package / names.name / 'tables.py'}, then: cd {folder}; make demo")


def _format(folder: Path) -> None:
    """Sort imports and wrap lines after the renaming, if ruff is there; `make check` would ask for it."""
    if importlib.util.find_spec("ruff") is None:
        return
    for options in (["check", "--select", "I,RUF022", "--fix"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *options, "--quiet", "--no-cache", "."], cwd=folder, check=False)
