"""Dagster's UI and the dashboard side by side, until Ctrl-C or until Dagster ends. `--check` only checks the ports.

The dashboard starts again when it ends or stops answering.
"""

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from errno import EADDRINUSE
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from threading import Event, Thread

from tpch_assets.orchestration.liveness import trouble
from tpch_assets.settings import PREFIX, PROJECT, DashboardAddress, SettingsError, current_settings, load_address

# `dagster dev` is what Dagster's users know; the hint that `dg dev` does the same helps nobody here.
QUIETLY = ("-W", "ignore:Function `dev_command` is superseded")
DAGSTER = (*QUIETLY, "-m", "dagster", "dev", "-w", "workspace.yaml", "--log-level", "warning", "--host", "127.0.0.1")
# Dagster logs the events of runs at DEBUG; the console shows only where runs begin and end. DuckDB's binding complains
# of itself where a process ends.
NOISE = re.compile(
    r"- DEBUG -(?!.*- RUN_(START|SUCCESS|CANCELED) -)|Found a dagster instance configuration value"
    r"|nanobind|^ - (leaked|\.\.\.) "
)
DASHBOARD = ("-m", "dashboards")


def start(arguments: Sequence[str], stopping: Event) -> Popen[str]:
    """Start Python in a process group of its own, and pass its output on until we stop.

    A terminal's Ctrl-C then reaches only us, and `stop` reaches all that the child started.
    """
    command = [sys.executable, *arguments]
    child = Popen(
        command, cwd=PROJECT, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, errors="replace", start_new_session=True
    )

    def relay() -> None:
        assert child.stdout
        with child.stdout as lines:
            for line in lines:
                if not stopping.is_set() and not NOISE.search(line):
                    say(line.replace("- DEBUG -", "- INFO -").rstrip())

    Thread(target=relay, daemon=True).start()
    return child


def stop(child: Popen[str], patience: float = 3) -> None:
    """End a child and all that it started; kill what does not end in time, since it would keep its port."""
    deadline = time.monotonic() + patience
    with suppress(ProcessLookupError):  # None of them is left.
        os.killpg(child.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            child.poll()  # An ended child is gone only when we have asked.
            os.killpg(child.pid, 0)
            time.sleep(0.05)
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def keep_up(url: str, arguments: Sequence[str], stopping: Event, patience: float = 60, pause: float = 1) -> None:
    """Keep a dashboard up until we stop. One that does not answer for `patience` seconds starts again.

    The pause before that doubles while it does not stay up.
    """
    wait = pause
    while not stopping.is_set():
        started = answered = time.monotonic()
        child = start(arguments, stopping)
        while child.poll() is None and time.monotonic() - answered < patience and not stopping.wait(pause):
            answered = answered if trouble(url, timeout=1) else time.monotonic()
        code = child.poll()
        stop(child)
        if not stopping.is_set():
            wait = pause if answered - started > patience else wait
            why = "does not answer" if code is None else f"ended with exit code {code}"
            say(f"The dashboard {why}; it starts again in {wait:g} s.")
            stopping.wait(wait)
            wait = min(2 * wait, 60)


def say(sentence: str) -> None:
    """Write a line, where somebody is still there to read it."""
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")


def check_ports(address: DashboardAddress, dagster_port: int) -> None:
    """Refuse to go on unless both ports are free."""
    wanted = (("127.0.0.1", dagster_port, "DAGSTER_PORT"), (address.address, address.port, "DASHBOARD_PORT"))
    with ExitStack() as held:
        for host, port, name in wanted:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                held.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                why = "is in use" if error.errno == EADDRINUSE else f"of {host} cannot be used ({error})"
                raise SettingsError(f"port {port} {why}: set {PREFIX}{name} or stop the other program") from None


def prepare(lake: str) -> None:
    """Clear up after processes that died."""
    import dagster as dg  # Slow to import, so the ports are checked before.

    from tpch_assets.lake.lake import Lake
    from tpch_assets.lake.recovery import REPAIRED, repair
    from tpch_assets.orchestration.instance import prepare_home, reap, reap_served

    for damaged in repair(Lake(lake)):
        say(f"{REPAIRED} {damaged}")
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        reap(instance)
        reap_served(instance)


def main() -> None:
    """Serve until a signal comes or Dagster ends; what cannot be started is one sentence on stderr."""
    stopping = Event()
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_, lambda *_: stopping.set())
    try:
        settings, address = current_settings(), load_address(DashboardAddress)
        check_ports(address, settings.dagster_port)
        if "--check" in sys.argv:
            return
        prepare(settings.lake)
    except SettingsError as error:
        sys.exit(f"serve: {error}")
    port = settings.dagster_port
    say(f"Dagster starts at http://127.0.0.1:{port}, the dashboard at {address.url}; Ctrl-C ends both.")
    dagster = start((*DAGSTER, "--port", str(port)), stopping)
    dashboard = Thread(target=keep_up, args=(address.url, DASHBOARD, stopping))
    dashboard.start()
    while dagster.poll() is None and not stopping.wait(0.5):
        pass
    code = dagster.poll()
    say("Stopping Dagster and the dashboard." if code is None else f"Dagster ended with exit code {code}.")
    stopping.set()
    stop(dagster)
    dashboard.join()
    os._exit(code or 0)  # Leaving as usual would take as long again as importing Dagster did.


if __name__ == "__main__":
    main()
