"""The places to compute: in this process, in processes of this machine, or on a scheduler that runs somewhere.

A place starts or joins a cluster, describes it, and leaves it. How calls run on it is in `cluster`;
Coiled's place is in `coiled_cluster`. Every wait here has a limit, the number of seconds in the constants below.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import dask
import distributed

from tpch_assets.compute.dask_config import can_freeze
from tpch_assets.compute.dask_private import answer_within, kill_workers, knock, processes_of, profiled_workers
from tpch_assets.compute.shapes import Client, Cluster, Process, Versions
from tpch_assets.settings import Settings, SettingsError

LOG = logging.getLogger(__name__)
CLIENT = "tpch-assets"  # In the name of every client of ours.
ANSWER_SECONDS = 5  # For a scheduler to answer at its address.
QUESTION_SECONDS = 60  # For a cluster to answer a short question, such as that for its versions.
CLOSE_SECONDS = 20  # For a client or a cluster to close; after that we kill its processes.
KILL_SECONDS = 5
# Dask serves HTTP on all interfaces by default; port 0 takes a free one.
LOOPBACK = "127.0.0.1:0"
# What tasks and results are made of: with another version on a worker, a run may fail half way, or answer otherwise.
SAME_VERSION = ("cloudpickle", "dask", "deltalake", "distributed", "duckdb", "numpy", "pandas", "pyarrow")

Facts = dict[str, Any]  # Dagster takes texts, numbers and more as metadata.
make_client: Callable[..., Client] = distributed.Client
_make_cluster: Callable[..., Cluster] = distributed.SpecCluster
_make_processes: Callable[..., Cluster] = distributed.LocalCluster
_temporary_certificates: Callable[[], object] = distributed.Security.temporary


class Place(Protocol):
    """A cluster that this process uses."""

    @property
    def client(self) -> Client: ...

    def facts(self) -> Facts:
        """What a materialization should say about where it was computed."""

    def close(self) -> None:
        """Leave the cluster, and end it if nobody else uses it. This does not hang, whatever the cluster does."""


class Local:
    """A cluster within this process or on this machine; it ends with the process."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        try:
            self.client = make_client(cluster, set_as_default=False, name=CLIENT)
        except BaseException:
            self._close_cluster()
            raise

    def facts(self) -> Facts:
        return {}

    def close(self) -> None:
        close_client(self.client)
        self._close_cluster()

    def _close_cluster(self) -> None:
        processes = processes_of(self.cluster)
        try:
            self.cluster.close(timeout=CLOSE_SECONDS)
        except (OSError, TimeoutError) as error:
            LOG.warning("The Dask cluster did not close (%s): its worker processes are killed", type(error).__name__)
            kill_workers(self.cluster, processes, KILL_SECONDS)


def threads(settings: Settings) -> Local:
    """Threads of this process."""
    # Dask's own pages cost each run a second of imports, and end with the run that they would show. (Without an
    # address, scheduler and worker would serve HTTP on all interfaces.)
    shared = {"protocol": "inproc://", "dashboard": False, "dashboard_address": LOOPBACK}
    # The worker is this process: DuckDB's own limit and its spilling bound the memory, so Dask has no limit.
    worker = {"cls": distributed.Worker, "options": {**shared, "nthreads": settings.workers, "memory_limit": 0}}
    scheduler = {"cls": distributed.Scheduler, "options": shared}
    return Local(_make_cluster(workers={0: worker}, scheduler=scheduler, silence_logs=logging.WARNING))


def processes(settings: Settings) -> Local:
    """Worker processes of this machine. A Dask port accepts pickles, so only who has the certificate gets in."""
    return Local(
        _make_processes(
            n_workers=settings.workers,
            threads_per_worker=1,
            host="127.0.0.1",
            protocol="tls://",
            security=_temporary_certificates(),
            dashboard_address=LOOPBACK,
            worker_dashboard_address=LOOPBACK,
            memory_limit=0,
        )
    )


class Address:
    """A scheduler that runs somewhere, and goes on running."""

    def __init__(self, settings: Settings) -> None:
        self.client = connect(settings)

    def facts(self) -> Facts:
        return {}

    def close(self) -> None:
        close_client(self.client)


