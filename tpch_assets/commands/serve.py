"""Dagster's UI and the dashboard side by side, until Ctrl-C or until one of them ends.

The dashboard is started as `dashboard_job` starts it, so that the job knows it and, with automation on, replaces it.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil

from dashboards.keeper import DashboardError, local_url, trouble
from dashboards.local import LocalStarter
from dashboards.settings import load_dashboard_settings
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.recovery import REPAIRED, repair
from tpch_assets.orchestration.instance import prepare_home, reap
from tpch_assets.settings import PROJECT, SettingsError, current_settings

DAGSTER = ("dagster", "dev", "--workspace", "workspace.yaml", "--host", "127.0.0.1", "--port", "3000")


def main() -> None:
    """Start both, wait, and stop both; what cannot be started is one sentence on stderr."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = current_settings()
        mode = settings.dashboard_mode if "dashboard_mode" in settings.model_fields_set else "local"
        os.environ["TPCH_DASHBOARD_MODE"] = mode
        for damaged in repair(Lake(settings.lake)):
            _say(f"{REPAIRED} {damaged}")
        starter = LocalStarter(local_url(load_dashboard_settings()), prepare_home())
        serve(starter, kept=settings.automation and mode == "local")
    except (DashboardError, SettingsError) as error:
        sys.exit(f"serve: {error}")
    except KeyboardInterrupt:
        pass


def serve(starter: LocalStarter, kept: bool) -> None:
    """Serve until one of the two ends.

    Args:
        kept: Dagster's schedules are on, and one of them starts a dashboard that has ended.
    """
    with dg.DagsterInstance.get() as instance:
        reap(instance)
    starter.stop()  # One that an earlier, killed `make dev` left behind has old code.
    found = trouble(starter.url) is None
    dagster = _dagster()
    try:
        _say(f"A dashboard answers at {starter.url} already." if found else starter.start())
        running = not found
        while dagster.poll() is None:
            time.sleep(0.5)
            before, running = running, starter.process() is not None
            if before and not running:
                _say(f"The dashboard has ended; {starter.log} tells why.")
                if not kept:
                    break
    finally:
        starter.stop()
        _stop(dagster)


def _dagster() -> subprocess.Popen[bytes]:
    # `dagster dev` is what Dagster's users know; the note that a newer command does the same helps nobody here.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded"}
    command = [str(Path(sys.executable).with_name(DAGSTER[0])), *DAGSTER[1:]]
    return subprocess.Popen(command, cwd=PROJECT, env=environment)


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, firmly where one takes no hint: one that is left keeps the port."""
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    process.send_signal(signal.SIGINT)  # As Ctrl-C does, which a shell's background jobs ignore.
    _, left = psutil.wait_procs(family, timeout=10)
    for hint in (signal.SIGTERM, signal.SIGKILL):
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(hint)
        _, left = psutil.wait_procs(left, timeout=10)
    process.wait()


if __name__ == "__main__":
    main()
