"""Windows that hold rows with the same colocation key, which have to be built together."""

from collections.abc import Collection

from tpch_assets.calendar import window_of
from tpch_assets.compute.database import cursor
from tpch_assets.lake.snapshot import DataFile, Snapshot, Snapshots, bounds
from tpch_assets.schema import Group
from tpch_assets.silver.ranges import Range, overlapping, scan
from tpch_assets.silver.rows import Part, keys_of


def sharing(group: Group, bronze: Snapshots, silver: Snapshots, windows: set[str]) -> set[str]:
    """`windows`, and all others that hold rows of the same keys, now or before.

    The result is closed: no window outside of it shares a key with one inside.
    """
    found, looked = set(windows), set[str]()
    while found != looked:
        looked = set(found)
        found |= _built_with_rows_of(found, silver)
        ours: list[Part] = [(table, bronze[table.name], in_windows(bronze[table.name], found)) for table in group.facts]
        ours += [(table, silver[table.name], tuple(silver[table.name].of(found))) for table in group.facts]
        low, high = _range(ours)
        if low is None:
            continue
        others: list[Part] = []
        for table in group.facts:
            source = bronze[table.name]
            near = overlapping(source.files, table.shard_key, low, high, closed=True)
            others.append((table, source, tuple(file for file in near if window_of(file.partition) not in found)))
        if any(files for _, _, files in others):
            found |= _windows_with_keys_of(ours, others)
    return found


def in_windows(source: Snapshot, windows: Collection[str]) -> tuple[DataFile, ...]:
    """The bronze files of some windows."""
    return tuple(file for file in source.files if window_of(file.partition) in windows)


def _built_with_rows_of(windows: set[str], silver: Snapshots) -> set[str]:
    """Windows whose files hold rows that arrived in `windows`: a redelivery may have taken these rows back."""
    found: set[str] = set()
    for source in silver.values():
        for file in source.files:
            if file.rows and _may_hold_batches_of(windows, source, file) and _batches_in(source, file) & windows:
                found.add(file.partition)
    return found


def _may_hold_batches_of(windows: set[str], source: Snapshot, file: DataFile) -> bool:
    extent = bounds(source, file, "_batch")
    return extent is not None and any(file.partition < window <= window_of(str(extent[1])) for window in windows)


def _batches_in(source: Snapshot, file: DataFile) -> set[str]:
    """The windows in which the rows of a silver file arrived."""
    with cursor() as con:
        batches = con.execute(f"SELECT DISTINCT _batch FROM {scan(source, [file])}").fetchall()
    return {window_of(batch) for (batch,) in batches}


def _range(parts: list[Part]) -> Range:
    """The least and the greatest colocation key in some files."""
    found = [bounds(source, file, table.shard_key) for table, source, files in parts for file in files]
    known = [extent for extent in found if extent is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else (None, None)


def _windows_with_keys_of(ours: list[Part], others: list[Part]) -> set[str]:
    with cursor() as con:
        found = con.execute(
            f"SELECT DISTINCT _batch FROM ({keys_of(others, ', _batch')}) SEMI JOIN ({keys_of(ours)}) USING (key)"
        ).fetchall()
    return {window_of(batch) for (batch,) in found}
