"""Clusters on Coiled: one per deployment and kind of work, shared by the runs that are under way, stopped by the last.

A run that was killed leaves a cluster without clients: its scheduler stops it after `NO_CLIENTS`, or when idle.
"""

import logging
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Client

from tpch_assets.compute.coiled_api import CoiledApi, CoiledError, dollars
from tpch_assets.compute.places import CLIENT, check_workers
from tpch_assets.compute.work import Work
from tpch_assets.deployment import deployment
from tpch_assets.settings import PREFIX, Settings

LOG = logging.getLogger(__name__)
NO_CLIENTS = 120  # Seconds; a run between two of its steps must not lose its cluster.
GOING = "tpch-assets-going"  # Set on a scheduler by the last client, before it stops the cluster.
WORKER_SECONDS = 600  # A cluster that is found may have lost its workers; others are on their way.
PATIENCE = 120.0  # Seconds to wait for a cluster that is going, before its successor is made.


@dataclass(frozen=True)
class Size:
    """What a cluster is made of: how many workers, and which machines."""

    workers: tuple[int, int]
    worker_vm: str
    scheduler_vm: str


def size(settings: Settings, work: Work) -> Size:
    """The size of a cluster."""
    sizes: dict[Work, Size] = {
        # A batch is parsed at some 500 MB/s by one worker, so one does, and a second for catching up. Burstable
        # machines idle most of a quarter of an hour; 8 GiB hold DuckDB's 4 and the rest of a worker.
        "batches": Size((1, settings.coiled_batch_workers_max), settings.coiled_batch_vm_type, "t3.medium"),
        # Pairs are independent, so the more workers the sooner it is over, for the same money. The scheduler has
        # thousands of tasks and a client's results in hand: two cores of its own, not a burstable's share.
        "queries": Size(
            (settings.coiled_workers_min, settings.coiled_workers_max), settings.coiled_vm_type, "m6i.large"
        ),
    }
    return sizes[work]


def cluster_name(settings: Settings, work: Work) -> str:
    """The name under which runs of a deployment find each other's cluster."""
    return re.sub(r"[^a-z0-9-]+", "-", f"{settings.coiled_name}-{deployment().name}-{work}".lower()).strip("-")


def tags(settings: Settings, work: Work) -> dict[str, str]:
    """Tags of the cluster and its machines, by which costs are told apart, in the cloud provider's bill too."""
    return {"project": "tpch-assets", "deployment": deployment().name, "work": work}


def region(settings: Settings) -> str | None:
    """The setting's, else the one that AWS is configured for, where the bucket is; None leaves it to the workspace."""
    if settings.coiled_region:
        return settings.coiled_region
    if named := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        return named
    import botocore.session

    return botocore.session.get_session().get_config_variable("region")


def options(settings: Settings, work: Work) -> dict[str, Any]:
    """Keyword arguments of `coiled.Cluster`."""
    of = size(settings, work)
    return {
        "name": cluster_name(settings, work),
        "n_workers": list(of.workers),
        "worker_vm_types": [of.worker_vm],
        "scheduler_vm_types": [of.scheduler_vm],
        "spot_policy": settings.coiled_spot_policy,
        "idle_timeout": settings.coiled_idle_timeout,
        "region": region(settings),
        "tags": tags(settings, work),
        "container": settings.coiled_container,  # Without one, Coiled installs on workers what is installed here.
        "environ": {f"{PREFIX}MEMORY": settings.memory, **_aws_addresses()},
        "show_widget": False,
        "configure_logging": False,
    }


