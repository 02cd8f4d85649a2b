"""`tpchgen-cli`, and the folders that it fills. Which parts a batch needs belongs in the modules that call this one."""

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from weakref import WeakSet

from tpch_assets.compute.scratch import scratch
from tpch_assets.tpch.tables import TABLES

KEPT = 5_000_000  # Orders in folders that no thread reads: a day at scale factor 3. With their lines they take 2 GB.
_lock = threading.Lock()


@dataclass
class _Folder:
    """A folder, how many orders it is for, and the threads that asked for it last."""

    orders: int
    path: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    readers: "WeakSet[threading.Thread]" = field(default_factory=WeakSet)


_folders: dict[Hashable, _Folder] = {}  # The longest unused first.


def parts(
    scale_factor: float, tables: str, count: int, numbers: Iterable[int] | None, orders: int, *options: str
) -> str:
    """A folder with parts of a data set, which stays at least until this thread asks for another one.

    Args:
        tables: Names, separated by commas. Part k of a table is `<table>/<table>.<k>.parquet`.
        count: The number of parts in which the data set is cut.
        numbers: The parts to make, from 1; None makes all of them.
        orders: How many orders that is, about.
        options: More options of tpchgen-cli.
    """
    chosen = None if numbers is None else tuple(numbers)

    def make() -> str:
        folder = tempfile.mkdtemp(prefix="tpch-", dir=scratch())
        for only in [()] if chosen is None else [("--part", str(number)) for number in chosen]:
            generate(scale_factor, tables, "--parts", str(count), *only, *options, folder=folder)
        return folder

    return _kept((scale_factor, tables, count, chosen, options), orders, make)


def whole(table: str, scale_factor: float) -> str:
    """The file with all rows of a table other than `orders` and `lineitem`."""
    with _lock:
        return f"{_whole_folder(scale_factor)}/{table}.parquet"


@cache
def _whole_folder(scale_factor: float) -> str:
    once = ",".join(table.name for table in TABLES if table.arrives == "once")
    folder = tempfile.mkdtemp(prefix="tpch-", dir=scratch())
    generate(scale_factor, f"{once},supplier", folder=folder)
    return folder


def cut_differently(batch: int, key: str) -> str:
    """SQL that fails: the order with this key has no lines, or the line no order, in the parts of a batch."""
    return f"error('batch {batch}: the generator cut orders and lines at different keys, near order ' || {key})"


def generate(scale_factor: float, tables: str, *options: str, folder: str) -> None:
    """Run tpchgen-cli.

    Raises:
        RuntimeError: It failed.
    """
    program = Path(sys.executable).with_name("tpchgen-cli")
    command = [str(program), "parquet", "--quiet", "-s", f"{scale_factor:.12g}", "--tables", tables, *options]
    done = subprocess.run([*command, "--output-dir", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")


def _kept(key: Hashable, orders: int, make: Callable[[], str]) -> str:
    """The folder with this key, made if it is not there."""
    reader = threading.current_thread()
    with _lock:
        for one in _folders.values():
            one.readers.discard(reader)
        folder = _folders[key] = _folders.pop(key) if key in _folders else _Folder(orders)
        folder.readers.add(reader)
        unused = _take_unused()
    for path in unused:
        shutil.rmtree(path, ignore_errors=True)
    with folder.lock:
        folder.path = folder.path or make()
        return folder.path


def _take_unused() -> list[str]:
    """Forget the longest unused folders while there are too many, and return their paths."""
    unused = [key for key, folder in _folders.items() if not folder.readers]
    orders, found = sum(_folders[key].orders for key in unused), []
    for key in unused:
        if orders <= KEPT:
            break
        folder = _folders.pop(key)
        orders -= folder.orders
        found += [folder.path] if folder.path else []
    return found
