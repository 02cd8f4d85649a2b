"""Names the content of dimension rows by sums of hashes: of all rows, or of those in a range of keys.

Whichever files hold the rows, a sum is the same. Rows that come behind a range leave its sum alone.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Literal

import duckdb
import pyarrow as pa

from tpch_assets.compute.database import cursor, identifier, identifiers, rows_as
from tpch_assets.gold.partials import FOLDER
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Bound, DataFile, Snapshot, bounds
from tpch_assets.schema import Table

Keys = tuple[Bound, Bound] | Literal["all"] | None
"""The least and the greatest of some keys, or all there are; None if there are none."""
ALL: Literal["all"] = "all"
Sums = list[int]
"""A count of rows, and the sum of hash(key, value) of each column."""
COLUMNS = "_columns"
REMEMBERED = 256  # Files of which this process knows sums up to some keys.


def fingerprint(table: Table, source: Snapshot, columns: tuple[str, ...]) -> str:
    """Names the content of some columns of a dimension."""
    return _named(columns, _total((_whole(table, source, file, columns) for file in source.files), len(columns)))


def fingerprints(table: Table, source: Snapshot, columns: tuple[str, ...], wanted: Sequence[Keys]) -> list[str]:
    """The same for the rows of each of some ranges of the first key column, with both ends."""
    distinct = dict.fromkeys(keys for keys in wanted if keys is not None and keys != ALL)
    parts: dict[Keys, list[Sums]] = {keys: [] for keys in distinct}
    if ALL in wanted:
        parts[ALL] = [_whole(table, source, file, columns) for file in source.files]
    for file in source.files:
        extent = bounds(source, file, table.key[0])
        if extent is None:
            continue
        cut = []
        for low, high in distinct:
            if _le(low, extent[0]) and _le(extent[1], high):
                parts[low, high].append(_whole(table, source, file, columns))
            elif _le(low, extent[1]) and _le(extent[0], high):
                cut.append((low, high))
        for keys, sums in _within(table, source, file, columns, cut).items():
            parts[keys].append(sums)
    return [_named(columns, _total(parts.get(keys, []), len(columns))) for keys in wanted]


def _le(one: Bound, other: Bound) -> bool:
    return bool(one <= other)  # type: ignore[operator]  # Both are values of one column.


def _named(columns: Iterable[str], sums: Sums) -> str:
    return json.dumps([sums[0], dict(zip(columns, sums[1:], strict=True))])


def _total(parts: Iterable[Sums], columns: int = 0) -> Sums:
    found = list(parts)
    return [sum(values) for values in zip(*found, strict=True)] if found else [0] * (columns + 1)


def _whole(table: Table, source: Snapshot, file: DataFile, columns: Iterable[str]) -> Sums:
    prints = _file_fingerprints(source.lake, source.uri, file.path, table)
    return [file.rows, *(prints[column] for column in columns)]


def _within(
    table: Table, source: Snapshot, file: DataFile, columns: tuple[str, ...], wanted: Sequence[tuple[Bound, Bound]]
) -> dict[Keys, Sums]:
    """The sums of a file's rows in some ranges."""
    known = _sums_up_to(source.lake, source.uri, file.path, table, columns)
    new = {key for keys in wanted for key in keys} - known.keys()
    if new:
        known |= _summed(table, f"{source.uri}/{file.path}", source.lake, columns, sorted(new, key=_order))
    return {
        (low, high): [above - below for above, below in zip(known[high][1], known[low][0], strict=True)]
        for low, high in wanted
    }


def _order(key: Bound) -> Bound:
    return key


@lru_cache(REMEMBERED)
def _sums_up_to(
    lake: Lake, uri: str, file: str, table: Table, columns: tuple[str, ...]
) -> dict[Bound, tuple[Sums, Sums]]:
    """What this process knows of a file, by key: the sums of the rows before it, and with it. It grows."""
    return {}


def _summed(
    table: Table, uri: str, lake: Lake, columns: tuple[str, ...], edges: list[Bound]
) -> dict[Bound, tuple[Sums, Sums]]:
    """The sums of a file's rows before each key and with it, for sorted keys, in one pass."""
    key, keys = identifier(table.key[0]), identifiers(table.key)
    parts = ", ".join(f"sum(hash({keys}, {identifier(column)})) AS s{n}" for n, column in enumerate(columns))
    rows = rows_as([lake.store.local(uri)], table.stored_columns)
    type_ = table.column(table.key[0]).stored
    with cursor() as con:
        con.register("edges", pa.table({"place": range(len(edges)), "edge": pa.array(edges)}))
        con.execute(f"CREATE TEMP TABLE sorted_edges AS SELECT place, edge::{type_} AS edge FROM edges")
        found = con.execute(
            f"SELECT place, {key} = edge AS at, count(*), {parts} "
            f"FROM {rows} AS r ASOF LEFT JOIN sorted_edges ON r.{key} >= edge GROUP BY ALL"
        ).fetchall()
        con.execute("DROP TABLE sorted_edges")
    nothing = [0] * (len(columns) + 1)
    segments = {(place, bool(at)): [int(value or 0) for value in sums] for place, at, *sums in found}
    before = segments.get((None, False), nothing)
    result = {}
    for place, edge in enumerate(edges):
        upto = _total([before, segments.get((place, True), nothing)])
        result[edge] = before, upto
        before = _total([upto, segments.get((place, False), nothing)])
    return result


@cache
def _file_fingerprints(lake: Lake, uri: str, file: str, table: Table) -> dict[str, int]:
    """Per column the sum over all rows of hash(key, value), kept beside the partials since files never change."""
    target = lake.path(FOLDER, COLUMNS, kept_name(table, file))
    known = _kept(lake.store.content(target))
    if known.keys() >= set(table.column_names):
        return known
    key, columns = identifiers(table.key), map(identifier, table.column_names)
    sums = ", ".join(f"coalesce(sum(hash({key}, {column}))::VARCHAR, '0')" for column in columns)
    path = lake.store.local(f"{uri}/{file}")
    with cursor() as con:
        row = con.execute(f"SELECT {sums} FROM {rows_as([path], table.stored_columns)}").fetchone() or ()
    prints = {column: int(value) for column, value in zip(table.column_names, row, strict=True)}
    lake.write(target, json.dumps(prints).encode())
    return prints


def kept_name(table: Table, file: str) -> str:
    """The name under which the sums of a dimension's file are kept."""
    return f"{table.name}-{file.split('/')[-1]}.{duckdb.__version__}.json"


def _kept(content: bytes | None) -> dict[str, int]:
    """What a kept file says; nothing if there is none, or if it is damaged."""
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
