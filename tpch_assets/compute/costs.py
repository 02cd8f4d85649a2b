"""What computing costs, by kind of work and day, in US dollars.

Only Coiled costs; for other places we ask nobody. What may be spent is in `budget`, the control plane in `coiled_api`.
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
SETTLED = timedelta(hours=1)  # This long after its end, a cluster's cost is final.


class Billing(Protocol):
    """Knows what has been spent."""

    def dollars(self, day: date) -> dict[Work, float]:
        """Dollars by kind of work on a day (UTC), so far if it is today."""


class Free:
    """Threads, processes and schedulers at an address: nobody pays them by use."""

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
            CoiledError: Coiled does not answer, or refuses.
        """
        return {work: sum(on_day(one, day) for one in self._clusters(work, day)) for work in MADE_BY}

    def _clusters(self, work: Work, day: date) -> Iterable[ClusterDetails]:
        """Details of the deployment's clusters that lived on a day."""
        from tpch_assets.compute.coiled_cluster import cluster_name, tags

        want = tags(self.settings, work)
        for listed in self.api.clusters(cluster_name(self.settings, work)):
            if (listed.get("tags") or want).get("deployment") == want["deployment"] and _overlap(listed, day):
                settled = _state(listed) in ENDED and datetime.now(UTC) - _life(listed)[1] > SETTLED
                yield _settled(self.api, listed["id"]) if settled else self.api.details(listed["id"])


@cache
def _settled(api: "CoiledApi", cluster_id: int) -> ClusterDetails:
    """Details of a cluster that ended long ago; they are final."""
    return api.details(cluster_id)


def billing(settings: Settings) -> Billing:
    """The billing of the place that the settings name."""
    return CoiledBilling(settings) if settings.compute == "coiled" else Free()


def on_day(details: ClusterDetails, day: date) -> float:
    """The share of a cluster's cost that falls on a day, by time."""
    from tpch_assets.compute.coiled_api import dollars

    begin, end = _life(details)
    whole = (end - begin).total_seconds()
    return dollars(details) * _overlap(details, day) / whole if whole > 0 else 0.0


def split(cost: dict[Work, float], seconds: dict[str, float]) -> dict[str, float]:
    """Cost by layer: layers share a kind of work's cost by the seconds of their runs, or evenly if none ran."""
    found: dict[str, float] = {}
    for work, layers in MADE_BY.items():
        whole = sum(seconds.get(layer, 0.0) for layer in layers)
        for layer in layers:
            found[layer] = cost.get(work, 0.0) * (seconds.get(layer, 0.0) / whole if whole else 1 / len(layers))
    return found


def _overlap(cluster: ClusterDetails, day: date) -> float:
    """Seconds for which a cluster lived on a day."""
    begin, end = _life(cluster)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return max(0.0, (min(end, midnight + timedelta(days=1)) - max(begin, midnight)).total_seconds())


def _life(cluster: ClusterDetails) -> tuple[datetime, datetime]:
    """When a cluster began and ended; now, if it has not ended."""
    begin = _moment(cluster["created"])
    return begin, _moment(cluster["current_state"]["updated"]) if _state(cluster) in ENDED else datetime.now(UTC)


def _state(cluster: ClusterDetails) -> str:
    return str(cluster["current_state"]["state"])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
