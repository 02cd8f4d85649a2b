"""`tpch-assets rebuild`: make a table again, and all after it, from the layer before.

Each table is replaced by one commit, so that readers have the old version until the new one is whole. How a layer makes
a table again belongs to the layer; this asks for the runs and shows how far they are.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tpch_assets.calendar import batch_key, is_batch, parse, window_of
from tpch_assets.commands.options import Commands, add_command, add_lake, settings_of
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.layers import WINDOW
from tpch_assets.raw.files import deliveries
from tpch_assets.schema import Business, Table
from tpch_assets.schema.spelling import nearest
from tpch_assets.settings import Settings, SettingsError, current_business

if TYPE_CHECKING:
    import dagster as dg

    from tpch_assets.orchestration.schedules import Planner

LAYERS = ("bronze", "silver")
SILENT: dict[str, object] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Tell = Callable[[int, int], None]
"""Hears how many pieces of a step are done, and how many there are."""


def add(commands: Commands) -> None:
    """Add the command's parser."""
    rebuild = add_command(commands, "rebuild", "make a table again, and all after it, from the layer before")
    rebuild.add_argument(
        "table", help="orders: its bronze from raw, and all after; silver/orders: its silver from bronze, and all after"
    )
    rebuild.add_argument("--accept-loss", action="store_true", help="give up rows that are gone in the layer before")
    add_lake(rebuild)
    rebuild.set_defaults(run=_run)


@dataclass(frozen=True)
class Step:
    """One layer of a rebuild: what it is called, and the runs that it takes, found out when its turn comes."""

    name: str
    layer: str
    requests: Callable[[], "list[dg.RunRequest]"]


def _run(arguments: argparse.Namespace) -> None:
    settings, business = settings_of(arguments), current_business()
    layer, table = _named(arguments.table, business)
    lake = Lake(settings.lake)
    lake.check(write=True)
    if not _batches(lake, table, settings):
        raise LakeError(f"{lake.uri} has neither raw files nor bronze of {table.name}: there is nothing to make again.")
    # Dagster and the asset graph are slow to import, so bad options are reported first.
    import dagster as dg

    from tpch_assets.commands.stages import execute
    from tpch_assets.compute.progress import watched
    from tpch_assets.orchestration.assemble import planner_of
    from tpch_assets.orchestration.dagster_private import databases_held_open
    from tpch_assets.orchestration.databases import move_damaged_aside
    from tpch_assets.orchestration.instance import prepare_home

    for sentence in move_damaged_aside(home := prepare_home()):
        print(f"tpch-assets: {sentence}", file=sys.stderr)
    steps = _steps(planner_of(settings, business), lake, table, layer, accept_loss=arguments.accept_loss)
    with databases_held_open(home), dg.DagsterInstance.get() as instance, _progress() as told:
        for step in steps:
            tell = told(step.name)
            for request in step.requests():
                try:
                    with watched(tell):
                        execute(instance, step.layer, request, SILENT)
                except dg.DagsterExecutionInterruptedError:
                    raise KeyboardInterrupt from None
                except Exception as error:  # noqa: BLE001 - whatever a run raises is told in one sentence
                    cause = error.__cause__ or error
                    sys.exit(f"tpch-assets: {step.name} stays as it was: {_sentence(cause)}")


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, LakeError) else f"{type(error).__name__}: {error}"


def _named(text: str, business: Business) -> tuple[str, Table]:
    """The layer to begin with, and the table.

    Raises:
        SettingsError: There is no such table.
    """
    layer, _, name = text.rpartition("/")
    if layer not in ("", *LAYERS) or name not in business.names:
        known = [*business.names, *(f"{LAYERS[1]}/{known}" for known in business.names)]
        raise SettingsError(f"{text} is not a table{nearest(text, known)}")
    return layer or LAYERS[0], business.table(name)


def _steps(planner: "Planner", lake: Lake, table: Table, layer: str, *, accept_loss: bool) -> list[Step]:
    from tpch_assets.orchestration.assets.common import ACCEPT_LOSS, REBUILD
    from tpch_assets.orchestration.jobs import RANGE_END, RANGE_START

    business, settings = planner.business, planner.settings
    word = {REBUILD: ACCEPT_LOSS if accept_loss else "lose nothing"}
    group = next((group for group in business.groups if table.name in group.names), None)
    names = group.names if group else (table.name,)

    def bronze() -> "list[dg.RunRequest]":
        found = _batches(lake, table, settings)
        tags = {RANGE_START: max(found), RANGE_END: max(found)}  # The word is for all up to it.
        return [planner.requests.for_assets("bronze", [table.name], {**tags, **word})]

    def silver() -> "list[dg.RunRequest]":
        batches = (batch for name in names for batch in _batches(lake, business.table(name), settings))
        found = {window for batch in batches if parse(window := window_of(batch)) + WINDOW <= datetime.now(UTC)}
        if group and not found:
            return []  # The first window has not ended yet.
        tags = {RANGE_START: max(found), RANGE_END: max(found)} if group else {}
        return [planner.requests.for_assets("silver", names, {**tags, **word})]

    def gold() -> "list[dg.RunRequest]":
        requests = planner.days(lake, datetime.now(UTC), accept_loss=accept_loss)
        return [request.with_replaced_attrs(tags={**request.tags, **word}) for request in requests]

    steps = [
        Step(f"bronze/{table.name}", "bronze", bronze),
        Step(", ".join(f"silver/{name}" for name in names), "silver", silver),
        Step("gold", "gold", gold),
    ]
    return steps[LAYERS.index(layer) :]


def _batches(lake: Lake, table: Table, settings: Settings) -> list[str]:
    """The batches of the calendar that raw or bronze has of a table."""
    begin, end = batch_key(settings.start), batch_key(datetime.now(UTC))
    raw = {batch for batch, files in deliveries(lake, table.name, begin, end) if files and is_batch(batch)}
    held = {file.partition for file in snapshot(lake, lake.table("bronze", table.name)).files}
    return sorted(batch for batch in raw | held if begin <= batch < end)


@contextmanager
def _progress() -> Iterator[Callable[[str], Tell]]:
    """Show a progress bar per step on a terminal; otherwise print a line as each of its runs is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:

        def lines(name: str) -> Tell:
            def line(done: int, total: int) -> None:
                if done == total:
                    print(f"{name}: {done} of {total} pieces", file=sys.stderr)

            return line

        yield lines
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:

        def bar(name: str) -> Tell:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield bar
