"""The local Dagster instance: prepares its home, and cleans up after processes that died.

`dagster_private` accesses Dagster's own tables and files.
"""

import json
import os
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import dagster as dg
import psutil

from tpch_assets.orchestration.dagster_private import free_slots
from tpch_assets.settings import PROJECT

OWNER_TAG = "tpch_assets/process"
SERVER_TAG = ".dagster/grpc_info"  # Set by Dagster: the code server that executes a run.
EXECUTED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def prepare_home() -> Path:
    """Create `DAGSTER_HOME` (by default `.dagster` in the project) with the project's dagster.yaml.

    If `DAGSTER_LOGS_BUCKET` is set, use the dagster.yaml in `deploy/`, which stores the output of runs in that bucket.
    """
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(PROJECT / ".dagster")))
    home.mkdir(parents=True, exist_ok=True)
    folder = PROJECT / "deploy" if os.environ.get("DAGSTER_LOGS_BUCKET") else PROJECT
    source, target = folder / "dagster.yaml", home / "dagster.yaml"
    if source.exists() and home != PROJECT and (not target.exists() or target.read_bytes() != source.read_bytes()):
        shutil.copyfile(source, target)
    return home


def owner() -> str:
    """Identify this process in a tag of the runs that it executes."""
    return f"{socket.gethostname()}:{os.getpid()}"


def reap(instance: dg.DagsterInstance) -> int:
    """Fail runs whose process on this machine is gone, and free their pool slots. Returns their number."""
    return _fail(instance, lambda tags: _is_dead(tags.get(OWNER_TAG, "")))


def reap_served(instance: dg.DagsterInstance) -> int:
    """The same for runs of a `dagster dev` on this machine that has exited. Dagster would wait hours for them."""
    return _fail(instance, lambda tags: _is_unserved(json.loads(tags.get(SERVER_TAG, "{}")).get("socket")))


def _fail(instance: dg.DagsterInstance, is_dead: Callable[[Mapping[str, str]], bool]) -> int:
    dead = [run for run in instance.get_runs(dg.RunsFilter(statuses=EXECUTED)) if is_dead(run.tags)]
    for run in dead:
        instance.report_run_failed(run, "The process that executed this run is gone. Run it again.")
        free_slots(instance, run.run_id)
    return len(dead)


def _is_unserved(path: str | None) -> bool:
    """Whether no code server listens on a socket file."""
    if path is None:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) != 0


def _is_dead(process: str) -> bool:
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname():
        return False
    try:  # A zombie has exited but nobody has reaped it yet, as in containers without an init process.
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
