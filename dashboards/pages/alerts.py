"""The alerts that are open, on the pipeline page, as HTML. Their words belong in `tpch_assets.alerts`."""

from datetime import UTC, datetime

from dashboards.pages.markup import escape
from dashboards.store.store import Store
from tpch_assets.alerts.conditions import KINDS
from tpch_assets.alerts.follow import Alert
from tpch_assets.alerts.messages import line
from tpch_assets.alerts.outbox import open_among

SHOWN = 10


def panel(store: Store, dagster_url: str, now: datetime | None = None) -> str:
    """A line for each open alert, with a link to Dagster and what to do. Empty if none is open."""
    source = store.table("operations", "alerts")
    found = open_among(store.rows(source, source.files), now or datetime.now(UTC)) if source else []
    if not found:
        return ""
    more = f"<p>{len(found) - SHOWN:,} more: `tpch-assets alerts` lists all.</p>" if len(found) > SHOWN else ""
    return f"<h2>Open alerts</h2>{''.join(_line(alert, dagster_url) for alert in found[:SHOWN])}{more}"


def _line(alert: Alert, dagster_url: str) -> str:
    condition = alert.condition
    words = f'<span class="state red">{escape(condition.kind)}</span> {escape(line(alert))}.'
    link = f' <a href="{escape(dagster_url + condition.path)}">Dagster</a>' if condition.path else ""
    return f"<p>{words} {escape(KINDS[condition.kind].do)}{link}</p>"
