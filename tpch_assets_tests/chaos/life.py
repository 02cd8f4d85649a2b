"""The life of one market: some days of deliveries, services that die and are told lies, and what must come out.

After each day the services start again without faults. Within two ticks all must be made, a third one must ask for
nothing, and what the lake holds must be what the checker tells from the delivered lines.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tpch_assets.lake import commit
from tpch_assets.lake.snapshot import read, snapshot
from tpch_assets.silver import key_digests
from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.answers import RULES, WEIGHED, answers, in_all
from tpch_assets_tests.chaos.checker import Delivered, Held, Row, differences
from tpch_assets_tests.chaos.disk import faulty_lake, governed
from tpch_assets_tests.chaos.feed import Delivery
from tpch_assets_tests.chaos.services import RUN_FAILS, Services, judge_forms
from tpch_assets_tests.chaos.world import Rates, World

DAYS = 2
LIVES = 4
"""How often a process starts again within a day, at most."""


class Broken(AssertionError):
    """A promise was broken; the message says which."""


@dataclass
class Life:
    """One market by one seed."""

    folder: Path
    seed: int
    rates: Rates = field(default_factory=Rates)
    delivered: dict[str, Delivered] = field(default_factory=lambda: {n: Delivered(r) for n, r in RULES.items()})
    landed: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.world = World(self.folder, self.chance, self.rates)
        self.services = Services(faulty_lake(str(self.folder / "lake"), self.world))

    def live(self, days: int = DAYS) -> None:
        """Live some days.

        Raises:
            Broken: Something was lost, doubled, wrong or stuck.
        """
        judge_forms()
        interval = {**commit.PROPERTIES, "delta.checkpointInterval": str(self.chance.choice([2, 5, 20]))}
        few = patch.object(key_digests, "FEW", key_digests.FEW * (self.seed % 2))  # Every other life uses all digests.
        with governed(self.world) as clock, few, patch.object(commit, "PROPERTIES", interval):
            for number in range(days):
                clock.ahead = self.chance.choice([0, 0, 3_000, 90_000])  # It may jump ahead, and back.
                self._day(number, declares=number == days - 1 and self.chance.random() < 0.4)
                self._retire()

    # A day

    def _day(self, number: int, *, declares: bool) -> None:
        chance, services = self.chance, self.services
        coming = feed.deliveries(chance, number, self.landed)
        begin = feed.START + timedelta(days=number)
        moments = [begin + timedelta(hours=hours) for hours in (7, 25)]

        def source() -> None:
            while coming:
                self.land(coming[0])
                self.landed.append(coming.pop(0))

        def service(name: str, ticks: int) -> Callable[[], None]:
            def work() -> None:
                services.begin()
                for moment in moments[-ticks:]:
                    services.tick(moment, name)

            return work

        def housekeeper() -> None:
            services.vacuum()
            if declares:
                services.declare_weight()

        processes = {"source": source, "first": service("first", 2), "second": service("second", 1)}
        if declares or chance.random() < 0.3:
            processes["housekeeper"] = _tolerant(housekeeper)
        self.world.faulty = True
        self.world.run({name: _tolerant(work) for name, work in processes.items()}, lives=LIVES)
        self.world.faulty = False
        source()
        if declares:
            self.declare()
        self.settle(number, moments[-1])

    def declare(self) -> None:
        """Items have a column more from now on."""
        self.services.declare_weight()
        self.delivered["items"].rules = WEIGHED

    def land(self, one: Delivery) -> None:
        self.services.deliver(one, 1_700_000_000 + len(self.landed))
        self.delivered[one.table].deliver(one.batch, one.file, one.content)

    def settle(self, number: int, now: Any) -> None:
        """An ordinary restart, two ticks, and a third that finds nothing to do."""
        services = self.services
        services.failures.clear()
        services.begin()
        for _ in range(2):
            services.tick(now)
        if left := services.tick(now):
            raise Broken(f"day {number}: still asked for after two ticks: {left}; {services.failures}")
        self.check(number)

    def _retire(self) -> None:
        """Raw's retention takes some files; their rows stay."""
        for one in self.chance.sample(self.landed, 2):
            Path(self.services.lake.path("raw", one.table, one.batch, one.file)).unlink(missing_ok=True)

    # What must be

    def check(self, number: int) -> None:
        """See that the lake holds what was delivered, and that all answers up to a day follow from it.

        Raises:
            Broken: It does not.
        """
        lake = self.services.lake
        held = {name: self._held(name) for name in self.delivered}
        found = differences(self.delivered, held)
        for past in range(number + 1):
            day = feed.day(past)
            for query, wanted in answers(self.delivered, day).items():
                table = snapshot(lake, lake.table("gold", query))
                rows = [_plain(row) for row in read(table, table.of({day})).to_pylist()]
                if past < number and query == "revenue":  # Who moves to another segment moves on the latest day alone.
                    rows, wanted = in_all(rows), in_all(wanted)
                if rows != wanted:
                    found.append(f"gold/{query} as of {day}: {rows} instead of {wanted}")
        if found:
            raise Broken(f"day {number}: {'; '.join(found)}")

    def _held(self, name: str) -> Held:
        lake = self.services.lake
        bronze, rejects, silver = (
            snapshot(lake, lake.table(layer, table))
            for layer, table in (("bronze", name), ("bronze", f"{name}_rejects"), ("silver", name))
        )
        return Held(len(read(bronze)), len(read(rejects)), [_plain(row) for row in read(silver).to_pylist()])


def _tolerant(work: Callable[[], None]) -> Callable[[], None]:
    """A process that an error ends, as any other; mistakes of the code are not errors of the world."""

    def process() -> None:
        try:
            work()
        except RUN_FAILS:
            return

    return process


def _plain(row: Mapping[str, Any]) -> Row:
    """A row as the lines tell it."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
        if name not in ("as_of", "_batch")
    }
