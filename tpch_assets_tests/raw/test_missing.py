"""What raw lacks is what the source makes: files that land by themselves are nobody's to make."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tpch_assets.calendar import batch_key
from tpch_assets.lake.lake import Lake
from tpch_assets.layers import BATCH
from tpch_assets.orchestration.assemble import planner_of
from tpch_assets.orchestration.jobs import RANGE_END, RANGE_START
from tpch_assets.raw.missing import missing_batches, missing_once
from tpch_assets.schema import Business, Table
from tpch_assets.settings import Settings
from tpch_assets_tests.bronze.test_evolution import LINES, SALES, SHOPS
from tpch_assets_tests.conftest import START

SITES = replace(SHOPS, name="sites", arrives="once")
CODES = replace(SHOPS, name="codes", arrives="once")


class Sparse:
    """Sales with every batch, items with every other one, sites once; files of shops and codes land by themselves."""

    def delivers(self, table: Table, number: int) -> bool:
        every = {"sales": 1, "items": 2}.get(table.name)
        return number == 0 if table.name == "sites" else every is not None and number % every == 0

    def rows(self, table: Table, number: int, time: datetime, scale_factor: float, *, many: bool) -> str:
        return "SELECT 1 AS sale"


def business(queries: Path) -> Business:
    return Business((SALES, LINES, replace(SHOPS, arrives="every batch"), SITES, CODES), queries, Sparse())


def land(lake: Lake, table: str, number: int) -> None:
    path = Path(lake.path("raw", table, key(number), f"{table}.json"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n")


def key(number: int) -> str:
    return batch_key(START + number * BATCH)


def test_a_batch_is_missing_where_the_source_makes_it_and_raw_has_none(lake: Lake, tmp_path: Path) -> None:
    land(lake, "sales", 2)
    land(lake, "items", 0)
    stretch = START + BATCH, START + 5 * BATCH
    found = missing_batches(lake, business(tmp_path), START, *stretch)
    assert found == {"sales": [key(1), key(2), key(3), key(4)], "items": [key(2), key(4)], "shops": []}
    assert [table.name for table in missing_once(lake, business(tmp_path))] == ["sites"]


def test_a_tick_asks_for_nothing_that_files_alone_deliver(lake: Lake, tmp_path: Path) -> None:
    planner = planner_of(Settings(lake=lake.uri, start=START), business(tmp_path))
    until = START + 4 * BATCH
    asked = {
        (request.tags[RANGE_START], path.path[-1])
        for request in planner.raw(lake, until).requests
        for path in request.asset_selection or ()
    }
    assert asked == {(key(0), "sales"), (key(0), "items"), (key(2), "items"), (key(0), "sites")}
    assert RANGE_END in planner.raw(lake, until).requests[0].tags
    for number in range(4):
        land(lake, "sales", number)
    for number in (0, 2):
        land(lake, "items", number)
    assert planner.raw(lake, until).requests == []
