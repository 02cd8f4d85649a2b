"""Alerts followed from look to look, as the sensor does."""

from datetime import datetime

from tpch_assets.alerts.channels import Mail, Webhook
from tpch_assets.alerts.conditions import Condition
from tpch_assets.alerts.delivery import deliver
from tpch_assets.alerts.follow import follow
from tpch_assets.alerts.messages import Links
from tpch_assets.alerts.outbox import store_alerts, stored_alerts
from tpch_assets.lake.lake import Lake

LINKS = Links("http://dagster.example", "http://dashboard.example")


class Watch:
    """What a sensor does at each look, with a lake as its only memory."""

    def __init__(self, lake: Lake, *channels: Webhook | Mail) -> None:
        self.lake, self.channels = lake, channels

    def look(self, now: datetime, *found: Condition, unknown: frozenset[str] = frozenset()) -> list[str]:
        alerts = follow(stored_alerts(self.lake), found, unknown, now)
        store_alerts(self.lake, alerts)
        return deliver(alerts, self.channels, LINKS, now, lambda sent: store_alerts(self.lake, sent))
