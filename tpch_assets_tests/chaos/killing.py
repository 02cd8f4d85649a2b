"""Processes that are killed for real: `python -m tpch_assets_tests.chaos.killing --kills 200 --seed 7`.

Each process goes on with the day of a market where the last one was killed: at an operation of the store or of Delta's
log (before it, between what it writes and its answer, right after it), or at any moment. A day ends with one that
nobody kills, or after some kills: then within two ticks all must be made, and the checker must agree.
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
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.disk import faulty_lake, governed
from tpch_assets_tests.chaos.life import Life
from tpch_assets_tests.chaos.services import judge_forms
from tpch_assets_tests.chaos.world import Rates, World

T = TypeVar("T")
NEVER = "", 0
_NOTHING = Rates(0, 0, 0, 0, 0, 0)
POINTS = {"list": 50, "publish": 25, "commit": 8, "flush": 20, "vacuum": 8}
"""Kinds of operations, and among how many of each the one is at which a process is killed. A day has twice as many."""
FIRST = {"create table": 6}
"""Those of a market's first day alone."""
DECLARED = {"set columns": 2, "set properties": 2}
"""Those of the day on which a column is declared."""
DECLARES = 1
BY_TIME = 0.15  # This share is killed at a moment instead of at an operation.
LONGEST = 0.6  # Seconds within which such a moment lies.
MOST = 12  # Kills within a day.


class Killer(World):
    """A world in which nothing fails, but this process is killed at one of its operations."""

    def __init__(self, folder: Path, chance: random.Random, last: tuple[str, int], news: Path | None) -> None:
        super().__init__(folder, chance, _NOTHING)
        self.stage: Callable[[], str] = str
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
            self._news.write_text(f"{self.stage()}: {where}")
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

    def kill_one(self) -> bool:
        """Have a process do the day's work, and kill it. Says whether that came before it had done all of it."""
        points = POINTS | (FIRST if self.number == 0 else {}) | (DECLARED if self.number == DECLARES else {})
        kind, news = self.chance.choice(sorted(points)), self.folder / "killed"
        at = kind, self.chance.randint(1, points[kind])
        seed, by_time = self.chance.randrange(10**9), self.chance.random() < BY_TIME
        child = os.fork()
        if child == 0:
            self._work(seed, NEVER if by_time else at, news)
            os._exit(0)
        status = _killed(child, self.chance.uniform(0, LONGEST)) if by_time else os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            self.killed[news.read_text() if news.exists() else "at some moment"] += 1
        news.unlink(missing_ok=True)
        return os.WIFSIGNALED(status)

    def end_day(self) -> str:
        """An ordinary restart, which makes everything; gives what is wrong, if anything is."""
        said = self.folder / "said"
        self.declared = self.declared or self.number == DECLARES
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
        services, now = life.services, feed.START + timedelta(days=self.number)
        coming = list(enumerate(self.coming, 1_700_000_000 + len(self.landed)))
        half = len(coming) // 2

        def land(stamped: list[tuple[int, feed.Delivery]]) -> None:
            world.stage = lambda: "source"
            for stamp, one in stamped:
                services.deliver(one, stamp)

        def tick(hours: int) -> None:
            services.asked = []
            world.stage = lambda: services.asked[-1].split("/")[0] if services.asked else "tick"
            services.tick(now + timedelta(hours=hours))

        with governed(world):
            services.begin()
            if self.declared or self.number == DECLARES:
                life.declare()
            land(coming[:half])
            tick(7)
            land(coming[half:])
            tick(25)
            world.stage = lambda: "maintenance"
            services.vacuum()

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


def _killed(child: int, seconds: float) -> int:
    """Kill a process at a moment, unless it ends before; gives the status with which it ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def kill(kills: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Kill so many processes; gives where they were, and what went wrong."""
    judge_forms()
    chance, wrong, killed = random.Random(seed), list[str](), Counter[str]()
    while killed.total() < kills and not wrong:
        folder = Path(tempfile.mkdtemp(prefix="street-"))
        try:
            street = Street(folder, chance)
            for _ in range(3):
                wanted = min(chance.randint(1, MOST), kills - killed.total())
                while street.killed.total() < wanted and street.kill_one():
                    pass
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
