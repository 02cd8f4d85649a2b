"""Which stretch of the newest days is in which layer, and in what state."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from dashboards.pages import timeline as markup
from dashboards.store import business
from dashboards.store.store import Store
from dashboards.store.timeline import LAYERS, next_due, timeline
from tpch_assets.lake.lake import Lake
from tpch_assets_tests.dashboards.lakes import BEHIND, deliver, fill_behind, put

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def states(store: Store, now: datetime = NOON) -> dict[tuple[str, str], list[str]]:
    found = timeline(store, now)
    return {(day, layer): [cell.state for cell in found.days[day][layer]] for day in found.days for layer in LAYERS}


def polled(lake: Lake) -> Store:
    store = Store(lake)
    store.poll()
    store.poll_raw()
    return store


def test_each_layer_shows_what_it_has_and_lacks(behind_lake: Lake, environment: Path) -> None:
    found = states(polled(behind_lake))
    first, second = BEHIND
    assert found[first, "bronze"] == ["partly"] + ["missing"] * 23, "three of the hour's four batches never came"
    assert found[first, "silver"] == ["whole"] + ["missing"] * 3
    assert found[first, "gold"] == ["partly"], f"2 of {len(business.queries())} answers"
    assert found[second, "silver"] == ["whole", "due", "due", "due"], "the second window ended just now"
    assert found[second, "gold"] == ["due"] and found[second, "bronze"][13:] == ["due"] * 11


def test_rejects_and_windows_to_be_built_again_are_marked(lake: Lake) -> None:
    fill_behind(lake)
    for number in range(4):
        batch = f"{BEHIND[1]}T03{15 * number:02}"
        deliver(lake, batch, {"orders": [{"o_orderkey": 90 + number}], "lineitem": [{"l_orderkey": 90 + number}]})
    put(lake, "bronze", "orders_rejects", batch, pa.table({"_line": [1], "_reason": ["not JSON"]}))
    found = states(polled(lake))
    assert found[BEHIND[0], "silver"][0] == "whole"
    assert found[BEHIND[1], "silver"][0] == "stale", "bronze has more than silver was built from"
    assert found[BEHIND[1], "bronze"][3] == "rejects"


def test_a_lake_that_is_old_shows_its_own_days(behind_lake: Lake, environment: Path) -> None:
    store = polled(behind_lake)
    assert set(timeline(store, NOON + timedelta(days=300)).days) == set(BEHIND)
    html = markup.panel(timeline(store, NOON), NOON)
    assert "day ends 00:00, late from 01:00" in html and "window ends 18:00, late from 19:00" in html
    assert "<title>2024-01-01 00:00 to 06:00: whole, 2 of 2 tables</title>" in html
    assert next_due("raw", NOON)[0] == NOON + timedelta(minutes=15)


def test_an_empty_lake_has_no_timeline(lake: Lake) -> None:
    assert markup.panel(timeline(polled(lake), NOON), NOON) == ""
