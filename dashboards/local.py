"""Starts the dashboard as a process of this machine, which outlives the one that started it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from dashboards.keeper import POLL, DashboardError, answers_within, trouble
from tpch_assets.settings import PROJECT

# Seconds that a dashboard gets to answer after all, and to end when it is asked to.
PATIENCE, GRACE = 30.0, 10.0
COMMAND = (sys.executable, "-m", "dashboards")
# Kept, since Python warns of a child that is forgotten before it ends, and outliving us is the point.
_children: list[subprocess.Popen[bytes]] = []


class LocalStarter:
    """Knows the process that it started, also in another run, by a note in `home`; its output is there too.

    Args:
        home: A folder that stays, Dagster's home.
        seconds: How long the dashboard may take until it answers.
        command: What serves it.
    """

    def __init__(self, url: str, home: Path, seconds: float = 60, command: Sequence[str] = COMMAND) -> None:
        self.url, self.seconds, self.command = url, seconds, command
        self.note, self.log = home / "dashboard.json", home / "dashboard.log"

    def start(self) -> str:
        """See `Starter`. A process that was started before and does not answer is given time, then replaced."""
        before = self.process()
        if before and answers_within(self.url, PATIENCE):
            return f"The dashboard's process {before.pid} was starting, and answers at {self.url} now."
        self.stop()
        child, offset = self._spawn()
        deadline = time.monotonic() + self.seconds
        while (why := trouble(self.url)) and child.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL)
        if child.poll() is not None:
            raise DashboardError(f"The dashboard ended with exit code {child.returncode}: {self._said(offset)}")
        if why:
            self.stop()
            raise DashboardError(f"The dashboard was started, but {why}. Its output: {self._said(offset)}")
        return f"Started the dashboard at {self.url} as process {child.pid}; its output is in {self.log}."

    def process(self) -> psutil.Process | None:
        """The process that was started last, while it runs."""
        for child in _children:
            child.poll()  # One that has ended is gone for good only when its parent has asked.
        try:
            noted = json.loads(self.note.read_text())
            found = psutil.Process(noted["pid"])
            # Another process may have got its number since.
            same = found.create_time() == noted["created"] and found.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        return found if same else None

    def stop(self) -> None:
        """End the process that was started last and what it started, firmly where one takes no hint."""
        if process := self.process():
            with suppress(psutil.NoSuchProcess):
                left = [process, *process.children(recursive=True)]
                for hint in (signal.SIGTERM, signal.SIGKILL):
                    for one in left:
                        with suppress(psutil.NoSuchProcess):
                            one.send_signal(hint)
                    _, left = psutil.wait_procs(left, timeout=GRACE)
        self.note.unlink(missing_ok=True)

    def _spawn(self) -> tuple[subprocess.Popen[bytes], int]:
        """The new process, and where its output begins in the log."""
        with self.log.open("ab") as output:
            offset = output.tell()
            child = subprocess.Popen(
                self.command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # A Ctrl-C or the end of the run is not meant for it.
            )
        _children.append(child)
        note = {"pid": child.pid, "created": psutil.Process(child.pid).create_time()}
        new = self.note.with_suffix(".new")
        new.write_text(json.dumps(note))
        os.replace(new, self.note)
        return child, offset

    def _said(self, offset: int) -> str:
        """The end of its output."""
        lines = self.log.read_bytes()[offset:].decode(errors="replace").strip().splitlines()
        return " ".join(lines[-3:]) or "nothing"
