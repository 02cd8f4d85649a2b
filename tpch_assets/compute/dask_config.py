"""What we change in Dask's configuration, and why; `configure` does it before any cluster, worker or client is made.

Nothing here starts or asks a cluster. What a worker does in the end is read by `dask_private.profiled_workers`.
"""

import logging
import os

import dask

# CPython 3.11.3 to 3.11.8 can wait for itself for ever when a thread calls `sys._current_frames()` while garbage is
# collected (gh-106883). Dask's worker profiler calls it every 10 ms, and only SIGKILL ends such a process.
FREEZES_FROM, FREEZES_TO = (3, 11, 3), (3, 11, 8)
# For workers that another process starts: Dask reads its configuration from the environment, too.
ENVIRONMENT = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
_SHUFFLES = "distributed.shuffle._scheduler_plugin"
SETTINGS = {
    "distributed.worker.profile.enabled": False,
    # This measures how long threads wait for the GIL. It warns while DuckDB is busy, and nobody reads it here.
    "distributed.admin.system-monitor.gil.enabled": False,
    # A shuffle warns at its beginning and end, whatever happens.
    "logging": {_SHUFFLES: "error"},
}


def configure() -> None:
    """Switch the profiler off in this process and in those that it starts.

    Dask hands its configuration to the worker processes that it starts; the environment reaches all other children.
    """
    os.environ.update(ENVIRONMENT)
    dask.config.set(SETTINGS)
    logging.getLogger(_SHUFFLES).setLevel(logging.ERROR)  # Dask reads its own setting when it is imported, once.


def can_freeze(version: tuple[int, ...]) -> bool:
    """Whether this version of Python can freeze under Dask's profiler."""
    return FREEZES_FROM <= version[:3] <= FREEZES_TO
