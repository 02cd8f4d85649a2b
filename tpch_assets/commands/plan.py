"""`tpch-assets plan`: say what is to be done and why, before anything runs, and how long it took in the past."""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tpch_assets.commands.options import Commands, add_command, add_lake, settings_of
from tpch_assets.commands.work import Work, work
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import LAYERS
from tpch_assets.settings import PROJECT, current_business


@dataclass(frozen=True)
class Past:
    """What one partition took in the past: rows and seconds, each None if nobody knows."""

    rows: float | None = None
    seconds: float | None = None


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "plan", "say what is to be done in each layer, why, and how long it may take")
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    add_lake(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    settings, business = settings_of(arguments), current_business()
    lake = Lake(settings.lake)
    lake.check()
    found = list(work(lake, business, settings, datetime.now(UTC)))
    past = _past(found)
    rows = [_row(item, past.get((item.layer, item.name), Past())) for item in found]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        _print([row for row in rows if not _is_broken(row)])
        for row in filter(_is_broken, rows):
            print(f"{row['name']} is {row['reason']}")
    else:
        print(f"The lake {lake.uri} is up to date: nothing is to be done.")


def _row(item: Work, past: Past) -> dict[str, object]:
    count = len(item.partitions) or (0 if item.reason.startswith("broken") else 1)
    return {
        "layer": item.layer,
        "name": item.name,
        "reason": item.reason,
        "partitions": list(item.partitions),
        "rows": None if past.rows is None else round(past.rows * count),
        "seconds": None if past.seconds is None else round(past.seconds * count, 1),
    }


def _is_broken(row: dict[str, object]) -> bool:
    return str(row["reason"]).startswith("broken")


def _past(found: Iterable[Work]) -> dict[tuple[str, str], Past]:
    """What a partition of each took, from Dagster's record; empty where there is none."""
    home = Path(os.environ.get("DAGSTER_HOME", PROJECT / ".dagster"))
    names = {(item.layer, item.name) for item in found if not item.reason.startswith("broken")}
    if not names or not (home / "dagster.yaml").exists():
        return {}
    from tpch_assets.orchestration.run_times import mean_costs

    return {name: Past(*costs) for name, costs in mean_costs(home, names).items()}


def _print(rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for name in ("layer", "table or query", "to be made", "why", "rows", "seconds"):
        table.add_column(name, justify="right" if name in ("rows", "seconds") else "left", overflow="fold")
    for row in rows:
        table.add_row(
            str(row["layer"]),
            str(row["name"]),
            _partitions(str(row["layer"]), row["partitions"]),
            str(row["reason"]),
            "" if row["rows"] is None else f"{row['rows']:,}",
            "" if row["seconds"] is None else f"{row['seconds']:,}",
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    known = [float(str(row["seconds"])) for row in rows if row["seconds"] is not None]
    if known:
        print(f"About {sum(known):,.0f} s of work, by what it took before; runs side by side take less.")


def _partitions(layer: str, partitions: object) -> str:
    """Such as `3 days, 2026-01-01 to 2026-01-04`."""
    found = [str(key) for key in partitions] if isinstance(partitions, list) else []
    if not found:
        return ""
    word = LAYERS[layer].partition
    if len(found) == 1:
        return f"{word} {found[0]}"
    return f"{len(found)} {word}{'es' if word.endswith('ch') else 's'}, {found[0]} to {found[-1]}"
