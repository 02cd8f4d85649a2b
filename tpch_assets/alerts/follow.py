"""What began and what is over, from what was known and what is found now. Pure: no lake, no clock, no channel."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tpch_assets.alerts.conditions import KINDS, Condition

FORGOTTEN = timedelta(days=7)
"""How long an alert that is over is remembered; one that a channel has not been told of, too, but no longer."""


@dataclass(frozen=True)
class Alert:
    """A condition and what was done about it.

    Attributes:
        seen: When it was first found.
        over: When it was found to be over; None while it lasts.
        told: When each channel was told that it began, by the channel's name.
        told_over: The same for its end.
    """

    condition: Condition
    seen: datetime
    over: datetime | None = None
    told: dict[str, datetime] = field(default_factory=dict)
    told_over: dict[str, datetime] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.condition.key

    def lasts(self, now: datetime) -> bool:
        """Whether it is open, and has been for so long that it counts."""
        return self.over is None and now - self.seen >= KINDS[self.condition.kind].patience


def follow(
    known: Iterable[Alert], found: Collection[Condition], unknown: Collection[str], now: datetime
) -> list[Alert]:
    """The alerts there are after a look.

    An alert that passed before it counted is dropped.

    Args:
        unknown: Kinds that could not be looked for: what is known of them stays as it is.
    """
    current = {condition.key: condition for condition in found}
    after = []
    for alert in known:
        if alert.over is not None:
            if now - alert.over < FORGOTTEN:
                after.append(alert)
        elif (condition := current.pop(alert.key, None)) is not None:
            after.append(replace(alert, condition=replace(condition, since=alert.condition.since)))
        elif alert.condition.kind in unknown:
            after.append(alert)
        elif alert.told or alert.lasts(now):
            after.append(replace(alert, over=now))
    return [*after, *(Alert(condition, now) for condition in current.values())]
