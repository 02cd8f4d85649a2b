"""`tpch-assets replay`: materialize batches, and the windows and days that they complete. `stages.py` does it."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tpch_assets.calendar import batch_key, is_batch, parse
from tpch_assets.commands.options import Commands, add_command, add_lake, settings_of, tell_broken
from tpch_assets.lake import record
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import BATCH, BATCHES_PER_DAY, LAYERS, every
from tpch_assets.raw.files import deliveries
from tpch_assets.settings import Settings, SettingsError, current_business, load_settings


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = add_command(commands, "replay", "materialize batches, and the windows and days that they complete")
    command.add_argument("--start", help="first day: a midnight in UTC (default: TPCH_START)")
    command.add_argument(
        "--batches",
        type=int,
        default=BATCHES_PER_DAY,
        help=f"number of batches of {every(BATCH)} (default: {BATCHES_PER_DAY}, one day)",
    )
    command.add_argument("--scale-factor", help="TPC-H scale factor per day (default: TPCH_SCALE_FACTOR)")
    add_lake(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    origin = _origin(arguments)
    settings = _settings(arguments, START=origin.isoformat())
    begin = load_settings(start=arguments.start).start if arguments.start else settings.start
    if arguments.batches < 1:
        raise SettingsError(f"--batches {arguments.batches}: write a number of 1 or more.")
    end = begin + arguments.batches * BATCH
    if end > datetime.now(UTC):
        raise SettingsError(f"--batches {arguments.batches}: batch {batch_key(end - BATCH)} has not ended yet.")
    if settings.compute == "address":
        from tpch_assets.compute.places import check_address

        check_address(settings)
    Lake(settings.lake).check(write=True)
    record.agree(Lake(settings.lake), settings, current_business())
    tell_broken(current_business())
    # Dagster and the asset graph are slow to import, so bad options are reported first.
    import dagster as dg

    from tpch_assets.commands.stages import ReplayError, Stretch, replay, with_data
    from tpch_assets.lake.recovery import REPAIRED, repair
    from tpch_assets.orchestration.dagster_private import databases_held_open
    from tpch_assets.orchestration.databases import move_damaged_aside
    from tpch_assets.orchestration.instance import prepare_home, reap

    for damaged in repair(Lake(settings.lake)):
        print(f"tpch-assets: {REPAIRED} {damaged}", file=sys.stderr)
    home = prepare_home()
    for sentence in move_damaged_aside(home):
        print(f"tpch-assets: {sentence}", file=sys.stderr)
    with dg.DagsterInstance.get() as instance:
        reap(instance)
    stretch = Stretch(begin, begin + arguments.batches * BATCH)
    total = with_data(Lake(settings.lake), settings, current_business(), stretch)
    with databases_held_open(home), _progress(total) as progress:
        try:
            replay(begin, arguments.batches, progress)
        except ReplayError as error:
            sys.exit(f"tpch-assets: {error}")


def _settings(arguments: argparse.Namespace, **more: str) -> Settings:
    return settings_of(arguments, SCALE_FACTOR=arguments.scale_factor, **more)


def _origin(arguments: argparse.Namespace) -> datetime:
    """The day from which batches are numbered: TPCH_START, or the first day in the lake, or the replay's start."""
    settings = _settings(arguments)
    if arguments.start is None:
        return settings.start
    begin = load_settings(start=arguments.start).start
    lake = Lake(settings.lake)
    lake.check()
    firsts = [_first_batch(lake, table.name) for table in current_business().streams]
    first = min((parse(batch).replace(hour=0, minute=0) for batch in firsts if batch), default=None)
    origin = settings.start if "start" in settings.model_fields_set and settings.start <= begin else first or begin
    if begin < origin:
        raise SettingsError(f"--start {arguments.start}: the lake {settings.lake} begins on {origin:%Y-%m-%d}.")
    return origin


def _first_batch(lake: Lake, table: str) -> str | None:
    return next((name for name, files in deliveries(lake, table) if files and is_batch(name)), None)


@contextmanager
def _progress(batches: int) -> Iterator[Callable[[str, int], None]]:
    """Show a progress bar per layer on a terminal; otherwise print a line per finished window."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        done = dict.fromkeys(LAYERS, 0)

        def line(layer: str, count: int) -> None:
            done[layer] += count
            print(f"{layer}: {done[layer]} of {batches} batches", file=sys.stderr)

        yield line
        return
    columns = (TextColumn("{task.description:7}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks = {layer: bars.add_task(layer, total=batches) for layer in LAYERS}
        yield lambda layer, count: bars.advance(tasks[layer], count)
