"""The table `operations/alerts`: what is wrong, what was, and which channel was told when.

It is the memory of alerts, so that they survive restarts of everything; that the lake itself cannot be used is
remembered in `cursor`. What changes in it is decided in `follow` and `delivery`.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from tpch_assets.alerts.conditions import KINDS, Condition
from tpch_assets.alerts.follow import Alert
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import read, snapshot

PARTITION = "alerts"
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("scope", pa.string()),
        ("subject", pa.string()),
        ("partition", pa.string()),
        ("detail", pa.string()),
        ("path", pa.string()),
        ("since", TIME),
        ("seen", TIME),
        ("over", TIME),
        ("told", pa.string()),
        ("told_over", pa.string()),
    ]
)
"""One row per alert. `told` and `told_over` are JSON: the time of each channel's message, by its name."""


def uri_of(lake: Lake) -> str:
    """Where the table is."""
    return lake.table("operations", "alerts")


def stored_alerts(lake: Lake) -> list[Alert]:
    """All alerts that are remembered."""
    return _alerts(read(snapshot(lake, uri_of(lake))))


def open_alerts(lake: Lake, now: datetime | None = None) -> list[Alert]:
    """The alerts that are open, the oldest first. One that may pass by itself counts only after a while."""
    return open_among(read(snapshot(lake, uri_of(lake))), now or datetime.now(UTC))


def open_among(rows: pa.Table, now: datetime) -> list[Alert]:
    """The same for whoever has read the table's rows."""
    found = [alert for alert in _alerts(rows) if alert.lasts(now)]
    return sorted(found, key=lambda alert: (alert.condition.since, alert.key))


def store_alerts(lake: Lake, alerts: Iterable[Alert]) -> None:
    """Replace what is remembered, in one commit."""
    import pyarrow.parquet as pq  # Imported lazily, so that definitions load faster.

    table, uri = pa.Table.from_pylist([row_of(alert) for alert in alerts], SCHEMA), uri_of(lake)
    written = write_file(lake, uri, PARTITION, "{content}.parquet", partial(pq.write_table, table))
    commit(lake, uri, [written], {PARTITION}, schema=SCHEMA)


def _alerts(rows: pa.Table) -> list[Alert]:
    return [alert_of(row) for row in rows.to_pylist() if row["kind"] in KINDS]


def row_of(alert: Alert) -> dict[str, Any]:
    """The row of an alert."""
    one = alert.condition
    names = ("kind", "scope", "subject", "partition", "detail", "path", "since")
    return {
        **{name: getattr(one, name) for name in names},
        "seen": alert.seen,
        "over": alert.over,
        "told": _times(alert.told),
        "told_over": _times(alert.told_over),
    }


def alert_of(row: dict[str, Any]) -> Alert:
    """The alert of a row."""
    names = ("kind", "scope", "subject", "since", "partition", "detail", "path")
    condition = Condition(**{name: row[name] for name in names})
    return Alert(condition, row["seen"], row["over"], _parsed(row["told"]), _parsed(row["told_over"]))


def _times(told: dict[str, datetime]) -> str:
    return json.dumps({name: moment.isoformat() for name, moment in sorted(told.items())})


def _parsed(text: str) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(moment) for name, moment in json.loads(text).items()}
