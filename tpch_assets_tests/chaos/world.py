"""A disk, a clock and processes of which a seed decides everything: who runs, who dies, which answer is lost.

Each process is a thread, and one runs at a time. Every operation of the store and of Delta's log is a *point*: there a
process may stop for another, die, be told that the operation failed, or lose the answer to one that did not. If the
power goes, what was not flushed to the disk is cut or gone. What processes do is told in `life.py`.
"""

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Death(BaseException):
    """A process is killed here: nothing may catch it."""


class Failed(OSError):
    """An operation failed, or nobody knows whether it did."""


@dataclass(frozen=True)
class Rates:
    """How often something happens at a point."""

    switch: float = 0.25
    death: float = 0.006
    power: float = 0.0015
    failure: float = 0.006
    lost: float = 0.006
    stale: float = 0.02


class Process(threading.Thread):
    """A process that runs when it is its turn."""

    def __init__(self, world: "World", name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.world, self.work = world, work
        self.turn = threading.Semaphore(0)
        self.over = self.dead = False
        self.error: Exception | None = None

    def run(self) -> None:
        self.turn.acquire()
        try:
            if not self.dead:
                self.work()
        except Death:
            self.dead = True
        except Exception as error:  # noqa: BLE001 - the world raises it in its own thread
            self.error = error
        finally:
            self.over = True
            self.world.baton.release()


class World:
    """The disk of one lake, and the processes that use it."""

    def __init__(self, folder: Path, chance: random.Random, rates: Rates) -> None:
        self.folder, self.chance, self.rates = str(folder), chance, rates
        self.faulty = True
        self.baton = threading.Semaphore(0)
        self.happened: Counter[str] = Counter()
        self.points = 0
        self.locked = 0  # What a process does in a lock of its own, no other can meet halfway.
        self.power_lost = False
        self._durable: set[int] = set()  # Inodes whose content was flushed.
        self._entries: set[tuple[str, str]] = set()  # Names in folders that were flushed.

    # Processes

    def run(self, processes: dict[str, Callable[[], None]], *, lives: int) -> None:
        """Run processes side by side to their ends. One that dies starts again, until each has had so many lives.

        Raises:
            Exception: What a process raised.
        """
        births = dict.fromkeys(processes, 1)
        alive = {name: self._start(name, work) for name, work in processes.items()}
        while alive:
            process = alive[self.chance.choice(sorted(alive))]
            process.turn.release()
            self.baton.acquire()
            if self.power_lost:
                for other in alive.values():
                    self._kill(other)
                self.cut_power()
                self.power_lost = False
            for name, one in list(alive.items()):
                if not one.over:
                    continue
                one.join()
                del alive[name]
                if one.error:
                    for other in alive.values():
                        self._kill(other)
                    raise one.error
                if one.dead and births[name] < lives:
                    births[name] += 1
                    alive[name] = self._start(name, processes[name])

    def _start(self, name: str, work: Callable[[], None]) -> Process:
        process = Process(self, name, work)
        process.start()
        return process

    def _kill(self, process: Process) -> None:
        process.dead = True
        while not process.over:
            process.turn.release()
            self.baton.acquire()

    # Points

    def do(self, what: str, operation: Callable[[], T], *, writes: bool) -> T:
        """Carry out an operation of the store, or of Delta's log, as the chance wants it."""
        if self.locked or not isinstance(threading.current_thread(), Process):
            return operation()  # In a lock of its process, or a helper of one that waits for it, or a test.
        self._point(f"before {what}")
        if self._happens(f"{what} failed", self.rates.failure):
            raise Failed(f"{what} failed, as the seed wants it")
        result = operation()
        if writes:
            if self._happens(f"answer to {what} lost", self.rates.lost):
                raise Failed(f"the answer to {what} was lost, as the seed wants it")
            self._point(f"after {what}")
        return result

    def stale(self) -> bool:
        """Whether a listing shows what was there the last time."""
        ours = not self.locked and isinstance(threading.current_thread(), Process)
        return ours and self._happens("listing was stale", self.rates.stale)

    def __enter__(self) -> None:
        """What stands for taking a lock that threads of one process share."""
        self.locked += 1

    def __exit__(self, *error: object) -> None:
        self.locked -= 1

    def wait(self, seconds: float) -> None:
        """What stands for sleeping: another process may run."""
        self._point("wait")

    def _point(self, where: str) -> None:
        process = threading.current_thread()
        if not isinstance(process, Process):
            return
        if process.dead:
            raise Death
        self.points += 1
        if self._happens(f"death {where}", self.rates.death):
            process.dead = True
            raise Death
        if self._happens(f"power lost {where}", self.rates.power):
            self.power_lost = process.dead = True
            raise Death
        if self.chance.random() < self.rates.switch:
            self.baton.release()
            process.turn.acquire()
            if process.dead:
                raise Death

    def _happens(self, what: str, rate: float) -> bool:
        if not self.faulty or self.chance.random() >= rate:
            return False
        self.happened[what] += 1
        return True

    # The disk

    def fsync(self, path: str) -> None:
        """What stands for flushing: remembers what it makes durable."""
        if os.path.isdir(path):
            self._entries.update((path, name) for name in os.listdir(path))
        else:
            self._durable.add(os.stat(path).st_ino)

    def cut_power(self) -> None:
        """Cut, fill with NULs or remove what was not flushed. What came from outside is on the disk."""
        for path, folders, names in os.walk(self.folder):
            folders.sort()
            for name in sorted(names):
                self._cut(path, name)
        for path, folders, names in os.walk(self.folder):  # What is there after that is on the disk.
            self._entries.update((path, name) for name in (*folders, *names))
            self._durable.update(os.stat(f"{path}/{name}").st_ino for name in names)

    def _cut(self, path: str, name: str) -> None:
        where, sound = f"{path}/{name}", (path, name) in self._entries
        temporary = name.endswith(".tmp")  # Nobody asks for it again, and its name is of no seed.
        if temporary or (not sound and self.chance.random() < 0.5):
            os.unlink(where)
        elif os.stat(where).st_ino not in self._durable:
            damage(Path(where), self.chance)

    def remember(self, paths: Iterable[Path]) -> None:
        """Files that came from outside."""
        for path in paths:
            self.fsync(str(path))
            self.fsync(str(path.parent))


def damage(path: Path, chance: random.Random) -> str:
    """What a power loss makes of a file that was not flushed; says what became of it."""
    content = path.read_bytes()
    how = chance.choice(["whole", "empty", "half", "NULs"])
    if how == "empty":
        path.write_bytes(b"")
    elif how == "half":
        path.write_bytes(content[: len(content) // 2])
    elif how == "NULs":
        path.write_bytes(bytes(len(content)))
    return how
