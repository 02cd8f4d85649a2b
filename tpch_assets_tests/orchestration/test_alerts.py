"""Alerts of real failures: the sensor over a real Dagster instance and lake tells a local webhook."""

import logging
import os
import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from tpch_assets.alerts import lake_conditions
from tpch_assets.alerts.channels import Webhook
from tpch_assets.alerts.cursor import FORMER as SEEN
from tpch_assets.alerts.cursor import Cursor
from tpch_assets.alerts.messages import links_of
from tpch_assets.alerts.outbox import open_alerts, store_alerts, stored_alerts, uri_of
from tpch_assets.lake import record
from tpch_assets.lake.lake import Lake
from tpch_assets.orchestration.alert_conditions import Finished, queued_runs, stuck_runs, unmended
from tpch_assets.orchestration.alerts import NAME, tell_of_lake, unusable
from tpch_assets.settings import current_settings, load_settings
from tpch_assets.tpch import BUSINESS
from tpch_assets_tests import days
from tpch_assets_tests.alerts.servers import Hook, webhook
from tpch_assets_tests.alerts.watch import Watch
from tpch_assets_tests.days import Graph, Place, graph
from tpch_assets_tests.orchestration.messages import Messages

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ACCOUNTED = "every_line_is_in_bronze_or_rejects"


def _region(number: int) -> dict[str, object]:
    return {"r_regionkey": number, "r_name": "EUROPE", "r_comment": ""}


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as found:
        yield found


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hook: Hook) -> Iterator[Graph]:
    """The table `region` alone. Its second batch cannot be read, and half of its third is no JSON."""
    days.without_retries(monkeypatch)
    place = Place(tmp_path)
    place.deliver("region", days.key(0), "a.json", [_region(0)])
    place.deliver("region", days.key(2), "a.json", b'{"r_regionkey": 2, "r_name": "ASIA", "r_comment": ""}\nno\n')
    bad = Path(place.lake.uri, "raw/region", days.key(1), "b.json")
    bad.parent.mkdir(parents=True)
    bad.symlink_to("/proc/self/mem")
    settings = {
        "alert_webhook_url": hook.url,
        "alert_dashboard_url": "http://127.0.0.1:9",
        "alert_disk_share": 1,
        "generate": False,
    }
    with graph(place, **settings) as found:
        yield found


def _run(loaded: Graph, layer: str, *batch: str) -> None:
    loaded.run([days.request(layer, ["region"], *batch)], raise_on_error=False)


def _wait_in_thought(loaded: Graph, minutes: float) -> None:
    """Have everything that is known be so much older."""
    before = timedelta(minutes=minutes)
    store_alerts(loaded.lake, [replace(alert, seen=alert.seen - before) for alert in stored_alerts(loaded.lake)])


def test_real_failures_are_told_once_when_they_begin_and_once_when_they_are_over(loaded: Graph, hook: Hook) -> None:
    _run(loaded, "bronze", days.key(0))
    _run(loaded, "bronze", days.key(1))
    _run(loaded, "bronze", days.key(2))
    log = Path(loaded.lake.uri, "silver/region/_delta_log/00000000000000000000.json")
    log.parent.mkdir(parents=True)
    log.write_text("no log")
    _run(loaded, "silver")
    raw = Path(loaded.lake.uri, "raw/region", days.key(0), "a.json")
    whole, times = raw.read_bytes(), (raw.stat().st_atime_ns, raw.stat().st_mtime_ns)
    raw.write_bytes(2 * whole)
    check = dg.AssetCheckKey(dg.AssetKey(["bronze", "region"]), ACCOUNTED)
    counted = dg.RunRequest(job_name="bronze_job", asset_check_keys=[check], tags={"dagster/partition": days.key(0)})
    loaded.run([counted], raise_on_error=False)
    raw.write_bytes(whole)
    os.utime(raw, ns=times)

    assert loaded.sensor(NAME, SEEN).skip_message == "4 alerts open."
    assert loaded.sensor(NAME, SEEN).skip_message == "4 alerts open."
    told = sorted(hook.texts)
    assert [re.split(" since | at ", text)[0] for text in told] == [
        "A run of silver/region failed",
        f"Raw files of raw/region/{days.key(1)} are set aside, as they cannot be read",
        f"The check {ACCOUNTED} of bronze/region failed",
        "Too many lines of bronze/region are rejected",
    ]
    assert "silver/region cannot be opened" in told[0] and "http://127.0.0.1:3000/runs/" in told[0]
    assert "Input/output error" in told[1]
    assert "2 lines, but 1 rows and 0 rejects" in told[2]
    assert "(1 of 3 lines of the newest day)" in told[3] and "http://127.0.0.1:3000/assets/bronze/region" in told[3]

    _wait_in_thought(loaded, 3)
    assert loaded.sensor(NAME, SEEN).skip_message == "5 alerts open."
    assert hook.texts[4].startswith("The dashboard http://127.0.0.1:9 does not answer since")

    loaded.run([counted])
    Path(loaded.lake.uri, "raw/region", days.key(1), "b.json").unlink()
    loaded.place.deliver("region", days.key(2), "a.json", [_region(2)])
    _run(loaded, "bronze", days.key(2))
    shutil.rmtree(log.parent.parent)
    _run(loaded, "silver")
    assert loaded.sensor(NAME).skip_message == "Nothing is wrong."
    assert len(hook.texts) == 10 and all(text.startswith("Over since") for text in hook.texts[5:])
    assert not open_alerts(loaded.lake)


