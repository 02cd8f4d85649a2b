"""Runs a query at once, in this process, on what silver holds. It keeps nothing and commits nothing."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

import duckdb
import pyarrow as pa

from tpch_assets.calendar import parse
from tpch_assets.compute.database import cursor
from tpch_assets.gold.plan import inputs_of, plan, plan_whole, snapshots_for
from tpch_assets.gold.queries import Query, Value, bind, parameters
from tpch_assets.gold.tasks import create_views
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import Snapshots, snapshot
from tpch_assets.schema import Business

Stop = Callable[[], None]
"""Ends a statement that runs; it then raises duckdb.InterruptException."""


def run(query: Query, business: Business, lake: Lake, day: date, scale_factor: float) -> pa.Table:
    """The answer as of a day, with the day as column `as_of`.

    A query with an override alone runs by it, and its partials are kept.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
        LakeError: A table that the query reads does not exist yet.
    """
    silver = snapshots_for(query, business, lake)
    how = plan if query.plain is None else plan_whole
    answer: Any = how(query, business, silver, day, scale_factor)[0]
    return cast(pa.Table, answer.compute(scheduler="synchronous"))


def run_with(
    query: Query,
    business: Business,
    silver: Snapshots,
    day: date,
    scale_factor: float,
    *,
    values: Mapping[str, Value] | None = None,
    since: str = "",
    running: Callable[[Stop], None] = lambda stop: None,
) -> pa.Table:
    """The answer as of a day from some versions of silver, with other parameters or over some windows alone.

    Unlike `run` it writes nothing at all: an override's partial runs in memory, over all shards as if they were one.

    Args:
        values: Of parameters that shall differ from the query's own.
        since: The first window whose facts count; by default all do.
        running: Gets a function that ends the run.

    Raises:
        HalfWritten: The files of a shard are not from the same build.
        duckdb.Error: The statement fails, is ended, or needs more memory than there is.
    """
    every = parameters(query, scale_factor, day) | dict(values or {})
    # An override is cheaper than the plain statement, or there would be none.
    *partial, last = [text for text in (query.partial, query.combine) if text] or [query.plain or ""]
    read = {
        table.name: table for text in (*partial, last) for table in inputs_of(query, business, silver, day, text, since)
    }

    with cursor() as connection:
        running(connection.interrupt)
        create_views(connection, next(iter(silver.values())).lake, read.values())
        for statement in partial:
            connection.register("partials", _answer(connection, statement, every))
        return _answer(connection, last, every)


def _answer(connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, Value]) -> pa.Table:
    return connection.sql(statement, params=bind(statement, values)).to_arrow_table()


def latest_day(query: Query, business: Business, lake: Lake) -> date:
    """The day of the latest window that silver has of the query's facts, or of any facts; today if there is none."""
    groups = query.groups or business.groups
    names = [name for group in groups for name in group.names]
    windows = [file.partition for name in names for file in snapshot(lake, lake.table("silver", name)).files]
    return parse(max(windows)).date() if windows else datetime.now(UTC).date()
