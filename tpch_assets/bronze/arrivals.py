"""What has arrived in raw and is not in bronze, found at a cost that does not grow with the history.

Every scan lists the recent folders. It sweeps the older ones in rounds: as many of them as one request to S3 gives,
and its cursor says where the next scan goes on. However late a file comes, a round finds it.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tpch_assets.bronze.fingerprint import BronzeName, Naming, digest
from tpch_assets.bronze.stored import declared
from tpch_assets.calendar import batch_key, is_batch
from tpch_assets.lake import listing
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, apart
from tpch_assets.layers import BATCH
from tpch_assets.raw.files import Delivery, RawFile, behind, deliveries
from tpch_assets.schema import Business, Table
from tpch_assets.schema.changes import takes

RECENT = timedelta(days=1)
ROUND = timedelta(minutes=10)  # From one round's beginning to the next one's.
# The same, every other time, if something arrived since: older files often come with recent ones.
ROUND_OF_NEWS = timedelta(minutes=1)
SWEPT_FILES = 900  # Files that a scan sweeps of a table; up to the end of a folder this is one page of 1,000, mostly.
AHEAD = 60  # Seconds. A file from later than that has its time from a wrong clock, which says nothing of its age.
FORGOTTEN = 86_400  # Seconds for which a file ahead of the clock is remembered, if no scan comes across it again.
LOOK_BACK = (timedelta(days=1), timedelta(days=30))


Seen = dict[str, tuple[str, float]]
"""By `<table>/<batch>` the state of files that are ahead of the clock, and when (Unix seconds) it was first seen."""


@dataclass
class Arrivals:
    """Batches to ingest and folders that are not batches, by table; what cannot be read; where the next scan goes on.

    Each round reports a folder that is not a batch once. A table that cannot be opened has nothing pending.
    """

    pending: dict[str, list[str]] = field(default_factory=dict)
    strays: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    cursor: str = ""


def scan(lake: Lake, business: Business, cursor: str | None, now: datetime, settle: float = 0) -> Arrivals:
    """List the recent folders of every table, and some of the older ones.

    Args:
        cursor: The last scan's; None for the first.
        settle: Seconds for which a file must not have changed; a younger one is left for the next scan. One whose time
            lies ahead of the clock must look the same for so long.
    """
    state = json.loads(cursor) if cursor else {}
    begun, positions = state.get("swept"), dict(state.get("at", {}))
    since = now - datetime.fromisoformat(begun) if begun else ROUND
    news, early = state.get("news", False), state.get("early", False)
    begins = not positions and since >= (ROUND_OF_NEWS if news and not early else ROUND)
    if begins:
        begun, positions = now.isoformat(), dict.fromkeys(business.names, "")
        news, early = False, since < ROUND
    recent = batch_key(now - RECENT)
    forgotten = time.time() - FORGOTTEN
    seen = {key: (one, since) for key, (one, since) in state.get("ahead", {}).items() if since > forgotten}
    found = Arrivals()
    for table in business.tables:
        name = table.name
        listed = list(deliveries(lake, name, recent, faults=found.faults))
        strays = _strays(listed) if begins else []
        if name in positions:
            older, position = _swept(deliveries(lake, name, positions.pop(name), recent, faults=found.faults))
            if position:
                positions[name] = position
            listed, strays = older + listed, _strays(older) + strays
        found.pending[name], found.strays[name] = [], strays
        with apart(found.faults):
            found.pending[name] = _pending(lake, table, listed, settle, seen)
    rounds = {"swept": begun, "at": positions, "news": news or any(found.pending.values()), "early": early}
    found.cursor = json.dumps(rounds | ({"ahead": seen} if seen else {}))
    return found


def round_began(cursor: str | None) -> datetime | None:
    """When the round of a scan's cursor began; None for the first scan."""
    begun = json.loads(cursor).get("swept") if cursor else None
    return datetime.fromisoformat(begun) if begun else None


def with_another_round(cursor: str) -> str:
    """The same cursor for a scan that begins a round at once."""
    return json.dumps({**json.loads(cursor), "swept": None, "at": {}})


def pending(lake: Lake, table: Table, *, since: str = "", until: str = "", settle: float = 0) -> list[str]:
    """Batches from `since` on and before `until` whose raw files are not the ones that bronze holds."""
    return _pending(lake, table, deliveries(lake, table.name, since, until), settle)


