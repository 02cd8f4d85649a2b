"""Processes that are killed for real: `python -m tpch_assets_tests.chaos.killing --kills 200 --seed 7`.

Each process goes on with the day of a market where the last one was killed: at an operation of the store or of Delta's
log (before it, between what it writes and its answer, right after it), or at any moment. Between some kills one starts
that nobody kills: within two ticks all must be made, and the checker must agree.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.disk import faulty_lake, governed
from tpch_assets_tests.chaos.life import Life
from tpch_assets_tests.chaos.world import Rates, World

T = TypeVar("T")
NEVER = "", 0
_NOTHING = Rates(0, 0, 0, 0, 0, 0)
POINTS = {
    "list": 40,
    "publish": 20,
    "commit": 12,
    "flush": 24,
    "create table": 6,
    "set properties": 2,
    "set columns": 2,
}
"""Kinds of operations, and about how many of each there are in a day."""
BY_TIME = 0.2  # This share is killed at a moment instead of at an operation.
LONGEST = 1.5  # Seconds within which such a moment lies.
BETWEEN = 5  # Kills from one look of the checker to the next, about.


class Killer(World):
    """A world in which nothing fails, but this process is killed at one of its operations."""

    def __init__(self, folder: Path, chance: random.Random, last: tuple[str, int], news: Path | None) -> None:
        super().__init__(folder, chance, _NOTHING)
        self._kind, self._left = last
        self._news, self.fsync = news, _fsync  # type: ignore[method-assign]

    def do(self, what: str, operation: Callable[[], T], *, writes: bool) -> T:
        self._left -= what == self._kind
        now = self._left == 0 and what == self._kind
        if now and (not writes or self.chance.random() < 0.5):
            self._die(f"before {what}")
        result = operation()
        if now:
            self._die(f"right after {what}")
        return result

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def _die(self, where: str) -> None:
        if self._news:
            self._news.write_text(where)
            os.kill(os.getpid(), signal.SIGKILL)


def _fsync(path: str) -> None:
    """Nothing: a kill takes nothing from the disk."""


class Street:
    """A market whose processes are killed, day after day."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.number = 0
        self.landed: list[feed.Delivery] = []
        self.coming = feed.deliveries(chance, 0, [])
        self.declared = False
        self.killed: Counter[str] = Counter()

    def kill_one(self) -> None:
        """Have a process do the day's work, and kill it."""
        kind, news = self.chance.choice(sorted(POINTS)), self.folder / "killed"
        at = kind, self.chance.randint(1, POINTS[kind])
        seed, by_time = self.chance.randrange(10**9), self.chance.random() < BY_TIME
        child = os.fork()
        if child == 0:
            self._work(seed, NEVER if by_time else at, news)
            os._exit(0)
        if by_time:
            time.sleep(self.chance.uniform(0, LONGEST))
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            self.killed[news.read_text() if news.exists() else "at some moment"] += 1
        news.unlink(missing_ok=True)

    def end_day(self) -> str:
        """An ordinary restart, which makes everything; gives what is wrong, if anything is."""
        said = self.folder / "said"
        self.declared = self.declared or self.number == 1
        child = os.fork()
        if child == 0:
            said.write_text(self._settled())
            os._exit(0)
        os.waitpid(child, 0)
        self.landed += self.coming
        self.number += 1
        self.coming = feed.deliveries(self.chance, self.number, self.landed)
        return said.read_text()

    def _life(self, world: World) -> Life:
        life = Life(self.folder, 0)
        life.services.lake = faulty_lake(str(self.folder / "lake"), world)
        for one in self.landed:
            life.landed.append(one)
            life.delivered[one.table].deliver(one.batch, one.file, one.content)
        return life

    def _work(self, seed: int, at: tuple[str, int], news: Path) -> None:
        world = Killer(self.folder, random.Random(seed), at, news)
        life = self._life(world)
        with governed(world):
            life.services.begin()
            if self.declared or self.number == 1:
                life.declare()
            now = feed.START + timedelta(days=self.number)
            for index, one in enumerate(self.coming):
                life.services.deliver(one, 1_700_000_000 + len(self.landed) + index)
                if index == len(self.coming) // 2:
                    life.services.tick(now + timedelta(hours=7))
            life.services.tick(now + timedelta(hours=25))
            life.services.vacuum()

    def _settled(self) -> str:
        world = Killer(self.folder, random.Random(0), NEVER, None)
        life = self._life(world)
        try:
            with governed(world):
                if self.declared:
                    life.declare()
                for one in self.coming:
                    life.land(one)
                life.settle(self.number, feed.START + timedelta(days=self.number, hours=25))
        except BaseException as error:  # noqa: BLE001 - told by the parent
            return f"{type(error).__name__}: {error}"
        return ""


def kill(kills: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Kill so many processes; gives where they were, and what went wrong."""
    chance, wrong, killed = random.Random(seed), list[str](), Counter[str]()
    while killed.total() < kills and not wrong:
        folder = Path(tempfile.mkdtemp(prefix="street-"))
        try:
            street = Street(folder, chance)
            for _ in range(3):
                wanted = min(chance.randint(1, 2 * BETWEEN), kills - killed.total())
                while street.killed.total() < wanted:
                    street.kill_one()
                killed += street.killed
                street.killed.clear()
                wrong += [fault for fault in [street.end_day()] if fault]
                if wrong or killed.total() >= kills:
                    break
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return killed, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill processes of a market, and see that nothing is lost.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options = parser.parse_args()
    killed, wrong = kill(options.kills, options.seed)
    print(json.dumps({"seed": options.seed, "killed": killed, "wrong": wrong}, indent=2))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
