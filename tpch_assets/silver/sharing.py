"""Windows that hold rows with the same colocation key: which have to be built for the sake of another, and from what.

A key's home is the window in which any row of it first arrived. Another window may deliver more rows of it. So news of
a window concern the homes of its keys, as they are and as they were, and no window besides: those that have other keys
in common with a home are left alone.
"""

from collections.abc import Collection, Iterable

from tpch_assets.calendar import window_of
from tpch_assets.compute.database import cursor
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots, bounds
from tpch_assets.schema import Group
from tpch_assets.silver.key_digests import holding
from tpch_assets.silver.ranges import Key, Range, literal, overlapping, scan
from tpch_assets.silver.rows import Part, keys_of


def concerned(group: Group, bronze: Snapshots, silver: Snapshots, window: str, stale: Collection[str]) -> set[str]:
    """The windows that have to be built when `window` has news: itself, and the homes of its keys, now and before.

    Args:
        stale: The windows whose silver is not built from what bronze holds now.
    """
    found = {window, *_built_with_rows_of(window, silver)}
    ours = _in_bronze(group, bronze, {window})
    ours += [(table, silver[table.name], tuple(silver[table.name].of({window}))) for table in group.facts]
    low, high = _range(ours)
    if low is None:
        return found
    near, there = _near(group, bronze, low, high), _near(group, silver, low, high)
    before, after = _windows(near), _windows(there)
    # The keys of a window are in its bronze, if it was built from that. Otherwise only its files tell.
    may = holding(group, bronze, ours, (before | after.difference(stale)) - {window})
    if may & before:
        found |= _homes(ours, _within({window, *may}, near))
    return found | _sharing(ours, _within((may | after.intersection(stale)) - found, there))


def neighbours(group: Group, bronze: Snapshots, window: str, cuts: list[Key]) -> list[set[str]]:
    """For each of a window's shards, the other windows that hold rows of the shard's keys."""
    found: list[set[str]] = [set() for _ in range(len(cuts) + 1)]
    ours = _in_bronze(group, bronze, {window})
    low, high = _range(ours)
    if low is None:
        return found
    around = _near(group, bronze, low, high)
    near = _within(holding(group, bronze, ours, _windows(around) - {window}), around)
    if any(files for _, _, files in near):
        index = " + ".join(["0", *(f"(key >= {literal(cut)})::INTEGER" for cut in cuts)])
        with cursor() as con:
            shared = con.execute(
                f"SELECT DISTINCT _batch, {index} FROM ({keys_of(near, ', _batch')}) "
                f"SEMI JOIN ({keys_of(ours)}) USING (key)"
            ).fetchall()
        for batch, place in shared:
            found[place].add(window_of(batch))
    return found


def in_windows(source: Snapshot, windows: Collection[str]) -> tuple[DataFile, ...]:
    """The bronze files of some windows."""
    return tuple(file for file in source.files if window_of(file.partition) in windows)


def _in_bronze(group: Group, bronze: Snapshots, windows: Collection[str]) -> list[Part]:
    return [(table, bronze[table.name], in_windows(bronze[table.name], windows)) for table in group.facts]


def _near(group: Group, layer: Snapshots, low: Key, high: Key | None) -> list[Part]:
    """The files of a layer that may hold keys of a range, both ends included."""
    return [
        (table, layer[table.name], overlapping(layer[table.name].files, table.shard_key, low, high, closed=True))
        for table in group.facts
    ]


def _windows(parts: list[Part]) -> set[str]:
    """The windows of some files, of bronze or silver."""
    return {window_of(file.partition) for _, _, files in parts for file in files}


def _within(windows: Collection[str], parts: list[Part]) -> list[Part]:
    return [
        (table, source, tuple(file for file in files if window_of(file.partition) in windows))
        for table, source, files in parts
    ]


def _built_with_rows_of(window: str, silver: Snapshots) -> set[str]:
    """Windows whose files hold rows that arrived in `window`: a redelivery may have taken these rows back."""
    found: set[str] = set()
    for source in silver.values():
        for file in source.files:
            may = file.partition not in found and file.rows and _may_hold_batches_of(window, source, file)
            if may and window in _batches_in(source, file):
                found.add(file.partition)
    return found


def _may_hold_batches_of(window: str, source: Snapshot, file: DataFile) -> bool:
    extent = bounds(source, file, "_batch") if file.partition < window else None
    return extent is not None and window <= window_of(str(extent[1]))


def _batches_in(source: Snapshot, file: DataFile) -> set[str]:
    """The windows in which the rows of a silver file arrived."""
    with cursor() as con:
        batches = con.execute(f"SELECT DISTINCT _batch FROM {scan(source, [file])}").fetchall()
    return {window_of(batch) for (batch,) in batches}


def _range(parts: Iterable[Part]) -> Range:
    """The least and the greatest colocation key in some files."""
    found = [bounds(source, file, table.shard_key) for table, source, files in parts for file in files]
    known = [extent for extent in found if extent is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else (None, None)


def _homes(ours: list[Part], near: list[Part]) -> set[str]:
    """The windows in which our keys first arrived."""
    with cursor() as con:
        batches = con.execute(
            f"SELECT DISTINCT min(_batch) FROM ({keys_of(near, ', _batch')}) SEMI JOIN ({keys_of(ours)}) USING (key) "
            "GROUP BY key"
        ).fetchall()
    return {window_of(batch) for (batch,) in batches}


def _sharing(ours: list[Part], others: list[Part]) -> set[str]:
    """The partitions of other files that hold any of our keys, in one pass: keys in no order are in all ranges."""
    partitions = {
        source.lake.store.local(path): file.partition
        for _, source, files in others
        for path, file in zip(source.paths(files), files, strict=True)
    }
    if not partitions:
        return set()
    with cursor() as con:
        found = con.execute(
            f"SELECT DISTINCT filename FROM ({keys_of(others, ', filename', ', filename = true')}) "
            f"SEMI JOIN ({keys_of(ours)}) USING (key)"
        ).fetchall()
    return {partitions[path] for (path,) in found}
