"""The budget of a day: what has been spent against what may be, and whether runs have to wait. No Dagster."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from tpch_assets.compute.costs import billing
from tpch_assets.deployment import deployment
from tpch_assets.settings import Settings

ALERT = 0.8  # The share of the budget from which on people are told.
KEEP_SECONDS = 60  # Sensors ask every minute, and every run does; Coiled's figures are no fresher than that.

_lock = threading.Lock()
_kept: "tuple[float, Settings, Spending] | None" = None


@dataclass(frozen=True)
class Spending:
    """What a deployment has spent on a day (UTC), and its budget; both in US dollars."""

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
    """What today has cost; None where there is no budget, or nothing that costs. Read at most once a minute.

    Raises:
        SettingsError: There is no Coiled token.
        CoiledError: Coiled cannot be asked.
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
    """Read anew what has been spent, the next time it is asked for."""
    global _kept
    _kept = None


def reason_to_wait(settings: Settings) -> str | None:
    """Why no run may start now, in a sentence; None if one may."""
    found = spending(settings)
    if found is None or found.state != "over":
        return None
    return f"{found}: runs wait until midnight (UTC), or for a higher TPCH_BUDGET_DOLLARS_PER_DAY."
