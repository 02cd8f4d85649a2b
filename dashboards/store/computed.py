"""Answers that gold does not keep, computed from the silver that the store knows.

Which answers are wanted does not belong here.
"""

from collections.abc import Callable, Mapping
from datetime import date

import pandas as pd
import pyarrow as pa

from dashboards.store import business
from dashboards.store.answers import to_frame
from dashboards.store.business import Query
from dashboards.store.on_the_spot import Outcome, Stop
from dashboards.store.store import Store
from tpch_assets.calendar import parse, window_key

Computed = tuple[pa.Table, pd.DataFrame]
"""An answer exactly, and for the screen."""


def computed(
    store: Store, query: Query, day: str, values: Mapping[str, object], since: str, done: Callable[[], object]
) -> tuple[object, Outcome[Computed] | None]:
    """A query's answer as of a day, and a key that differs for another one. No answer while it is computed.

    Args:
        values: Of parameters that differ from the query's own.
        since: The day from which on facts count; empty for all.
        done: Called when it is computed.
    """
    tables = {name: store.table("silver", name) for name in business.inputs(query)}
    silver = {name: source for name, source in tables.items() if source is not None}
    if missing := tables.keys() - silver.keys():
        return ("missing", query.name), Outcome(error=f"silver/{min(missing)} does not exist yet.")
    versions = tuple((source.uri, source.id, source.version) for source in silver.values())
    key = ("answer", query.name, versions, day, since, repr(sorted(values.items())))

    def compute(running: Callable[[Stop], None]) -> Computed:
        first = window_key(parse(since)) if since else ""
        made = business.compute(query, silver, date.fromisoformat(day), values, first, running)
        return made, to_frame(made)

    return key, store.spot.ask(key, compute, done)
