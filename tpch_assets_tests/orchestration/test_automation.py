"""Schedules and sensors: gaps, late and redelivered files come through to gold by themselves."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from tpch_assets.calendar import batch_key, floor
from tpch_assets.layers import BATCH
from tpch_assets.orchestration.jobs import job_name
from tpch_assets_tests import days
from tpch_assets_tests.days import Place, graph
from tpch_assets_tests.gold.plain import assert_same, plain_answer
from tpch_assets_tests.orchestration.messages import Messages
from tpch_assets_tests.tpch_tables import FACTS, TABLES

DAY = days.day(0)
WINDOWS = days.keys(0, 96)[::24]
STREAMS = {"raw/supplier", "raw/orders", "raw/lineitem"}
HOUR = timedelta(hours=1)


class Delivered:
    """The finished day with late files in its windows 0 and 2, after the sensors have settled."""

    def __init__(self, place: Place) -> None:
        self.place = place
        lake = place.lake
        before = days.raw_rows(lake, "orders", days.key(3))
        self.corrected, self.replaced, self.dropped = before[0], *days.raw_rows(lake, "orders", days.key(60))[:2]
        lines = days.raw_rows(lake, "lineitem", days.key(3))
        first = next(line for line in lines if line["l_orderkey"] == self.corrected["o_orderkey"])
        pattern = {**before[1], "o_comment": "late"}
        one = next(line for line in lines if line["l_orderkey"] == before[1]["o_orderkey"])
        # Keys 8 to 31 are free: TPC-H uses 8 of every 32. Order 8 comes with its lines; of order 9 a line comes first.
        place.deliver(
            "orders",
            days.key(50),
            "late.json",
            [{**self.corrected, "o_totalprice": 99_999.99, "o_custkey": 7}, {**pattern, "o_orderkey": 8}],
        )
        place.deliver(
            "lineitem",
            days.key(50),
            "corrections from the shop.json.gz",
            [
                {**first, "l_quantity": 49.0, "l_extendedprice": 12_345.67},
                {**one, "l_orderkey": 8, "l_linenumber": 1},
                {**one, "l_orderkey": 8, "l_linenumber": 2, "l_discount": 0.03},
            ],
        )
        place.deliver("lineitem", days.key(10), "zz-early.json", [{**one, "l_orderkey": 9}])
        place.deliver("orders", days.key(61), "a.json", [{**pattern, "o_orderkey": 9}])
        # A redelivery: one order has changed, one is gone.
        again = [{**self.replaced, "o_orderpriority": "1-URGENT"}, *days.raw_rows(lake, "orders", days.key(60))[2:]]
        place.deliver("orders", days.key(60), "orders.json", again)
        # One key twice in a file: the later line counts.
        twice = {**days.raw_rows(lake, "orders", days.key(70))[5], "o_totalprice": 1.25}
        place.deliver("orders", days.key(70), "twice.json", [twice, {**twice, "o_totalprice": 2.5}])
        self.partials = days.partial_files(lake)
        with graph(place) as loaded:
            self.asked = loaded.settle()
            self.orphans = loaded.instance.get_latest_asset_check_evaluation_record(
                dg.AssetCheckKey(dg.AssetKey(["silver", "lineitem"]), "rows_have_their_parent")
            )


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return Delivered(days.whole_day().copy(tmp_path_factory.mktemp("late")))


@pytest.fixture(scope="module")
def expected(late: Delivered) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables as the raw files tell: of rows with one key the last counts."""
    with days.tpch() as con:
        days.replace_by_raw(con, partial(days.raw_rows, late.place.lake), late.place.folder)
        yield con


@pytest.mark.parametrize("table", FACTS)
def test_late_and_redelivered_rows_are_in_silver(late: Delivered, expected: Any, table: str) -> None:
    silver = days.rows_of(late.place.lake, "silver", table)
    days.assert_same_rows(silver.drop_columns(["_batch"]), days.columns(expected, table))


