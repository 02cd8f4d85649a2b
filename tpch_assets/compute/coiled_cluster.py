"""Clusters on Coiled: one per deployment and kind of work. Runs share it while they last, and the last one stops it.

Sizes, names and the life of a cluster belong here; questions to the control plane are in `coiled_api`. A killed run
leaves a cluster without clients: its scheduler stops it after `NO_CLIENTS`, or when idle. Every wait has a limit:
Coiled's client waits 20 minutes for a new cluster, and the constants below hold the others.
"""

import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import dask

from tpch_assets.compute.coiled_api import CoiledApi, CoiledError, dollars
from tpch_assets.compute.dask_config import ENVIRONMENT
from tpch_assets.compute.dask_private import answer_within, mark_unless_used
from tpch_assets.compute.places import CLIENT, QUESTION_SECONDS, Facts, check_workers, close_client, make_client
from tpch_assets.compute.shapes import Client, Cloud, ClusterOptions, CoiledCluster
from tpch_assets.deployment import deployment
from tpch_assets.layers import Work
from tpch_assets.settings import PREFIX, S3_ENDPOINT, S3_REGION, Settings

LOG = logging.getLogger(__name__)
NO_CLIENTS = 120  # Seconds; a run between two of its steps must not lose its cluster.
GOING = "tpch-assets-going"  # The last client sets this on a scheduler before it stops the cluster.
WORKER_SECONDS = 600  # A cluster that we find may have lost its workers; others are on their way.
PATIENCE = 120.0  # Seconds to wait until a cluster that is going is gone, before we make its successor.
LEAVE_SECONDS = 60  # To leave or stop a cluster; after that we ask the control plane ourselves.


@dataclass(frozen=True)
class Size:
    """The size of a cluster: how many workers, and which machines."""

    workers: tuple[int, int]
    worker_vm: str
    scheduler_vm: str


def size(settings: Settings, work: Work) -> Size:
    """The size of the cluster for a kind of work."""
    sizes: dict[Work, Size] = {
        # One worker parses some 500 MB/s, enough for a batch; a second one helps to catch up. Burstable machines
        # idle most of a quarter of an hour; 8 GiB hold DuckDB's 4 and the rest of a worker.
        "batches": Size((1, settings.coiled_batch_workers_max), settings.coiled_batch_vm_type, "t3.medium"),
        # Pairs are independent, so more workers end sooner for the same money. The scheduler holds thousands of tasks
        # and a client's results: it needs two whole cores, not a burstable's share.
        "queries": Size(
            (settings.coiled_workers_min, settings.coiled_workers_max), settings.coiled_vm_type, "m6i.large"
        ),
    }
    return sizes[work]


def cluster_name(settings: Settings, work: Work) -> str:
    """The name by which runs of a deployment find each other's cluster."""
    return re.sub(r"[^a-z0-9-]+", "-", f"{settings.coiled_name}-{deployment().name}-{work}".lower()).strip("-")


def tags(settings: Settings, work: Work) -> dict[str, str]:
    """Tags of the cluster and its machines; the cloud provider's bill shows them, too."""
    return {"project": "tpch-assets", "deployment": deployment().name, "work": work}


def region(settings: Settings) -> str | None:
    """The setting's region, else AWS's, where the bucket is; None leaves the choice to the workspace."""
    if settings.coiled_region:
        return settings.coiled_region
    if named := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        return named
    import botocore.session

    found = botocore.session.get_session().get_config_variable("region")
    return str(found) if found else None


def options(settings: Settings, work: Work) -> ClusterOptions:
    """Keyword arguments of `coiled.Cluster`."""
    chosen = size(settings, work)
    return {
        "name": cluster_name(settings, work),
        "n_workers": list(chosen.workers),
        "worker_vm_types": [chosen.worker_vm],
        "scheduler_vm_types": [chosen.scheduler_vm],
        "spot_policy": settings.coiled_spot_policy,
        "idle_timeout": settings.coiled_idle_timeout,
        "region": region(settings),
        "tags": tags(settings, work),
        "container": settings.coiled_container,  # Without one, Coiled copies this environment to workers.
        "environ": {f"{PREFIX}MEMORY": settings.memory, **ENVIRONMENT, **_aws_addresses()},
        "show_widget": False,
        "configure_logging": False,
    }


def _aws_addresses() -> dict[str, str]:
    """Where S3 is, if not at its usual address. Coiled hands on credentials by itself, as tokens that expire."""
    return {name: os.environ[name] for name in (*S3_REGION, *S3_ENDPOINT) if os.environ.get(name)}


