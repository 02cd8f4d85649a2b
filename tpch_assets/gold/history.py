"""Names the shards that answers are made of: of each day, those of all windows up to it."""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby

from tpch_assets.calendar import end_of_day
from tpch_assets.lake.snapshot import Snapshots
from tpch_assets.schema import Group
from tpch_assets.silver.shards import content_of

MARK = "r"  # Names begin with it since they are made window by window.


def shards_digests(group: Group, silver: Snapshots, days: Sequence[str]) -> dict[str, str]:
    """A name for the shards of all windows up to each of some days, in one pass over the windows."""
    names = sorted(
        (file.partition, f"{name}/{file.partition}/{content_of(file)}")
        for name in group.names
        for file in silver[name].files
    )
    windows = [(window, [name for _, name in files]) for window, files in groupby(names, key=lambda pair: pair[0])]
    found: dict[str, str] = {}
    whole, place = hashlib.sha256(), 0
    for day in sorted(set(days)):
        end = end_of_day(day)
        while place < len(windows) and windows[place][0] < end:
            whole.update("".join(f"{name}\n" for name in windows[place][1]).encode())
            place += 1
        found[day] = MARK + whole.hexdigest()[:11]
    return found


def shards_digest(group: Group, silver: Snapshots, day: str) -> str:
    """The same for one day."""
    return shards_digests(group, silver, [day])[day]


class FormerDigests:
    """The names that former versions gave, which their answers still have. Made when the first one is asked for."""

    def __init__(self, group: Group, silver: Snapshots) -> None:
        self.group, self.silver = group, silver
        self.tables: list[tuple[bytes, list[tuple[str, int]]]] | None = None

    def of(self, day: str) -> str:
        if self.tables is None:
            self.tables = [self._names(name) for name in sorted(self.group.names, key=lambda name: f"{name}/")]
        end = end_of_day(day)
        parts = (names[: self._upto(places, end)] for names, places in self.tables)
        return hashlib.sha256(b"\n".join(part.rstrip(b"\n") for part in parts if part)).hexdigest()[:12]

    def _names(self, table: str) -> tuple[bytes, list[tuple[str, int]]]:
        """The names of a table's shards as lines, and where each window's end."""
        lines = sorted((f.partition, f"{table}/{f.partition}/{content_of(f)}\n") for f in self.silver[table].files)
        places, length = [], 0
        for window, line in lines:
            length += len(line)
            places.append((window, length))
        return "".join(line for _, line in lines).encode(), places

    @staticmethod
    def _upto(places: list[tuple[str, int]], end: str) -> int:
        place = bisect_left(places, end, key=lambda pair: pair[0])
        return places[place - 1][1] if place else 0
