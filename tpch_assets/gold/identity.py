"""What an answer is made of, as a hash: the shards up to its day, and the dimension rows that it reads.

The answer's file carries it in its name. Comparing it with what silver holds now belongs in `stale.py`.
"""

import hashlib
import json
from functools import cache

import duckdb

from tpch_assets.calendar import end_of_day
from tpch_assets.compute.database import cursor, identifier, identifiers, rows_as
from tpch_assets.gold.queries import Query
from tpch_assets.gold.syntax import columns_read
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshot, Snapshots
from tpch_assets.schema import Business, Group, Table
from tpch_assets.silver.shards import content_of

NO_SHARDS = "dimensions"  # What an answer is made of that reads no shards.


def made_from(query: Query, business: Business, silver: Snapshots, day: str) -> str:
    """Names the data that a query's answer as of `day` is made of."""
    of_shards = shards_digest(query.group, silver, day) if query.group else NO_SHARDS
    return f"{of_shards}.{dimension_digest(query, business, silver)}"


def shards_digest(group: Group, silver: Snapshots, day: str) -> str:
    """Names the shards of all windows up to a day."""
    end = end_of_day(day)
    names = sorted(
        f"{name}/{file.partition}/{content_of(file)}"
        for name in group.names
        for file in silver[name].files
        if file.partition < end
    )
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def dimension_digest(query: Query, business: Business, silver: Snapshots) -> str:
    """Names the content of the dimension columns that a query reads, whatever files hold it."""
    prints = [
        fingerprint(table, silver[table.name], columns_read(text, table))
        for table in business.dimensions
        if table.name in query.tables
        for text in query.statements
    ]
    return hashlib.sha256("\0".join(prints).encode()).hexdigest()[:12]


def fingerprint(table: Table, source: Snapshot, columns: tuple[str, ...]) -> str:
    """Names the content of some columns of a dimension, whatever files hold it."""
    sums = dict.fromkeys(columns, 0)
    for file in source.files:
        prints = _file_fingerprints(source.lake, source.uri, file.path, table)
        for column in columns:
            sums[column] += prints[column]
    return json.dumps([source.rows, sums])


@cache
def _file_fingerprints(lake: Lake, uri: str, file: str, table: Table) -> dict[str, int]:
    """Per column the sum over all rows of hash(key, value), kept beside the partials since files never change."""
    target = lake.path("partials", "_columns", f"{table.name}-{file.split('/')[-1]}.{duckdb.__version__}.json")
    if lake.store.exists(target):
        with open(lake.store.local(target)) as kept:
            known: dict[str, int] = json.load(kept)
        if known.keys() >= set(table.column_names):
            return known
    key, columns = identifiers(table.key), map(identifier, table.column_names)
    sums = ", ".join(f"coalesce(sum(hash({key}, {column}))::VARCHAR, '0')" for column in columns)
    path = lake.store.local(f"{uri}/{file}")
    with cursor() as con:
        row = con.execute(f"SELECT {sums} FROM {rows_as([path], table.stored_columns)}").fetchone() or ()
    prints = {column: int(value) for column, value in zip(table.column_names, row, strict=True)}
    staged = lake.store.staging(target)
    with open(staged, "w") as out:
        json.dump(prints, out)
    lake.store.publish(staged, target)
    return prints
