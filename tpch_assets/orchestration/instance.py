"""The local Dagster instance: where its home is, and what to clear up after processes that died.

What reaches into Dagster's own tables and files is in `dagster_private`; what runs do is in `assets` and `jobs`.
"""

import os
import shutil
import socket
from pathlib import Path

import dagster as dg

from tpch_assets.orchestration.dagster_private import free_slots
from tpch_assets.settings import PROJECT

OWNER_TAG = "tpch_assets/process"


def prepare_home() -> Path:
    """Make `DAGSTER_HOME` (by default `.dagster` in the project) with the project's dagster.yaml in it.

    Where `DAGSTER_LOGS_BUCKET` names a bucket, the file is that of `deploy/`, which keeps the output of runs there.
    """
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(PROJECT / ".dagster")))
    home.mkdir(parents=True, exist_ok=True)
    folder = PROJECT / "deploy" if os.environ.get("DAGSTER_LOGS_BUCKET") else PROJECT
    source, target = folder / "dagster.yaml", home / "dagster.yaml"
    if source.exists() and home != PROJECT and (not target.exists() or target.read_bytes() != source.read_bytes()):
        shutil.copyfile(source, target)
    return home


def owner() -> str:
    """This process, as a tag of the runs that it executes itself."""
    return f"{socket.gethostname()}:{os.getpid()}"


def reap(instance: dg.DagsterInstance) -> int:
    """Fail runs whose process on this machine is gone, and free their pool slots. Returns their number."""
    statuses = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    dead = [run for run in instance.get_runs(dg.RunsFilter(statuses=statuses)) if _is_dead(run.tags.get(OWNER_TAG, ""))]
    for run in dead:
        instance.report_run_failed(run, "The process that executed this run is gone; run it again.")
        free_slots(instance, run.run_id)
    return len(dead)


def _is_dead(process: str) -> bool:
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
