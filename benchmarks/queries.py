"""All queries cold, as derived from their plain SELECT and as cut by hand, in alternation, on one lake.

    python -m benchmarks.queries [--lake /tmp/lake] [--rounds 3]

The lake needs silver; without `--lake` a day at scale factor 1 is replayed first. Prints per query and in all CPU and
wall time and the ratio of derived to hand-written, from the minima over the rounds, and fails where answers differ.
"""

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa

from benchmarks.proof import replay
from tpch_assets.compute import cluster
from tpch_assets.gold.form import form_of
from tpch_assets.gold.plan import plan, snapshots_for
from tpch_assets.gold.queries import Query, load_queries, parameters
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import DataFile
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests.gold.plain import assert_same

HAND = Path(__file__).parent / "handwritten"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.lake is None:
            replay(Path(folder), 1)
        place = Path(folder) / "measured"
        place.mkdir()
        (place / "silver").symlink_to((arguments.lake or Path(folder) / "lake").resolve() / "silver")
        compare(Lake(str(place)), arguments.rounds)
    cluster.close()


def by_hand() -> dict[str, Query]:
    """The queries as cut by hand: those that the business keeps so, and those that it no longer does."""
    kept = {name: replace(query, plain=None) for name, query in load_queries(BUSINESS).items() if query.partial}
    return load_queries(BUSINESS, HAND) | kept


def compare(lake: Lake, rounds: int) -> None:
    """Print a line per query that has both forms, and the totals."""
    ours, hand = load_queries(BUSINESS), by_hand()
    kept = {name for name, query in ours.items() if query.partial}
    pairs = [(replace(ours[name], partial=None, combine=None), hand[name]) for name in sorted(hand)]
    day = date.fromisoformat(max(file.partition for file in _silver(lake, pairs[0][0]))[:10])
    for query, _ in pairs:
        form_of(query, BUSINESS, parameters(query, 1.0, day), lake)  # Once per text; not what is measured.
    total, shipped = [0.0] * 4, [0.0] * 4
    print(f"{'':38} {'CPU s':>14} {'':>7} {'wall s':>14}\n{'':38} derived   hand   ratio derived   hand   ratio")
    for pair in pairs:
        found = _measured(lake, pair, day, rounds)
        print(_line(pair[0].name, found))
        total = [one + more for one, more in zip(total, found, strict=True)]
        runs = [found[1], found[1], found[3], found[3]] if pair[0].name in kept else found
        shipped = [one + more for one, more in zip(shipped, runs, strict=True)]
    print(_line("all", total))
    print(_line(f"all, with {len(kept)} kept by hand", shipped))


def _silver(lake: Lake, query: Query) -> list[DataFile]:
    return [
        file
        for name, source in snapshots_for(query, BUSINESS, lake).items()
        if name == "lineitem"
        for file in source.files
    ]


def _measured(lake: Lake, pair: tuple[Query, Query], day: date, rounds: int) -> list[float]:
    """Least CPU seconds of derived and by hand, and least wall seconds."""
    seen: list[list[tuple[float, float]]] = [[], []]
    answers: list[pa.Table] = []
    for _ in range(rounds):
        for query, times in zip(pair, seen, strict=True):
            shutil.rmtree(Path(lake.uri, "partials", query.name), ignore_errors=True)
            answer, *spent = _timed(partial(_answer, lake, query, day))
            times.append((spent[0], spent[1]))
            answers.append(answer)
    for answer in answers:
        assert_same(answer, answers[0])
    return [min(one[which] for one in times) for which in (0, 1) for times in seen]


def _answer(lake: Lake, query: Query, day: date) -> pa.Table:
    made, _ = plan(query, BUSINESS, snapshots_for(query, BUSINESS, lake), day, 1.0)
    (answer,) = cluster.compute([made])
    return answer


def _timed(work: Callable[[], pa.Table]) -> tuple[pa.Table, float, float]:
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    answer = work()
    after, end = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return answer, cpu, end - begin


def _line(name: str, found: list[float]) -> str:
    cpu, cpu_hand, wall, wall_hand = found
    return (
        f"{name:38} {cpu:7.2f} {cpu_hand:6.2f} {cpu / cpu_hand:7.2f} {wall:7.2f} {wall_hand:6.2f} "
        f"{wall / wall_hand:7.2f}"
    )


if __name__ == "__main__":
    main()
