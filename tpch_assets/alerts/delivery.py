"""Sends what channels have not been told yet, and notes it: each message at least once, and mostly exactly once.

A channel that does not answer is asked again at the next look; the other ones do not wait for it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from tpch_assets.alerts.channels import Channel, ChannelError
from tpch_assets.alerts.follow import Alert
from tpch_assets.alerts.messages import Links, Message, begun, groups, over

BUDGET = 20.0  # Seconds that all channels together may take at one look. The rest is sent at the next one.


def deliver(
    alerts: Sequence[Alert],
    channels: Sequence[Channel],
    links: Links,
    now: datetime,
    store: Callable[[list[Alert]], None],
) -> list[str]:
    """Send every message that is due, and say what went wrong, a sentence for each channel.

    Args:
        store: Notes the alerts as they are after each message that was sent.
    """
    current, faults = list(alerts), list[str]()
    deadline = time.monotonic() + BUDGET
    for channel in channels:
        for message, group, ended in _due(current, channel.name, links, now):
            if time.monotonic() > deadline:
                return [*faults, f"{channel.name}: sending takes long; the rest is sent at the next look"]
            try:
                channel.send(message)
            except ChannelError as error:
                faults.append(f"{channel.name}: {error}; it is sent again at the next look")
                break
            names = {_name(alert) for alert in group}
            current = [_told(one, channel.name, now, ended=ended) if _name(one) in names else one for one in current]
            store(current)
    return faults


def _due(
    alerts: Sequence[Alert], channel: str, links: Links, now: datetime
) -> Iterator[tuple[Message, list[Alert], bool]]:
    """The messages that a channel lacks, each with its alerts and whether it says that they are over."""
    began = [alert for alert in alerts if channel not in alert.told and (alert.over or alert.lasts(now))]
    ended = [alert for alert in alerts if channel not in alert.told_over and alert.over]
    yield from ((begun(group, links), group, False) for group in groups(began))
    yield from ((over(group, links), group, True) for group in groups(ended))


def _name(alert: Alert) -> tuple[object, ...]:
    """What tells an alert from an earlier one of the same thing."""
    return (*alert.key, alert.seen)


def _told(alert: Alert, channel: str, now: datetime, *, ended: bool) -> Alert:
    if ended:
        return replace(alert, told_over={**alert.told_over, channel: now})
    return replace(alert, told={**alert.told, channel: now})
