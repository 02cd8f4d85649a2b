"""The daily budget: how much of it is spent, and whether runs have to wait.

The figures come from `costs`. `orchestration.waiting` makes runs wait, and `orchestration.ticks` makes ticks skip.
"""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from tpch_assets.compute.costs import billing
from tpch_assets.deployment import deployment
from tpch_assets.settings import Settings

ALERT = 0.8  # The share of the budget at which warnings start.
KEEP_SECONDS = 60  # How long to cache the figures. Each sensor tick and run asks; Coiled's figures are not fresher.

_lock = threading.Lock()
_kept: "tuple[float, Settings, Spending] | None" = None


@dataclass(frozen=True)
class Spending:
    """What a deployment spent on a day (UTC), and its budget, in US dollars."""

    day: date
    spent: float
    budget: float
    deployment: str

    @property
    def state(self) -> Literal["ok", "alert", "over"]:
        share = self.spent / self.budget
        return "over" if share >= 1 else "alert" if share >= ALERT else "ok"

    def __str__(self) -> str:
        return (
            f"${self.spent:,.2f} of ${self.budget:,.2f} ({self.spent / self.budget:.0%}) are spent today ({self.day}, "
            f"UTC) by the deployment {self.deployment}"
        )


def spending(settings: Settings) -> Spending | None:
    """Return today's spending; None if there is no budget, or if compute is free. Queries Coiled at most once a minute.

    Raises:
        SettingsError: There is no Coiled token.
        CoiledError: Coiled does not respond, or rejects the request.
    """
    global _kept
    if settings.budget_dollars_per_day is None or settings.compute != "coiled":
        return None
    with _lock:
        now, today = time.monotonic(), datetime.now(UTC).date()
        if _kept and _kept[0] > now - KEEP_SECONDS and _kept[1] is settings and _kept[2].day == today:
            return _kept[2]
        spent = sum(billing(settings).dollars(today).values())
        found = Spending(today, spent, settings.budget_dollars_per_day, deployment().name)
        _kept = now, settings, found
        return found


def forget() -> None:
    """Clear the cached spending."""
    global _kept
    _kept = None


def reason_to_wait(settings: Settings) -> str | None:
    """Return a sentence that says why runs have to wait; None if they may run."""
    found = spending(settings)
    if found is None or found.state != "over":
        return None
    return f"{found}: runs wait until midnight (UTC), or for a higher TPCH_BUDGET_DOLLARS_PER_DAY."