def test_whatever_fails_in_alerts_fails_nothing_else(loaded: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> Iterator[None]:
        raise RuntimeError("broken")

    monkeypatch.setattr(lake_conditions, "rejects", break_down)
    messages = Messages()
    assert loaded.sensor(NAME, log=messages).skip_message == "Nothing is wrong."
    assert messages.texts == ["Alerts of the kind “rejects” stay as they are, since looking for them failed: broken"]
    tick = loaded.sensor(NAME, "no cursor", messages)
    assert tick.skip_message == "Alerts could not be told; see the tick's log." and tick.cursor == "no cursor"


# A lake that is gone


def _age(cursor: str, minutes: float) -> str:
    known = Cursor.of(cursor)
    aged = (replace(alert, seen=alert.seen - timedelta(minutes=minutes)) for alert in known.alerts)
    return replace(known, alerts=tuple(aged)).text


def test_a_lake_that_is_gone_is_told_once_and_once_that_it_is_back(loaded: Graph, hook: Hook) -> None:
    record.agree(loaded.lake, current_settings(), BUSINESS)
    cursor = loaded.sensor(NAME).cursor
    lake, away = Path(loaded.lake.uri), loaded.place.folder / "away"
    lake.rename(away)
    lake.mkdir()  # A disk that is not mounted.
    gone = loaded.sensor(NAME, cursor)
    assert gone.skip_message == "The lake cannot be used: lake.json is not there any more."
    assert hook.texts == [], "it may pass by itself"
    cursor = _age(gone.cursor, 3)
    for _ in range(2):
        cursor = loaded.sensor(NAME, cursor).cursor
        (text,) = hook.texts
    assert text.startswith(f"The lake {lake} cannot be used since ")
    assert "(lake.json is not there any more). See whether its storage" in text
    assert list(lake.iterdir()) == [], "nothing is remembered where the lake is not"
    lake.rmdir()
    lake.write_text("no folder")
    assert "is not a folder. Set TPCH_LAKE to one" in loaded.sensor(NAME, cursor).skip_message
    lake.unlink()
    away.rename(lake)
    for _ in range(2):
        cursor = loaded.sensor(NAME, cursor).cursor
        assert len(hook.texts) == 2
    assert hook.texts[1].startswith("Over since ") and "which can be used again" in hook.texts[1]
    assert Cursor.of(cursor).alerts == ()


def test_an_s3_that_stops_answering_is_told(monkeypatch: pytest.MonkeyPatch, hook: Hook) -> None:
    lake, settings, log = Lake("s3://bucket/lake"), load_settings(alert_webhook_url=hook.url), logging.getLogger("test")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # It takes connections, and says nothing.
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        why = unusable(lake, Cursor.of(None))
    assert why == f"nothing answers at {url}. Correct AWS_ENDPOINT_URL, or the network"
    cursor = Cursor.of(None)
    for minute in range(5):
        now = NOW + timedelta(minutes=minute)
        cursor = tell_of_lake(settings, lake, why, cursor, links_of(settings), now, log)
    (text,) = hook.texts
    assert text.startswith("The lake s3://bucket/lake cannot be used since ") and why in text


def test_what_cannot_be_remembered_is_told_all_the_same(loaded: Graph, hook: Hook) -> None:
    log = Path(uri_of(loaded.lake), "_delta_log", "00000000000000000000.json")
    log.parent.mkdir(parents=True)
    log.write_text("no log")
    messages = Messages()
    tick = loaded.sensor(NAME, log=messages)
    assert "operations/alerts cannot be opened" in tick.skip_message
    assert any("operations/alerts cannot be opened" in text for text in messages.texts)
    loaded.sensor(NAME, _age(tick.cursor, 3))
    assert len(hook.texts) == 1 and "operations/alerts cannot be opened" in hook.texts[0]


# What the lake shows


def test_late_layers_and_missing_answers_of_a_lake(tmp_path: Path) -> None:
    place = days.whole_day().copy(tmp_path)
    questions = len(days.QUERIES)
    shutil.rmtree(Path(place.lake.uri, "gold", "q06_forecasting_revenue_change"))
    begin = datetime.fromisoformat(f"{days.day(0)}T00:00+00:00")
    found = {
        hours: list(lake_conditions.late(place.lake, BUSINESS, begin + timedelta(hours=hours)))
        for hours in (24.1, 24.9, 31.5, 49.5)
    }
    assert {hours: sorted({one.scope for one in late}) for hours, late in found.items()} == {
        24.1: [],
        24.9: ["bronze", "raw"],
        31.5: ["bronze", "raw", "silver"],
        49.5: ["bronze", "gold", "raw", "silver"],
    }
    assert sum(one.scope == "gold" for one in found[49.5]) == questions - 1
    first = next(one for one in found[49.5] if one.subject == "raw/orders")
    assert (first.since, first.detail) == (begin + timedelta(hours=24.5), f"its newest batch is {days.key(95)}")

    for hours, missing in ((24.9, []), (25.1, [("gold/q06_forecasting_revenue_change", days.day(0))])):
        moment = begin + timedelta(hours=hours)
        answers = lake_conditions.answers_missing(place.lake, BUSINESS, moment)
        assert [(one.subject, one.partition) for one in answers] == missing


def test_a_disk_that_is_too_full(tmp_path: Path) -> None:
    lake = Place(tmp_path).lake
    assert [one.subject for one in lake_conditions.disks(lake, str(tmp_path), 0.0, NOW)] == ["the lake"]
    assert list(lake_conditions.disks(lake, str(tmp_path), 1.0, NOW)) == []


# What runs show


def _finished(hour: int, assets: str, *ends: str, job: str = "silver_job") -> Finished:
    chosen = frozenset(f"silver/{name}" for name in assets.split())
    return Finished(str(hour), job, chosen, (ends[0], ends[-1]) if ends else None, NOW + timedelta(hours=hour))


@pytest.mark.parametrize(
    ("mended", "later"),
    [
        (True, [_finished(2, "a b", "2026-01-01T0000", "2026-01-01T0600")]),
        (
            True,
            [
                _finished(2, "a", "2026-01-01T0000", "2026-01-01T1200"),
                _finished(3, "b", "2026-01-01T0000"),
                _finished(4, "b", "2026-01-01T0600"),
            ],
        ),
        (True, [_finished(2, "", "2026-01-01T0000", "2026-01-01T0600")]),
        (False, [_finished(0, "a b", "2026-01-01T0000", "2026-01-01T0600")]),
        (False, [_finished(2, "a b", "2026-01-01T0000")]),
        (False, [_finished(2, "a", "2026-01-01T0000", "2026-01-01T0600")]),
        (False, [_finished(2, "a b", "2026-01-01T0000", "2026-01-01T0600", job="gold_job")]),
        (False, [_finished(2, "a b")]),
    ],
)
def test_a_failed_run_is_mended_once_others_cover_it(mended: bool, later: list[Finished]) -> None:
    run = _finished(1, "a b", "2026-01-01T0000", "2026-01-01T0600")
    assert unmended([run], later) == ([] if mended else [run])


def test_a_failed_run_without_partitions_is_mended_by_the_same_assets() -> None:
    run = _finished(1, "a b")
    assert unmended([run], [_finished(2, "a")]) == [run]
    assert unmended([run], [_finished(2, "a b c")]) == []


def test_runs_that_say_nothing_are_stuck(instance: dg.DagsterInstance) -> None:
    job, now = dg.GraphDefinition(name="silver_job").to_job(), datetime.now(UTC)
    for status in (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS):
        instance.create_run_for_job(job, status=status, tags={"dagster/partition": days.key(0)})
    assert list(stuck_runs(instance, now + timedelta(minutes=20))) == []
    found = list(stuck_runs(instance, now + timedelta(minutes=40)))
    assert [one.detail for one in found] == 2 * ["its log says nothing new"]
    assert {(one.subject, one.partition) for one in found} == {("silver", days.key(0))}


def test_a_run_that_waits_for_long_is_told_once_and_once_that_it_has_begun(
    instance: dg.DagsterInstance, lake: Lake, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only a code server's runs can be queued.
    monkeypatch.setattr("tpch_assets.orchestration.alert_conditions.QUEUED", [dg.DagsterRunStatus.NOT_STARTED])
    job, now = dg.GraphDefinition(name="gold_job").to_job(), datetime.now(UTC)
    tags = {"dagster/partition": days.day(0)}
    run = instance.create_run_for_job(job, tags=tags)
    watch = Watch(lake, Webhook(hook.url))
    for minutes in (20, 40, 41):
        moment = now + timedelta(minutes=minutes)
        watch.look(moment, *queued_runs(instance, moment))
    (text,) = hook.texts
    assert text.startswith(f"A run of gold, {days.day(0)} waits in the queue since {now:%Y-%m-%d %H:%M} UTC. See in")
    assert f"/runs/{run.run_id}" in text
    instance.report_run_canceled(run)
    for minutes in (42, 43):
        watch.look(now + timedelta(minutes=minutes), *queued_runs(instance, now + timedelta(minutes=minutes)))
    assert len(hook.texts) == 2 and "which has begun or has been canceled" in hook.texts[1]