class Coiled:
    """A place to compute on Coiled: the deployment's cluster for a kind of work, found or made."""

    def __init__(self, settings: Settings, work: Work) -> None:
        self.api = CoiledApi.configured()
        self.api.check()
        self.settings, self.work = settings, work
        self.name = cluster_name(settings, work)
        _leave_on_sigterm()
        # Several runs may scale one cluster: each must see what the others have asked for.
        dask.config.set({"coiled.adaptive.update-plan-interval": "5s"})
        import coiled  # Slow, so only after the token is accepted.

        # We close this connection with the cluster; the client library keeps its own open for ever.
        connect: Callable[..., Cloud] = coiled.Cloud
        self.cloud = connect(token=self.api.token, server=self.api.server, workspace=self.api.workspace)
        try:
            self.cluster, self.client = self._join()
        except BaseException:
            self.cloud.close()
            raise
        try:
            check_workers(self.client, f"The Coiled cluster {self.name}")
        except BaseException:
            self.close()
            raise

    def _join(self) -> tuple[CoiledCluster, Client]:
        """The cluster and a client of it. A cluster that its last user is about to stop is left alone."""
        import coiled

        make: Callable[..., CoiledCluster] = coiled.Cluster
        end = time.monotonic() + PATIENCE
        while True:
            # Coiled deletes a cluster that this call makes if that fails; one that others use stays.
            cluster = make(cloud=self.cloud, **options(self.settings, self.work))
            cluster.shutdown_on_close = False  # From here on, the last run to leave stops it.
            try:
                client = make_client(cluster, set_as_default=False, name=CLIENT)
                if not self._is_going(client):
                    self._keep(cluster)
                    client.wait_for_workers(1, timeout=WORKER_SECONDS)
                    return cluster, client
                close_client(client)
            except BaseException:
                _leave(cluster)
                raise
            _leave(cluster)
            if time.monotonic() > end:
                raise CoiledError(f"The Coiled cluster {self.name} is being stopped and does not end; run this again.")
            time.sleep(1)

    def _is_going(self, client: Client) -> bool:
        return bool(answer_within(client, QUESTION_SECONDS, lambda: client.get_metadata([GOING], False)))

    def _keep(self, cluster: CoiledCluster) -> None:
        """Let the scheduler stop a cluster that everybody has left, and scale it between its limits."""
        seconds = max(NO_CLIENTS, int(self.settings.coiled_keep_seconds))
        answer_within(cluster, QUESTION_SECONDS, lambda: cluster.set_keepalive(f"{seconds}s"))
        least, most = size(self.settings, self.work).workers
        cluster.adapt(minimum=least, maximum=most)  # Coiled's client does this only for a cluster that it makes.

    def facts(self) -> Facts:
        """The cluster's id, its page, and its cost so far (US dollars)."""
        cluster = self.cluster.cluster_id
        # Unlike the Dask dashboard's link, the page's address holds no token.
        found: Facts = {"cluster id": cluster, "cluster page": self.cluster.details_url}
        try:
            found["cluster cost so far ($)"] = round(dollars(self.api.details(cluster)), 4)
        except CoiledError as error:  # The results are stored and count; only their price is unknown yet.
            LOG.warning("The cluster's cost cannot be read: %s", error)
        return found

    def close(self) -> None:
        """Leave the cluster; who leaves last stops it, unless the settings keep it for the next run."""
        last = not self.settings.coiled_keep_seconds and _is_last(self.client)
        close_client(self.client)
        try:
            _leave(self.cluster, stop=last)
        except Exception as error:  # noqa: BLE001 - the client may fail at the interpreter's end; we ask once more below
            LOG.warning("Coiled's client could not leave %s: %s", self.name, error)
            if last:
                self.api.stop(self.cluster.cluster_id, "the last run has ended")
        else:
            self.cloud.close()


def _leave(cluster: CoiledCluster, stop: bool = False) -> None:
    answer_within(cluster, LEAVE_SECONDS, cluster.shutdown if stop else cluster.close)


def _is_last(client: Client) -> bool:
    """Whether no other run uses the scheduler; if so, a mark on it keeps new ones away."""
    mark = mark_unless_used(client, CLIENT, GOING)
    try:
        return answer_within(client, QUESTION_SECONDS, lambda: client.run_on_scheduler(mark))
    except (OSError, TimeoutError, RuntimeError) as error:
        LOG.warning("The scheduler does not say whether others use it (%s): it stops when nobody does", error)
        return False


def _leave_on_sigterm() -> None:
    """Let SIGTERM end this process in the usual way, with its exit handlers, unless somebody else handles it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