def pending_of(lake: Lake, tables: Iterable[Table], batches: list[str]) -> dict[str, list[str]]:
    """By table, those of some neighbouring batches whose raw files bronze does not hold."""
    until = behind(max(batches))
    return {table.name: pending(lake, table, since=min(batches), until=until) for table in tables}


def latest(lake: Lake, table: str, now: datetime) -> str | None:
    """The newest batch that has arrived with data; empty files are none.

    It costs a listing of what came since, or of all if that is long ago.
    """
    for since in (*(batch_key(now - span) for span in LOOK_BACK), ""):
        listed = deliveries(lake, table, since, batch_key(now + BATCH))
        there = [name for name, files in listed if any(file.size for file in files)]
        if batches := [name for name in there if is_batch(name)]:
            return batches[-1]
    return None


def _swept(listed: Iterator[Delivery]) -> tuple[list[Delivery], str]:
    """The first deliveries with about `SWEPT_FILES` files, and where the rest begins (empty if there is none)."""
    found, count = [], 0
    for delivery in listed:
        found.append(delivery)
        count += max(len(delivery[1]), 1)
        if count >= SWEPT_FILES:
            return found, behind(delivery[0])
    return found, ""


def incomplete(lake: Lake, table: Table, bronze: Snapshot, since: str, until: str) -> list[str]:
    """Batches from `since` on and before `until` of which bronze lacks a raw file, however young that is."""
    there = _batches(deliveries(lake, table.name, since, until))
    return _lacking(table, bronze, there, _contents(bronze, there)) if there else []


def _pending(
    lake: Lake, table: Table, listed: Iterable[Delivery], settle: float, seen: Seen | None = None
) -> list[str]:
    there = _batches(listed)
    if not there:
        return []
    bronze = listing.listed(lake, lake.table("bronze", table.name))
    memory: Seen = {} if seen is None else seen
    settled = [(batch, files) for batch, files in there if _settled(f"{table.name}/{batch}", files, settle, memory)]
    have = _contents(bronze, settled)
    wanted = {*_lacking(table, bronze, settled, have), *_strange_rejects(lake, bronze, settled, have)}
    found = [batch for batch, _ in settled if batch in wanted]
    # Columns that were declared since are added by the next commit: without news, by one that brings nothing.
    return found or ([settled[-1][0]] if settled and _has_other_columns(table, bronze) else [])


def _batches(listed: Iterable[Delivery]) -> list[Delivery]:
    return [(batch, files) for batch, files in listed if files and is_batch(batch)]


Contents = dict[str, set[str]]
"""By batch, what the names of its files say of their content."""


def _contents(source: Snapshot, there: Iterable[Delivery]) -> Contents:
    found: Contents = {batch: set() for batch, _ in there}
    for stored in source.of(found):  # Of a long history, few are looked at.
        found[stored.partition].add(BronzeName.parse(stored.name).content)
    return found


def _lacking(table: Table, bronze: Snapshot, there: Iterable[Delivery], have: Contents) -> list[str]:
    """The batches with a raw file that bronze does not hold as it is now."""
    naming = Naming.of(table, bronze)
    return [batch for batch, files in there if not all(naming.contents(file) & have[batch] for file in files)]


def _strange_rejects(lake: Lake, bronze: Snapshot, there: Iterable[Delivery], have: Contents) -> set[str]:
    """Batches with rejects of files that bronze does not hold: of a run that was overtaken, or died between commits."""
    rejects = _contents(listing.listed(lake, f"{bronze.uri}_rejects"), there)
    return {batch for batch, contents in rejects.items() if contents - have[batch]}


def _has_other_columns(table: Table, bronze: Snapshot) -> bool:
    return bool(bronze.files) and takes(table, declared(table, bronze))


def _settled(key: str, files: list[RawFile], settle: float, seen: Seen) -> bool:
    """Whether all files of a batch have not changed for long enough; keeps `seen` up to date."""
    now = time.time()
    young = [file for file in files if file.modified > now - settle] if settle else []
    if not young or any(file.modified <= now + AHEAD for file in young):
        seen.pop(key, None)
        return not young
    state = digest([f"{file.name} {file.size} {file.stamp}" for file in young])
    if seen.get(key, ("", 0))[0] != state:
        seen[key] = (state, now)
    return now - seen[key][1] >= settle


def _strays(listed: Iterable[Delivery]) -> list[str]:
    """Folders whose name is not a batch: nothing in them is ever read."""
    return [name for name, _ in listed if not is_batch(name)]