def test_an_order_is_in_the_window_where_its_first_row_arrived(late: Delivered) -> None:
    for table in FACTS:
        column = TABLES[table].shard_key
        for window, key in ((0, late.corrected["o_orderkey"]), (2, 8), (0, 9), (2, late.replaced["o_orderkey"])):
            found = [w for w in WINDOWS if key in days.rows_of(late.place.lake, "silver", table, w)[column].to_pylist()]
            assert found == [WINDOWS[window]], (table, key)


@pytest.mark.parametrize("query", days.QUERIES)
def test_late_rows_are_in_gold(late: Delivered, expected: Any, query: str) -> None:
    answer = days.answer(late.place.lake, query, DAY)
    assert_same(answer, plain_answer(expected, query, date.fromisoformat(DAY)))


def test_sensors_asked_for_what_was_touched_and_no_more(late: Delivered) -> None:
    def of(layer: str) -> set[tuple[str, str]]:
        return {days.stretch(request) for request in late.asked if request.job_name == f"{layer}_job"}

    assert of("bronze") == {(days.key(low), days.key(high)) for low, high in ((10, 10), (50, 50), (60, 61), (70, 70))}
    assert of("silver") == {(WINDOWS[0], WINDOWS[0]), (WINDOWS[2], WINDOWS[2])}
    assert of("gold") == {(DAY, DAY)}
    tables = {name for name in days.asset_names(late.asked) if not name.startswith("gold/")}
    assert tables == {"bronze/orders", "bronze/lineitem", "silver/orders", "silver/lineitem"}


def test_only_partials_of_touched_pairs_are_computed(late: Delivered) -> None:
    new = [name.split("/")[0] for name in days.partial_files(late.place.lake) - late.partials]
    for query in days.QUERIES.values():
        if query.live:
            assert new.count(query.name) <= 2
        else:
            assert new.count(query.name) == (2 if query.groups and not query.function else 0), query.name


def test_lines_of_an_order_that_is_gone_are_told(late: Delivered) -> None:
    evaluation: Any = late.orphans.event.asset_check_evaluation  # type: ignore[union-attr]
    lines = days.raw_rows(late.place.lake, "lineitem", days.key(60))
    gone = late.dropped["o_orderkey"]
    assert not evaluation.passed
    assert evaluation.metadata["rows without orders"].value == sum(line["l_orderkey"] == gone for line in lines)
    assert evaluation.metadata["l_orderkey of some"].value == [str(gone)]


# Gaps


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return days.whole_day().copy(tmp_path)


def test_gap_in_raw_is_filled_in_few_runs(place: Place) -> None:
    for table in ("supplier", "orders", "lineitem"):
        for batch in days.keys(30, 11):
            shutil.rmtree(f"{place.lake.uri}/raw/{table}/{batch}")
    shutil.rmtree(f"{place.lake.uri}/raw/lineitem/{days.key(60)}")
    with graph(place) as loaded:
        assert loaded.schedule("raw_schedule", days.START + 7 * HOUR).skip_message
        tick = loaded.schedule("raw_schedule", days.START + 24 * HOUR)
        assert [days.stretch(request) for request in tick.run_requests] == [
            (days.key(30), days.key(40)),
            (days.key(60), days.key(60)),
        ]
        assert all(days.asset_names([request]) == STREAMS for request in tick.run_requests)
        assert all(result.success for result in loaded.run(tick.run_requests))
        assert loaded.schedule("raw_schedule", days.START + 24 * HOUR).skip_message
        asked = loaded.settle()
    jobs = [request.job_name for request in asked]
    assert len(jobs) <= 6
    assert "gold_job" not in jobs, "the same files came again, so no answer changes"
    days.assert_same_lake(place.lake, days.whole_day().lake)


