"""Words: one message for everything of one kind and scope, in one sentence with what to do and where to look.

Which alerts are told belongs in `delivery`, and where they go in `channels`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tpch_assets.alerts.conditions import KINDS, Condition
from tpch_assets.alerts.follow import Alert
from tpch_assets.settings import DashboardAddress, Settings, load_address

NAMED = 3
"""How many of a message's assets it names."""


@dataclass(frozen=True)
class Links:
    """Where the Dagster UI and the dashboard are."""

    dagster: str
    dashboard: str


def links_of(settings: Settings) -> Links:
    """Where messages lead."""
    dashboard = settings.alert_dashboard_url or settings.dashboard_url or load_address(DashboardAddress).url
    return Links(settings.alert_dagster_url or f"http://127.0.0.1:{settings.dagster_port}", dashboard)


@dataclass(frozen=True)
class Message:
    """One message: a subject of a few words, and a text of one sentence, what to do, and links."""

    subject: str
    text: str


def groups(alerts: Iterable[Alert]) -> list[list[Alert]]:
    """Alerts that are told together: those of one kind and scope, the oldest first."""
    found: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        found.setdefault((alert.condition.kind, alert.condition.scope), []).append(alert)
    return [sorted(group, key=lambda alert: (alert.condition.since, alert.key)) for group in found.values()]


def begun(group: Sequence[Alert], links: Links) -> Message:
    """Says that some alerts of one kind and scope have begun."""
    conditions = [alert.condition for alert in group]
    kind = KINDS[conditions[0].kind]
    return Message(
        f"Begun: {_what(conditions)}",
        f"{_capital(_what(conditions))} {_since(conditions)}{_named(conditions)}. "
        f"{kind.do} {_places(conditions, links)}",
    )


def over(group: Sequence[Alert], links: Links) -> Message:
    """Says that some alerts of one kind and scope are over."""
    conditions = [alert.condition for alert in group]
    end = max((alert.over for alert in group if alert.over), default=conditions[0].since)
    what = f"over since {_moment(end)}: {_what(conditions)} ({_since(conditions)}), which {_ended(conditions)}"
    return Message(f"Over: {_what(conditions)}", f"{_capital(what)}{_named(conditions)}. {_places(conditions, links)}")


def line(alert: Alert) -> str:
    """One alert in a list, without a full stop."""
    one = alert.condition
    return f"{_capital(_what([one]))} {_since([one])}{_named([one])}"


def _what(conditions: Sequence[Condition]) -> str:
    first, kind = conditions[0], KINDS[conditions[0].kind]
    if len(conditions) == 1:
        partition = f", {first.partition}" if first.partition else ""
        return kind.one.format(subject=f"{first.subject}{partition}")
    return kind.many.format(count=len(conditions), scope=first.scope)


def _since(conditions: Sequence[Condition]) -> str:
    first = _moment(conditions[0].since)
    if not KINDS[conditions[0].kind].event:
        return f"since {first}"
    return f"at {first}" if len(conditions) == 1 else f"at {first} and later"


def _ended(conditions: Sequence[Condition]) -> str:
    return KINDS[conditions[0].kind].over


def _named(conditions: Sequence[Condition]) -> str:
    """The assets, partitions and details of the first few."""
    if len(conditions) == 1:
        return f" ({conditions[0].detail})" if conditions[0].detail else ""
    named = [
        " ".join(filter(None, (one.subject, one.partition, f"({one.detail})" if one.detail else "")))
        for one in conditions[:NAMED]
    ]
    more = f" and {len(conditions) - NAMED} more" if len(conditions) > NAMED else ""
    return f": {', '.join(named)}{more}"


def _places(conditions: Sequence[Condition], links: Links) -> str:
    return f"Dagster: {links.dagster}{conditions[0].path} Dashboard: {links.dashboard}/pipeline"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _capital(text: str) -> str:
    """A sentence begins with a capital letter, unless it begins with an asset's name."""
    return text if "/" in text.split(" ", 1)[0] else text[:1].upper() + text[1:]
