"""Housekeeping deletes what is old and nothing else, and changes no table."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tpch_assets.gold.sweep import sweep
from tpch_assets.lake import folder
from tpch_assets.lake.commit import commit
from tpch_assets.lake.data_files import write_file
from tpch_assets.lake.lake import Lake
from tpch_assets.lake.snapshot import snapshot
from tpch_assets.orchestration import maintenance
from tpch_assets.orchestration.delta_table import delta_table
from tpch_assets_tests.chaos import feed
from tpch_assets_tests.chaos.feed import Delivery
from tpch_assets_tests.chaos.services import Services

NOTHING = dg.GraphDefinition(name="nothing").to_job()


@pytest.fixture
def uri(lake: Lake) -> str:
    """A table of some small files."""
    uri = lake.table("silver", "things")
    for number in range(3):
        write = partial(pq.write_table, pa.table({"key": [number]}))
        commit(lake, uri, [write_file(lake, uri, "a", f"{number}.parquet", write)], {"a"}, keep=_paths(lake, uri))
    return uri


def _paths(lake: Lake, uri: str) -> list[str]:
    return [file.path for file in snapshot(lake, uri).files]


def test_maintenance_leaves_the_files_of_a_table_as_they_are(lake: Lake, uri: str) -> None:
    before, lines = _paths(lake, uri), list[str]()
    assert maintenance.vacuum_all(lake, lines.append) == []
    assert lines == [f"{uri}: 0 files deleted"]
    assert sorted(_paths(lake, uri)) == sorted(before) and len(before) == 3
    assert not any(entry["operation"] == "OPTIMIZE" for entry in DeltaTable(uri).history())


def test_commits_of_a_vacuum_survive_a_power_loss(lake: Lake, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(lake, uri, [], {"a"}, schema=snapshot(lake, uri).schema)
    before, flushed = snapshot(lake, uri).version, list[str]()
    monkeypatch.setattr(folder, "fsync", flushed.append)
    monkeypatch.setattr(maintenance, "KEEP_FILES", timedelta(0))
    monkeypatch.setattr(
        maintenance,
        "vacuum",
        lambda resource: resource.load().vacuum(0, enforce_retention_duration=False, full=True, dry_run=False),
    )
    assert maintenance.vacuum_all(lake, flushed.append) == []
    assert f"{uri}: 3 files deleted" in flushed
    assert snapshot(lake, uri).version == before + 2
    for version in (before + 1, before + 2):
        assert f"{uri}/_delta_log/{version:020}.json" in flushed
    last = f"{uri}/_delta_log/{before:020}.json"
    assert last in flushed[: flushed.index(f"{uri}: 3 files deleted")], "its writer may have died before flushing it"


def test_vacuum_does_not_trust_a_clock_that_is_behind_the_table(lake: Lake, uri: str) -> None:
    newest = max(Path(uri, "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text().splitlines()]
    ahead = datetime.now(UTC) + timedelta(hours=2)
    for action in actions:
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] = int(ahead.timestamp() * 1000)
    newest.write_text("".join(json.dumps(action) + "\n" for action in actions))
    with pytest.raises(RuntimeError, match=f"from {ahead:%Y-%m-%d %H:%M}, which is in the future on this clock"):
        maintenance.vacuum(delta_table(uri))


def _kept(services: Services) -> dict[str, int]:
    """Bytes by kind of what is in a lake besides raw, after all maintenance whose time has come."""
    lake = services.lake
    assert maintenance.vacuum_all(lake, lambda _: None) == []
    sweep(services.business, lake, 1, datetime.now(UTC) + timedelta(seconds=9), timedelta(0))
    found = {"data": 0, "partials": 0}
    for file in lake.store.files(lake.uri):
        kind, *_ = file.name.split("/")
        if "/_" not in f"/{file.name}" and kind != "raw" and file.name.endswith(".parquet"):
            found["partials" if kind == "partials" else "data"] += file.size
    return found


def test_after_maintenance_a_lake_holds_half_as_much_again_as_is_live_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of corrections, redeliveries and late rows, against a lake that got the last files at once."""
    monkeypatch.setattr(
        maintenance,
        "vacuum",
        lambda resource: resource.load().vacuum(0, enforce_retention_duration=False, full=True, dry_run=False),
    )
    chance, landed = random.Random(7), list[Delivery]()
    worn, fresh = (Services(Lake(str(tmp_path / name))) for name in ("worn", "fresh"))
    for number in range(2):
        coming = feed.deliveries(chance, number, landed)
        for one in (*coming, *(replace(one, content=one.content * 2) for one in coming[::2]), *coming[::2]):
            worn.deliver(one, 1_700_000_000 + len(landed))
            landed.append(one)
            if len(landed) % 12 == 0:
                worn.tick(feed.START + timedelta(days=number + 1, hours=1))
    last = {(one.table, one.batch, one.file): one for one in landed}
    for stamp, one in enumerate(last.values()):
        fresh.deliver(one, 1_700_000_000 + stamp)
    for services in (worn, fresh):
        for _ in range(3):
            asked = services.tick(feed.START + timedelta(days=2, hours=1))
        assert asked == [], services.failures
    before = sum(file.size for file in worn.lake.store.files(worn.lake.uri) if file.name.endswith(".parquet"))
    ours, theirs = _kept(worn), _kept(fresh)
    assert before > 1.5 * sum(ours.values()), "there was something to delete"
    assert all(0 < ours[kind] <= 1.5 * theirs[kind] for kind in theirs), (ours, theirs)


class _Later(datetime):
    """A clock that is 31 days ahead."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + timedelta(days=31)


def test_only_old_runs_that_have_finished_are_deleted(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = [*maintenance.FINISHED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED]
    for status in statuses:
        instance.create_run_for_job(NOTHING, status=status)
    assert maintenance.delete_old_runs(instance, 30) == 0, "none of them is old"
    monkeypatch.setattr(maintenance, "datetime", _Later)
    assert maintenance.delete_old_runs(instance, 30) == len(maintenance.FINISHED) == 3
    left = {run.status for run in instance.get_runs()}
    assert left == {dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED}
