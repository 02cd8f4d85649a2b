"""What all processes of one test run share: the day on which their lakes begin, and folders that one of them fills."""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

_FOLDER = f"PYTEST_FOLDER {Path(__file__).parent}"  # A copy of the project with other code shares nothing with it.
_START = "PYTEST_START"
START = datetime.fromisoformat(
    os.environ.setdefault(_START, f"{datetime.now(UTC).date() - timedelta(days=10)}T00:00:00+00:00")
)
"""Not long ago, since Dagster's work for a run grows with the calendar behind it; the same when midnight passes."""


def begin() -> None:
    """Make the folder, unless this process was started by one that did; it goes with the process that made it."""
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="tpch-tests-")
        atexit.register(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)


def once(name: str, fill: Callable[[Path], object]) -> Path:
    """The folder that `fill` fills for the first process that asks for it; the others wait until it is whole."""
    begin()
    folder = Path(os.environ[_FOLDER], name)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole = folder.with_suffix(".whole")
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            whole.touch()
    return folder
