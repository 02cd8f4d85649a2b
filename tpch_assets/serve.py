"""Dagster's UI and the dashboard side by side, until Ctrl-C or until one of them ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg

from tpch_assets.instance import prepare_home, reap
from tpch_assets.settings import PROJECT

DAGSTER = ("dagster", "dev", "--workspace", "workspace.yaml", "--host", "127.0.0.1", "--port", "3000")


def main() -> None:
    """Start both, wait, and stop both."""
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        reap(instance)
    # `dagster dev` is what Dagster's users know; the note that a newer command does the same helps nobody here.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded"}
    commands = [[str(Path(sys.executable).with_name(DAGSTER[0])), *DAGSTER[1:]], [sys.executable, "-m", "dashboards"]]
    processes = [subprocess.Popen(command, cwd=PROJECT, env=environment) for command in commands]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    finally:
        for process in processes:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, firmly where it takes no hint (a shell's background jobs ignore interrupts)."""
    for hint in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process.send_signal(hint)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
        return


if __name__ == "__main__":
    main()
