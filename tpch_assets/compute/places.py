"""The places to compute: in this process, in processes of this machine, or on a scheduler that runs somewhere.

What a place costs, and where one looks at it, is told by the place itself; only Coiled's has anything to tell.
"""

import asyncio
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import dask
from distributed import Client, LocalCluster, Worker
from distributed.comm import connect as connect_comm
from distributed.security import Security

from tpch_assets.settings import Settings, SettingsError

# Dask serves HTTP on all interfaces unless told otherwise; port 0 takes a free one.
LOOPBACK: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
CLIENT = "tpch-assets"  # In the name of every client of ours.
ANSWER_SECONDS = 5
# What tasks and results are made of: with another version on a worker, a run may fail half way, or answer otherwise.
SAME_VERSION = ("cloudpickle", "dask", "deltalake", "distributed", "duckdb", "numpy", "pandas", "pyarrow")


class Place(Protocol):
    """A cluster that this process uses."""

    client: Client

    def facts(self) -> dict[str, Any]:
        """What a materialization should tell of where it was computed."""

    def close(self) -> None:
        """Leave it, and end it if it is nobody else's."""


class Local:
    """A cluster within this process or on this machine; it ends with the process."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.client = Client(cluster, set_as_default=False, name=CLIENT)

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self.client.close()
        self.cluster.close()


class _WithoutPages(Worker):
    """A worker that does not load what draws Dask's own pages."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "dashboard": False})


def threads(settings: Settings) -> Local:
    """Threads of this process."""
    return Local(
        LocalCluster(
            processes=False,
            worker_class=_WithoutPages,
            n_workers=1,
            threads_per_worker=settings.workers,
            protocol="inproc://",
            **LOOPBACK,
            # Dask's own pages cost each run a second of imports, and end with the run that they would show.
            # (Without the worker's address it would serve HTTP on all interfaces.)
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,  # The worker is this process: DuckDB's own limit and spilling bound its memory.
        )
    )


def processes(settings: Settings) -> Local:
    """Worker processes of this machine. A Dask port accepts pickles, so only who has the certificate gets in."""
    return Local(
        LocalCluster(
            n_workers=settings.workers,
            threads_per_worker=1,
            host="127.0.0.1",
            protocol="tls://",
            security=Security.temporary(),
            **LOOPBACK,
            memory_limit=0,
        )
    )


class Address:
    """A scheduler that runs somewhere, and goes on running."""

    def __init__(self, settings: Settings) -> None:
        self.client = connect(settings)

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self.client.close()


def connect(settings: Settings) -> Client:
    """A client of the scheduler at `TPCH_ADDRESS`, with workers that have the packages of here.

    Raises:
        SettingsError: Nothing answers there, it has no workers, or their packages differ.
    """
    where = f"TPCH_ADDRESS={settings.address}"
    certificates = [dask.config.get(f"distributed.comm.tls.{name}") for name in ("ca-file", "client.cert")]
    if str(settings.address).startswith("tls://") and not all(certificates):
        raise SettingsError(
            f"{where}: a tls:// scheduler needs certificates; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY to their files."
        )
    try:
        _knock(str(settings.address))
        client = Client(settings.address, timeout=ANSWER_SECONDS, set_as_default=False, name=CLIENT)
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error.__cause__ or error).splitlines() or [f"silence for {ANSWER_SECONDS} s"]
        raise SettingsError(f"{where}: no Dask scheduler answers there ({reason[0]}).") from None
    try:
        check_workers(client, where)
    except BaseException:
        client.close()
        raise
    return client


def _knock(address: str) -> None:
    """See that a Dask scheduler answers: a client would wait for ever for one that takes calls and says nothing."""

    async def knock() -> None:
        comm = await connect_comm(address, timeout=ANSWER_SECONDS, **Security().get_connection_args("client"))
        comm.abort()

    with ThreadPoolExecutor(1) as own:  # This thread may have an event loop of its own.
        own.submit(asyncio.run, asyncio.wait_for(knock(), ANSWER_SECONDS)).result()


def check_workers(client: Client, where: str) -> None:
    """Refuse a cluster without workers, or whose packages are not those of this process.

    Raises:
        SettingsError: One sentence that names the worker or scheduler, the package and both versions.
    """
    found: Any = client.get_versions(packages=[*SAME_VERSION])
    if not found["workers"]:
        raise SettingsError(f"{where}: the scheduler has no workers; start some (dask worker <address>).")
    here = _versions(found["client"])
    differs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, there in [("the scheduler", found["scheduler"]), *found["workers"].items()]:
        for package, version in _versions(there).items():
            if version != here[package] and not (name == "the scheduler" and version == "none"):
                differs[package, version].append(name)
    if differs:
        told = "; ".join(
            f"{names[0]}{f' (and {len(names) - 1} more)' if names[1:] else ''} has {package} {version}, "
            f"not {here[package]}"
            for (package, version), names in sorted(differs.items())
        )
        raise SettingsError(f"{where}: {told}. Install there what is installed here (constraints.txt).")


def _versions(found: dict[str, Any]) -> dict[str, str]:
    """The versions that must be the same, of one process; of Python without the last number."""
    packages = found["packages"]
    python = ".".join(packages["python"].split(".")[:2])
    return {"python": python, **{name: packages.get(name) or "none" for name in SAME_VERSION}}
