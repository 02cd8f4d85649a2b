"""The four places to compute, behind one call: threads, processes, a scheduler's address, or Coiled."""

import atexit
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tpch_assets.settings import Settings, SettingsError, current_settings

if TYPE_CHECKING:
    from distributed import Client

# Dask serves HTTP on all interfaces unless told otherwise; port 0 takes a free one.
LOOPBACK: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
_lock = threading.Lock()
_client: "Client | None" = None


def client() -> "Client":
    """The process's Dask client: one cluster per process, started when first needed, closed at exit.

    Raises:
        SettingsError: The cluster cannot be had (no Coiled token, nothing answers at the address).
    """
    global _client
    with _lock:
        if _client is None:
            _client = _start(current_settings())
            atexit.register(close)
        return _client


def close() -> None:
    """Shut the process's cluster down, if it started one."""
    global _client
    with _lock:
        if _client is not None:
            cluster = _client.cluster
            _client.close()
            if cluster is not None:
                cluster.close()
            _client = None


def compute(tasks: Sequence[Any], done: Callable[[int, int], None] | None = None) -> list[Any]:
    """Compute Dask collections on the cluster and return their results in order; the first error is raised.

    Args:
        done: Called with (tasks done, all tasks) as they finish.
    """
    if not tasks:
        return []
    from distributed import as_completed

    futures = client().compute(list(tasks))
    try:
        for count, future in enumerate(as_completed(futures, loop=client().loop), start=1):
            if future.status == "error":
                future.result()
            if done:
                done(count, len(futures))
        return client().gather(futures)
    finally:
        for future in futures:
            future.release()


def _start(settings: Settings) -> "Client":
    import dask
    from distributed import Client

    # Measuring how long threads wait for the GIL warns when DuckDB is busy, and nobody reads it here.
    dask.config.set({"distributed.admin.system-monitor.gil.enabled": False})

    starters = {"threads": _threads, "processes": _processes, "address": _address, "coiled": _coiled}
    return Client(starters[settings.compute](settings), set_as_default=False)


def _threads(settings: Settings) -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        processes=False,
        n_workers=1,
        threads_per_worker=settings.workers,
        protocol="inproc://",
        **LOOPBACK,
        # Dask's own pages cost each run a second of imports, and end with the run that they would show.
        scheduler_kwargs={"dashboard": False},
        memory_limit=0,  # The worker is this process: DuckDB's own limit and spilling bound its memory.
    )


def _processes(settings: Settings) -> Any:
    from distributed import LocalCluster
    from distributed.security import Security

    return LocalCluster(
        n_workers=settings.workers,
        threads_per_worker=1,
        host="127.0.0.1",
        protocol="tls://",
        security=Security.temporary(),
        **LOOPBACK,
        memory_limit=0,
    )


def _address(settings: Settings) -> Any:
    from distributed import Client

    try:
        Client(settings.address, timeout=8).close()
    except OSError as error:
        raise SettingsError(f"TPCH_ADDRESS={settings.address}: no Dask scheduler answers there ({error}).") from None
    return settings.address


def _coiled(settings: Settings) -> Any:
    import coiled
    import dask

    # Without a token the client would open a browser and poll for ten minutes.
    if not dask.config.get("coiled.token", None):
        raise SettingsError("TPCH_COMPUTE=coiled needs a Coiled token: run `coiled login`, or set DASK_COILED__TOKEN.")
    return coiled.Cluster(
        name=settings.coiled_name,
        n_workers=[settings.coiled_workers_min, settings.coiled_workers_max],
        worker_vm_types=[settings.coiled_vm_type],
        scheduler_vm_types=[settings.coiled_vm_type],
        spot_policy=settings.coiled_spot_policy,
        idle_timeout=settings.coiled_idle_timeout,
        region=settings.coiled_region,
        tags={"project": "tpch-assets"},
        shutdown_on_close=False,
    )