def test_gap_long_ago_is_filled_at_night_or_with_one_that_reaches_back_to_it(place: Place) -> None:
    """By day the raw schedule looks at the last 24 hours, unless the first batch of these is missing."""
    shutil.rmtree(f"{place.lake.uri}/raw/lineitem/{days.key(2)}")
    with graph(place) as loaded:

        def asked(hours: float) -> list[tuple[str, str]]:
            tick = loaded.schedule("raw_schedule", days.START + hours * HOUR)
            return [days.stretch(request) for request in tick.run_requests]

        assert asked(25) == [(days.key(96), days.key(99))]
        assert asked(24.75) == [(days.key(2), days.key(2)), (days.key(96), days.key(98))]
        hidden = Path(place.lake.uri, "raw/orders", days.key(4))
        (hidden / "orders.json").rename(hidden / ".orders.json")
        gaps = [(days.key(number), days.key(number)) for number in (2, 4)]
        assert asked(25) == [*gaps, (days.key(96), days.key(99))], "a folder without a visible file is none"


def test_empty_lake_is_filled_from_the_start(tmp_path: Path) -> None:
    with graph(Place(tmp_path)) as loaded:
        assert loaded.sensor("bronze_sensor").skip_message
        assert loaded.sensor("late_data_sensor").skip_message
        for schedule in ("raw_schedule", "silver_schedule", "gold_schedule"):
            assert loaded.schedule(schedule, days.START + timedelta(minutes=5)).skip_message
        tick = loaded.schedule("raw_schedule", days.START + 100 * timedelta(minutes=15))
        asked = [(days.stretch(request), days.asset_names([request])) for request in tick.run_requests]
        once = {f"raw/{name}" for name, table in TABLES.items() if table.arrives == "once"}
        # A run has a day of batches at most.
        assert asked == [
            ((days.key(0), days.key(95)), STREAMS),
            ((days.key(96), days.key(99)), STREAMS),
            ((days.key(0), days.key(0)), once),
        ]
        assert len({request.run_key for request in tick.run_requests}) == 3


def test_files_that_land_by_themselves_are_not_asked_for(tmp_path: Path) -> None:
    with graph(Place(tmp_path), generate=False) as loaded:
        found = loaded.schedule("raw_schedule", days.START + 24 * HOUR)
        assert "TPCH_GENERATE=false" in (found.skip_message or "")


def test_silver_and_gold_schedules_ask_for_what_has_ended(place: Place) -> None:
    for layer in ("silver", "gold", "partials"):
        shutil.rmtree(f"{place.lake.uri}/{layer}")
    with graph(place) as loaded:
        for hours, last in ((6, 0), (13, 1), (24, 3), (30, 3)):
            pairs, dimensions = loaded.schedule("silver_schedule", days.START + hours * HOUR).run_requests
            assert days.stretch(pairs) == (WINDOWS[0], WINDOWS[last])
            assert days.asset_names([pairs]) == {"silver/orders", "silver/lineitem"}
            assert days.asset_names([dimensions]) == {f"silver/{name}" for name in TABLES if name not in FACTS}
        assert loaded.schedule("gold_schedule", days.START + 25 * HOUR).skip_message
        assert all(result.success for result in loaded.run([pairs, dimensions]))
        assert loaded.schedule("silver_schedule", days.START + 30 * HOUR).skip_message
        assert loaded.schedule("gold_schedule", days.START + 23 * HOUR).skip_message
        gold, model = loaded.schedule("gold_schedule", days.START + 25 * HOUR).run_requests
        assert days.stretch(gold) == days.stretch(model) == (DAY, DAY)
        assert days.asset_names([gold]) == {f"gold/{name}" for name in days.QUERIES}
        assert days.asset_names([model]) == {"gold/late_delivery_model"}, "it may be kept back, which fails its run"
        late = loaded.sensor("late_data_sensor").run_requests
        assert days.asset_names(late) == days.asset_names([gold, model])


