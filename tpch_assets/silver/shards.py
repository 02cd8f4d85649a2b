"""Silver: which files to build from which bronze files, so that each table is unique by key and compact. No Dagster.

`orders` and `lineitem` are cut at the same order keys into pairs, window by window. An order belongs to the window in
which any row of it first arrived; of rows with one primary key the last arrival (batch, file, line) wins. Windows that
share an order key are rebuilt together, in one commit.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from tpch_assets.calendar import WINDOW, parse, window_key, window_of
from tpch_assets.compute.database import Sql, cursor, quote
from tpch_assets.lake.delta import DataFile, Snapshot
from tpch_assets.silver.ranges import between, bounds, cut, overlapping, scan
from tpch_assets.tpch.tables import PAIRED, TABLES, TableName

Part = tuple[TableName, Snapshot, tuple[DataFile, ...]]  # Some files of one table.
LATEST = "_batch DESC, _file DESC, file_row_number DESC"


@dataclass(frozen=True)
class Rows:
    """The rows of one silver file, as a query over bronze files; evaluated on a worker."""

    table: TableName
    source: Snapshot
    files: tuple[DataFile, ...]
    condition: str
    homes: "Homes | None" = None

    def __call__(self) -> Sql:
        table = TABLES[self.table]
        columns = ", ".join((*table.column_names, "_batch"))
        if not self.files:
            nulls = ", ".join(f"NULL::{column.type} AS {column.name}" for column in table.columns)
            return Sql(f"SELECT {nulls}, NULL::VARCHAR AS _batch WHERE false")
        rows = f"SELECT * FROM {scan(self.source, self.files, ', file_row_number = true')} WHERE {self.condition}"
        if self.homes:
            rows = f"SELECT * FROM ({rows}) WHERE {table.pair} IN ({self.homes.keys_at_home()})"
        key = ", ".join(table.key)
        # Deduplication costs a window function over all rows; nearly always there is nothing to do for it.
        with cursor() as con:
            counts = con.execute(f"SELECT count(*), count(DISTINCT ({key})) FROM ({rows})").fetchone() or (0, 0)
        if counts[0] != counts[1]:
            rows = f"{rows} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {LATEST}) = 1"
        return Sql(f"SELECT {columns} FROM ({rows}) ORDER BY {key}")


@dataclass(frozen=True)
class Homes:
    """Which order keys belong to `window`, where several windows hold rows of one order."""

    window: str
    sources: tuple[Part, ...]

    def keys_at_home(self) -> str:
        begin, end = quote(self.window), quote(window_key(parse(self.window) + WINDOW))
        return f"""SELECT key FROM ({_keys(self.sources, ", _batch")})
            GROUP BY key HAVING min(_batch) >= {begin} AND min(_batch) < {end}"""


def _keys(parts: Iterable[Part], columns: str = "") -> str:
    """The order keys (and some columns) of files of several tables, as a query."""
    return " UNION ALL ".join(
        f"SELECT {_key(name)} AS key{columns} FROM {scan(source, files)}" for name, source, files in parts if files
    )


def _key(table: TableName) -> str:
    return TABLES[table].pair or ""


def inputs(bronze: dict[TableName, Snapshot], window: str) -> str:
    """Names the bronze files of a window: another name means that silver has to be built again."""
    paths = sorted(
        f"{name}/{file.path}" for name in PAIRED for file in bronze[name].files if window_of(file.partition) == window
    )
    return _digest(paths)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def stale_windows(bronze: dict[TableName, Snapshot], silver: dict[TableName, Snapshot]) -> list[str]:
    """The windows whose bronze files are not the ones that silver was built from, or whose pairs are half written.

    Half a pair is left where a run was cut off between its two commits; what it was built for may be another window,
    which need not be stale any more.
    """
    wanted: dict[str, list[str]] = {}
    for name in PAIRED:
        for file in bronze[name].files:
            wanted.setdefault(window_of(file.partition), []).append(f"{name}/{file.path}")
    have = {
        name: {window: {pair_id(file) for file in files} for window, files in silver[name].by_partition().items()}
        for name in PAIRED
    }
    windows = wanted.keys() | {window for built in have.values() for window in built}
    return sorted(window for window in windows if not _is_built(_digest(sorted(wanted.get(window, ()))), have, window))


def _is_built(digest: str, have: dict[TableName, dict[str, set[str]]], window: str) -> bool:
    """Whether both tables hold the same pairs of a window, and none but those built from the inputs of this digest."""
    first, *others = (have[name].get(window, set()) for name in PAIRED)
    return {pair.split("-")[0] for pair in first} == {digest} and all(pairs == first for pairs in others)


def plan_pairs(
    bronze: dict[TableName, Snapshot], silver: dict[TableName, Snapshot], windows: Collection[str], pair_rows: int
) -> dict[TableName, dict[str, dict[str, Rows]]]:
    """The files of `windows`, and of windows that share an order key with them: table -> window -> name -> rows.

    Both tables get the same names up to the content: `<inputs>-<index>of<count>-…`; that prefix is the pair's id. Of
    windows that are built together it names the inputs of all: one of them is new where any of them is.
    """
    plan: dict[TableName, dict[str, dict[str, Rows]]] = {name: {} for name in PAIRED}
    for window in sorted(windows):
        if window not in plan["orders"]:
            _plan_group(bronze, silver, _sharing(bronze, silver, {window}), pair_rows, plan)
    return plan


def _plan_group(
    bronze: dict[TableName, Snapshot],
    silver: dict[TableName, Snapshot],
    group: set[str],
    pair_rows: int,
    plan: dict[TableName, dict[str, dict[str, Rows]]],
) -> None:
    """Add the files of windows that are built together to the plan."""
    together = "." + _digest(inputs(bronze, window) for window in sorted(group)) if len(group) > 1 else ""
    parts: list[Part] = [(name, bronze[name].bare, _in_windows(bronze[name], group)) for name in PAIRED]
    for window in sorted(group):
        cuts = _cuts(bronze, silver, window, pair_rows)
        digest = inputs(bronze, window)
        for name, source, candidates in parts:
            plan[name][window] = {}
            for index, (low, high) in enumerate(bounds(cuts)):
                place = f"{index}of{len(cuts) + 1}{together}"
                plan[name][window][f"{digest}-{place}-{{content}}.parquet"] = Rows(
                    name,
                    source,
                    overlapping(candidates, _key(name), low, high),
                    between(_key(name), low, high),
                    _homes(parts, window, low, high) if together else None,
                )


def _homes(parts: list[Part], window: str, low: Any, high: Any) -> Homes:
    return Homes(
        window, tuple((name, source, overlapping(files, _key(name), low, high)) for name, source, files in parts)
    )


def _in_windows(source: Snapshot, windows: Collection[str]) -> tuple[DataFile, ...]:
    return tuple(file for file in source.files if window_of(file.partition) in windows)


def _sharing(bronze: dict[TableName, Snapshot], silver: dict[TableName, Snapshot], windows: set[str]) -> set[str]:
    """`windows` and all others that hold rows of the same orders, now or before: the least set closed under sharing."""
    group, looked = set(windows), set[str]()
    while group != looked:
        looked = set(group)
        group |= _built_with_rows_of(group, silver)
        ours = [(name, source, _in_windows(source, group)) for name, source in bronze.items()]
        ours += [(name, source, tuple(source.of(group))) for name, source in silver.items()]
        low, high = _range(ours)
        if low is None:
            continue
        near = [
            (name, source, overlapping(source.files, _key(name), low, high, closed=True))
            for name, source in bronze.items()
        ]
        others = [
            (name, source, tuple(file for file in files if window_of(file.partition) not in group))
            for name, source, files in near
        ]
        if any(files for _, _, files in others):
            group |= _windows_with_keys_of(ours, others)
    return group


def _built_with_rows_of(group: set[str], silver: dict[TableName, Snapshot]) -> set[str]:
    """Windows that hold rows which arrived in those of `group`: a redelivery may have taken these back."""
    found: set[str] = set()
    for source in silver.values():
        for file in source.files:
            last = window_of(file.greatest["_batch"]) if file.rows else ""
            if any(file.partition < window <= last for window in group):
                with cursor() as con:
                    batches = con.execute(f"SELECT DISTINCT _batch FROM {scan(source, [file])}").fetchall()
                if group & {window_of(batch) for (batch,) in batches}:
                    found.add(file.partition)
    return found


def _range(parts: list[Part]) -> tuple[Any, Any]:
    least = [file.least[_key(n)] for n, _, files in parts for file in files if file.rows]
    greatest = [file.greatest[_key(n)] for n, _, files in parts for file in files if file.rows]
    return (min(least), max(greatest)) if least else (None, None)


def _windows_with_keys_of(ours: list[Part], others: list[Part]) -> set[str]:
    with cursor() as con:
        found = con.execute(
            f"SELECT DISTINCT _batch FROM ({_keys(others, ', _batch')}) SEMI JOIN ({_keys(ours)}) USING (key)"
        ).fetchall()
    return {window_of(batch) for (batch,) in found}


def _cuts(
    bronze: dict[TableName, Snapshot], silver: dict[TableName, Snapshot], window: str, pair_rows: int
) -> list[Any]:
    """The order keys at which the window is cut. Cuts stay while they serve, so that a late row moves one pair only."""
    largest = max(PAIRED, key=lambda name: sum(f.rows for f in _in_windows(bronze[name], {window})))
    files = [file for file in _in_windows(bronze[largest], {window}) if file.rows]
    total = sum(file.rows for file in files)
    kept = _present_cuts(silver, window)
    if kept is not None and total <= 2 * pair_rows * (len(kept) + 1):
        return kept
    if total <= 1.5 * pair_rows:
        return []
    return cut(bronze[largest], files, _key(largest), -(-total // pair_rows))


def _present_cuts(silver: dict[TableName, Snapshot], window: str) -> list[Any] | None:
    least: dict[str, list[Any]] = {}
    for name in PAIRED:
        for file in silver[name].of({window}):
            index = file.name.split("-")[1].split("of")[0]
            if file.rows:
                least.setdefault(index, []).append(file.least[_key(name)])
    if not least:
        return None
    return sorted(min(keys) for keys in least.values())[1:]


def complete_pairs(orders: Snapshot, lineitem: Snapshot, until: str) -> list[tuple[DataFile, DataFile]]:
    """The pairs of all windows that begin before `until`.

    Raises:
        HalfWritten: A window's two tables are not from the same build (one of two commits is still to come).
    """
    pairs = []
    left, right = (
        {(file.partition, pair_id(file)): file for file in source.files if file.partition < until}
        for source in (orders, lineitem)
    )
    if odd := sorted(left.keys() ^ right.keys()):
        raise HalfWritten(
            f"silver/orders and silver/lineitem are not from the same build in window {odd[0][0]}: "
            "a silver run is on its way or was cut off; materialize that window of both again"
        )
    for key in sorted(left):
        pairs.append((left[key], right[key]))
    return pairs


class HalfWritten(RuntimeError):
    """A window is in one silver table but not in the other."""


def pair_id(file: DataFile) -> str:
    """What both files of a pair have in common: the inputs of their window, and their place in it."""
    return file.name.rsplit("-", 1)[0]
