"""Which windows silver holds as bronze has them, for who asks again and again: only windows that changed are looked at.

What is known goes into a small file in the lake, from where another process goes on: its first look need not read ten
years of files either. What is to be done about the others belongs in `stale.py`.
"""

import json
from collections import OrderedDict
from dataclasses import dataclass, field

from tpch_assets.calendar import batches_of, window_of
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import Listing, listing, lock, stamp_of
from tpch_assets.schema import Group
from tpch_assets.silver.inputs import digest, inputs_digest, is_built

GROUPS = 16  # Of so many groups this process knows the windows at most.
FOLDER = "_built"  # In silver's; names of tables do not begin with an underscore.

Place = tuple[str, str]
"""A layer, and the name of a table."""
Tables = dict[Place, Listing]


@dataclass
class _Known:
    """What is known of a group in a lake: its stale windows, at some versions of its tables.

    Attributes:
        seen: By table the version and the stamp of its newest commit.
        listings: What was followed then: another one in its place means that the table was opened anew.
        told: What other processes were told last.
    """

    seen: dict[Place, tuple[int, str]] = field(default_factory=dict)
    listings: Tables = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    told: bytes = b""


_known: OrderedDict[tuple[Lake, Group, str], _Known] = OrderedDict()


def not_built(lake: Lake, group: Group) -> list[str]:
    """The windows that silver does not hold as bronze has them.

    Raises:
        TableError: A table's log cannot be read.
    """
    with lock:
        return sorted(_now(lake, group).stale)


def remember(lake: Lake, group: Group) -> None:
    """Have other processes go on from what this one knows.

    Raises:
        TableError: A table's log cannot be read.
    """
    with lock:
        known = _now(lake, group)
        seen = {"/".join(place): found for place, found in known.seen.items()}
        content = json.dumps({"how": _how(group), "seen": seen, "stale": sorted(known.stale)}).encode()
        if content == known.told or not all(stamp for _, stamp in known.seen.values()):
            return
        known.told = content
    lake.write(_file(lake, group), content)


def _remembered(lake: Lake, group: Group) -> _Known:
    """What another process knew, if each table's log still holds what it saw."""
    try:
        content = lake.store.content(_file(lake, group)) or b"{}"
        found = json.loads(content)
        seen = {place: tuple(found["seen"]["/".join(place)]) for place in _places(group)}
        stale = set(found["stale"])
        same = found["how"] == _how(group)
    except (ValueError, KeyError, TypeError):  # There is none, or it is damaged: it only saves time.
        return _Known()
    sound = same and all(
        stamp and stamp == stamp_of(lake, lake.table(*place), version) for place, (version, stamp) in seen.items()
    )
    return _Known(seen, {}, stale, content) if sound else _Known()


def _file(lake: Lake, group: Group) -> str:
    return lake.path("silver", FOLDER, f"{group.name}.json")


def _how(group: Group) -> str:
    """Names what makes windows of files: the code, and the tables."""
    return digest([inputs_digest(()), *group.names])


def _places(group: Group) -> list[Place]:
    return [(layer, name) for layer in ("bronze", "silver") for name in group.names]


def _now(lake: Lake, group: Group) -> _Known:
    place = lake, group, _how(group)
    known = _known.pop(place, None) or _remembered(lake, group)
    tables = {at: listing(lake, lake.table(*at), known.seen.get(at)) for at in _places(group)}
    windows = _changed(known, tables)
    if windows is None:
        known.stale = set()
        inputs = _all_inputs(group, tables)
        windows = {*inputs, *(window for name in group.names for window in tables["silver", name].files.partitions())}
    else:
        inputs = {window: _inputs_of(group, tables, window) for window in windows}
    for window in windows:
        built = _is_built(group, tables, window, inputs.get(window, []))
        (known.stale.discard if built else known.stale.add)(window)
    known.seen = {at: (found.version, found.stamp) for at, found in tables.items()}
    known.listings = tables
    _known[place] = known
    if len(_known) > GROUPS:
        _known.popitem(last=False)
    return known


def _changed(known: _Known, tables: Tables) -> set[str] | None:
    """The windows that changed since they were looked at; None if that is not known."""
    windows: set[str] = set()
    for at, found in tables.items():
        # Where no listing is known, another process has looked, and the log still holds what it saw.
        same = at in known.seen and known.listings.get(at, found) is found
        changed = found.changed_since(known.seen[at][0]) if same else None
        if changed is None:
            return None
        windows |= set(map(window_of, changed)) if at[0] == "bronze" else changed
    return windows


def _all_inputs(group: Group, tables: Tables) -> dict[str, list[str]]:
    """The files of bronze by window, in one pass."""
    found: dict[str, list[str]] = {}
    for name in group.names:
        for batch, path in tables["bronze", name].files.all_paths():
            found.setdefault(window_of(batch), []).append(f"{name}/{path}")
    return found


def _inputs_of(group: Group, tables: Tables, window: str) -> list[str]:
    """The files of bronze of a window."""
    batches = batches_of(window)
    return [
        f"{name}/{path}"
        for name in group.names
        for batch in batches
        for path in tables["bronze", name].files.paths(batch)
    ]


def _is_built(group: Group, tables: Tables, window: str, files: list[str]) -> bool:
    shards = [tables["silver", name].files.of(window) for name in group.names]
    if not files and not any(shards):
        return True
    return is_built(inputs_digest(files), shards)
