"""The command line: `tpch-assets replay`, `tpch-assets status`, `tpch-assets show` and `tpch-assets rebuild`."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tpch_assets.calendar import batch_key, is_batch, parse
from tpch_assets.commands import rebuild
from tpch_assets.lake import record
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.layers import BATCH, BATCHES_PER_DAY, LAYERS, every
from tpch_assets.raw.files import deliveries
from tpch_assets.settings import Settings, SettingsError, current_business, current_settings, load_settings


def main() -> None:
    """Run one command. A bad setting or an unusable lake prints a one-line error and exits with code 2."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except (SettingsError, LakeError) as error:
        print(f"tpch-assets: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit("tpch-assets: stopped; run it again to continue")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tpch-assets", description="Fill the lake, and show what it contains.")
    commands = parser.add_subparsers(required=True, metavar="command")
    replay = commands.add_parser("replay", help="materialize batches, and the windows and days that they complete")
    replay.add_argument("--start", help="first day: a midnight in UTC (default: TPCH_START)")
    replay.add_argument(
        "--batches",
        type=int,
        default=BATCHES_PER_DAY,
        help=f"number of batches of {every(BATCH)} (default: {BATCHES_PER_DAY}, one day)",
    )
    replay.add_argument("--scale-factor", help="TPC-H scale factor per day (default: TPCH_SCALE_FACTOR)")
    replay.set_defaults(run=_replay)
    status = commands.add_parser("status", help="print what the lake contains, by layer and table")
    status.set_defaults(run=_status)
    show = commands.add_parser("show", help="print a query's latest answer")
    show.add_argument("query", help="such as q01_pricing_summary")
    show.set_defaults(run=_show)
    rebuild.add(commands)
    for command in (replay, status, show):
        command.add_argument("--lake", help="a folder or s3://bucket/prefix (default: TPCH_LAKE)")
    return parser


def _settings(arguments: argparse.Namespace, **more: str) -> Settings:
    """Apply the command's options to the environment, where the asset graph reads its settings."""
    options = {"LAKE": arguments.lake, "SCALE_FACTOR": getattr(arguments, "scale_factor", None), **more}
    os.environ.update({f"TPCH_{name}": value for name, value in options.items() if value is not None})
    current_settings.cache_clear()
    return current_settings()


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


def _replay(arguments: argparse.Namespace) -> None:
    origin = _origin(arguments)
    settings = _settings(arguments, START=origin.isoformat())
    begin = load_settings(start=arguments.start).start if arguments.start else settings.start
    if arguments.batches < 1:
        raise SettingsError(f"--batches {arguments.batches}: write a number of 1 or more.")
    end = begin + arguments.batches * BATCH
    if end > datetime.now(UTC):
        raise SettingsError(f"--batches {arguments.batches}: batch {batch_key(end - BATCH)} has not ended yet.")
    Lake(settings.lake).check(write=True)
    record.agree(Lake(settings.lake), settings, current_business())
    # Dagster and the asset graph are slow to import, so bad options are reported first.
    import dagster as dg

    from tpch_assets.commands.replay import ReplayError, replay
    from tpch_assets.lake.recovery import REPAIRED, repair
    from tpch_assets.orchestration.dagster_private import databases_held_open
    from tpch_assets.orchestration.instance import prepare_home, reap

    for damaged in repair(Lake(settings.lake)):
        print(f"tpch-assets: {REPAIRED} {damaged}", file=sys.stderr)
    home = prepare_home()
    with dg.DagsterInstance.get() as instance:
        reap(instance)
    with databases_held_open(home), _progress(arguments.batches) as progress:
        try:
            replay(begin, arguments.batches, progress)
        except ReplayError as error:
            sys.exit(f"tpch-assets: {error}")


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


def _status(arguments: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    from tpch_assets.commands.status import status

    lake = Lake(_settings(arguments).lake)
    lake.check()
    table = Table(title=lake.uri, box=None, title_justify="left")
    for name in ("layer", "table", "partitions", "rows", "files", "bytes", "latest batch"):
        table.add_column(name, justify="left" if name in ("layer", "table", "latest batch") else "right")
    found = list(status(lake, current_business()))
    if not found:
        print(f"The lake {lake.uri} is empty. Fill it with `make demo` or `tpch-assets replay`.")
        return
    for row in found:
        rows = "" if row.rows is None else f"{row.rows:,}"
        table.add_row(row.layer, row.name, f"{row.partitions:,}", rows, f"{row.files:,}", f"{row.size:,}", row.latest)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def _show(arguments: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tpch_assets.gold.queries import load_queries
    from tpch_assets.lake.snapshot import read, snapshot

    lake = Lake(_settings(arguments).lake)
    lake.check()
    queries = load_queries(current_business())
    if arguments.query not in queries:
        raise SettingsError(f"{arguments.query} is not a query; choose one of {', '.join(queries)}.")
    gold = snapshot(lake, lake.table("gold", arguments.query))
    if not gold.files:
        raise LakeError(f"{gold.uri} has no answer yet: replay a day, or materialize it in Dagster.")
    latest = max(file.partition for file in gold.files)
    answer = read(gold, gold.of({latest})).drop_columns(["as_of"])
    table = Table(box=None)
    for name in answer.column_names:
        table.add_column(name, no_wrap=True)
    for row in answer.to_pylist():
        table.add_row(*(Text(f"{value:,.2f}" if isinstance(value, float) else str(value)) for value in row.values()))
    console = Console(width=None if sys.stdout.isatty() else 240)
    console.print(f"{queries[arguments.query].title}, as of {latest}", style="italic", highlight=False)
    console.print(table)