def test_a_corrected_dimension_row_reaches_the_queries_that_read_it(place: Place) -> None:
    customer = {**days.raw_rows(place.lake, "customer", days.key(0))[0], "c_mktsegment": "ELSEWHERE"}
    place.deliver("customer", days.key(7), "correction.json", [customer])
    with graph(place) as loaded:
        assert all(result.success for result in loaded.run(loaded.sensor("bronze_sensor").run_requests))
        requests = loaded.schedule("silver_schedule", days.START + 30 * HOUR).run_requests
        assert days.asset_names(requests) == {"silver/customer"}
        assert all(result.success for result in loaded.run(requests))
        requests = loaded.sensor("late_data_sensor").run_requests
        read_segments = {"gold/q03_shipping_priority", "gold/unshipped_orders", "gold/unshipped_totals"}
        read_segments |= {"gold/customer_baskets"}  # A function may read any column.
        read_segments |= {"gold/late_delivery_model"}
        assert days.asset_names(requests) == read_segments
        assert all(result.success for result in loaded.run(requests))
        assert loaded.sensor("late_data_sensor").skip_message
    rows = days.rows_of(place.lake, "silver", "customer").to_pylist()
    assert [row["c_mktsegment"] for row in rows if row["c_custkey"] == customer["c_custkey"]] == ["ELSEWHERE"]
    assert len(rows) == len({row["c_custkey"] for row in rows})


def test_ticks_skip_while_a_run_is_under_way(place: Place) -> None:
    for layer in ("bronze", "silver", "gold"):
        shutil.rmtree(f"{place.lake.uri}/{layer}")
    shutil.rmtree(f"{place.lake.uri}/raw/orders/{days.key(60)}")
    ticks = {
        "raw": [lambda loaded: loaded.schedule("raw_schedule", days.START + 24 * HOUR)],
        "bronze": [lambda loaded: loaded.sensor("bronze_sensor"), lambda loaded: loaded.sensor("late_data_sensor")],
        "silver": [
            lambda loaded: loaded.schedule("silver_schedule", days.START + 24 * HOUR),
            lambda loaded: loaded.schedule("gold_schedule", days.START + 24 * HOUR),
            lambda loaded: loaded.sensor("late_data_sensor"),
        ],
        "gold": [
            lambda loaded: loaded.schedule("gold_schedule", days.START + 24 * HOUR),
            lambda loaded: loaded.sensor("late_data_sensor"),
        ],
    }
    with graph(place) as loaded:
        for layer, evaluate in ticks.items():
            job = loaded.defs.resolve_job_def(job_name(layer))
            run = loaded.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
            for tick in evaluate:
                assert "under way" in (tick(loaded).skip_message or ""), layer
            loaded.instance.report_run_failed(run)
            assert "under way" not in (evaluate[0](loaded).skip_message or ""), layer
        assert loaded.schedule("raw_schedule", days.START + 24 * HOUR).run_requests
        assert loaded.sensor("bronze_sensor").run_requests


# Files that wait, and folders that are not read


def _foreign(place: Place, batch: str) -> Path:
    order = days.raw_rows(days.whole_day().lake, "orders", days.key(0))[0]
    return place.deliver("orders", batch, "foreign.json", [order])


def test_strange_folders_are_warned_of_and_ignored(tmp_path: Path) -> None:
    place = Place(tmp_path)
    before, ahead = (days.START - timedelta(days=1)).strftime("%Y-%m-%dT0000"), "2999-01-01T0000"
    odd = ["backup", DAY, f"{DAY}T0001", f"{DAY}T24", before, "date=2024-01-01"]
    for batch in (*odd, ahead, days.key(5)):
        _foreign(place, batch)
    messages = Messages()
    with graph(place) as loaded:
        tick = loaded.sensor("bronze_sensor", log=messages)
        (request,) = tick.run_requests
        assert days.stretch(request) == (days.key(5), days.key(5))
        assert days.asset_names([request]) == {"bronze/orders"}
        (warning,) = messages.texts
        assert warning.startswith("raw/orders/") and f"{len(odd)} such folders are not read" in warning
        loaded.run([request])
        assert days.tables_of(place.lake)["bronze/orders"].rows == 1
        messages.texts.clear()
        assert loaded.sensor("bronze_sensor", cursor=tick.cursor, log=messages).skip_message
        assert not any("backup" in text for text in messages.texts), (
            "a round over the whole history begins every ten minutes"
        )


