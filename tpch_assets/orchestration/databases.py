"""Dagster's SQLite databases after a power loss: what cannot be read is moved aside, and Dagster begins it anew.

They hold what has happened, and not what is to be done: each tick plans from the lake. So only history is lost.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from tpch_assets.orchestration.dagster_private import DATABASES

ASIDE = "_damaged"
"""The folder in Dagster's home with what was moved aside. Nothing reads it: delete it whenever you like."""
LOGS = ("-wal", "-shm")  # What SQLite keeps beside a database.


def move_damaged_aside(home: Path) -> list[str]:
    """Move aside the databases in Dagster's home that cannot be read. Call it before an instance is opened.

    Returns:
        A sentence for each.
    """
    found = [path for path in sorted(home.rglob("*.db")) if ASIDE not in path.parts]
    return [_move_aside(home, path, why) for path in found for why in _faults(path)]


def _faults(path: Path) -> Iterator[str]:
    """Why a database cannot be used; nothing if it can."""
    log = path.with_name(f"{path.name}-wal")
    if path.stat().st_size == 0 and not (log.exists() and log.stat().st_size):
        if path.stem in DATABASES:  # That of a run may be one that begins just now.
            yield "it is empty"
        return
    try:
        with closing(sqlite3.connect(path, timeout=60)) as connection:
            ((said, *_),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError:  # It is locked, or the disk is full: then it is no damage.
        return
    except sqlite3.DatabaseError as error:
        yield str(error)
        return
    if said != "ok":
        yield str(said).splitlines()[-1]


def _move_aside(home: Path, path: Path, why: str) -> str:
    target = home / ASIDE / f"{path.name}.{path.stat().st_mtime_ns}"
    target.parent.mkdir(exist_ok=True)
    for end in ("", *LOGS):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{end}", f"{target}{end}")
    return (
        f"Dagster's database {path} was damaged ({why}) and is now {target}: Dagster begins a new one. What it knew of "
        "former runs is gone; the lake is whole, and what is due is planned from it."
    )
