"""Asset checks on broken data: each fails, with the right figures. Data is broken in copies of a sound day."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tpch_assets.calendar import floor
from tpch_assets.lake import record
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.layers import BATCH
from tpch_assets.settings import current_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests import days
from tpch_assets_tests.days import Graph, Place, graph

FIRST = days.key(0)
ACCOUNTED, CLEAN = "every_line_is_in_bronze_or_rejects", "no_rejects"
UNIQUE, COMPLETE = "key_is_unique_and_not_null", "holds_exactly_the_keys_of_bronze"
ORPHANS, COVERED = "rows_have_their_parent", "parents_have_rows"


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Graph]:
    with graph(days.whole_day().copy(tmp_path)) as found:
        yield found


def check(
    loaded: Graph, layer: str, table: str, *names: str, window: str | None = None, job: str | None = None
) -> dict[str, dg.AssetCheckEvaluation]:
    """Run checks of one asset alone, for a partition or for all."""
    tags = {"dagster/partition": window} if window else {}
    keys = [dg.AssetCheckKey(dg.AssetKey([layer, table]), name) for name in names]
    request = dg.RunRequest(job_name=job or f"{layer}_job", asset_check_keys=keys, tags=tags)
    (result,) = loaded.run([request], raise_on_error=False)  # A blocking check that fails ends its run.
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def figures(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    where = ("wrong partitions", "windows")
    return {name: value.value for name, value in evaluation.metadata.items() if name not in where}


def wrong(evaluation: dg.AssetCheckEvaluation) -> Any:
    """The partitions that are wrong, wherever the run was."""
    assert not evaluation.passed
    found = evaluation.metadata
    return (found.get("wrong partitions") or found["windows"]).value


def replace(lake: Lake, layer: str, table: str, partition: str, rows: pa.Table) -> None:
    """Put other rows in the place of a partition's, by our own commit: the log is sound, the data is not."""
    uri = lake.table(layer, table)
    (name,) = (file.name for file in snapshot(lake, uri).of({partition}))
    name = f"{name.rsplit('-', 1)[0]}-{{content}}.parquet"
    written = write_file(lake, uri, partition, name, lambda path: pq.write_table(rows, path))
    commit(lake, uri, [written], {partition})


def changed(rows: pa.Table, row: int, **values: Any) -> pa.Table:
    """One row of a table, as a table, with other values."""
    one = rows.slice(row, 1)
    for name, value in values.items():
        column = pa.array([value], one.schema.field(name).type)
        one = one.set_column(one.schema.get_field_index(name), name, column)
    return one


def test_all_pass_on_sound_data(loaded: Graph) -> None:
    for window in (None, days.key(24)):
        assert all(e.passed for e in check(loaded, "bronze", "orders", ACCOUNTED, CLEAN, window=window).values())
        found = check(loaded, "silver", "lineitem", UNIQUE, COMPLETE, ORPHANS, COVERED, window=window)
        assert len(found) == 4 and all(evaluation.passed for evaluation in found.values())
        assert figures(found[UNIQUE])["rows"] == (
            60_175 if window is None else days.rows_of(loaded.lake, "silver", "lineitem", window).num_rows
        )


