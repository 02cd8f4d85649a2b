"""Run the Dagster UI, the dashboard and the model's server until Ctrl-C or until Dagster exits.

The dashboard and the model's server restart when they exit or stop responding. A business without a model has no such
server. `--check` only checks the ports.
"""

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from errno import EADDRINUSE
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from threading import Event, Thread

from tpch_assets.orchestration.liveness import trouble
from tpch_assets.settings import (
    DASHBOARD_PREFIX,
    PREFIX,
    PROJECT,
    SERVING_PREFIX,
    Address,
    DashboardAddress,
    ServingAddress,
    SettingsError,
    current_business,
    current_settings,
    load_address,
)

# Dagster users know `dagster dev`. Hide its hint that `dg dev` does the same.
QUIETLY = ("-W", "ignore:Function `dev_command` is superseded")
DAGSTER = (*QUIETLY, "-m", "dagster", "dev", "-w", "workspace.yaml", "--log-level", "warning", "--host", "127.0.0.1")
# Dagster logs the events of runs at DEBUG; the console shows only when runs start and finish. DuckDB's Python binding
# prints warnings about itself when a process exits.
NOISE = re.compile(
    r"- DEBUG -(?!.*- RUN_(START|SUCCESS|CANCELED) -)|Found a dagster instance configuration value"
    r"|nanobind|^ - (leaked|\.\.\.) "
)
DASHBOARD, SERVING = ("-m", "dashboards"), ("-m", "serving")


@dataclass(frozen=True)
class Server:
    """A program that is kept up beside Dagster.

    Attributes:
        name: What it is called in sentences.
        prefix: Of its settings.
    """

    name: str
    address: Address
    arguments: Sequence[str]
    prefix: str

    @property
    def url(self) -> str:
        return self.address.url


def servers() -> list[Server]:
    """The dashboard, and the model's server if the business has a model.

    Raises:
        SettingsError: An address is not valid, or the business cannot be loaded.
    """
    found = [Server("the dashboard", load_address(DashboardAddress), DASHBOARD, DASHBOARD_PREFIX)]
    if current_business().models:
        found.append(Server("the model's server", load_address(ServingAddress), SERVING, SERVING_PREFIX))
    return found


def start(arguments: Sequence[str], stopping: Event) -> Popen[str]:
    """Start Python in its own process group, and relay its output until `stopping` is set.

    Ctrl-C in a terminal then reaches only this process, and `stop` reaches every process that the child started.
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
    """Terminate a child and every process it started. Kill those that do not exit in time: they would keep a port."""
    deadline = time.monotonic() + patience
    with suppress(ProcessLookupError):  # No process is left.
        os.killpg(child.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            child.poll()  # Reap the child, or it would stay a zombie.
            os.killpg(child.pid, 0)
            time.sleep(0.05)
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def keep_up(
    url: str,
    arguments: Sequence[str],
    stopping: Event,
    patience: float = 60,
    pause: float = 1,
    name: str = "the dashboard",
) -> None:
    """Keep a server running until `stopping` is set. Restart it if it does not respond for `patience` seconds.

    The pause before a restart doubles while the server does not stay up.
    """
    wait = pause
    while not stopping.is_set():
        started = answered = time.monotonic()
        child, asked = start(arguments, stopping), 0.0
        while child.poll() is None and time.monotonic() - answered < patience and not stopping.wait(pause):
            if time.monotonic() - asked > patience / 12:  # Each question costs both processes time.
                answered, asked = answered if trouble(url, timeout=1) else time.monotonic(), time.monotonic()
        code = child.poll()
        stop(child)
        if not stopping.is_set():
            wait = pause if answered - started > patience else wait
            why = "does not answer" if code is None else f"ended with exit code {code}"
            say(f"{name.capitalize()} {why}; it starts again in {wait:g} s.")
            stopping.wait(wait)
            wait = min(2 * wait, 60)


def say(sentence: str) -> None:
    """Write a line to stderr, if it is still open."""
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")


def check_ports(kept: Sequence[Server], dagster_port: int) -> None:
    """Check that all ports are free.

    Raises:
        SettingsError: A port is in use, or its address cannot be used.
    """
    wanted = [("127.0.0.1", dagster_port, f"{PREFIX}DAGSTER_PORT")]
    wanted += [(one.address.address, one.address.port, f"{one.prefix}PORT") for one in kept]
    with ExitStack() as held:
        for host, port, name in wanted:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                held.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                why = "is in use" if error.errno == EADDRINUSE else f"of {host} cannot be used ({error})"
                raise SettingsError(f"port {port} {why}: set {name} or stop the other program") from None


def prepare(lake: str) -> None:
    """Clean up after processes that died."""
    import dagster as dg  # Slow to import, so the ports are checked first.

    from tpch_assets.lake.lake import Lake
    from tpch_assets.lake.recovery import REPAIRED, repair
    from tpch_assets.orchestration.databases import move_damaged_aside
    from tpch_assets.orchestration.instance import prepare_home, reap, reap_served

    for damaged in repair(Lake(lake)):
        say(f"{REPAIRED} {damaged}")
    for sentence in move_damaged_aside(prepare_home()):
        say(sentence)
    with dg.DagsterInstance.get() as instance:
        reap(instance)
        reap_served(instance)


def main() -> None:
    """Serve until a signal arrives or Dagster exits. A bad setting or a used port prints a one-line error."""
    stopping = Event()
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_, lambda *_: stopping.set())
    try:
        settings, kept = current_settings(), servers()
        check_ports(kept, settings.dagster_port)
        if "--check" in sys.argv:
            return
        prepare(settings.lake)
    except SettingsError as error:
        sys.exit(f"serve: {error}")
    port, names = settings.dagster_port, _and("Dagster", *(one.name for one in kept))
    places = "".join(f", {one.name} at {one.url}" for one in kept)
    say(f"Dagster starts at http://127.0.0.1:{port}{places}; Ctrl-C ends {'both' if len(kept) == 1 else 'all'}.")
    dagster = start((*DAGSTER, "--port", str(port)), stopping)
    threads = [
        Thread(target=keep_up, args=(one.url, one.arguments, stopping), kwargs={"name": one.name}) for one in kept
    ]
    for thread in threads:
        thread.start()
    while dagster.poll() is None and not stopping.wait(0.5):
        pass
    code = dagster.poll()
    say(f"Stopping {names}." if code is None else f"Dagster ended with exit code {code}.")
    stopping.set()
    stop(dagster)
    for thread in threads:
        thread.join()
    os._exit(code or 0)  # A regular exit would take as long as importing Dagster did.


def _and(*words: str) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


if __name__ == "__main__":
    main()
