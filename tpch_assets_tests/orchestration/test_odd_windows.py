"""Windows that hold other than usual: orders alone, empty files, rejects alone, corrections alone. All are answered."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph
from tpch_assets_tests.gold.plain import assert_same, plain_answer
from tpch_assets_tests.tpch.stream import KEYS_A_DAY

DAY = days.day(1)
LIVE = [name for name, query in days.QUERIES.items() if query.live]
ORDERS_ALONE, EMPTY, REJECTS_ALONE, CORRECTIONS_ALONE = (days.key(96 + 24 * window + 3) for window in range(4))


def _good_rows(place: Place, table: str, batch: str) -> list[dict[str, Any]]:
    return [] if batch == REJECTS_ALONE else days.raw_rows(place.lake, table, batch)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A usual day, and one whose four windows are odd, each in its way."""
    place = days.whole_day().copy(tmp_path_factory.mktemp("odd"))
    order, other = days.raw_rows(place.lake, "orders", days.key(3))[:2]
    line = next(row for row in days.raw_rows(place.lake, "lineitem", days.key(3)) if _is_of(row, order))
    place.deliver("orders", ORDERS_ALONE, "a.json", [{**other, "o_orderkey": KEYS_A_DAY + 8}])
    for table in ("orders", "lineitem"):
        place.deliver(table, EMPTY, "a.json", b"")
        place.deliver(table, REJECTS_ALONE, "a.json", b"no line of JSON\n")
    place.deliver("orders", CORRECTIONS_ALONE, "a.json", [{**order, "o_totalprice": 1.25}])
    later = (days.START + timedelta(days=9)).isoformat()
    place.deliver("lineitem", CORRECTIONS_ALONE, "a.json", [{**line, "l_shiptime": later}])
    with graph(place, generate=False) as loaded:
        loaded.settle()
        assert loaded.sensor("late_data_sensor").skip_message
    return place


def _is_of(line: dict[str, Any], order: dict[str, Any]) -> bool:
    return bool(line["l_orderkey"] == order["o_orderkey"])


@pytest.mark.parametrize("query", LIVE)
def test_live_queries_answer_a_day_of_odd_windows(place: Place, query: str, tmp_path: Path) -> None:
    assert len(LIVE) == 2
    with days.tpch() as con:
        days.replace_by_raw(con, lambda table, batch: _good_rows(place, table, batch), tmp_path, batches=192)
        wanted = plain_answer(con, query, date.fromisoformat(DAY))
    answer = days.answer(place.lake, query, DAY)
    assert answer.num_rows, "the corrected line is still to be shipped"
    assert_same(answer, wanted)