def test_a_line_that_is_in_neither_table_is_missed(loaded: Graph) -> None:
    rows = days.raw_rows(loaded.lake, "orders", days.key(7))
    loaded.place.deliver("orders", days.key(7), "orders.json", [*rows, {"one": "more"}])
    found = check(loaded, "bronze", "orders", ACCOUNTED, CLEAN)
    assert (found[ACCOUNTED].passed, found[ACCOUNTED].severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert figures(found[ACCOUNTED]) == {"lines": 15_001, "rows": 15_000, "rejects": 0}
    assert found[CLEAN].passed
    found = check(loaded, "bronze", "orders", ACCOUNTED, window=days.key(7))
    assert figures(found[ACCOUNTED]) == {"lines": 157, "rows": 156, "rejects": 0}
    elsewhere = check(loaded, "bronze", "orders", ACCOUNTED, window=days.key(8))[ACCOUNTED]
    assert wrong(elsewhere) == [days.key(7)], "it is told until it is mended"


def test_a_row_without_a_line_is_seen(loaded: Graph) -> None:
    rows = days.raw_rows(loaded.lake, "lineitem", days.key(7))
    loaded.place.deliver("lineitem", days.key(7), "lineitem.json", rows[:-2])
    evaluation = check(loaded, "bronze", "lineitem", ACCOUNTED, window=days.key(7))[ACCOUNTED]
    assert not evaluation.passed
    assert figures(evaluation) == {"lines": len(rows) - 2, "rows": len(rows), "rejects": 0}


def test_a_double_key_is_seen(loaded: Graph) -> None:
    rows = days.rows_of(loaded.lake, "silver", "orders", FIRST)
    double = changed(rows, 5, o_comment="other")
    replace(loaded.lake, "silver", "orders", FIRST, pa.concat_tables([rows, double, double]).sort_by("o_orderkey"))
    found = check(loaded, "silver", "orders", UNIQUE, COMPLETE, window=FIRST)
    assert not found[UNIQUE].passed
    assert figures(found[UNIQUE]) == {"rows": rows.num_rows + 2, "without key": 0, "too many": 2}
    assert found[COMPLETE].passed
    assert not check(loaded, "silver", "orders", UNIQUE)[UNIQUE].passed
    assert wrong(check(loaded, "silver", "orders", UNIQUE, window=days.key(48))[UNIQUE]) == [FIRST]


def test_a_key_in_two_windows_is_seen(loaded: Graph) -> None:
    rows, last = (days.rows_of(loaded.lake, "silver", "orders", days.key(n)) for n in (0, 72))
    replace(loaded.lake, "silver", "orders", days.key(72), pa.concat_tables([rows.slice(3, 1), last]))
    evaluation = check(loaded, "silver", "orders", UNIQUE)[UNIQUE]
    assert not evaluation.passed and figures(evaluation)["too many"] == 1


def test_a_row_without_a_key_is_seen(loaded: Graph) -> None:
    rows = days.rows_of(loaded.lake, "silver", "lineitem", FIRST)
    null = changed(rows, 5, l_linenumber=None)
    replace(loaded.lake, "silver", "lineitem", FIRST, pa.concat_tables([rows, null]))
    evaluation = check(loaded, "silver", "lineitem", UNIQUE, window=FIRST)[UNIQUE]
    assert not evaluation.passed
    assert figures(evaluation)["without key"] == 1


def test_invented_and_lost_keys_are_seen(loaded: Graph) -> None:
    rows = days.rows_of(loaded.lake, "silver", "orders", FIRST)
    other = changed(rows, 0, o_orderkey=8)
    replace(loaded.lake, "silver", "orders", FIRST, pa.concat_tables([rows.slice(3), other]))
    for window in (FIRST, None):
        evaluation = check(loaded, "silver", "orders", COMPLETE, window=window)[COMPLETE]
        assert not evaluation.passed
        found = figures(evaluation)
        assert (found["lost"], found["not in bronze"]) == (3, 1)


def test_lost_and_invented_rows_of_a_dimension_are_seen(loaded: Graph) -> None:
    rows = days.rows_of(loaded.lake, "silver", "customer")
    replace(
        loaded.lake, "silver", "customer", "latest", pa.concat_tables([rows.slice(2), changed(rows, 0, c_custkey=-1)])
    )
    evaluation = check(loaded, "silver", "customer", COMPLETE)[COMPLETE]
    assert figures(evaluation) == {"rows": 1_499, "lost": 2, "not in bronze": 1}
    assert not evaluation.passed


def test_lines_without_an_order_are_seen(loaded: Graph) -> None:
    orders = days.rows_of(loaded.lake, "silver", "orders", FIRST)
    lines = days.rows_of(loaded.lake, "silver", "lineitem", FIRST)
    gone = orders["o_orderkey"].slice(10, 12)
    replace(loaded.lake, "silver", "orders", FIRST, orders.filter(pc.invert(pc.is_in(orders["o_orderkey"], gone))))
    orphans = lines.filter(pc.is_in(lines["l_orderkey"], gone)).num_rows
    for window in (FIRST, None):
        evaluation = check(loaded, "silver", "lineitem", ORPHANS, window=window)[ORPHANS]
        assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert figures(evaluation) == {
            "rows without orders": orphans,
            "l_orderkey of some": list(map(str, gone.to_pylist()[:10])),
        }
    assert wrong(check(loaded, "silver", "lineitem", ORPHANS, window=days.key(24))[ORPHANS]) == [FIRST]


def test_a_parent_without_rows_is_seen(loaded: Graph) -> None:
    lines = days.rows_of(loaded.lake, "silver", "lineitem", FIRST)
    gone = pc.unique(lines["l_orderkey"]).slice(3, 2)
    replace(loaded.lake, "silver", "lineitem", FIRST, lines.filter(pc.invert(pc.is_in(lines["l_orderkey"], gone))))
    for window in (FIRST, None):
        evaluation = check(loaded, "silver", "lineitem", COVERED, window=window)[COVERED]
        assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert figures(evaluation) == {
            "rows without lineitem": 2,
            "o_orderkey of some": list(map(str, gone.to_pylist())),
        }
    assert wrong(check(loaded, "silver", "lineitem", COVERED, window=days.key(24))[COVERED]) == [FIRST]


# Freshness


STEPS = {
    "raw": timedelta(minutes=15),
    "bronze": timedelta(minutes=15),
    "silver": timedelta(hours=6),
    "gold": timedelta(days=1),
}
LAGS = {
    # Minutes since the end of the latest partition.
    "green": {"raw": 10, "bronze": 20, "silver": 3 * 60, "gold": 12 * 60},
    "amber": {"raw": 45, "bronze": 45, "silver": 8 * 60, "gold": 27 * 60},
    "red": {"raw": 80, "bronze": 80, "silver": 13 * 60, "gold": 40 * 60},
}


def freshness(loaded: Graph, **tables: str) -> dict[str, dg.AssetCheckEvaluation]:
    """The checks of age, of one table of each layer or of all."""
    keys = [dg.AssetCheckKey(dg.AssetKey(asset), "is_fresh") for asset in tables.items()]
    (result,) = loaded.run([dg.RunRequest(job_name="freshness_job", asset_check_keys=keys or None)])
    found = [one for one in result.get_asset_check_evaluations() if one.check_name == "is_fresh"]
    return {evaluation.asset_key.to_user_string(): evaluation for evaluation in found}


def test_nothing_is_red_before_it_is_due(tmp_path: Path) -> None:
    with graph(Place(tmp_path)) as loaded:
        record.agree(loaded.lake, current_settings(), BUSINESS)
        found = freshness(loaded)
        assert len(found) == 3 + 3 + 2 + len(days.QUERIES) + len(BUSINESS.models)
        for evaluation in found.values():
            assert evaluation.passed and figures(evaluation) == {"latest": "nothing yet"}
            assert "Nothing yet. The first is due by " in str(evaluation.description)
        told = json.loads((file := Path(loaded.lake.uri, "lake.json")).read_text())
        file.write_text(json.dumps({**told, "begun": (datetime.now(UTC) - timedelta(hours=8)).isoformat()}))
        found = freshness(loaded, raw="orders", silver="orders", gold="q01_pricing_summary")
        states = {name.split("/")[0]: (one.passed, one.severity.value) for name, one in found.items()}
        assert states == {"raw": (False, "ERROR"), "silver": (False, "WARN"), "gold": (True, "WARN")}
        assert "Very late: due since " in str(found["raw/orders"].description)


def test_empty_files_batches_and_windows_are_not_the_newest_data(loaded: Graph) -> None:
    empty = days.key(100)
    for table in ("orders", "lineitem"):
        loaded.place.deliver(table, empty, "some.json", b"")
    with graph(loaded.place, generate=False) as own:
        own.settle()
        assert empty in snapshot(own.lake, own.lake.table("bronze", "orders")).by_partition()
        assert days.key(96) in snapshot(own.lake, own.lake.table("silver", "orders")).by_partition()
        found = freshness(own, raw="orders", bronze="orders", silver="orders", gold="q01_pricing_summary")
    latest = {key.split("/")[0]: figures(one)["latest"] for key, one in found.items()}
    assert latest == {"raw": days.key(95), "bronze": days.key(95), "silver": days.key(72), "gold": days.day(0)}


def test_what_time_changes_is_watched_without_runs(loaded: Graph) -> None:
    first = loaded.sensor("freshness_sensor")
    names = {evaluation.check_name for evaluation in first.asset_events}
    assert names == {"is_fresh", "every_raw_file_is_read", "feed_has_no_hole", "has_arrived"}
    assert not first.run_requests and len(first.asset_events) > 3 + 3 + 2 + len(days.QUERIES)
    assert loaded.sensor("freshness_sensor", first.cursor).asset_events == []
    loaded.place.deliver("region", "backup", "a.json", b"")
    (event,) = loaded.sensor("freshness_sensor", first.cursor).asset_events
    assert (event.asset_key.path, event.check_name) == (["bronze", "region"], "every_raw_file_is_read")
    assert not event.passed
    loaded.instance.report_runless_asset_event(event)


def test_a_day_long_past_is_red(loaded: Graph) -> None:
    found = freshness(loaded, raw="orders", silver="orders", gold="q01_pricing_summary")
    assert not any(evaluation.passed for evaluation in found.values())
    assert figures(found["raw/orders"])["latest"] == days.key(95)
    assert figures(found["silver/orders"])["latest"] == days.key(72)
    assert figures(found["gold/q01_pricing_summary"])["latest"] == days.day(0)


@pytest.mark.parametrize("state", LAGS)
def test_freshness_follows_the_latest_partition(tmp_path: Path, state: str) -> None:
    names = {"raw": "orders", "bronze": "lineitem", "silver": "orders", "gold": "q01_pricing_summary"}
    place, now = Place(tmp_path), datetime.now(UTC)
    moments = {layer: now - timedelta(minutes=LAGS[state][layer]) - STEPS[layer] for layer in names}
    moments["raw"] = floor(moments["raw"], BATCH)  # Any other folder in raw is no batch.
    latest = {layer: moment.strftime("%Y-%m-%dT%H%M") for layer, moment in moments.items()}
    for layer, name in names.items():
        for partition in (latest[layer], "2020-01-01T0000"):
            if layer == "raw":
                place.deliver(name, partition, "some.json", b"{}")
            else:
                uri, rows = place.lake.table(layer, name), pa.table({"some": [1]})
                written = write_file(place.lake, uri, partition, "{content}.parquet", partial(pq.write_table, rows))
                commit(place.lake, uri, [written], {partition})
    with graph(place) as loaded:
        found = freshness(loaded, **names)
    severity = dg.AssetCheckSeverity.ERROR if state == "red" else dg.AssetCheckSeverity.WARN
    for layer, name in names.items():
        evaluation = found[f"{layer}/{name}"]
        assert (evaluation.passed, evaluation.severity) == (state == "green", severity), layer
        assert figures(evaluation)["latest"] == latest[layer]
        assert 0 <= figures(evaluation)["lag (minutes)"] - LAGS[state][layer] <= (17 if layer == "raw" else 2)