def _aws_addresses() -> dict[str, str]:
    """Where S3 is, if elsewhere than usual. Coiled hands on credentials by itself, as tokens that expire."""
    names = ("AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


class Coiled:
    """A place to compute on Coiled: the deployment's cluster for a kind of work, found or made."""

    def __init__(self, settings: Settings, work: Work) -> None:
        self.api = CoiledApi.configured()
        self.api.check()
        import coiled

        self.settings, self.work = settings, work
        self.name = cluster_name(settings, work)
        _leave_on_sigterm()
        # Several runs may scale one cluster: each must see what the others have asked for.
        dask.config.set({"coiled.adaptive.update-plan-interval": "5s"})
        # A connection of the cluster's own, to be closed with it: the client library keeps one open for ever.
        self.cloud = coiled.Cloud(token=self.api.token, server=self.api.server, workspace=self.api.workspace)
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

    def _join(self) -> tuple[Any, Client]:
        """The cluster and a client of it; a cluster that its last user is about to stop is left alone."""
        import coiled

        end = time.monotonic() + PATIENCE
        while True:
            # One that this call makes is deleted if that fails; one that others use is not.
            cluster = coiled.Cluster(cloud=self.cloud, **options(self.settings, self.work))
            cluster.shutdown_on_close = False  # From here on, the last run to leave stops it.
            try:
                client = Client(cluster, set_as_default=False, name=CLIENT)
                if not client.get_metadata([GOING], default=False):
                    self._keep(cluster)
                    client.wait_for_workers(1, timeout=WORKER_SECONDS)
                    return cluster, client
                client.close()
            except BaseException:
                cluster.close()
                raise
            cluster.close()
            if time.monotonic() > end:
                raise CoiledError(f"The Coiled cluster {self.name} is being stopped and does not end; run this again.")
            time.sleep(1)

    def _keep(self, cluster: Any) -> None:
        """Let the scheduler stop a cluster that everybody has left, and scale it between its limits."""
        cluster.set_keepalive(f"{max(NO_CLIENTS, int(self.settings.coiled_keep_seconds))}s")
        least, most = size(self.settings, self.work).workers
        cluster.adapt(minimum=least, maximum=most)  # Coiled's client does not where it finds a cluster by its name.

    def facts(self) -> dict[str, Any]:
        """The cluster's id, its page, and its cost so far (US dollars)."""
        cluster = self.cluster.cluster_id
        # Unlike the Dask dashboard's link, the page's address holds no token.
        found: dict[str, Any] = {"cluster id": cluster, "cluster page": self.cluster.details_url}
        try:
            found["cluster cost so far ($)"] = round(dollars(self.api.details(cluster)), 4)
        except CoiledError as error:  # What was computed is stored and counts; only its price is not known yet.
            LOG.warning("The cluster's cost cannot be read: %s", error)
        return found

    def close(self) -> None:
        """Leave the cluster; who leaves last stops it, unless it is to be kept for the next run."""
        last = not self.settings.coiled_keep_seconds and _is_last(self.client)
        self.client.close()
        try:
            if last:
                self.cluster.shutdown()
            else:
                self.cluster.close()
        except Exception as error:  # noqa: BLE001 - the client may fail at the interpreter's end; asked once more below
            LOG.warning("Coiled's client could not leave %s: %s", self.name, error)
            if last:
                self.api.stop(self.cluster.cluster_id, "the last run has ended")
        else:
            self.cloud.close()


def _is_last(client: Client) -> bool:
    """Whether no other run uses the scheduler; if so, it is marked, so that none begins to."""
    us = client.id

    # On the scheduler this is one step, and a client registers before it looks for the mark: none slips through.
    def going(dask_scheduler: Any) -> bool:
        others = [name for name in dask_scheduler.clients if name != us and name.startswith(f"Client-{CLIENT}-")]
        if not others:
            dask_scheduler.set_metadata(keys=[GOING], value=True)
        return not others

    try:
        return bool(client.run_on_scheduler(going))
    except (OSError, TimeoutError, RuntimeError) as error:
        LOG.warning("The scheduler does not say whether others use it (%s): it stops when nobody does", error)
        return False


def _leave_on_sigterm() -> None:
    """Let SIGTERM end this process in the usual way, with its exit handlers, where nobody else handles it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