def test_young_files_wait(tmp_path: Path) -> None:
    place = Place(tmp_path)
    file = _foreign(place, days.key(5))
    with graph(place, settle_seconds=600) as loaded:
        assert loaded.sensor("bronze_sensor").skip_message
        _foreign(place, days.key(7))
        old = time.time() - 601
        os.utime(file, (old, old))
        (request,) = loaded.sensor("bronze_sensor").run_requests
        assert days.stretch(request) == (days.key(5), days.key(5))


def test_a_file_ahead_of_the_clock_is_read_once_it_stays_the_same(tmp_path: Path) -> None:
    """Its time comes from a wrong clock, and it is no younger than a file from yesterday."""
    place = Place(tmp_path)
    file, ahead = _foreign(place, days.key(5)), time.time() + 1e6
    os.utime(file, (ahead, ahead))
    with graph(place, settle_seconds=5) as loaded:
        cursor = loaded.sensor("bronze_sensor").cursor

        def later(cursor: str, seconds: float) -> str:
            """The same cursor, of a scan that was longer ago."""
            state = json.loads(cursor)
            state["ahead"] = {key: (one, since - seconds) for key, (one, since) in state["ahead"].items()}
            del state["swept"]
            return json.dumps(state)

        assert loaded.sensor("bronze_sensor", cursor=cursor).skip_message
        file.write_bytes(file.read_bytes() * 2)
        os.utime(file, (ahead, ahead))
        tick = loaded.sensor("bronze_sensor", cursor=later(cursor, 6))
        assert tick.skip_message, "it has changed since"
        (request,) = loaded.sensor("bronze_sensor", cursor=later(tick.cursor, 6)).run_requests
        assert days.stretch(request) == (days.key(5), days.key(5))


def test_hidden_and_temporary_files_are_not_delivered_yet(tmp_path: Path) -> None:
    place = Place(tmp_path)
    file = _foreign(place, days.key(5))
    for name in (".hidden.json", "upload.json.tmp", "_SUCCESS"):
        shutil.copyfile(file, file.with_name(name))
    file.unlink()
    with graph(place) as loaded:
        assert loaded.sensor("bronze_sensor").skip_message


def test_a_cursor_limits_the_look_back_but_not_for_ever(tmp_path: Path) -> None:
    """Recent days are looked at by every tick; an old batch by the next round over all."""
    place = Place(tmp_path)
    with graph(place) as loaded:
        swept = loaded.sensor("bronze_sensor").cursor
        _foreign(place, days.key(5))
        assert loaded.sensor("bronze_sensor", cursor=swept).skip_message
        hour_ago = json.dumps({"swept": (datetime.now(UTC) - HOUR).isoformat()})
        assert loaded.sensor("bronze_sensor", cursor=hour_ago).run_requests


def test_what_came_along_with_recent_files_is_found_within_two_minutes(tmp_path: Path) -> None:
    """A new lake's first day is older than a day, and its generator writes while bronze looks."""
    place, now = Place(tmp_path), floor(datetime.now(UTC), BATCH) - BATCH

    def wait(cursor: str, seconds: float) -> str:
        state = json.loads(cursor)
        return json.dumps(state | {"swept": str(datetime.fromisoformat(state["swept"]) - timedelta(seconds=seconds))})

    with graph(place) as loaded:
        cursor = loaded.sensor("bronze_sensor").cursor
        _foreign(place, days.key(5))
        tick = loaded.sensor("bronze_sensor", cursor=wait(cursor, 61))
        assert "last looked through from" in str(tick.skip_message), "and does not say that it read this file"
        _foreign(place, batch_key(now))
        tick = loaded.sensor("bronze_sensor", cursor=wait(cursor, 61))
        assert [days.stretch(one)[0] for one in tick.run_requests] == [batch_key(now)]
        tick = loaded.sensor("bronze_sensor", cursor=tick.cursor)
        assert days.key(5) in {days.stretch(one)[0] for one in tick.run_requests}
