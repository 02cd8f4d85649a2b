"""What a lake was begun with: settings that must stay as they are, or its rows would mean something else.

The first write records them in `lake.json`. Any later use with other values is refused in one sentence. Settings that
may change at any time do not belong here.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from tpch_assets.calendar import batch_key, is_batch, parse
from tpch_assets.compute.database import cursor
from tpch_assets.lake.lake import Lake, LakeError
from tpch_assets.layers import BATCH, DAY, WINDOW
from tpch_assets.schema import Business
from tpch_assets.settings import Settings

FILE = "lake.json"
BEGUN = "begun"
"""The moment of the first write, beside what must stay."""
HOW = "or set TPCH_LAKE to another lake"


@dataclass(frozen=True)
class Record:
    """What a lake was begun with.

    Attributes:
        business: The module with its tables.
        start: The first day of its calendar, such as 2026-01-01.
        scale_factor: Of the generated data; None if files landed by themselves.
        steps: Minutes of a batch, a window and a day.
    """

    business: str
    start: str
    scale_factor: float | None
    steps: tuple[int, ...]


def agree(lake: Lake, settings: Settings, business: Business) -> None:
    """Record what the lake is begun with, if nothing is recorded yet; else compare it with the settings.

    Call it before the lake is written to.

    Raises:
        LakeError: The lake was begun with another value. The message names both, and what to do.
    """
    now = _of_settings(settings, business)
    begun = recorded(lake)
    if begun is None:
        begun = _of_former(lake, now, business)
        _check_scale(lake, begun, business)
        told = {**asdict(begun), BEGUN: datetime.now(UTC).isoformat(timespec="seconds")}
        if not lake.store.create(lake.path(FILE), json.dumps(told, indent=2).encode() + b"\n"):
            begun = recorded(lake) or begun  # Another process was first.
    _compare(lake, begun, now)


def check(lake: Lake, settings: Settings, business: Business) -> None:
    """Compare the settings with what is recorded, if anything is. Call it before the lake is read.

    Raises:
        LakeError: The same as from `agree`.
    """
    if begun := recorded(lake):
        _compare(lake, begun, _of_settings(settings, business))


def recorded(lake: Lake) -> Record | None:
    """What a lake was begun with; None if nothing is recorded.

    Raises:
        LakeError: The record cannot be read.
    """
    content = lake.store.content(uri := lake.path(FILE))
    return None if content is None else _read(uri, content)


def begun(lake: Lake) -> datetime | None:
    """When a lake was begun; None if that is not recorded."""
    found = json.loads(lake.store.content(lake.path(FILE)) or "{}").get(BEGUN)
    return None if found is None else datetime.fromisoformat(found)


def _compare(lake: Lake, begun: Record, now: Record) -> None:
    if fault := _difference(begun, now):
        raise LakeError(f"The lake {lake.uri} {fault}, {HOW}.")


def _of_settings(settings: Settings, business: Business) -> Record:
    generates = settings.generates(business)
    return Record(
        settings.business,
        f"{settings.start:%Y-%m-%d}",
        settings.scale_factor if generates else None,
        tuple(int(step.total_seconds() // 60) for step in (BATCH, WINDOW, DAY)),
    )


def _of_former(lake: Lake, now: Record, business: Business) -> Record:
    """The record of a lake that has none: a new one is begun now, a former one began with the first day that it holds.

    Files that land by themselves may come later than the calendar starts; those from before it are not read.
    """
    generated = now.scale_factor is not None
    days = [] if generated else [date.fromisoformat(now.start)]
    for name in business.names:
        days += (moment.date() for moment in _firsts(lake, name, with_raw=generated))
    return Record(now.business, str(min(days)), now.scale_factor, now.steps) if days else now


def _check_scale(lake: Lake, begun: Record, business: Business) -> None:
    """Compare the first generated file of a former lake with what its scale factor makes.

    Raises:
        LakeError: It has another number of lines.
    """
    if begun.scale_factor is None or business.source is None:
        return
    table, first = business.facts[0], parse(begun.start)
    folder = lake.path("raw", table.name, batch_key(first))
    file = next((f for f in lake.store.files(folder) if f.name == f"{table.name}.json"), None)
    if file is None:
        return
    with cursor() as con:
        query = business.source.rows(table, 0, first, begun.scale_factor, many=False)
        (makes,) = con.execute(f"SELECT count(*) FROM ({query})").fetchone() or (0,)
    with open(lake.store.local(file.uri, file.stamp), "rb") as lines:
        holds = sum(1 for _ in lines)
    if holds != makes:
        raise LakeError(
            f"The lake {lake.uri} holds {holds:,} rows in {table.name}'s first batch, where TPCH_SCALE_FACTOR="
            f"{begun.scale_factor:g} makes {makes:,}: set it to the lake's own, about "
            f"{begun.scale_factor * holds / max(makes, 1):.2g}, {HOW}."
        )


def _firsts(lake: Lake, name: str, *, with_raw: bool) -> Iterator[datetime]:
    """The first batch of a table in bronze, and that of its generated files in raw.

    Names of folders tell it. Opening a table would start delta-rs's threads, and a replay forks its processes later.
    """
    if bronze := min(filter(is_batch, lake.store.names(lake.table("bronze", name))), default=None):
        yield parse(bronze)
    listed = lake.store.deliveries(lake.path("raw", name)) if with_raw else iter(())
    made = (folder for folder, files in listed if is_batch(folder) and any(f.name == f"{name}.json" for f in files))
    if raw := next(made, None):
        yield parse(raw)


def _read(uri: str, content: bytes) -> Record:
    try:
        found = json.loads(content)
        return Record(found["business"], found["start"], found["scale_factor"], tuple(found["steps"]))
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{uri} cannot be read ({type(error).__name__}: {error}): restore it, or delete it, and it is made again"
        ) from None


def _difference(begun: Record, now: Record) -> str | None:
    """What differs, as the rest of a sentence."""
    if begun.business != now.business:
        return f"holds TPCH_BUSINESS={begun.business}, not {now.business}: set it to {begun.business}"
    if begun.steps != now.steps:
        had, has = ("/".join(map(str, steps)) for steps in (begun.steps, now.steps))
        return f"has batches, windows and days of {had} minutes, not {has}: set them back in tpch_assets/layers.py"
    if begun.start != now.start:
        return f"began with TPCH_START={begun.start}, not {now.start}: set it to {begun.start}"
    if now.scale_factor is not None and begun.scale_factor is None:
        return "holds files of your own, and TPCH_GENERATE=true would add made-up ones: set TPCH_GENERATE=false"
    if now.scale_factor is not None and begun.scale_factor != now.scale_factor:
        had, has = (f"{factor:g}" for factor in (begun.scale_factor, now.scale_factor) if factor is not None)
        return f"began with TPCH_SCALE_FACTOR={had}, not {has}: set it to {had}"
    return None