def close_client(client: Client) -> None:
    """Close a client; one that does not close in time is left alone."""
    try:
        client.close(timeout=CLOSE_SECONDS)
    except (OSError, TimeoutError) as error:
        LOG.warning("The Dask client did not close (%s): it is left alone", type(error).__name__)


def connect(settings: Settings) -> Client:
    """A client of the scheduler at `TPCH_ADDRESS`, with workers that have the packages of this process.

    Raises:
        SettingsError: Nothing answers there, it has no workers, or their packages differ.
    """
    address = str(settings.address)
    where = f"TPCH_ADDRESS={address}"
    certificates = [dask.config.get(f"distributed.comm.tls.{name}") for name in ("ca-file", "client.cert")]
    if address.startswith("tls://") and not all(certificates):
        raise SettingsError(
            f"{where}: a tls:// scheduler needs certificates; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY to their files."
        )
    with _answering(where):
        knock(address, ANSWER_SECONDS)
        client = make_client(address, timeout=ANSWER_SECONDS, set_as_default=False, name=CLIENT)
    try:
        check_workers(client, where)
        warn_of_profilers(client, where)
    except BaseException:
        close_client(client)
        raise
    return client


def check_address(settings: Settings) -> None:
    """Fail at once if no scheduler answers at `TPCH_ADDRESS`.

    Raises:
        SettingsError: One sentence that names the address, and why.
    """
    with _answering(f"TPCH_ADDRESS={settings.address}"):
        knock(str(settings.address), ANSWER_SECONDS)


@contextmanager
def _answering(where: str) -> Iterator[None]:
    """Have a scheduler that does not answer be one sentence."""
    try:
        yield
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error.__cause__ or error).splitlines() or [f"silence for {ANSWER_SECONDS} s"]
        raise SettingsError(f"{where}: no Dask scheduler answers there ({reason[0]}).") from None


def check_workers(client: Client, where: str) -> None:
    """Refuse a cluster without workers, or with other packages than this process has.

    Raises:
        SettingsError: One sentence that names the worker or scheduler, the package and both versions.
    """
    try:
        answer = answer_within(client, QUESTION_SECONDS, lambda: client.get_versions(packages=[*SAME_VERSION]))
    except TimeoutError:
        raise SettingsError(f"{where}: the workers do not answer within {QUESTION_SECONDS} s; restart them.") from None
    found = cast(Versions, answer)
    if not found["workers"]:
        raise SettingsError(f"{where}: the scheduler has no workers; start some (dask worker <address>).")
    here = _versions(found["client"])
    differs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, process in [("the scheduler", found["scheduler"]), *found["workers"].items()]:
        for package, version in _versions(process).items():
            if version != here[package] and not (name == "the scheduler" and version == "none"):
                differs[package, version].append(name)
    if differs:
        listed = "; ".join(
            f"{names[0]}{f' (and {len(names) - 1} more)' if names[1:] else ''} has {package} {version}, "
            f"not {here[package]}"
            for (package, version), names in sorted(differs.items())
        )
        raise SettingsError(f"{where}: {listed}. Install there what is installed here (constraints.txt).")


def _versions(process: Process) -> dict[str, str]:
    """The versions of one process that must be the same everywhere; of Python without the last number."""
    packages = process["packages"]
    python = ".".join(str(packages["python"]).split(".")[:2])
    return {"python": python, **{name: packages.get(name) or "none" for name in SAME_VERSION}}


def warn_of_profilers(client: Client, where: str) -> None:
    """Warn in one sentence about workers that may freeze, because Dask's profiler runs on an affected Python."""
    try:
        profiled = profiled_workers(client, QUESTION_SECONDS)
    except TimeoutError:
        LOG.warning("%s: the workers do not answer within %d s, they may be frozen", where, QUESTION_SECONDS)
        return
    frozen = sorted(address for address, version in profiled.items() if can_freeze(version))
    if frozen:
        version = ".".join(map(str, profiled[frozen[0]]))
        LOG.warning(
            "%s: %s%s may freeze for ever, because Dask's profiler runs there on Python %s; "
            "start workers with DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False or on Python 3.11.9 or newer",
            where,
            frozen[0],
            f" (and {len(frozen) - 1} more)" if frozen[1:] else "",
            version,
        )
