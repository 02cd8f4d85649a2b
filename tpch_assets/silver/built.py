"""Which windows silver holds as bronze has them, for who asks again and again: only windows that changed are looked at.

What is to be done about the others belongs in `stale.py`.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tpch_assets.calendar import window_of
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.listing import Listing, listing, lock
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.schema import Group
from tpch_assets.silver.inputs import inputs_digest, is_built

GROUPS = 16  # Of so many groups this process knows the windows at most.


@dataclass
class _Known:
    """What is known of a group in a lake: its stale windows, at some versions of its tables."""

    seen: dict[tuple[str, str], tuple[Listing, int]] = field(default_factory=dict)
    batches: dict[str, set[str]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)


_known: OrderedDict[tuple[Lake, Group, str], _Known] = OrderedDict()


def not_built(lake: Lake, group: Group) -> tuple[list[str], Snapshots, Snapshots]:
    """The windows that silver does not hold as bronze has them; and bronze and silver, without statistics.

    Raises:
        TableError: A table's log cannot be read.
    """
    with lock:
        place = lake, group, inputs_digest(())  # Which also names the code that builds.
        known = _known.pop(place, None) or _Known()
        _known[place] = known
        if len(_known) > GROUPS:
            _known.popitem(last=False)
        tables = {
            (layer, name): listing(lake, lake.table(layer, name))
            for layer in ("bronze", "silver")
            for name in group.names
        }
        windows = _changed(known, tables)
        if windows is None:
            known.seen, known.batches, known.stale = {}, {}, set()
            windows = {window for place, found in tables.items() for window in _windows_of(place, found.partitions)}
            _add_batches(known, tables, None)
        for window in windows:
            (known.stale.discard if _is_built(known, group, tables, window) else known.stale.add)(window)
        known.seen = {place: (found, found.source.version) for place, found in tables.items()}
        bronze, silver = ({name: tables[layer, name].source for name in group.names} for layer in ("bronze", "silver"))
        return sorted(known.stale), bronze, silver


def _changed(known: _Known, tables: dict[tuple[str, str], Listing]) -> set[str] | None:
    """The windows that changed since they were looked at; None if that is not known."""
    windows: set[str] = set()
    for place, found in tables.items():
        before, version = known.seen.get(place, (None, -1))
        changed = found.changed_since(version) if before is found else None
        if changed is None:
            return None
        windows |= _windows_of(place, changed)
        if place[0] == "bronze":
            _add_batches(known, {place: found}, changed)
    return windows


def _windows_of(place: tuple[str, str], partitions: Iterable[str]) -> set[str]:
    return set(map(window_of, partitions)) if place[0] == "bronze" else set(partitions)


def _add_batches(known: _Known, tables: dict[tuple[str, str], Listing], some: Collection[str] | None) -> None:
    for (layer, _), found in tables.items():
        for batch in (found.partitions if some is None else some) if layer == "bronze" else ():
            known.batches.setdefault(window_of(batch), set()).add(batch)


def _is_built(known: _Known, group: Group, tables: dict[tuple[str, str], Listing], window: str) -> bool:
    wanted = [
        f"{name}/{path}"
        for name in group.names
        for batch in known.batches.get(window, ())
        for path in tables["bronze", name].partitions.get(batch, ())
    ]
    shards = [tables["silver", name].partitions.get(window, {}).values() for name in group.names]
    if not wanted and not any(shards):
        return True
    return is_built(inputs_digest(wanted), shards)
