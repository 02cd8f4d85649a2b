"""Compute costs by kind of work and day, in US dollars.

Only Coiled charges by use; all other places cost zero. `budget` compares costs with the budget, and `coiled_api` talks
to the control plane.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Protocol

from tpch_assets.compute.shapes import ClusterDetails
from tpch_assets.layers import MADE_BY, Work
from tpch_assets.settings import Settings

if TYPE_CHECKING:
    from tpch_assets.compute.coiled_api import CoiledApi

ENDED = ("stopped", "error")
SETTLED = timedelta(hours=1)  # A cluster's cost is final this long after it ended.


class Billing(Protocol):
    """Reports what has been spent."""

    def dollars(self, day: date) -> dict[Work, float]:
        """Dollars by kind of work on a day (UTC); for today, the dollars so far."""


class Free:
    """Billing for threads, processes and schedulers at an address, which do not charge by use."""

    def dollars(self, day: date) -> dict[Work, float]:
        return dict.fromkeys(MADE_BY, 0.0)


class CoiledBilling:
    """The cost of a deployment's clusters on Coiled."""

    def __init__(self, settings: Settings) -> None:
        from tpch_assets.compute.coiled_api import CoiledApi

        self.settings, self.api = settings, CoiledApi.configured()

    def dollars(self, day: date) -> dict[Work, float]:
        """Dollars by kind of work on a day (UTC), from Coiled's own figures.

        Raises:
            CoiledError: Coiled does not respond, or rejects the request.
        """
        return {work: sum(on_day(one, day) for one in self._clusters(work, day)) for work in MADE_BY}

    def _clusters(self, work: Work, day: date) -> Iterable[ClusterDetails]:
        """Details of the deployment's clusters that existed on a day."""
        from tpch_assets.compute.coiled_cluster import cluster_name, tags

        want = tags(self.settings, work)
        for listed in self.api.clusters(cluster_name(self.settings, work)):
            if (listed.get("tags") or want).get("deployment") == want["deployment"] and _overlap(listed, day):
                settled = _state(listed) in ENDED and datetime.now(UTC) - _life(listed)[1] > SETTLED
                yield _settled(self.api, listed["id"]) if settled else self.api.details(listed["id"])


@cache
def _settled(api: "CoiledApi", cluster_id: int) -> ClusterDetails:
    """Cached details of a cluster whose cost is final."""
    return api.details(cluster_id)


def billing(settings: Settings) -> Billing:
    """The billing for the place in the settings."""
    return CoiledBilling(settings) if settings.compute == "coiled" else Free()


def on_day(details: ClusterDetails, day: date) -> float:
    """The part of a cluster's cost that belongs to a day, by time."""
    from tpch_assets.compute.coiled_api import dollars

    begin, end = _life(details)
    whole = (end - begin).total_seconds()
    return dollars(details) * _overlap(details, day) / whole if whole > 0 else 0.0


def split(cost: dict[Work, float], seconds: dict[str, float]) -> dict[str, float]:
    """Split the cost of each kind of work between its layers, by the seconds of their runs; evenly if none ran."""
    found: dict[str, float] = {}
    for work, layers in MADE_BY.items():
        whole = sum(seconds.get(layer, 0.0) for layer in layers)
        for layer in layers:
            found[layer] = cost.get(work, 0.0) * (seconds.get(layer, 0.0) / whole if whole else 1 / len(layers))
    return found


def _overlap(cluster: ClusterDetails, day: date) -> float:
    """Seconds for which a cluster existed on a day."""
    begin, end = _life(cluster)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return max(0.0, (min(end, midnight + timedelta(days=1)) - max(begin, midnight)).total_seconds())


def _life(cluster: ClusterDetails) -> tuple[datetime, datetime]:
    """Start and end of a cluster's life. The end is now if the cluster is still alive."""
    begin = _moment(cluster["created"])
    return begin, _moment(cluster["current_state"]["updated"]) if _state(cluster) in ENDED else datetime.now(UTC)


def _state(cluster: ClusterDetails) -> str:
    return str(cluster["current_state"]["state"])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
