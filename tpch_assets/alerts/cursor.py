"""What alerts remember outside of the lake, in the sensor's cursor: Dagster's instance keeps it from tick to tick.

That the lake cannot be used is remembered here alone, and only as long as a channel has to be told of it. All other
alerts are in the lake, in `outbox`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tpch_assets.alerts.conditions import Condition
from tpch_assets.alerts.follow import Alert, follow
from tpch_assets.alerts.outbox import alert_of, row_of

FORMER = "the dashboard has answered"
"""What former releases wrote once the dashboard had answered."""


@dataclass(frozen=True)
class Cursor:
    """The memory.

    Attributes:
        dashboard: The dashboard has answered: one that was never started is not down.
        lake: The lake has been there: one that was never begun is not gone.
        alerts: What is told of the lake.
    """

    dashboard: bool = False
    lake: bool = False
    alerts: tuple[Alert, ...] = ()

    @classmethod
    def of(cls, text: str | None) -> "Cursor":
        """What a cursor says."""
        if not text or text == FORMER:
            return cls(dashboard=bool(text))
        found = json.loads(text)
        return cls(found["dashboard"], found["lake"], tuple(map(_alert, found["alerts"])))

    @property
    def text(self) -> str:
        """The cursor."""
        rows = [row_of(alert) for alert in self.alerts]
        return json.dumps({"dashboard": self.dashboard, "lake": self.lake, "alerts": rows}, default=datetime.isoformat)

    def found(self, conditions: Sequence[Condition], now: datetime) -> "Cursor":
        """The memory after a look at the lake."""
        return replace(self, alerts=tuple(follow(self.alerts, conditions, (), now)))

    def told(self, alerts: Sequence[Alert], channels: Sequence[str]) -> "Cursor":
        """The memory after messages were sent, without what all channels know to be over."""
        kept = (one for one in alerts if one.over is None or not {*channels} <= one.told_over.keys())
        return replace(self, alerts=tuple(kept))


def _alert(row: dict[str, str | None]) -> Alert:
    times = {name: datetime.fromisoformat(when) if (when := row[name]) else None for name in ("since", "seen", "over")}
    return alert_of({**row, **times})
